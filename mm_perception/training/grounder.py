"""draft"""

from __future__ import annotations

from transformers import Sam3Config

TEXT_LENGTH = 16


def nano_config(
    vocab,
    *,
    side=240,
    patch=12,
    width=192,
    layers=6,
    heads=6,
    window=10,
    globals_=(2, 5),
    channels=64,
    scales=(4.0, 2.0, 1.0, 0.5),
    enc=2,
    dec=3,
    queries=24,
    theta=100.0,
    backbone=None,
):
    cells = side // patch
    backbone = backbone or {
        'model_type': 'sam3_vit_model',
        'hidden_size': width,
        'intermediate_size': 3 * width,
        'num_hidden_layers': layers,
        'num_attention_heads': heads,
        'image_size': side,
        'pretrain_image_size': side,
        'patch_size': patch,
        'window_size': window,
        'global_attn_indexes': list(globals_),
        'rope_parameters': {'rope_type': 'axial', 'rope_theta': theta},
    }
    detr = {
        'hidden_size': channels,
        'intermediate_size': 3 * channels,
        'num_attention_heads': 4,
        'dropout': 0.0,
    }
    return Sam3Config(
        vision_config={
            'backbone_config': backbone,
            'fpn_hidden_size': channels,
            'scale_factors': list(scales),
            'backbone_feature_sizes': [[int(cells * s)] * 2 for s in scales[:-1]],
        },
        text_config={
            'vocab_size': vocab,
            'hidden_size': 96,
            'intermediate_size': 192,
            'num_hidden_layers': 2,
            'num_attention_heads': 4,
            'max_position_embeddings': TEXT_LENGTH,
            'projection_dim': 32,
            'pad_token_id': 0,
            'bos_token_id': 2,
            'eos_token_id': vocab - 1,
        },
        geometry_encoder_config={**detr, 'num_layers': 1, 'roi_size': 1},
        detr_encoder_config={**detr, 'num_layers': enc},
        detr_decoder_config={**detr, 'num_layers': dec, 'num_queries': queries},
        mask_decoder_config={
            'hidden_size': channels,
            'num_attention_heads': 4,
            'num_upsampling_stages': len(scales) - 2,
        },
    )
