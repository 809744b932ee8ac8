"""Convolutions over the BEV: cameras and LiDAR become one, and heads that read the result."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.bevformer.configs import BevFormerConfig

_GROUPS = 8
_PRIOR = 0.02  # of a heat map, so that focal loss starts small


def norm_of(channels: int) -> nn.Module:
    """A norm that does not depend on which sensors the other samples of a batch have."""
    return nn.GroupNorm(_GROUPS, channels)


def as_grid(bev: Tensor, bev_size: tuple[int, int]) -> Tensor:
    """(B, rows * columns, C) to (B, C, rows, columns)."""
    return bev.transpose(1, 2).reshape(len(bev), -1, *bev_size)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (arXiv 1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = norm_of(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm_of(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        hidden = self.norm1(self.conv1(features)).relu()
        out: Tensor = (features + self.norm2(self.conv2(hidden))).relu()
        return out


class BevTrunk(nn.Module):
    """Joins the BEV of the cameras with that of the LiDAR and looks at it at three scales.

    After the convolutional fusion of BEVFusion (arXiv 2205.13542, section 3.3), with a pyramid
    behind it so that a cell knows what is many metres away.
    """

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims, blocks = config.dims, config.trunk_blocks
        self.bev_size = config.bev_size
        inputs = dims * (2 if config.pillars is not None else 1)
        self.join = nn.Sequential(
            nn.Conv2d(inputs, dims, 3, padding=1, bias=False), norm_of(dims), nn.ReLU()
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(dims) for _ in range(blocks))) for _ in range(3)
        )
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(dims, dims, 3, 2, padding=1, bias=False), norm_of(dims), nn.ReLU()
            )
            for _ in range(2)
        )
        self.out = nn.Conv2d(dims, dims, 3, padding=1)
        self.norm = nn.LayerNorm(dims)

    def forward(self, bev: Tensor, of_lidar: Tensor | None) -> Tensor:
        """Fuse and think.

        Args:
            bev: (B, rows * columns, C) of the cameras and of memory.
            of_lidar: (B, C, rows, columns); None only for a net without pillars.

        Returns:
            (B, rows * columns, C).
        """
        grid = as_grid(bev, self.bev_size)
        joined = grid if of_lidar is None else torch.cat((grid, of_lidar.to(grid.dtype)), dim=1)
        levels = [self.stages[0](self.join(joined))]
        for down, stage in zip(self.down, self.stages[1:], strict=True):
            levels.append(stage(down(levels[-1])))
        top = levels.pop()
        while levels:
            fine = levels.pop()
            top = fine + functional.interpolate(top, fine.shape[-2:], mode='bilinear')
        out: Tensor = self.norm(bev + self.out(top).flatten(2).transpose(1, 2))
        return out


class MapHead(nn.Module):
    """Which layers of the map a cell belongs to, at twice the resolution of the BEV."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims = config.dims
        self.bev_size = config.bev_size
        self.blocks = nn.Sequential(
            nn.Upsample(scale_factor=2, mode='bilinear'),
            nn.Conv2d(dims, dims // 2, 3, padding=1, bias=False),
            norm_of(dims // 2),
            nn.ReLU(),
            nn.Conv2d(dims // 2, dims // 2, 3, padding=1, bias=False),
            norm_of(dims // 2),
            nn.ReLU(),
            nn.Conv2d(dims // 2, len(config.map_layers), 1),
        )

    def forward(self, bev: Tensor) -> Tensor:
        """(B, rows * columns, C) to logits (B, layers, 2 * rows, 2 * columns)."""
        logits: Tensor = self.blocks(as_grid(bev, self.bev_size))
        return logits


class HeatHead(nn.Module):
    """Where centres of things are, per class (CenterPoint, arXiv 2006.11275, section 3)."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims, classes = config.dims, len(config.classes)
        self.bev_size = config.bev_size
        last = nn.Conv2d(dims, classes, 1)
        last.bias = nn.Parameter(torch.full((classes,), -math.log(1 / _PRIOR - 1)))
        self.blocks = nn.Sequential(
            nn.Conv2d(dims, dims, 3, padding=1, bias=False), norm_of(dims), nn.ReLU(), last
        )

    def forward(self, bev: Tensor) -> Tensor:
        """(B, rows * columns, C) to logits (B, classes, rows, columns)."""
        logits: Tensor = self.blocks(as_grid(bev, self.bev_size))
        return logits


def peaks(heat: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The strongest local maxima of a heat map.

    Args:
        heat: (B, classes, rows, columns) logits.
        count: How many.

    Returns:
        (B, count) int64 each: the cell, counted row by row, and the class. The cells of one class
        differ; where there are fewer maxima, the rest are any cells.
    """
    rows, columns = heat.shape[-2:]
    heat = heat.detach().float()
    is_top = heat == functional.max_pool2d(heat, 3, 1, padding=1)
    lowest = torch.finfo(heat.dtype).min
    best = torch.where(is_top, heat, lowest).flatten(1).topk(count).indices
    return best % (rows * columns), best // (rows * columns)
