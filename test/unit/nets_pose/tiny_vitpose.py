"""Very small ViTPose checkpoints with random weights, in the layout of the public ones."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import VitPoseForPoseEstimation

from mm_perception.nets.pose.weights import config_of, processor_of


def save_vitpose(folder: Path, experts: int = 1, *, classic: bool = False) -> Path:
    """A network with its processor in hub layout.

    Args:
        folder: Where.
        experts: More than one makes it a ViTPose++, whose last part of each MLP has so many.
        classic: With deconvolutions, as vitpose-base has them; else as vitpose-base-simple.
    """
    torch.manual_seed(4)
    config = config_of(
        {
            'hidden_size': 32, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'mlp_ratio': 2,
            'image_size': [64, 48], 'patch_size': [16, 16], 'num_experts': experts,
            'part_features': 8,
        },
        use_simple_decoder=not classic,
    )  # fmt: skip
    model = VitPoseForPoseEstimation(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.head.conv.bias.add_(0.5)
    model.save_pretrained(folder)
    processor_of(config).save_pretrained(folder)
    return folder
