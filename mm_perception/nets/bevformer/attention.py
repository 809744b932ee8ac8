"""The two attentions of BEVFormer (arXiv 2203.17270, sections 3.3 and 3.4), and the decoder's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer.deformable import (
    SamplingHead,
    Sizes,
    cells,
    deformable_attention,
    output_projection,
)


class TemporalSelfAttention(SamplingHead):
    """Each BEV cell looks into the previous BEV and the present one (equation 5).

    Both BEVs are sampled on their own and averaged. The reference takes the wrong BEV for the
    queries of a batch of several samples (it was trained with one per GPU); this does not.
    """

    def __init__(self, dims: int, heads: int, points: int, dropout: float = 0.0) -> None:
        super().__init__(dims, 2 * dims, heads, groups=2, points=points)
        self.output_proj = output_projection(dims)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Tensor,
        history: Tensor,
        position: Tensor,
        references: Tensor,
        bev_size: tuple[int, int],
    ) -> Tensor:
        """Add to the queries what they find.

        Args:
            queries: (B, Q, C), one per BEV cell.
            history: (B, 2, Q, C): the aligned previous BEV, and the queries before the first
                layer; twice the present queries where there is no previous BEV.
            position: (Q, C) or (B, Q, C), added to the queries that ask.
            references: (B, 2, Q, 2) where each cell lies in the two BEVs, fractions.
            bev_size: Rows and columns.

        Returns:
            (B, Q, C).
        """
        asking = torch.cat((history[:, 0], queries + position), dim=-1)
        offsets = self.offsets(asking)  # (B, Q, heads, 2, points, 2)
        weights = self.attention_weights(asking).reshape(offsets.shape[:-1]).softmax(dim=-1)
        offsets = offsets.permute(0, 3, 1, 2, 4, 5).flatten(0, 1)
        weights = weights.permute(0, 3, 1, 2, 4).flatten(0, 1)  # (B * 2, Q, heads, points)
        places = references.flatten(0, 1)[:, :, None, None] + offsets / cells([bev_size], offsets)
        found = deformable_attention(
            self.project(history.flatten(0, 1)),
            [bev_size],
            places[:, :, :, None],
            weights[:, :, :, None],
        )
        averaged = found.reshape(-1, 2, *found.shape[1:]).mean(dim=1)
        out: Tensor = self.dropout(self.output_proj(averaged)) + queries
        return out


class SpatialCrossAttention(SamplingHead):
    """Each BEV cell looks into the pictures that its pillar appears in (equation 3)."""

    def __init__(
        self, dims: int, heads: int, levels: int, points: int, dropout: float = 0.0
    ) -> None:
        super().__init__(dims, dims, heads, groups=levels, points=points)
        self.output_proj = output_projection(dims)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Tensor,
        features: Tensor,
        sizes: Sizes,
        places: Tensor,
        hits: Tensor,
        likely: Tensor | None = None,
    ) -> Tensor:
        """Add to the queries the average over the cameras that see any of their pillar.

        A camera works on the cells it sees only, padded to the number of the busiest one.

        Args:
            queries: (B, Q, C), one per BEV cell.
            features: (B, N, S, C): per camera, levels one after the other.
            sizes: (h, w) of each level.
            places: (B, N, Q, Z, 2) of the pillar points in the pictures, fractions.
            hits: (B, N, Q, Z) bool, whether they are seen; False throughout hides a camera.
            likely: (B, N, Q, Z) what the samples around them count, see `depth`; None counts all.

        Returns:
            (B, Q, C). A cell that no camera sees keeps its query, plus the bias of the output.
        """
        batch, cameras = hits.shape[:2]
        is_seen = hits.any(dim=-1)  # (B, N, Q)
        slots = torch.zeros_like(queries)
        busiest = int(is_seen.sum(dim=-1).max()) if is_seen.numel() else 0
        if busiest:
            chosen = is_seen.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)
            chosen = chosen[..., :busiest]  # (B, N, K), seen cells first
            is_real = is_seen.gather(-1, chosen)
            asking = _gather(queries[:, None].expand(-1, cameras, -1, -1), chosen)
            around = _gather(places.flatten(3), chosen)
            around = around.reshape(*around.shape[:3], *places.shape[-2:])
            counts = None if likely is None else _gather(likely, chosen).flatten(0, 1)
            found = self._sample(
                asking.flatten(0, 1), features.flatten(0, 1), sizes, around.flatten(0, 1), counts
            ).reshape(batch, cameras, busiest, -1)
            found = torch.where(is_real[..., None], found, 0)  # a lost camera may hold anything
            index = chosen.flatten(1)[..., None].expand(-1, -1, queries.shape[-1])
            slots = slots.scatter_add(1, index, found.flatten(1, 2).to(slots.dtype))
        slots = slots / is_seen.sum(dim=1).clamp(min=1)[..., None]
        out: Tensor = self.dropout(self.output_proj(slots)) + queries
        return out

    def _sample(
        self,
        asking: Tensor,
        features: Tensor,
        sizes: Sizes,
        places: Tensor,
        counts: Tensor | None,
    ) -> Tensor:
        """Deformable attention around several points per query.

        Sample p belongs to height p modulo Z, as the published weights have it.
        """
        heights = places.shape[2]
        offsets = self.offsets(asking)  # (B, K, heads, levels, points, 2)
        weights = self.attention_weights(asking).reshape(*offsets.shape[:3], -1).softmax(dim=-1)
        weights = weights.reshape(offsets.shape[:-1])
        if counts is not None:
            of_points = counts.repeat(1, 1, self.points // heights)  # (B, K, points)
            weights = weights * of_points[:, :, None, None]
        offsets = offsets / cells(sizes, offsets)[:, None]
        around = places.repeat(1, 1, self.points // heights, 1)  # (B, K, points, 2)
        return deformable_attention(
            self.project(features), sizes, around[:, :, None, None] + offsets, weights
        )


class BevCrossAttention(SamplingHead):
    """Each object query looks into the BEV around its reference point (Deformable DETR)."""

    def __init__(self, dims: int, heads: int, points: int, dropout: float = 0.0) -> None:
        super().__init__(dims, dims, heads, groups=1, points=points)
        self.output_proj = output_projection(dims)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Tensor,
        position: Tensor,
        bev: Tensor,
        references: Tensor,
        bev_size: tuple[int, int],
    ) -> Tensor:
        """Add to the queries what they find.

        Args:
            queries: (B, Q, C), one per object.
            position: (B, Q, C), added to the queries that ask.
            bev: (B, rows * columns, C).
            references: (B, Q, 2), x then y as fractions of the grid.
            bev_size: Rows and columns.

        Returns:
            (B, Q, C).
        """
        asking = queries + position
        offsets = self.offsets(asking)  # (B, Q, heads, 1, points, 2)
        weights = self.attention_weights(asking).reshape(offsets.shape[:-1]).softmax(dim=-1)
        places = references[:, :, None, None, None] + offsets / cells([bev_size], offsets)
        found = deformable_attention(self.project(bev), [bev_size], places, weights)
        out: Tensor = self.dropout(self.output_proj(found)) + queries
        return out


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (B, N, Q, C) at index (B, N, K): (B, N, K, C)."""
    return rows.gather(2, index[..., None].expand(-1, -1, -1, rows.shape[-1]))
