"""What the network says, as samples in the frame of the robot (REP 103)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.samples import BevGrid, Boxes3D, quats_of_yaws
from mm_perception.samples.bev_grid import UNKNOWN
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.bevformer import BevBoxes, BevFormerConfig


def boxes_sample(
    boxes: BevBoxes, config: BevFormerConfig, bev: Array, stamp_ns: int, frame_id: str,
    has_velocities: bool,
) -> Boxes3D:  # fmt: skip
    """Boxes, with velocities over ground where they are known; how sure only scores tell.

    Args:
        boxes: Frame BEV.
        config: Of the network.
        bev: (4, 4) from frame BEV to `frame_id`.
        stamp_ns: Of the moment.
        frame_id: Of the robot.
        has_velocities: Whether what the network says of them means anything.
    """
    import torch

    moved = boxes.moved(torch.from_numpy(bev))
    values = moved.xyz_lwh_yaw.double().cpu().numpy()
    velocities = None
    if has_velocities:
        velocities = np.zeros((len(boxes), 3))
        velocities[:, :2] = moved.velocity_xy.double().cpu().numpy()
    return Boxes3D(
        stamp_ns=stamp_ns, frame_id=frame_id, centres=values[:, :3], sizes=values[:, 3:6],
        quats_xyzw=quats_of_yaws(values[:, 6]), velocities=velocities,
        scores=moved.scores.float().cpu().numpy(),
        labels=tuple(config.classes[label] for label in moved.labels.tolist()),
    )  # fmt: skip


def grid_sample(
    layers: Array,
    is_seen: Array | None,
    config: BevFormerConfig,
    stamp_ns: int,
    frame_id: str,
) -> BevGrid:
    """The map, turned from rows ahead to rows aside.

    Args:
        layers: (L, rows, columns) float, 0..1, row 0 rearmost, column 0 leftmost.
        is_seen: (rows, columns) bool; elsewhere nobody knows. None: everywhere.
        config: Of the network.
        stamp_ns: Of the moment.
        frame_id: Of the robot.

    Convention:
        What the network has in its last row and first column, far ahead and far to the left, is
        in the last row (left) and last column (ahead) of the grid.
    """
    cells = np.rint(100 * np.clip(layers, 0, 1)).astype(np.int8)
    if is_seen is not None:
        cells[:, ~is_seen] = UNKNOWN
    right, rear = config.range_m[3], config.range_m[1]
    return BevGrid(
        stamp_ns=stamp_ns, frame_id=frame_id, layers=tuple(config.map_layers),
        cells=np.ascontiguousarray(cells.transpose(0, 2, 1)[:, ::-1]),
        resolution_m=config.extent_m[1] / layers.shape[1], origin=(rear, -right, 0.0, 0.0),
    )  # fmt: skip


def seen_cells(
    size: tuple[int, int],
    range_m: Sequence[float],
    images: Sequence[Array],
    image_from_bev: Sequence[Array],
) -> Array:
    """(rows, columns) bool: over which cells of a map something of the pillar is in a picture.

    Args:
        size: Rows and columns.
        range_m: As in `BevFormerConfig`.
        images: (H, W, 3) each.
        image_from_bev: (4, 4) each.
    """
    import torch

    from mm_perception.nets.bevformer.geometry import pillar_points, project_to_cameras

    if not images:
        return np.zeros(size, bool)
    matrices = np.stack(image_from_bev).astype(np.float64)
    for matrix, image in zip(matrices, images, strict=True):  # to fractions of each picture
        matrix[0] /= image.shape[1]
        matrix[1] /= image.shape[0]
    points = pillar_points(size, range_m, 3)
    _, hits, _ = project_to_cameras(points, torch.from_numpy(matrices)[None], (1, 1))
    return np.asarray(hits[0].any(dim=-1).any(dim=0).reshape(size).numpy())
