"""Where something is and how it is turned: a head, a controller, a goal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample

_UNIT_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose(Sample):
    """A place and a rotation, as in geometry_msgs/PoseStamped.

    Attributes:
        position: (3,) float64, metres in `frame_id`.
        quat_xyzw: (4,) float64 unit quaternion: rotation from the body to `frame_id`. Bodies are
            those of REP-103: x ahead, y left, z up.
    """

    position: Array
    quat_xyzw: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, shape in (('position', (3,)), ('quat_xyzw', (4,))):
            if not np.isfinite(self._freeze(name, shape, [np.float64])).all():
                raise ShapeError(f'Pose.{name}', 'finite numbers', 'NaN or infinity')
        norm = float(np.linalg.norm(self.quat_xyzw))
        if abs(norm - 1) > _UNIT_TOLERANCE:
            raise ShapeError('Pose.quat_xyzw', 'a unit quaternion', f'norm {norm}')
