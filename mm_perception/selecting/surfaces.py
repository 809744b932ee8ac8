"""Where the side of a thing that a camera sees is in space, from depth or a scan, and its mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.geometry.cameras import project, unproject
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

_FEWEST = 3  # points
#: What is farther from the median of its depth is another thing: metres, and per metre.
_GROUP_M, _GROUP_SHARE = 0.3, 0.05
#: The plane is fitted to what lies within so many sides of a mask from its middle.
_NEAR_SHARE, _FEWEST_NEAR = 0.25, 8
#: So many points, and so near to the middle, tell its own distance; a plane that is farther off
#: than this (metres, and per metre) is none.
_CLOSEST, _CLOSE_PX = 5, 3.0
_OFF_M, _OFF_SHARE = 0.015, 0.003
#: Planes that are seen at a flatter angle (sine) do not tell where they are.
_FLATTEST = 0.25
#: Pixels that are so far in as the farthest, as a share, are as good.
_DEEP = 0.9


@dataclass(frozen=True, eq=False)
class Surface:
    """The seen side of a thing, in the frame of the points.

    Attributes:
        middle: (3,) metres, on it, where its mask is thickest.
        normal: (3,) unit vector out of it, towards the camera.
        centre: (3,) metres, middle of the box around its points.
        size: (3,) metres along the axes of the frame.
        num_points: That it rests on.
    """

    middle: Array
    normal: Array
    centre: Array
    size: Array
    num_points: int

    def moved(self, target_from_source: Array) -> Surface:
        """The same in another frame, by a (4, 4) transform; the box is one around the old one."""
        turn, shift = target_from_source[:3, :3], target_from_source[:3, 3]
        return Surface(
            turn @ self.middle + shift, turn @ self.normal, turn @ self.centre + shift,
            np.abs(turn) @ self.size, self.num_points,
        )  # fmt: skip


def points_by_id(points: Array, info: CameraInfo, id_map: Array) -> dict[int, Array]:
    """Points (N, 3) in optical axes by the instance that they fall on.

    Args:
        points: Of a scan or a depth picture, metres.
        info: Of the picture.
        id_map: (H, W) uint16; 0 is background and left out.
    """
    if not len(points):
        return {}
    pixels = project(info, points)
    height, width = id_map.shape
    cells = np.round(np.nan_to_num(pixels, nan=-1.0)).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < (width, height)), axis=1)
    ids = id_map[cells[inside, 1], cells[inside, 0]]
    held = points[inside]
    return {int(i): held[ids == i] for i in np.unique(ids).tolist() if i}


def surface_of(
    mask: Array, points: Array, info: CameraInfo, pixel: Array | None = None
) -> Surface | None:
    """The seen side of a thing; None where too few points tell.

    Its middle is where the ray through the thickest part of the mask meets the plane of the points
    around it, which is steadier than any single point, and needs only a few of a scan.

    Args:
        mask: (H, W) bool.
        points: (N, 3) that fall on it, in optical axes, metres.
        info: Of the picture.
        pixel: (2,) where its middle shall be; None means where the mask is thickest.
    """
    if len(points) < _FEWEST or not mask.any():
        return None
    depth = float(np.median(points[:, 2]))
    group = points[np.abs(points[:, 2] - depth) <= _GROUP_M + _GROUP_SHARE * depth]
    if len(group) < _FEWEST:
        return None
    pixel = thickest_pixel(mask) if pixel is None else pixel
    ray = unproject(info, pixel[None])[0]
    away = np.linalg.norm(project(info, group) - pixel, axis=1)
    order = np.argsort(away)
    count = int((away <= _NEAR_SHARE * np.sqrt(mask.sum())).sum())
    near = group[order[: max(count, min(_FEWEST_NEAR, len(group)))]]
    middle, normal = _on_plane(near, ray)
    close = group[order[:_CLOSEST]][away[order[:_CLOSEST]] <= _CLOSE_PX]
    if len(close) >= _FEWEST:  # what is no board is where its own pixel says
        own = float(np.median(np.linalg.norm(close, axis=1)))
        if abs(own - float(np.linalg.norm(middle))) > _OFF_M + _OFF_SHARE * own:
            middle = ray * own
    low, high = np.percentile(group, 2, axis=0), np.percentile(group, 98, axis=0)
    return Surface(middle, normal, (low + high) / 2, high - low, len(group))


def thickest_pixel(mask: Array) -> Array:
    """(2,) x and y of the pixel of a mask (H, W) bool that is farthest from its outside.

    Of those that are nearly as far in, it is the one nearest to the mean of the mask, so that it
    does not jump along a board.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    mean = np.argwhere(mask).mean(0)
    deep = np.argwhere(inside >= _DEEP * inside.max())
    row, column = deep[np.argmin(np.linalg.norm(deep - mean, axis=1))]
    return np.array([column, row], np.float64)


def _on_plane(points: Array, ray: Array) -> tuple[Array, Array]:
    """Where a ray (3,) from the origin meets the plane of points, and the plane's normal (3,)."""
    kept = points
    for _ in range(2):  # the second time without what lies off the first plane
        centre = kept.mean(0)
        normal = np.linalg.svd(kept - centre, full_matrices=False)[2][2]
        off = np.abs((points - centre) @ normal)
        steady = points[off <= max(2.0 * float(np.median(off)), 0.01)]
        kept = steady if len(steady) >= _FEWEST else kept
    normal = normal if normal @ ray < 0 else -normal
    slope = float(normal @ ray)
    if -slope < _FLATTEST:
        return ray * float(np.median(np.linalg.norm(kept, axis=1))), -ray
    return ray * float(normal @ centre) / slope, normal
