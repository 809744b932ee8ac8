"""Very small CLIP checkpoints with random weights, written in the layouts of their libraries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTokenizer,
)

TEXT = {
    'hidden_size': 32, 'intermediate_size': 64, 'num_hidden_layers': 2, 'num_attention_heads': 2,
    'projection_dim': 24, 'bos_token_id': 49406, 'eos_token_id': 49407, 'pad_token_id': 49407,
}  # fmt: skip
VISION = {
    'hidden_size': 32, 'intermediate_size': 64, 'num_hidden_layers': 2, 'num_attention_heads': 2,
    'image_size': 64, 'patch_size': 16, 'projection_dim': 24,
}  # fmt: skip


def true_tokenizer() -> CLIPTokenizer:
    """CLIP's own tokenizer, from the vocabulary that open_clip carries."""
    path = Path(open_clip.__file__).parent / 'bpe_simple_vocab_16e6.txt.gz'
    lines = gzip.decompress(path.read_bytes()).decode().split('\n')
    merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    # open_clip spells the two special tokens otherwise; with its spelling ids are silently wrong.
    names = {'<start_of_text>': '<|startoftext|>', '<end_of_text>': '<|endoftext|>'}
    encoder = open_clip.tokenizer.SimpleTokenizer().encoder
    vocab = {names.get(word, word): index for word, index in encoder.items()}
    return CLIPTokenizer(vocab=vocab, merges=merges)


def save_transformers(folder: Path) -> Path:
    """A CLIPModel with its processor in hub layout."""
    torch.manual_seed(1)
    CLIPModel(
        CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)
    ).save_pretrained(folder)
    size: dict[str, Any] = {'shortest_edge': 64}
    CLIPImageProcessor(size=size, crop_size={'height': 64, 'width': 64}).save_pretrained(folder)
    true_tokenizer().save_pretrained(folder)
    return folder


def save_open_clip(folder: Path) -> Path:
    """An open_clip model in the layout that `local-dir:` reads."""
    torch.manual_seed(2)
    shape = {
        'embed_dim': 24,
        'vision_cfg': {'image_size': 64, 'layers': 2, 'width': 64, 'patch_size': 16},
        'text_cfg': {
            'context_length': 77, 'vocab_size': 49408, 'width': 32, 'heads': 2, 'layers': 2,
        },
    }  # fmt: skip
    model = open_clip.CLIP(**shape)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'open_clip_config.json').write_text(
        json.dumps({'model_cfg': shape, 'preprocess_cfg': {'size': 64}})
    )
    torch.save(model.state_dict(), folder / 'open_clip_pytorch_model.bin')
    return folder
