"""Boxes of mmdetection3d become boxes of REP 103."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.samples import Boxes3D, quats_of_yaws
from mm_perception.samples.sample import Array

_VELOCITY = slice(7, 9)  # columns vx, vy of boxes that have them


def to_boxes3d(
    found: Any, classes: Sequence[str], min_score: float, *, stamp_ns: int, frame_id: str
) -> Boxes3D:
    """What a detector found.

    Args:
        found: `pred_instances_3d` with `bboxes_3d` (LiDARInstance3DBoxes), `scores_3d`,
            `labels_3d`.
        classes: Names in the order of the labels.
        min_score: What is below is left out.
        stamp_ns: Of the scan.
        frame_id: The detector's.

    Raises:
        ConfigError: A label has no name.

    Convention:
        A box whose tensor is (10, 2, -1, 4, 2, 1.5, pi/2) has its bottom at z = -1, so that its
        centre is (10, 2, -0.25); it is 4 m long, and its front looks along y. As of version 1.0
        the yaw of mmdetection3d counts from x towards y, as REP 103 does.
    """
    rows = _array(found.bboxes_3d.tensor).reshape(-1, found.bboxes_3d.box_dim)
    scores = _array(found.scores_3d).astype(np.float32)
    numbers = _array(found.labels_3d).astype(int)
    if len(numbers) and numbers.max() >= len(classes):
        raise ConfigError('classes', list(classes), f'a name for label {numbers.max()}')
    kept = np.flatnonzero(scores >= min_score)
    rows = rows[kept]
    sizes = rows[:, 3:6]
    centres = rows[:, :3].copy()
    centres[:, 2] += sizes[:, 2] / 2
    velocities = None
    if rows.shape[1] >= _VELOCITY.stop:
        velocities = np.concatenate([rows[:, _VELOCITY], np.zeros((len(rows), 1))], axis=1)
    return Boxes3D(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        centres=centres,
        sizes=sizes.copy(),
        quats_xyzw=quats_of_yaws(rows[:, 6]),
        scores=np.clip(scores[kept], 0.0, 1.0),
        labels=tuple(classes[number] for number in numbers[kept]),
        velocities=velocities,
    )


def nothing(stamp_ns: int, frame_id: str) -> Boxes3D:
    """Looked, found nothing."""
    none = np.zeros((0, 3))
    return Boxes3D(
        stamp_ns=stamp_ns, frame_id=frame_id, centres=none, sizes=none,
        quats_xyzw=np.zeros((0, 4)), scores=np.zeros(0, np.float32), labels=(),
    )  # fmt: skip


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)
