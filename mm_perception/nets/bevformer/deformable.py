"""Multi-scale deformable attention (Deformable DETR, arXiv 2010.04159, equation 3) in torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Rows and columns of each feature map, fine to coarse.
Sizes = Sequence[tuple[int, int]]


def deformable_attention(
    values: Tensor, sizes: Sizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sum of bilinear samples of feature maps; what lies outside a map counts as zero.

    Args:
        values: (B, sum of h * w, heads, C), levels one after the other, each row by row.
        sizes: (h, w) of each level.
        locations: (B, Q, heads, levels, points, 2), x then y; 0 and 1 are the outer edges of a
            map, so the middle of its first cell is at 0.5 / w.
        weights: (B, Q, heads, levels, points).

    Returns:
        (B, Q, heads * C).
    """
    batch, _, heads, channels = values.shape
    queries, points = locations.shape[1], locations.shape[4]
    maps = values.permute(0, 2, 3, 1).reshape(batch * heads, channels, -1)
    grids = locations.transpose(1, 2).reshape(batch * heads, queries, -1, points, 2) * 2 - 1
    weights = weights.transpose(1, 2).reshape(batch * heads, 1, queries, -1, points)
    samples = []
    for level, (start, (rows, columns)) in enumerate(zip(_starts(sizes), sizes, strict=True)):
        features = maps[..., start : start + rows * columns].reshape(
            batch * heads, channels, rows, columns
        )
        sampled = functional.grid_sample(features, grids[:, :, level], align_corners=False)
        samples.append(sampled * weights[:, :, :, level])  # (B * heads, C, Q, points)
    summed = torch.cat(samples, dim=-1).sum(dim=-1)
    return summed.view(batch, heads * channels, queries).transpose(1, 2)


def _starts(sizes: Sizes) -> list[int]:
    starts = [0]
    for rows, columns in sizes:
        starts.append(starts[-1] + rows * columns)
    return starts[:-1]


def cells(sizes: Sizes, like: Tensor) -> Tensor:
    """(levels, 2): columns and rows of each level, to turn cells into fractions of a map."""
    return torch.tensor([[w, h] for h, w in sizes], dtype=like.dtype, device=like.device)


class SamplingHead(nn.Module):
    """What the three deformable attentions share: where to look, how much it counts, what is seen.

    Args:
        dims: Channels of values.
        query_dims: Channels of queries.
        heads: Attention heads.
        groups: Feature maps times points are chosen per head this many times: levels, or frames.
        points: Samples per head and group.
    """

    def __init__(self, dims: int, query_dims: int, heads: int, groups: int, points: int) -> None:
        super().__init__()
        self.heads, self.groups, self.points = heads, groups, points
        self.sampling_offsets = nn.Linear(query_dims, heads * groups * points * 2)
        self.attention_weights = nn.Linear(query_dims, heads * groups * points)
        self.value_proj = nn.Linear(dims, dims)
        self._reset()

    def _reset(self) -> None:
        """Each head looks its own way, point k at a distance of k cells (section 5, 'details')."""
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack((angle.cos(), angle.sin()), dim=-1)
        direction = direction / direction.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.points + 1.0)
        ring = direction[:, None, None] * steps[:, None]  # (heads, 1, points, 2)
        with torch.no_grad():
            self.sampling_offsets.weight.zero_()
            self.sampling_offsets.bias.copy_(ring.expand(-1, self.groups, -1, -1).flatten())
            self.attention_weights.weight.zero_()
            self.attention_weights.bias.zero_()
        nn.init.xavier_uniform_(self.value_proj.weight)
        nn.init.zeros_(self.value_proj.bias)

    def project(self, values: Tensor) -> Tensor:
        """(B, S, dims) to (B, S, heads, dims / heads)."""
        projected: Tensor = self.value_proj(values)
        return projected.reshape(*projected.shape[:2], self.heads, -1)

    def offsets(self, queries: Tensor) -> Tensor:
        """(B, Q, heads, groups, points, 2): cells right and down of the reference point."""
        offsets: Tensor = self.sampling_offsets(queries)
        return offsets.reshape(*offsets.shape[:2], self.heads, self.groups, self.points, 2)


def output_projection(dims: int) -> nn.Linear:
    """The linear layer after an attention, as Deformable DETR starts it."""
    layer = nn.Linear(dims, dims)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
