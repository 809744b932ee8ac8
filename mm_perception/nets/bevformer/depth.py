"""How far things in the pictures are, so that a BEV cell takes only what is as far as itself.

Plain spatial cross-attention gives a cell what its pillar covers in a picture, whatever stands
there. A distribution over depth weighs each sample by how likely the picture shows something at
the depth of the pillar point (FB-BEV, arXiv 2308.02236, section 3.2). The likelihood is relative
to that of the likeliest depth, so a net that knows nothing of depth is a plain BEVFormer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.bevformer.configs import BevFormerConfig, DepthConfig


class DepthHead(nn.Module):
    """Logits of depth for each cell of the finest feature map."""

    def __init__(self, config: BevFormerConfig, depth: DepthConfig) -> None:
        super().__init__()
        self.depth = depth
        dims = config.dims
        self.blocks = nn.Sequential(
            nn.Conv2d(dims, dims, 3, padding=1), nn.ReLU(), nn.Conv2d(dims, depth.bins, 1)
        )

    def forward(self, level: Tensor) -> Tensor:
        """Features (B, N, C, h, w) to logits (B, N, bins, h, w)."""
        flat: Tensor = self.blocks(level.flatten(0, 1))
        return flat.reshape(*level.shape[:2], *flat.shape[1:])


def bin_of(depth_m: Tensor, config: DepthConfig) -> Tensor:
    """Depths to positions among the bins, which are even on a logarithmic scale.

    Args:
        depth_m: (...) metres.
        config: Number of bins and the depths of the first and last.

    Returns:
        (...) float32 from 0 to bins - 1; what is nearer or farther has the first or last.
    """
    low, high = (math.log(edge) for edge in config.range_m)
    share = (depth_m.float().clamp(min=config.range_m[0]).log() - low) / (high - low)
    return share.clamp(max=1) * (config.bins - 1)


def likelihoods(logits: Tensor, places: Tensor, depth_m: Tensor, config: DepthConfig) -> Tensor:
    """How likely the pictures show something at the depth of each point, where it would appear.

    Args:
        logits: (B, N, bins, h, w).
        places: (B, N, Q, Z, 2) of the points in the pictures, fractions.
        depth_m: (B, N, Q, Z) of the points, along the optical axes.
        config: The bins.

    Returns:
        (B, N, Q, Z) float32 in 0..1, relative to the likeliest depth of the place.
    """
    logits = logits.float()
    volume = (logits - logits.amax(dim=2, keepdim=True)).exp().flatten(0, 1)[:, None]
    along = (bin_of(depth_m, config) + 0.5) / config.bins
    grid = torch.cat((places.float(), along[..., None]), dim=-1) * 2 - 1
    grid = grid.flatten(0, 1).flatten(1, 2)[:, :, None, None]  # (B * N, Q * Z, 1, 1, 3)
    found = functional.grid_sample(volume, grid, padding_mode='border', align_corners=False)
    return found.reshape(depth_m.shape)
