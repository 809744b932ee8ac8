"""Which detection belongs to which track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from mm_perception.plugins.tracker3d.tracks import Noise, Tracks, measured
from mm_perception.samples import Boxes3D
from mm_perception.samples.sample import Array

_NEVER = 1e6


def group_of(label: str, groups: Mapping[str, int]) -> str:
    """What a label may be taken for: its group, or itself.

    The last word counts, so that 'red car' is a car.
    """
    words = label.split()
    word = words[-1] if words else ''
    return str(groups[word]) if word in groups else label


def matches(
    tracks: Tracks,
    boxes: Boxes3D,
    noise: Noise,
    *,
    gate_sigmas: float,
    gate_m: float,
    groups: Mapping[str, int],
) -> list[tuple[int, int]]:
    """Pairs of track and detection that fit best together; Hungarian method (Kuhn 1955).

    The cost of a pair is minus twice the logarithm of its likelihood, up to a constant: the
    squared Mahalanobis distance in the ground plane plus the logarithm of the determinant of its
    covariance, so that a well-known track is preferred to a new one that could be anywhere.

    Args:
        tracks: Predicted to the moment of the detections.
        boxes: In the fixed frame.
        noise: See `Noise`.
        gate_sigmas: No pair is farther apart, in standard deviations.
        gate_m: Nor in metres.
        groups: Word to number of a group of classes that are taken for each other.
    """
    if len(tracks) == 0 or len(boxes) == 0:
        return []
    _, errors = measured(boxes, noise)
    away = boxes.centres[None, :, :2] - tracks.means[:, None, :2]  # (T, N, 2)
    spread = tracks.covariances[:, None, :2, :2] + errors[None, :, :2, :2]  # (T, N, 2, 2)
    squared = np.einsum('tni,tnij,tnj->tn', away, np.linalg.inv(spread), away)
    cost = squared + np.log(np.linalg.det(spread))
    allowed = (squared <= gate_sigmas**2) & (np.linalg.norm(away, axis=2) <= gate_m)
    allowed &= _same_group(tracks.labels(), boxes.labels, groups)
    rows, columns = linear_sum_assignment(np.where(allowed, cost, _NEVER))
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if allowed[row, column]
    ]


def _same_group(left: Sequence[str], right: Sequence[str], groups: Mapping[str, int]) -> Array:
    a, b = (np.array([group_of(label, groups) for label in side]) for side in (left, right))
    return np.asarray(a[:, None] == b[None], np.bool_)
