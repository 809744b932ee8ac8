"""Very small DINOv2 checkpoints and maps with random weights, in the layouts of their makers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    BitImageProcessor,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from mm_perception.nets.dino.text_map import TextMap

WIDTH = 32
_SHAPE: dict[str, Any] = {
    'hidden_size': WIDTH, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'image_size': 56,
    'patch_size': 14,
}  # fmt: skip
MEAN, DEVIATION = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def save_dino(folder: Path, registers: int) -> Path:
    """A Dinov2Model, or one with registers, with its processor in hub layout."""
    torch.manual_seed(3)
    model = (
        Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(**_SHAPE, num_register_tokens=registers)
        )
        if registers
        else Dinov2Model(Dinov2Config(**_SHAPE))
    )
    with torch.no_grad():
        for parameter in model.parameters():  # registers begin as zeros: all alike
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    BitImageProcessor(image_mean=MEAN, image_std=DEVIATION).save_pretrained(folder)
    return folder


def save_map(path: Path, text_dimension: int, dimension: int, **facts: str) -> Path:
    """A map as Talk2DINO publishes it (.pth), or as `mmp train dino` does."""
    torch.manual_seed(4)
    state = TextMap(text_dimension, WIDTH, dimension).state_dict()
    if path.suffix == '.pth':
        torch.save(state, path)
    else:
        save_file({**state, 'logit_scale': torch.tensor(20.0)}, path, metadata=facts)
    return path
