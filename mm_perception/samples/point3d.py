"""A place in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class Point3D(Sample):
    """A place, as somebody clicks it in a viewer or points at it; geometry_msgs/PointStamped.

    A click in a picture is a `Prompt` with one point, in pixels: see there.

    Attributes:
        stamp_ns: When it was there; 0 means now.
        position: (3,) float64, metres in `frame_id`.
    """

    position: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self._freeze('position', (3,), [np.float64])).all():
            raise ShapeError('Point3D.position', 'finite numbers', 'NaN or infinity')
