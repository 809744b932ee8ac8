"""The LiDAR branch: points become pillars, pillars a BEV (PointPillars, arXiv 1812.05784)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mm_perception.errors import ShapeError
from mm_perception.nets.bevformer.configs import BevFormerConfig, PillarConfig
from mm_perception.nets.bevformer.trunk import ResidualBlock, norm_of

#: x, y, z, intensity; offset from the mean of the pillar's points; offset from its middle.
_POINT_FEATURES = 4 + 3 + 2


@dataclass(frozen=True)
class Clouds:
    """The scans of a batch.

    Attributes:
        values: (M, 4) float32, points of all samples: x, y, z in m, frame BEV, intensity 0..1.
        sample: (M,) int64, which sample each point belongs to.
        is_there: (B,) bool, whether a sample has a scan at all.
    """

    values: Tensor
    sample: Tensor
    is_there: Tensor


class PillarEncoder(nn.Module):
    """A small PointNet per pillar, whose maximum is the pillar; then convolutions."""

    def __init__(self, config: BevFormerConfig, pillars: PillarConfig) -> None:
        super().__init__()
        rows, columns = config.bev_size
        self.size = rows * pillars.scale, columns * pillars.scale
        self.range_m = config.range_m
        channels = pillars.channels
        self.of_point = nn.Sequential(
            nn.Linear(_POINT_FEATURES, channels, bias=False), nn.LayerNorm(channels), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            ResidualBlock(channels),
            nn.Conv2d(channels, config.dims, pillars.scale, pillars.scale, bias=False),
            norm_of(config.dims),
            nn.ReLU(),
            ResidualBlock(config.dims),
        )

    def forward(self, clouds: Clouds) -> Tensor:
        """(B, dims, rows, columns) of the BEV grid; zero where there is no scan.

        Raises:
            ShapeError: Points that are no rows of four.
        """
        if clouds.values.ndim != 2 or clouds.values.shape[1] != 4:
            raise ShapeError('clouds', '(M, 4)', str(tuple(clouds.values.shape)))
        out = self.blocks(self.scatter(clouds))
        shown: Tensor = torch.where(clouds.is_there[:, None, None, None], out, 0)
        return shown

    def scatter(self, clouds: Clouds) -> Tensor:
        """Pillars (B, channels, rows, columns); zero where there is no point."""
        values = clouds.values.float()
        low = torch.tensor(self.range_m[:3], device=values.device)
        high = torch.tensor(self.range_m[3:], device=values.device)
        rows, columns = self.size
        # what lies outside goes to an extra pillar at the end: to drop it would be to wait for
        # the number of what is left
        inside = ((values[:, :3] >= low) & (values[:, :3] < high)).all(dim=1)
        cells = (values[:, :2] - low[:2]) / (high - low)[:2]
        cells = torch.where(inside[:, None], cells, 0) * values.new_tensor([columns, rows])
        column = cells[:, 0].long().clamp(max=columns - 1)  # 32 - 1e-7 is rounded to 32
        row = cells[:, 1].long().clamp(max=rows - 1)
        batch = len(clouds.is_there)
        total = batch * rows * columns
        index = (clouds.sample * rows + row) * columns + column
        index = torch.where(inside, index, total)
        features: Tensor = self.of_point(self._describe(values, index, total + 1, cells))
        flat = features.new_zeros(total + 1, features.shape[1])
        # features are not negative, so zero is below all of them
        flat = flat.scatter_reduce(0, index[:, None].expand_as(features), features, 'amax')
        return flat[:total].reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)

    def _describe(self, values: Tensor, index: Tensor, total: int, cells: Tensor) -> Tensor:
        """(M, 9), of about unit size."""
        values = values.nan_to_num(posinf=0, neginf=0)
        ones = torch.ones_like(values[:, :1])
        sums = values.new_zeros(total, 4).index_add(0, index, torch.cat((values[:, :3], ones), 1))
        means = (sums[:, :3] / sums[:, 3:].clamp(min=1))[index]
        reach = max(abs(edge) for edge in self.range_m)
        scaled = torch.cat((values[:, :2] / reach, values[:, 2:]), dim=1)
        return torch.cat((scaled, values[:, :3] - means, cells - cells.floor() - 0.5), dim=1)
