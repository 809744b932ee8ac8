"""The same things in another frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.samples import Boxes3D
from mm_perception.samples.sample import Array


def pose_matrix(position: Array, quat_xyzw: Array) -> Array:
    """A pose as a matrix.

    Args:
        position: (3,) metres, of the child's origin in the parent.
        quat_xyzw: (4,) rotation from child to parent.

    Returns:
        `parent_from_child`, (4, 4) float64.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quat_xyzw).as_matrix()
    matrix[:3, 3] = position
    return matrix


def moved(boxes: Boxes3D, target_from_source: Array, frame_id: str) -> Boxes3D:
    """The same boxes in another frame: places, headings, velocities and covariances turn along.

    Args:
        boxes: In the source frame.
        target_from_source: (4, 4) at the stamp of the boxes.
        frame_id: Name of the target frame.

    Convention:
        Velocities are over ground, so that the motion of the frames themselves does not matter. If
        the source is turned left by 90 degrees, a velocity (1, 0, 0) becomes (0, 1, 0).
    """
    if len(boxes) == 0:
        return replace(boxes, frame_id=frame_id)
    turn = target_from_source[:3, :3]
    both = np.kron(np.eye(2), turn)
    quats = (Rotation.from_matrix(turn) * Rotation.from_quat(boxes.quats_xyzw)).as_quat()
    speeds, errors = boxes.velocities, boxes.covariances
    speed_errors = boxes.velocity_covariances
    return replace(
        boxes,
        frame_id=frame_id,
        centres=boxes.centres @ turn.T + target_from_source[:3, 3],
        quats_xyzw=np.asarray(quats, np.float64).reshape(-1, 4),
        velocities=None if speeds is None else speeds @ turn.T,
        covariances=None if errors is None else symmetric(both @ errors @ both.T),
        velocity_covariances=None
        if speed_errors is None
        else symmetric(turn @ speed_errors @ turn.T),
    )


def symmetric(matrices: Array) -> Array:
    """(..., K, K) without what rounding left of an asymmetry."""
    return np.asarray((matrices + np.swapaxes(matrices, -1, -2)) / 2, np.float64)
