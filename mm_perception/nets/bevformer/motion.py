"""How far what is in each cell of the BEV has moved since the frame before.

Cells of the present BEV are compared with those around them in the previous one, which has been
moved to where the robot is now: what stands still is in the same cell of both (a cost volume, as
in PWC-Net, arXiv 1709.02371, section 3). Velocities of boxes are read at their centres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.ego_motion import EgoMotion
from mm_perception.nets.bevformer.trunk import as_grid, norm_of

#: Cells that a thing may have moved along each axis.
_REACH = 8
_EMBEDDED, _HIDDEN = 32, 64


class MotionHead(nn.Module):
    """Displacements of all cells."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Sequential(
            nn.Conv2d(config.dims, _HIDDEN, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_HIDDEN, _EMBEDDED, 1),
        )
        volume = (2 * _REACH + 1) ** 2
        self.blocks = nn.Sequential(
            nn.Conv2d(volume + 2 * _EMBEDDED, _HIDDEN, 1, bias=False),
            norm_of(_HIDDEN),
            nn.ReLU(),
            nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=1, bias=False),
            norm_of(_HIDDEN),
            nn.ReLU(),
            nn.Conv2d(_HIDDEN, 2, 3, padding=1),
        )

    def forward(self, bev: Tensor, previous: Tensor, motions: Sequence[EgoMotion]) -> Tensor:
        """(B, 2, rows, columns) metres along x and y of frame BEV, over ground.

        Args:
            bev: (B, rows * columns, C) present.
            previous: (B, rows * columns, C) as it was.
            motions: Of the robots in between.
        """
        size = self.config.bev_size
        before = moved_bev(as_grid(previous, size), motions, self.config.extent_m)
        now, then = self.embed(as_grid(bev, size)), self.embed(before)
        out: Tensor = self.blocks(torch.cat((correlation(now, then), now, then), dim=1))
        return out


def correlation(now: Tensor, then: Tensor, reach: int = _REACH) -> Tensor:
    """How alike each cell is to those around it in the frame before.

    Args:
        now: (B, C, rows, columns).
        then: (B, C, rows, columns).
        reach: Cells to each side.

    Returns:
        (B, (2 * reach + 1) ** 2, rows, columns), products by channel, averaged; zero beyond the
        edge. Row by row from the lower left: channel 0 compares with the cell `reach` rows and
        columns before.
    """
    rows, columns = now.shape[-2:]
    padded = functional.pad(then, (reach,) * 4)
    shifts = [
        (now * padded[..., down : down + rows, right : right + columns]).mean(dim=1)
        for down in range(2 * reach + 1)
        for right in range(2 * reach + 1)
    ]
    return torch.stack(shifts, dim=1)


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
    """Values of a BEV grid at places, bilinear.

    Args:
        grid: (B, C, rows, columns).
        xy: (..., B, Q, 2) metres, frame BEV.
        range_m: See `BevFormerConfig.range_m`.

    Returns:
        (..., B, Q, C).
    """
    low, high = xy.new_tensor(range_m[:2]), xy.new_tensor(range_m[3:5])
    layers = math.prod(xy.shape[:-3])
    places = ((xy - low) / (high - low) * 2 - 1).reshape(layers, *xy.shape[-3:])
    found = functional.grid_sample(
        grid.float(), places.transpose(0, 1).to(torch.float32), padding_mode='border',
        align_corners=False,
    )  # fmt: skip  # (B, C, L, Q)
    return found.permute(2, 0, 3, 1).reshape(*xy.shape[:-1], grid.shape[1])
