"""From a mask in a picture and the points that fall into it to a box in space.

A scan shows the near side of a thing, a mask its outline. Together they give the distance, the
width and the height; how far a thing reaches away from the camera stays a guess, and the
covariance says so. The idea of a frustum is that of Qi et al., Frustum PointNets, 2018, section
4.1; the heading is the rectangle whose sides the points hug, as Zhang et al., Efficient L-Shape
Fitting, 2017, section III-B.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.geometry.cameras import project, unproject
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

#: Length, width and height in metres of what has a usual size: means of the training set of
#: nuScenes (Caesar et al., 2020) as public detectors use them for anchors; van is a guess.
TYPICAL_SIZES: dict[str, tuple[float, float, float]] = {
    'car': (4.62, 1.95, 1.73), 'van': (5.4, 2.0, 2.3), 'truck': (6.93, 2.51, 2.84),
    'bus': (10.5, 2.94, 3.47), 'trailer': (12.29, 2.9, 3.87), 'motorcycle': (2.11, 0.77, 1.47),
    'bicycle': (1.7, 0.6, 1.28), 'cyclist': (1.7, 0.6, 1.7), 'pedestrian': (0.73, 0.67, 1.77),
    'person': (0.73, 0.67, 1.77), 'cone': (0.41, 0.41, 1.07),
}  # fmt: skip
_SPREAD = 0.2  # of sizes within a class, 1 sigma

_FEWEST = 3  # points
_GAP_M, _GAP_SHARE = 0.5, 0.04  # of distance: what lies farther apart is two things
_NEAR_ENOUGH = 0.3  # of the points of the largest group: a nearer group is rather the thing
_EDGE_PX, _RANGE_M = 1.5, 0.12  # errors (1 sigma) of an outline, and of a range
_FITTED = 15  # points from which on a heading is looked for
_LONG_M = 0.8  # and extent
_CLOSEST_M = 0.02
_ANGLES = np.radians(np.arange(0.0, 90.0, 3.0))


def typical_size(label: str) -> tuple[float, float, float] | None:
    """Length, width and height in metres of what a label names; None if that has no usual size."""
    words = label.lower().replace('_', ' ').split()
    return next((TYPICAL_SIZES[word] for word in reversed(words) if word in TYPICAL_SIZES), None)


@dataclass(frozen=True)
class Lifted:
    """A thing in space, in upright axes: x horizontal, away from the camera; y left; z up.

    Attributes:
        centre: (3,) metres.
        size: (3,) length along its heading, width and height, metres.
        yaw: Heading about z in radians; the front cannot be told from the back.
        covariance: (3, 3) of the centre, m^2.
        yaw_variance: rad^2; large where nothing tells.
        num_points: Points of the scan that it rests on.
    """

    centre: Array
    size: Array
    yaw: float
    covariance: Array
    yaw_variance: float
    num_points: int


def upright_axes(up: Array, towards: Array) -> Array:
    """Rows x (away, level), y (left) and z (up) of upright axes, (3, 3).

    Args:
        up: (3,) unit vector against gravity.
        towards: (3,) where the thing is, not straight above or below.
    """
    level = towards - (towards @ up) * up
    if np.linalg.norm(level) < 1e-6 * max(float(np.linalg.norm(towards)), 1e-9):
        level = (
            np.roll(up, 1) - (np.roll(up, 1) @ up) * up
        )  # straight above: any direction will do
    ahead = level / max(float(np.linalg.norm(level)), 1e-9)
    return np.stack([ahead, np.cross(up, ahead), up])


def lift(
    mask: Array, info: CameraInfo, points: Array, up: Array,
    typical: tuple[float, float, float] | None = None,
) -> tuple[Lifted, Array] | None:  # fmt: skip
    """A thing from its mask and the points of a scan.

    Args:
        mask: (H, W) bool, in the size of the published picture.
        info: Calibration of the camera.
        points: (N, 3) metres in optical axes.
        up: (3,) unit vector against gravity in optical axes.
        typical: Length, width and height in metres that such a thing mostly has; it stands in for
            what nothing shows. None if that may be anything.

    Returns:
        The thing, and its upright axes (3, 3) as rows in optical axes; None if too few points fall
        into the mask.
    """
    own = points[inside_mask(mask, project(info, points))]
    if len(own) < _FEWEST:
        return None
    axes = upright_axes(up, np.median(own, axis=0))
    local = _foreground(own @ axes.T)
    if len(local) < _FEWEST:
        return None
    return _box(local, _outline(mask, info, axes, local), _pixel(info), typical), axes


def inside_mask(mask: Array, pixels: Array) -> Array:
    """(N,) bool, which pixels lie in a mask, but for its rim, where outlines err.

    Args:
        mask: (H, W) bool; if it is too thin to have an inside, the rim counts.
        pixels: (N, 2) x and y, NaN for none.
    """
    height, width = mask.shape
    with np.errstate(invalid='ignore'):
        seen = (pixels >= -0.5).all(1) & (pixels < [width - 0.5, height - 0.5]).all(1)
    columns, rows = np.nan_to_num(pixels[seen]).round().astype(int).T
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for inner in (eroded, mask):  # a thin thing is all rim
        found = np.zeros(len(pixels), np.bool_)
        found[seen] = inner[rows, columns]
        if found.sum() >= _FEWEST:
            return found
    return found


def _foreground(local: Array) -> Array:
    """Of points in upright axes those of one thing: the largest group by distance, or a nearer."""
    ordered = local[np.argsort(local[:, 0])]
    gaps = np.diff(ordered[:, 0]) > np.maximum(_GAP_M, _GAP_SHARE * ordered[1:, 0])
    groups = np.split(ordered, np.flatnonzero(gaps) + 1)
    most = max(len(group) for group in groups)
    return next(group for group in groups if len(group) >= _NEAR_ENOUGH * most)


@dataclass(frozen=True)
class _Outline:
    """What a mask says at the distance of the points, metres in upright axes."""

    low: Array  # (2,) of y and z
    high: Array
    is_cut: Array  # (2,) whether the picture ends there


def _outline(mask: Array, info: CameraInfo, axes: Array, local: Array) -> _Outline:
    rows, columns = np.nonzero(mask)
    chosen = np.unique(np.concatenate([
        columns.argsort()[[0, -1]], rows.argsort()[[0, -1]],
        np.linspace(0, len(rows) - 1, min(len(rows), 400)).astype(int),
    ]))  # fmt: skip
    rays = unproject(info, np.stack([columns[chosen], rows[chosen]], axis=1)) @ axes.T
    rays = rays[rays[:, 0] > 1e-3]
    if len(rays) < 2:  # it is seen from above
        return _Outline(local[:, 1:].min(0), local[:, 1:].max(0), np.zeros(2, np.bool_))
    distance = float(np.percentile(local[:, 0], 20))
    plane = rays[:, 1:] / rays[:, :1] * distance
    height, width = mask.shape
    ends = [(columns, width), (rows, height)]
    is_cut = np.array([which.min() == 0 or which.max() == count - 1 for which, count in ends])
    return _Outline(plane.min(0), plane.max(0), is_cut)


def _pixel(info: CameraInfo) -> float:
    """Angle of a pixel, radians."""
    return float(1 / max(info.k[0, 0], 1e-9))


def _box(
    local: Array, outline: _Outline, pixel: float, typical: tuple[float, float, float] | None
) -> Lifted:
    wide, high = np.maximum(outline.high - outline.low, 0.05)
    flat = local[:, :2]
    side = max(wide, float(np.ptp(flat[:, 0])))
    if len(flat) >= _FITTED and side >= _LONG_M:
        footprint = _fitted(flat, typical)
    else:
        footprint = _guessed(flat, outline, wide, typical)
    error = _EDGE_PX * pixel * float(np.median(flat[:, 0]))
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = footprint.covariance + np.diag([_RANGE_M**2, error**2])
    if outline.is_cut[0]:
        covariance[1, 1] += (0.5 * max(wide, footprint.length / 2)) ** 2
    tall, level = high, (outline.low[1] + outline.high[1]) / 2
    if typical is not None and outline.is_cut[1]:
        tall = max(high, typical[2])
    covariance[2, 2] = error**2 + (0.06 * high) ** 2 + (0.5 * tall * outline.is_cut[1]) ** 2
    return Lifted(
        np.array([*footprint.middle, level]),
        np.array([footprint.length, footprint.width, tall]), footprint.yaw, covariance,
        footprint.yaw_variance, len(local),
    )  # fmt: skip


@dataclass(frozen=True)
class _Footprint:
    """A rectangle on the ground in upright axes, metres; covariance (2, 2) of its middle."""

    middle: Array
    length: float
    width: float
    yaw: float
    covariance: Array
    yaw_variance: float


def _guessed(
    flat: Array, outline: _Outline, wide: float, typical: tuple[float, float, float] | None
) -> _Footprint:
    """From few points: where it begins is known, how deep it is and how it is turned is not."""
    near = float(np.percentile(flat[:, 0], 10))
    length, width = (wide, wide) if typical is None else typical[:2]
    deep = (length + width) / 2
    spread = 0.3 * wide if typical is None else abs(length - width) / 4 + _SPREAD * deep / 2
    middle = np.array([near + deep / 2, (outline.low[0] + outline.high[0]) / 2])
    hidden = max(0.0, min(length, width) - wide)  # of its breadth, behind something else
    covariance = np.diag([spread**2, (0.05 * wide) ** 2 + hidden**2 / 4])
    return _Footprint(middle, length, width, 0.0, covariance, np.pi**2 / 12)


def _fitted(flat: Array, typical: tuple[float, float, float] | None) -> _Footprint:
    """From the rectangle that the points hug, grown away from the camera to a usual size."""
    angle = float(_ANGLES[int(np.argmax([_hugging(flat, angle) for angle in _ANGLES]))])
    sides = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    low, high = (np.percentile(flat @ sides.T, q, axis=0) for q in (2, 98))
    seen = np.maximum(high - low, 0.05)
    is_corner = seen.min() > 0.25 * seen.max()
    first = int(seen.argmax()) if typical is None else _long_side(seen, sides, typical)
    yaw = angle + first * np.pi / 2
    if typical is None:
        # How deep it is nobody knows: it may be a board, or twice as deep as it is long.
        whole = np.maximum(seen, 0.5 * seen.max())
        spread = np.where(np.abs(sides[:, 1]) < 0.7, 0.55 * seen.max(), 0.1 * whole)
    else:
        whole = np.maximum(seen, np.array(typical[:2])[[0, 1] if first == 0 else [1, 0]])
        spread = _SPREAD * whole / 2
    middle = _grown(low, high, whole)
    covariance = sides.T @ np.diag(spread**2) @ sides
    variance = np.radians(8 if is_corner else 15) ** 2
    return _Footprint(
        sides.T @ middle, float(whole[first]), float(whole[1 - first]),
        float((yaw + np.pi / 2) % np.pi - np.pi / 2), covariance, variance,
    )  # fmt: skip


def _long_side(seen: Array, sides: Array, typical: tuple[float, float, float]) -> int:
    """Which of two sides (rows) is the long one: of what faces the camera most is seen."""
    facing = np.abs(sides[:, 1])
    costs = [
        float((facing * np.abs(seen - order)).sum()) for order in (typical[:2], typical[1::-1])
    ]
    return int(np.argmin(costs))


def _grown(low: Array, high: Array, whole: Array) -> Array:
    """Middles (2,) of ranges that keep their end next to the camera at 0, and reach so far."""
    middle = (low + high) / 2
    middle = np.where(low > 0, low + whole / 2, middle)
    return np.asarray(np.where(high < 0, high - whole / 2, middle))


def _hugging(flat: Array, angle: float) -> float:
    """How close points are to the sides of their rectangle at an angle (algorithm 4)."""
    axis = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = flat @ axis.T
    away = np.minimum(turned - turned.min(0), turned.max(0) - turned).min(1)
    return float((1 / np.maximum(away, _CLOSEST_M)).sum())
