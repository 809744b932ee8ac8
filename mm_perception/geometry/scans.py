"""Where the points of a scan are at another moment, in another frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mm_perception.errors import TransformUnavailableError
from mm_perception.samples import PointCloud
from mm_perception.samples.sample import Array

#: (target, source, stamp_ns) to the (4, 4) transform between them.
Lookup = Callable[[str, str, int], Array]
#: Fields with the time of a point after the stamp of the scan, and their unit in seconds.
_TIMES = {'time': 1.0, 't': 1e-9, 'offset_time': 1e-9}


def points_at(
    cloud: PointCloud, frame: str, stamp_ns: int, fixed_frame: str, lookup: Lookup
) -> Array:
    """Points (N, 3) float64 of a scan in a frame at another moment, metres.

    A scanner turns while it drives. With a field time, t or offset_time every point is taken from
    when it was measured, else all from the stamp of the scan.

    Args:
        cloud: The scan.
        frame: Of the answer.
        stamp_ns: When.
        fixed_frame: What stands still between the two moments.
        lookup: Transforms.

    Raises:
        TransformUnavailableError: There is no way from the scan to the frame.
    """
    to_frame = lookup(frame, fixed_frame, stamp_ns)
    raw = cloud.xyz().astype(np.float64)
    points = _moved(raw, lookup(fixed_frame, cloud.frame_id, cloud.stamp_ns))
    name = next((name for name in _TIMES if name in cloud.fields), '')
    if name and len(raw):
        after_s = np.asarray(cloud.points[name]).reshape(-1).astype(np.float64) * _TIMES[name]
        longest_s = float(after_s.max())
        end_ns = cloud.stamp_ns + round(longest_s * 1e9)
        try:
            last = _moved(raw, lookup(fixed_frame, cloud.frame_id, end_ns))
        except TransformUnavailableError:  # what is known ends within the scan
            last = points
        share = (after_s / max(longest_s, 1e-9))[:, None]
        points = (1 - share) * points + share * last
    return _moved(points, to_frame)


def _moved(points: Array, transform: Array) -> Array:
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3])
