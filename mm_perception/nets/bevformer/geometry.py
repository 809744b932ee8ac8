"""Where BEV cells lie, in the world, in the pictures and in the BEV of the frame before.

Frame BEV: x right, y forward, z up (the axes of nuScenes' LiDAR), m. The grid's row 0 is its
rearmost, column 0 its leftmost; a BEV is stored row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.functional import rotate

from mm_perception.errors import ShapeError

_MIN_DEPTH_M = 1e-5


def cell_centres(bev_size: tuple[int, int], device: torch.device | str = 'cpu') -> Tensor:
    """(rows * columns, 2) float32: x then y of each cell's middle, as fractions of the grid.

    Convention: on a grid of 2 x 4 the first is (0.125, 0.25).
    """
    rows, columns = bev_size
    y = torch.linspace(0.5, rows - 0.5, rows, device=device) / rows
    x = torch.linspace(0.5, columns - 0.5, columns, device=device) / columns
    return torch.stack(torch.meshgrid(y, x, indexing='ij'), dim=-1).flip(-1).flatten(0, 1)


def pillar_points(
    bev_size: tuple[int, int],
    range_m: Sequence[float],
    num_heights: int,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Points over each cell at which the pictures are asked (paper, section 3.3).

    The lowest and highest lie half a metre inside the range of z, as in the reference.

    Returns:
        (rows * columns, num_heights, 3) float32, m, frame BEV.
    """
    low = torch.tensor(range_m[:3], device=device)
    size = torch.tensor(range_m[3:], device=device) - low
    span = float(range_m[5] - range_m[2])
    z = torch.linspace(0.5, span - 0.5, num_heights, device=device) / span
    xy = cell_centres(bev_size, device)[:, None].expand(-1, num_heights, -1)
    unit = torch.cat((xy, z[None, :, None].expand(len(xy), -1, -1)), dim=-1)
    return unit * size + low


def project_to_cameras(
    points: Tensor, image_from_bev: Tensor, image_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Where points appear in each picture, and whether they do (paper, equations 3 and 4).

    Multiplied element by element: matrix products may run in TF32 or half precision, which moves
    far points by many pixels, and switching that off would be global state.

    Args:
        points: (Q, Z, 3) float32, m, frame BEV.
        image_from_bev: (B, N, 4, 4) float32 projections to px; the third row gives depth in m.
        image_size: Rows and columns of all pictures, px.

    Returns:
        (B, N, Q, Z, 2) column and row as fractions of the picture; (B, N, Q, Z) bool; and
        (B, N, Q, Z) depth along the optical axes, m.
    """
    x, y, z = points.float().unbind(dim=-1)  # (Q, Z) each
    matrix = image_from_bev.float()[:, :, :3, :, None, None]  # (B, N, 3, 4, 1, 1)
    u, v, depth = (
        matrix[:, :, 0:3, 0] * x
        + matrix[:, :, 0:3, 1] * y
        + matrix[:, :, 0:3, 2] * z
        + matrix[:, :, 0:3, 3]
    ).unbind(dim=2)  # (B, N, Q, Z) each
    scale = depth.clamp(min=_MIN_DEPTH_M)
    places = torch.stack((u / scale / image_size[1], v / scale / image_size[0]), dim=-1)
    is_inside = ((places > 0) & (places < 1)).all(dim=-1)
    return places, is_inside & (depth > _MIN_DEPTH_M), depth


def rotate_bev(
    bev: Tensor,
    degrees: Sequence[float],
    bev_size: tuple[int, int],
    center: tuple[float, float],
) -> Tensor:
    """Turn what the previous BEV shows to the present heading (paper, section 3.4).

    Nearest cell; what turns in from outside is zero, as in the reference. The input stays as is
    (the reference overwrites it).

    Args:
        bev: (B, rows * columns, C).
        degrees: Counter-clockwise turn of the robot, per sample.
        bev_size: Rows and columns.
        center: Column and row of the axis, px from the corner of the grid.

    Returns:
        Of the shape of `bev`.

    Convention: after a left turn by 90 degrees, what was straight ahead is at the right.
    """
    turned = []
    for sample, angle in zip(bev, degrees, strict=True):
        image = sample.reshape(*bev_size, -1).permute(2, 0, 1)  # (C, rows, columns)
        turned.append(rotate(image, angle, center=list(center)).flatten(1).T)
    return torch.stack(turned)


def camera_headings(image_from_bev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which way cameras look, from their projections (N, 4, 4): rad from ahead, left positive.

    The third row of a projection is the optical axis.
    """
    axes = np.asarray(image_from_bev)[:, 2, :2]
    return np.arctan2(-axes[:, 0], axes[:, 1])


def nearest_cameras(
    image_from_bev: NDArray[np.float64], headings_rad: Sequence[float]
) -> NDArray[np.int64]:
    """For each camera of any rig, which of the trained ones looks most nearly its way.

    Args:
        image_from_bev: (N, 4, 4) projections.
        headings_rad: Of the cameras that learned embeddings belong to.

    Returns:
        (N,) int64 indices into `headings_rad`.
    """
    if np.ndim(image_from_bev) != 3 or np.shape(image_from_bev)[1:] != (4, 4):
        raise ShapeError('image_from_bev', '(N, 4, 4)', str(np.shape(image_from_bev)))
    apart = camera_headings(image_from_bev)[:, None] - np.asarray(headings_rad)
    nearest: NDArray[np.int64] = np.cos(apart).argmax(axis=1).astype(np.int64)
    return nearest
