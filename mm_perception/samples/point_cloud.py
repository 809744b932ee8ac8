"""LiDAR and depth point clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class PointCloud(Sample):
    """Points with any fields.

    Attributes:
        points: Structured array, (N,) for a list or (H, W) for an organised cloud. Fields `x`,
            `y`, `z` are metres in `frame_id` (REP-103: x forward, y left, z up for body frames);
            others (`intensity`, `ring`, `time`, `rgb`) keep the driver's name, type and unit.
        is_dense: True if no point is NaN or infinite.
    """

    points: Array
    is_dense: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        names = getattr(getattr(self.points, 'dtype', None), 'names', None)
        if names is None or self.points.ndim not in (1, 2):
            raise ShapeError(
                'PointCloud.points', 'a structured array (N,) or (H, W)', f'{type(self.points)}'
            )
        view = self.points.view()
        view.flags.writeable = False
        object.__setattr__(self, 'points', view)

    def __len__(self) -> int:
        return int(self.points.size)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(self.points.dtype.names or ())

    def xyz(self) -> Array:
        """Positions, (N, 3) float32, metres, frame `frame_id`; NaN rows are kept.

        Raises:
            ShapeError: The cloud has no field x, y or z, or more than one number in it.
        """
        missing = [axis for axis in 'xyz' if axis not in self.fields]
        if missing:
            raise ShapeError('PointCloud fields', 'x, y and z', ', '.join(self.fields))
        for axis in 'xyz':
            if self.points.dtype[axis].shape:
                count = f'{self.points.dtype[axis].shape[0]} of them'
                raise ShapeError(f'PointCloud field {axis!r}', 'one number per point', count)
        flat = self.points.reshape(-1)
        return np.stack([flat[axis] for axis in 'xyz'], axis=1).astype(np.float32, copy=False)
