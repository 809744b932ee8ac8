"""Very small detectors with random weights, of the classes of the public checkpoints."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertTokenizerFast,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    Sam3Config,
    Sam3ImageProcessor,
    Sam3Model,
    Sam3Processor,
    SwinConfig,
)

from test.unit.nets_clip.tiny_clip import true_tokenizer

WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '.', 'a', 'red', 'car', 'dog']
SMALL = {'hidden_size': 32, 'intermediate_size': 64, 'num_attention_heads': 2}
ONE_LAYER = {**SMALL, 'num_hidden_layers': 1}


def save_owlv2(folder: Path) -> None:
    torch.manual_seed(0)
    text = {
        **ONE_LAYER, 'max_position_embeddings': 16, 'bos_token_id': 49406, 'eos_token_id': 49407,
        'pad_token_id': 0, 'vocab_size': 49408,
    }  # fmt: skip
    vision = {**ONE_LAYER, 'image_size': 64, 'patch_size': 16}
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    images = Owlv2ImageProcessor(size={'height': 64, 'width': 64})
    Owlv2Processor(images, true_tokenizer()).save_pretrained(folder)


def save_grounding_dino(folder: Path) -> None:
    torch.manual_seed(0)
    swin = SwinConfig(
        image_size=64, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], window_size=4,
        out_features=['stage2', 'stage3', 'stage4'],
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=swin, text_config=BertConfig(vocab_size=len(WORDS), **ONE_LAYER),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, num_queries=20,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = GroundingDinoImageProcessor(size={'shortest_edge': 64, 'longest_edge': 96})
    tokenizer = BertTokenizerFast(vocab={word: index for index, word in enumerate(WORDS)})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)


def save_sam3(folder: Path) -> None:
    torch.manual_seed(0)
    backbone = {
        'model_type': 'sam3_vit_model', **SMALL, 'num_hidden_layers': 2, 'image_size': 112,
        'patch_size': 14, 'window_size': 4, 'global_attn_indexes': [1],
        'pretrain_image_size': 112,
    }  # fmt: skip
    vision = {
        'backbone_config': backbone, 'fpn_hidden_size': 32,
        'backbone_feature_sizes': [[32, 32], [16, 16], [8, 8]],
    }  # fmt: skip
    detr = {**SMALL, 'num_layers': 1}
    config = Sam3Config(
        vision_config=vision,
        text_config={**ONE_LAYER, 'projection_dim': 32, 'max_position_embeddings': 32},
        geometry_encoder_config=detr, detr_encoder_config=detr,
        detr_decoder_config={**detr, 'num_queries': 10},
        mask_decoder_config={'hidden_size': 32, 'num_attention_heads': 2},
    )  # fmt: skip
    Sam3Model(config).save_pretrained(folder)
    images = Sam3ImageProcessor(size={'height': 112, 'width': 112})
    Sam3Processor(images, true_tokenizer()).save_pretrained(folder)


MAKERS = {'grounding_dino': save_grounding_dino, 'owlv2': save_owlv2, 'sam3': save_sam3}
