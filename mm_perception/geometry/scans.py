"""Points in space: of a scan at another moment in another frame, and of a depth picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mm_perception.errors import ShapeError, TransformUnavailableError
from mm_perception.geometry.cameras import intrinsics
from mm_perception.geometry.rays import depth_in_metres
from mm_perception.samples import CameraInfo, Image, PointCloud
from mm_perception.samples.sample import Array

#: (target, source, stamp_ns) to the (4, 4) transform between them.
Lookup = Callable[[str, str, int], Array]
#: Fields with the time of a point after the stamp of the scan, and their unit in seconds.
_TIMES = {'time': 1.0, 't': 1e-9, 'offset_time': 1e-9}
_DEPTH_STRIDE = 2  # pixels between those of a depth picture that are used


def points_at(
    cloud: PointCloud, frame: str, stamp_ns: int, fixed_frame: str, lookup: Lookup
) -> Array:
    """Points (N, 3) float64 of a scan in a frame at another moment, metres.

    A scanner turns while it drives. With a field time, t or offset_time every point is taken from
    when it was measured, else all from the stamp of the scan. Times may be before the stamp: some
    drivers stamp the end of a turn.

    Args:
        cloud: The scan.
        frame: Of the answer.
        stamp_ns: When.
        fixed_frame: What stands still between the two moments.
        lookup: Transforms.

    Raises:
        TransformUnavailableError: There is no way from the scan to the frame.

    Convention:
        At 10 m/s straight on what was 10 m ahead 0.1 s before the stamp is 9 m ahead at it.
    """
    to_frame = lookup(frame, fixed_frame, stamp_ns)
    raw = cloud.xyz().astype(np.float64)
    points = _moved(raw, lookup(fixed_frame, cloud.frame_id, cloud.stamp_ns))
    name = next((name for name in _TIMES if name in cloud.fields), '')
    if name and len(raw):
        after_s = np.asarray(cloud.points[name]).reshape(-1).astype(np.float64) * _TIMES[name]
        after_s = np.where(np.isfinite(after_s), after_s, 0.0)
        for end_s in (min(float(after_s.min()), 0.0), max(float(after_s.max()), 0.0)):
            last = _at_end(cloud, raw, end_s, fixed_frame, lookup) if end_s else None
            if last is not None:
                share = np.maximum(after_s / end_s, 0.0)[:, None]  # 0 on the other side
                points = (1 - share) * points + share * last
    return _moved(points, to_frame)


def _at_end(
    cloud: PointCloud, raw: Array, end_s: float, fixed_frame: str, lookup: Lookup
) -> Array | None:
    """All points as if measured so long after the stamp; None where TF does not reach so far."""
    try:
        end_ns = cloud.stamp_ns + round(end_s * 1e9)
        return _moved(raw, lookup(fixed_frame, cloud.frame_id, end_ns))
    except TransformUnavailableError:
        return None


def points_of_depth(depth: Image, info: CameraInfo, wanted: Array) -> Array:
    """Points (N, 3) float64 of a depth picture (REP-118) in optical axes, metres.

    Args:
        depth: See `depth_in_metres`; what is 0 or no number is not known.
        info: Its calibration; a distorted lens is taken for a pinhole.
        wanted: (H, W) bool, pixels that matter.

    Raises:
        ShapeError: `wanted` has another size than the picture, or the picture is no depth.
        MissingInputError: The camera is not calibrated.
    """
    if depth.data.shape[:2] != wanted.shape:
        height, width = wanted.shape
        raise ShapeError('depth', f'{width}x{height}', f'{depth.width}x{depth.height}')
    metres = depth_in_metres(depth)
    rows, columns = np.mgrid[0 : depth.height : _DEPTH_STRIDE, 0 : depth.width : _DEPTH_STRIDE]
    far = metres[rows, columns]
    good = np.isfinite(far) & (far > 0) & wanted[rows, columns]
    matrix, far = intrinsics(info), far[good]
    x = (columns[good] - matrix[0, 2]) / matrix[0, 0] * far
    y = (rows[good] - matrix[1, 2]) / matrix[1, 1] * far
    return np.stack([x, y, far], axis=1)


def _moved(points: Array, transform: Array) -> Array:
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3])
