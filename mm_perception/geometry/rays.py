"""Rays that somebody points along: where they meet a picture, and what they hit in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.errors import ShapeError
from mm_perception.geometry.cameras import intrinsics, project
from mm_perception.samples import CameraInfo, Image, Pose
from mm_perception.samples.sample import Array

#: Axis of a pose that points: x as REP-103 has it for bodies, z for optical frames, -z for OpenXR.
POINTING_AXES: dict[str, tuple[float, float, float]] = {
    'x': (1.0, 0.0, 0.0), 'z': (0.0, 0.0, 1.0), '-z': (0.0, 0.0, -1.0),
}  # fmt: skip
#: Encodings of depth to the length of their unit in metres.
_METRES_OF = {'32FC1': 1.0, '16UC1': 0.001, 'mono16': 0.001}
_NEAREST_M, _FARTHEST_M = 0.15, 60.0
_STEPS = 400  # of distances along a ray, each 1.5 % farther than the one before
#: A ray that comes so far behind what is seen goes behind it and does not hit it: metres, and
#: per metre of distance.
_THICK_M, _THICK_SHARE = 0.05, 0.03


@dataclass(frozen=True, eq=False)
class Ray:
    """A half-line.

    Attributes:
        origin: (3,) metres.
        direction: (3,) unit vector.
    """

    origin: Array
    direction: Array

    def at(self, distances: Array) -> Array:
        """Points (N, 3) at distances (N,) in metres."""
        return np.asarray(self.origin + np.asarray(distances)[:, None] * self.direction)

    def moved(self, target_from_source: Array) -> Ray:
        """The same in another frame, by a (4, 4) transform."""
        turn = target_from_source[:3, :3]
        return Ray(turn @ self.origin + target_from_source[:3, 3], turn @ self.direction)


def ray_of(pose: Pose, axis: str) -> Ray:
    """The ray along an axis of a pose, in the frame of the pose.

    Args:
        pose: Of a head, an eye or a controller.
        axis: A key of `POINTING_AXES`.

    Convention:
        The identity points along (1, 0, 0) with axis x, along (0, 0, -1) with axis -z.
    """
    turn = Rotation.from_quat(pose.quat_xyzw).as_matrix()
    return Ray(np.array(pose.position), np.asarray(turn @ np.array(POINTING_AXES[axis])))


def ray_through(start: Array, end: Array) -> Ray:
    """The ray from one point (3,) through another, such as from wrist to fingertip.

    Raises:
        ShapeError: The points are the same, so that there is no direction.
    """
    along = np.asarray(end, np.float64) - np.asarray(start, np.float64)
    length = float(np.linalg.norm(along))
    if not np.isfinite(length) or length < 1e-6:
        raise ShapeError('ray', 'two finite points apart', f'{start} and {end}')
    return Ray(np.asarray(start, np.float64), along / length)


def pose_along(ray: Ray, stamp_ns: int, frame_id: str) -> Pose:
    """A pose whose x axis is a ray; its z axis is as near to that of the frame as can be.

    Args:
        ray: In the frame.
        stamp_ns: When.
        frame_id: The frame.

    Convention:
        The ray along (0, 1, 0) is a turn by 90 degrees about z.
    """
    across = np.cross([0.0, 0.0, 1.0], ray.direction)
    if np.linalg.norm(across) < 1e-6:  # straight up or down
        across = np.array([0.0, 1.0, 0.0])
    y = across / np.linalg.norm(across)
    axes = np.stack([ray.direction, y, np.cross(ray.direction, y)], axis=1)
    return Pose(
        stamp_ns=stamp_ns, frame_id=frame_id, position=np.asarray(ray.origin, np.float64),
        quat_xyzw=np.asarray(Rotation.from_matrix(axes).as_quat(), np.float64),
    )  # fmt: skip


def hit_on_depth(ray: Ray, depth: Array, info: CameraInfo) -> float | None:
    """Distance along a ray to what a depth picture shows, metres; None if it hits nothing there.

    The ray is followed from near to far; it hits where it passes from before what is seen to
    behind it. Where it vanishes far behind an edge it goes on behind that thing: what is hidden
    from the camera cannot be hit.

    Args:
        ray: In optical axes.
        depth: (H, W) float metres along the optical axis; not finite or 0 where unknown.
        info: Of the picture.
    """
    distances = np.geomspace(_NEAREST_M, _FARTHEST_M, _STEPS)
    behind, ahead = _behind(ray, distances, depth, info)
    for index in np.flatnonzero((behind[1:] >= 0) & ~(behind[:-1] >= 0)).tolist():
        low, high = distances[index], distances[index + 1]
        if np.isfinite(behind[index]):
            for _ in range(12):
                middle = (low + high) / 2
                is_behind = _behind(ray, np.array([middle]), depth, info)[0][0] >= 0
                low, high = (low, middle) if is_behind else (middle, high)
        gap = float(_behind(ray, np.array([high]), depth, info)[0][0])
        if gap <= _THICK_M + _THICK_SHARE * float(ahead[index + 1]):
            return float(high)
    return None


def _behind(ray: Ray, distances: Array, depth: Array, info: CameraInfo) -> tuple[Array, Array]:
    """(N,) how far points of a ray are behind what is seen, NaN where unknown; and their depth."""
    points = ray.at(distances)
    pixels = project(info, points)
    height, width = depth.shape
    cells = np.round(np.nan_to_num(pixels, nan=-1.0, posinf=-1.0, neginf=-1.0)).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < (width, height)), axis=1)
    columns, rows = np.where(inside[:, None], cells, 0).T
    seen = depth[rows, columns].astype(np.float64)
    is_known = inside & np.isfinite(seen) & (seen > 0)
    return np.where(is_known, points[:, 2] - seen, np.nan), points[:, 2]


def hit_on_points(ray: Ray, points: Array, spread_rad: float) -> float | None:
    """Distance along a ray to the nearest point (N, 3) within an angle of it, metres, or None."""
    if not len(points):
        return None
    from_origin = points - ray.origin
    along = from_origin @ ray.direction
    across = np.linalg.norm(from_origin - along[:, None] * ray.direction, axis=1)
    near = (along > _NEAREST_M) & (across <= along * np.tan(spread_rad))
    return float(along[near].min()) if near.any() else None


def path_of(ray: Ray, info: CameraInfo, count: int = 24) -> tuple[Array, Array]:
    """Pixels (N, 2) where a ray may meet a picture, and their distances (N,) along it.

    Args:
        ray: In optical axes.
        info: Of the picture.
        count: Distances that are tried, from near to far.
    """
    distances = np.geomspace(0.4, 30.0, count)
    pixels = project(info, ray.at(distances))
    seen = np.isfinite(pixels).all(1)
    return pixels[seen], distances[seen]


def error_in_pixels(ray: Ray, distance: float, info: CameraInfo, spread_rad: float) -> float:
    """Standard deviation in pixels of where a ray ends whose direction errs by an angle.

    Convention:
        From the camera itself 1 degree at a focal length of 400 pixels is 7.0 pixels; from half
        the distance it is half of that.
    """
    ahead = float(ray.at(np.array([distance]))[0, 2])
    return float(intrinsics(info)[0, 0] * spread_rad * distance / max(ahead, 1e-3))


def depth_in_metres(depth: Image) -> Array:
    """(H, W) float64 metres of a depth picture (REP-118), not finite or 0 where unknown.

    Args:
        depth: 32FC1 in metres; 16UC1, or mono16 as older drivers call it, in millimetres.

    Raises:
        ShapeError: The picture is no depth. Brightness taken for metres would look like depth.
    """
    if depth.encoding not in _METRES_OF:
        known = ', '.join(_METRES_OF)
        raise ShapeError('encoding of depth', f'one of {known}', depth.encoding)
    return np.asarray(depth.data.astype(np.float64) * _METRES_OF[depth.encoding])
