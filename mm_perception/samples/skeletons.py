"""Joints of people in one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample, checked_length

#: The keypoints of COCO, in its order.
KEYPOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle',
)  # fmt: skip
_BONES = (
    ('left_ear', 'left_eye'), ('left_eye', 'nose'), ('nose', 'right_eye'),
    ('right_eye', 'right_ear'), ('left_shoulder', 'right_shoulder'),
    ('left_shoulder', 'left_elbow'), ('left_elbow', 'left_wrist'),
    ('right_shoulder', 'right_elbow'), ('right_elbow', 'right_wrist'),
    ('left_shoulder', 'left_hip'), ('right_shoulder', 'right_hip'), ('left_hip', 'right_hip'),
    ('left_hip', 'left_knee'), ('left_knee', 'left_ankle'), ('right_hip', 'right_knee'),
    ('right_knee', 'right_ankle'),
)  # fmt: skip
#: Pairs of indices into `KEYPOINTS`: the lines of a drawn skeleton.
LIMBS = tuple((KEYPOINTS.index(a), KEYPOINTS.index(b)) for a, b in _BONES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Skeletons(Sample):
    """The joints of people in one picture, in parallel arrays; N = 0 means: looked, found nobody.

    Attributes:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        ids: N instance ids in 1..65535, unique: those of the masks.
        points: (N, 17, 2) float32: x and y of `KEYPOINTS` in pixels of the original picture, as a
            camera matrix projects: the centre of the upper left pixel is (0, 0). Both are NaN
            where it is not known.
        scores: (N, 17) float32 in [0, 1]: how sure each joint is, also of those not known.
    """

    width: int
    height: int
    ids: tuple[int, ...]
    points: Array
    scores: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ('width', 'height'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ShapeError(f'Skeletons.{name}', 'an int of at least 1 pixel', repr(value))
            object.__setattr__(self, name, int(value))
        points = self._freeze('points', ('N', len(KEYPOINTS), 2), [np.float32])
        scores = self._freeze('scores', ('N', len(KEYPOINTS)), [np.float32])
        checked_length('Skeletons.scores', scores, len(points))
        checked_length('Skeletons.ids', self.ids, len(points))
        if len(set(self.ids)) != len(self.ids) or any(not 0 < i < 65536 for i in self.ids):
            raise ShapeError('Skeletons.ids', 'unique ids in 1..65535', f'{self.ids}')
        holes = np.isnan(points)
        if np.isinf(points).any() or (holes[..., 0] != holes[..., 1]).any():
            wrong = points[np.isinf(points).any(axis=2) | (holes[..., 0] != holes[..., 1])][0]
            raise ShapeError('Skeletons.points', 'two finite numbers or two NaN', f'{wrong}')
        if not ((scores >= 0) & (scores <= 1)).all():  # also of NaN
            wrong = scores[~((scores >= 0) & (scores <= 1))][0]
            raise ShapeError('Skeletons.scores', 'numbers in 0..1', f'{wrong}')

    def __len__(self) -> int:
        return len(self.ids)

    def known(self) -> Array:
        """(N, 17) bool: which joints have a place."""
        return np.isfinite(self.points[..., 0])
