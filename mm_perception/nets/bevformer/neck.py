"""Feature pyramid network (arXiv 1612.03144) with coarser levels made by convolution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class FeaturePyramid(nn.Module):
    """Equal channels at all levels, and what coarse levels know added to the fine ones.

    Args:
        in_channels: Of the backbone's outputs, fine to coarse.
        channels: Of every output.
        num_levels: Outputs; those beyond the inputs halve the resolution of the one before
            (3x3, stride 2, after a ReLU from the second on).
    """

    def __init__(self, in_channels: Sequence[int], channels: int, num_levels: int) -> None:
        super().__init__()
        extra = num_levels - len(in_channels)
        self.lateral = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for inputs in in_channels)
        self.output = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in in_channels
        )
        self.output.extend(nn.Conv2d(channels, channels, 3, 2, padding=1) for _ in range(extra))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_i, h_i, w_i), fine to coarse, to `num_levels` of (B, channels, h, w)."""
        merged = [conv(level) for conv, level in zip(self.lateral, features, strict=True)]
        for fine in range(len(merged) - 2, -1, -1):
            size = merged[fine].shape[-2:]
            merged[fine] = merged[fine] + functional.interpolate(merged[fine + 1], size=size)
        outputs = []
        for index, conv in enumerate(self.output):
            if index < len(merged):
                outputs.append(conv(merged[index]))
            elif index == len(merged):
                outputs.append(conv(outputs[-1]))
            else:
                outputs.append(conv(outputs[-1].relu()))
        return outputs
