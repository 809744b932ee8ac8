"""How far things have moved since the frame before.

The BEV at the centre of a box is compared with the previous BEV around it, which has been moved to
where the robot is now: what stands still is in the same place in both (a cost volume, as in
PWC-Net, arXiv 1709.02371, section 3, at the places that matter). The mean of the offsets, weighted
by likeness, is the displacement, which a small network corrects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.ego_motion import EgoMotion
from mm_perception.nets.bevformer.trunk import as_grid

#: Cells that a thing may have moved along each axis.
_REACH = 8
_EMBEDDED, _HIDDEN = 32, 64
#: Of likenesses, before training: they are means of products of about unit size.
_SHARPNESS = 5.0


class MotionHead(nn.Module):
    """Displacements at places."""

    offsets: Tensor

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Sequential(
            nn.Conv2d(config.dims, _HIDDEN, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_HIDDEN, _EMBEDDED, 1),
        )
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))
        rows, columns = config.bev_size
        along = torch.arange(-_REACH, _REACH + 1.0)
        x, y = along * (config.extent_m[0] / columns), along * (config.extent_m[1] / rows)
        offsets = torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1).flatten(0, 1)
        self.register_buffer('offsets', offsets, persistent=False)
        self.correct = nn.Sequential(
            nn.Linear(len(offsets) + _EMBEDDED, _HIDDEN),
            nn.LayerNorm(_HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, 2),
        )

    def forward(
        self, bev: Tensor, previous: Tensor, motions: Sequence[EgoMotion], xy: Tensor
    ) -> Tensor:
        """Metres along x and y of frame BEV, over ground: (B, Q, 2) float32.

        Args:
            bev: (B, rows * columns, C) present.
            previous: (B, rows * columns, C) as it was.
            motions: Of the robots in between.
            xy: (B, Q, 2) places, metres.
        """
        size = self.config.bev_size
        before = moved_bev(as_grid(previous, size), motions, self.config.extent_m)
        now, then = self.embed(as_grid(bev, size)), self.embed(before)
        here = at_places(now, xy, self.config.range_m)  # (B, Q, E)
        around = (xy[:, :, None] + self.offsets).flatten(1, 2)
        there = at_places(then, around, self.config.range_m)
        there = there.reshape(*here.shape[:2], len(self.offsets), -1)
        likeness = (here[:, :, None] * there).mean(dim=-1)  # (B, Q, offsets)
        came_from = (self.sharpness * likeness).softmax(dim=-1) @ self.offsets
        correction: Tensor = self.correct(torch.cat((likeness, here), dim=-1))
        return correction.float() - came_from


def moved_bev(previous: Tensor, motions: Sequence[EgoMotion], extent_m: Sequence[float]) -> Tensor:
    """What the previous BEV shows, on the grid of the present one; zero where it did not reach.

    Args:
        previous: (B, C, rows, columns); x right along columns, y forward along rows.
        motions: Of the robots since then.
        extent_m: Size of the grid along x and y, m; the robot is in its middle.

    Convention: after 2 m ahead, what was at y = 10 m is at y = 8 m.
    """
    rows, columns = previous.shape[-2:]
    matrices = []
    for motion in motions:
        # A point p of now was at R(dyaw) p + d; base_link (ahead, left) is (y, -x) of frame BEV.
        cos, sin = math.cos(motion.dyaw_rad), math.sin(motion.dyaw_rad)
        matrices.append(
            [
                [cos, -sin * extent_m[1] / extent_m[0], -2 * motion.dy_m / extent_m[0]],
                [sin * extent_m[0] / extent_m[1], cos, 2 * motion.dx_m / extent_m[1]],
            ]
        )
    theta = torch.tensor(matrices, dtype=torch.float32, device=previous.device)
    grid = functional.affine_grid(theta, [len(motions), 1, rows, columns], align_corners=False)
    return functional.grid_sample(previous.float(), grid, align_corners=False).to(previous.dtype)


def at_places(grid: Tensor, xy: Tensor, range_m: Sequence[float]) -> Tensor:
    """Values of a BEV grid at places, bilinear; beyond the edge, those of the edge.

    Args:
        grid: (B, C, rows, columns).
        xy: (B, Q, 2) metres, frame BEV.
        range_m: See `BevFormerConfig.range_m`.

    Returns:
        (B, Q, C) float32.
    """
    low, high = xy.new_tensor(range_m[:2]), xy.new_tensor(range_m[3:5])
    places = (xy - low) / (high - low) * 2 - 1
    found = functional.grid_sample(
        grid.float(), places[:, :, None].float(), padding_mode='border', align_corners=False
    )  # (B, C, Q, 1)
    return found[..., 0].transpose(1, 2)
