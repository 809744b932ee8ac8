"""From features of pictures and the previous BEV to the present BEV (paper, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer.attention import SpatialCrossAttention, TemporalSelfAttention
from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.deformable import Sizes
from mm_perception.nets.bevformer.depth import likelihoods
from mm_perception.nets.bevformer.ego_motion import (
    CAN_BUS_SIZE,
    EgoMotion,
    bev_shift,
    can_bus_batch,
)
from mm_perception.nets.bevformer.geometry import (
    cell_centres,
    pillar_points,
    project_to_cameras,
    rotate_bev,
)

#: Features (B, N, S, C) of pictures, sizes of their levels, where pillar points appear, whether
#: they do, and what they count.
Seen = tuple[Tensor, Sizes, Tensor, Tensor, Tensor | None]


class FeedForward(nn.Module):
    """Two linear layers, added to the input."""

    def __init__(self, dims: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(dims, hidden)
        self.outer = nn.Linear(hidden, dims)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """(..., dims) to (..., dims)."""
        hidden = self.dropout(self.inner(values).relu())
        out: Tensor = values + self.dropout(self.outer(hidden))
        return out


class EncoderLayer(nn.Module):
    """Look back, look around, think: each followed by a norm (figure 2 a)."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims, heads, dropout = config.dims, config.heads, config.dropout
        self.temporal = TemporalSelfAttention(dims, heads, config.temporal_points, dropout)
        self.spatial = None
        if config.backbone is not None:
            self.spatial = SpatialCrossAttention(
                dims, heads, config.num_levels, config.spatial_points, dropout
            )
        self.feed_forward = FeedForward(dims, config.ffn_dims, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dims) for _ in range(3))
        self.bev_size = config.bev_size

    def forward(
        self,
        queries: Tensor,
        history: Tensor | None,
        position: Tensor,
        references: Tensor,
        seen: Seen | None,
    ) -> Tensor:
        """(B, Q, C) to (B, Q, C); the arguments are those of the two attentions.

        Args:
            queries: of the layer below.
            history: None where there is no previous BEV: the queries stand in, twice.
            position: see `TemporalSelfAttention`.
            references: see `TemporalSelfAttention`.
            seen: see `SpatialCrossAttention`; None where there are no pictures.
        """
        if history is None:
            history = torch.stack((queries, queries), dim=1)
        queries = self.temporal(queries, history, position, references, self.bev_size)
        queries = self.norms[0](queries)
        if self.spatial is not None and seen is not None:
            queries = self.spatial(queries, *seen)
        queries = self.norms[1](queries)
        out: Tensor = self.norms[2](self.feed_forward(queries))
        return out


class BevEncoder(nn.Module):
    """Learned queries, one per BEV cell, and the layers that fill them."""

    cell_xy: Tensor
    points: Tensor

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.bev_size
        dims = config.dims
        self.queries = nn.Parameter(torch.randn(rows * columns, dims))
        self.row_position = nn.Parameter(torch.rand(rows, dims // 2))
        self.column_position = nn.Parameter(torch.rand(columns, dims // 2))
        self.level_embeds = nn.Parameter(torch.randn(config.num_level_embeds, dims))
        self.camera_embeds = nn.Parameter(torch.randn(len(config.camera_headings_rad), dims))
        self.can_bus_mlp = nn.Sequential(
            nn.Linear(CAN_BUS_SIZE, dims // 2),
            nn.ReLU(),
            nn.Linear(dims // 2, dims),
            nn.ReLU(),
            nn.LayerNorm(dims),
        )
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_encoder_layers))
        points = pillar_points(config.bev_size, config.range_m, config.num_pillar_points)
        self.register_buffer('points', points, persistent=False)
        self.register_buffer('cell_xy', cell_centres(config.bev_size), persistent=False)

    def forward(
        self,
        levels: Sequence[Tensor],
        image_from_bev: Tensor,
        image_size: tuple[int, int],
        motions: Sequence[EgoMotion],
        previous: Tensor | None = None,
        camera_mask: Tensor | None = None,
        camera_ids: Tensor | None = None,
        depth: Tensor | None = None,
    ) -> Tensor:
        """See `BevFormer.forward`; `levels` are (B, N, C, h, w) of the neck, `depth` logits.

        Returns:
            (B, rows * columns, C).
        """
        if not self.config.knows_heading:
            motions = [replace(motion, yaw_rad=0.0) for motion in motions]
        batch = len(motions)
        queries = self.queries.expand(batch, -1, -1)
        references = self.cell_xy.expand(batch, 2, -1, -1)
        aligned = None
        if previous is not None:
            aligned = self.align(previous, motions)
            shift = bev_shift(motions, self.config.extent_m).to(references)
            references = torch.stack((references[:, 0] + shift[:, None], references[:, 1]), dim=1)
        can_bus = can_bus_batch(motions).to(self.queries)
        queries = queries + self.can_bus_mlp(can_bus)[:, None]
        history = None if aligned is None else torch.stack((aligned, queries), dim=1)
        seen = None
        if levels:
            sizes = [(level.shape[-2], level.shape[-1]) for level in levels]
            places, hits, away = project_to_cameras(self.points, image_from_bev, image_size)
            if camera_mask is not None:
                hits = hits & camera_mask[:, :, None, None]
            likely = None
            if depth is not None and self.config.depth is not None:
                likely = likelihoods(depth, places, away, self.config.depth)
            seen = self._flatten(levels, camera_ids), sizes, places, hits, likely
        position = self.position()
        bev: Tensor = queries
        for layer in self.layers:
            bev = layer(bev, history, position, references, seen)
        return bev

    def align(self, previous: Tensor, motions: Sequence[EgoMotion]) -> Tensor:
        """The previous BEV (B, Q, C), turned to the present heading; shifting is left to TSA."""
        degrees = [math.degrees(motion.dyaw_rad) for motion in motions]
        return rotate_bev(previous, degrees, self.config.bev_size, self.config.rotate_center)

    def position(self) -> Tensor:
        """(rows * columns, C): half the channels tell the column, half the row."""
        rows, columns = self.config.bev_size
        of_column = self.column_position[None].expand(rows, -1, -1)
        of_row = self.row_position[:, None].expand(-1, columns, -1)
        return torch.cat((of_column, of_row), dim=-1).flatten(0, 1)

    def _flatten(self, levels: Sequence[Tensor], camera_ids: Tensor | None) -> Tensor:
        """(B, N, sum of h * w, C), each marked with its camera and its level."""
        cameras = levels[0].shape[1]
        if camera_ids is None:
            camera_ids = torch.arange(cameras, device=levels[0].device)
            camera_ids = camera_ids.clamp(max=len(self.camera_embeds) - 1)
        of_camera = self.camera_embeds[camera_ids][:, None]
        flat = [
            level.flatten(3).transpose(2, 3) + of_camera + self.level_embeds[index]
            for index, level in enumerate(levels)
        ]
        return torch.cat(flat, dim=2)
