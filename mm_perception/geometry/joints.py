"""Joints of people in space: keypoints of a picture, and what depth or a scan shows behind them.

A keypoint is on a limb, and around it the picture shows that limb, what is behind it, and maybe
something before it. Of the metres near a keypoint those within an arm's reach of the body count,
and of these the nearest surface that is large enough; the joint lies a limb's radius below it.
What the own torso hides is not known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from mm_perception.geometry.cameras import intrinsics, picture_size, project, unproject
from mm_perception.geometry.rays import Ray, hit_on_depth, hit_on_points
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

#: Of COCO's keypoints: what the torso has, the right first.
SHOULDERS, HIPS = (6, 5), (12, 11)
FACE = slice(0, 5)
_TORSO = (*SHOULDERS, *HIPS)
_ARMS = (7, 8, 9, 10)
#: Joints lie so far below the skin or the clothes, metres: of the face none, for see `_face_m`;
#: shoulders, elbows, wrists, hips and legs.
_BELOW_M = np.array([0.0] * 5 + [0.05] * 2 + [0.045] * 2 + [0.045] * 2 + [0.1] * 2 + [0.06] * 4)
#: Radius of a head; nose and eyes are about so far before its middle, ears beside it, metres.
_HEAD_M, _AHEAD_M = 0.1, np.array([0.1, 0.09, 0.09, 0.0, 0.0])
#: Pairs of keypoints, left and right, that tell where somebody looks, and their distance, metres.
_WIDTHS = (((3, 4), 0.17), ((5, 6), 0.4))
#: From which joint an arm goes on.
_PARENTS = {7: 5, 8: 6, 9: 7, 10: 8}
#: Nothing of a person is farther from their torso than this, nor an elbow from its shoulder or a
#: wrist from its elbow, metres.
_REACH_M, _LIMB_M = 0.6, 0.42
#: Shoulders are so far apart, and never less than the other, metres.
_BROAD_M, _NARROW_M = 0.42, 0.3
#: What is before a torso is nearer than its joints by so much, metres.
_BEFORE_M = 0.15
#: What belongs to one surface, and the share of what is seen near a keypoint that makes one.
_SURFACE_M, _SHARE = 0.1, 0.2


class Relief(ABC):
    """How far away what a picture shows is."""

    @abstractmethod
    def near(self, pixel: Array, radius_m: float, usual_m: float) -> Array:
        """Metres (N,) along the optical axis around a pixel (2,).

        Args:
            pixel: x and y.
            radius_m: How far around it, on something at `usual_m`.
            usual_m: Distance of that, metres; of a torso that is not known yet, any.
        """

    @abstractmethod
    def hit(self, ray: Ray, spread_rad: float) -> float | None:
        """Distance in metres along a ray in optical axes to what it meets; None for nothing.

        Args:
            ray: From a hand on.
            spread_rad: Between points that are apart it meets what is within this of it.
        """


@dataclass(frozen=True, eq=False)
class DepthRelief(Relief):
    """A depth picture.

    Attributes:
        depth: (H, W) metres along the optical axis; not finite or 0 where unknown.
        info: Its calibration.
    """

    depth: Array
    info: CameraInfo

    def near(self, pixel: Array, radius_m: float, usual_m: float) -> Array:
        """See `Relief`; a square, of 3 x 3 pixels at least."""
        radius = max(1, round(float(intrinsics(self.info)[0, 0]) * radius_m / usual_m))
        column, row = (round(float(value)) for value in pixel)
        top, left = max(0, row - radius), max(0, column - radius)
        found = self.depth[top : max(0, row + radius + 1), left : max(0, column + radius + 1)]
        return np.asarray(found[np.isfinite(found) & (found > 0)].astype(np.float64))

    def hit(self, ray: Ray, spread_rad: float) -> float | None:
        """See `Relief`; exact, so that the spread does not matter."""
        return hit_on_depth(ray, self.depth, self.info)


@dataclass(frozen=True, eq=False)
class ScanRelief(Relief):
    """Points of a LiDAR, which are far apart: it looks twice as far around.

    Attributes:
        points: (N, 3) metres in optical axes.
        info: Of the camera.
    """

    points: Array
    info: CameraInfo

    @cached_property
    def _seen(self) -> tuple[Array, Array]:
        pixels = project(self.info, self.points)
        width, height = picture_size(self.info)
        inside = np.asarray(np.isfinite(pixels).all(1))
        inside[inside] = np.all(
            (pixels[inside] > -0.5) & (pixels[inside] < (width - 0.5, height - 0.5)), axis=1
        )
        return pixels[inside], self.points[inside, 2]

    def near(self, pixel: Array, radius_m: float, usual_m: float) -> Array:
        """See `Relief`; a circle."""
        pixels, depths = self._seen
        away = np.linalg.norm(pixels - pixel, axis=1)
        focal = float(intrinsics(self.info)[0, 0])
        return np.asarray(depths[away * depths <= 2 * radius_m * focal])

    def hit(self, ray: Ray, spread_rad: float) -> float | None:
        """See `Relief`; the nearest point within the spread."""
        return hit_on_points(ray, self.points, spread_rad)


def joints_in_space(keypoints: Array, relief: Relief, info: CameraInfo) -> Array:
    """Joints (17, 3) float64 of one person in optical axes, metres; NaN where nothing tells.

    Args:
        keypoints: (17, 2) pixels in COCO's order, NaN where unknown.
        relief: What the picture shows there.
        info: Its calibration.

    Convention:
        With focal length 100, a wrist 50 pixels to the right of the axis on a surface at 2 m is
        at about (1.02, 0, 2.04): 4.5 cm farther along its line of sight.
    """
    found = np.full((len(keypoints), 3), np.nan)
    known = np.asarray(np.isfinite(keypoints).all(1))
    torso_m = _torso_distance(keypoints, known, relief)
    if torso_m is None:
        return found
    metres = np.full(len(keypoints), np.nan)
    for index in np.flatnonzero(known).tolist():
        parent_m = metres[_PARENTS[index]] if index in _PARENTS else torso_m
        gate_m = _LIMB_M if index in _PARENTS else _REACH_M
        around = relief.near(keypoints[index], 0.03 if index in _PARENTS else 0.04, torso_m)
        metres[index] = _surface(around, parent_m, gate_m, 0.5 if index in _TORSO else _SHARE)
    metres[_behind_torso(keypoints, metres, torso_m)] = np.nan
    metres[FACE] = _face_m(keypoints, metres, float(intrinsics(info)[0, 0]))
    known = np.asarray(np.isfinite(metres))
    if known.any():
        along = unproject(info, keypoints[known])
        ranges = metres[known] / along[:, 2] + _BELOW_M[known]
        found[known] = along * ranges[:, None]
    _move_far_shoulder(keypoints, found)
    return found


def _move_far_shoulder(keypoints: Array, joints: Array) -> None:
    """From the side the torso hides the far shoulder: put it as far behind as people are broad.

    The far one is the left where the face looks to the right in the picture.
    """
    ahead = np.nanmean(keypoints[:3, 0]) if np.isfinite(keypoints[:3, 0]).any() else np.nan
    ears = keypoints[3:5, 0]
    behind = np.nanmean(ears) if np.isfinite(ears).any() else np.nan
    if not np.isfinite(ahead - behind):
        return
    far, near = SHOULDERS[::-1] if ahead > behind else SHOULDERS
    apart = float(np.linalg.norm(joints[far] - joints[near]))
    if not apart < _NARROW_M:  # also of NaN
        return
    length = float(np.linalg.norm(joints[far]))
    along = joints[far] / length
    middle = float(along @ joints[near])
    beside = float(np.sum(joints[near] ** 2)) - middle**2
    joints[far] = along * max(length, middle + np.sqrt(max(_BROAD_M**2 - beside, 0.0)))


def _behind_torso(keypoints: Array, metres: Array, torso_m: float) -> Array:
    """(17,) whether elbows and wrists are where the torso is in the picture, and not before it."""
    found = np.zeros(len(keypoints), bool)
    corners = keypoints[[*SHOULDERS, *HIPS[::-1]]]
    if not np.isfinite(corners).all():
        return found
    outline = cv2.convexHull(corners.astype(np.float32))
    for index in _ARMS:
        if metres[index] > torso_m - _BEFORE_M:
            x, y = (float(value) for value in keypoints[index])
            found[index] = cv2.pointPolygonTest(outline, (x, y), False) >= 0
    return found


def _face_m(keypoints: Array, metres: Array, focal: float) -> Array:
    """(5,) metres along the optical axis of nose, eyes and ears, also of those turned away.

    What is seen of a head is its radius before its middle. Where the left ear is to the right of
    the other, the face looks at the camera, and so nearer than the middle.
    """
    surface = metres[FACE]
    if not np.isfinite(surface).any():
        return np.full(5, np.nan)
    usual = float(np.nanmedian(surface))  # an arm before the face is nearer
    nearest = float(np.nanmin(surface[surface > usual - _HEAD_M]))
    towards = 0.0
    for (left, right), width_m in _WIDTHS:
        apart_m = float(keypoints[left, 0] - keypoints[right, 0]) * nearest / focal
        if np.isfinite(apart_m):
            towards = float(np.clip(apart_m / width_m, -1.0, 1.0))
            break
    middle = nearest + _HEAD_M
    return np.where(np.isfinite(surface), middle - towards * _AHEAD_M, np.nan)


def _torso_distance(keypoints: Array, known: Array, relief: Relief) -> float | None:
    """Median over shoulders and hips, metres; None if nothing is known of any of them."""
    values = []
    for index in _TORSO:
        if known[index]:
            around = relief.near(keypoints[index], 0.04, 2.5)
            if len(around):
                values.append(float(np.quantile(around, _SHARE)))
    return float(np.median(values)) if values else None


def _surface(depths: Array, near_m: float, gate_m: float, share: float) -> float:
    """Of metres (N,) around a joint those of the surface that it is on; NaN for none.

    Args:
        depths: What is seen there.
        near_m: Where the body, or the joint before this one, is; NaN where unknown.
        gate_m: So far from that it may be.
        share: Of what is left so much is nearer than the surface that is taken, or on it.
    """
    reached = depths[np.abs(depths - near_m) <= gate_m]
    if not len(reached):
        return float('nan')
    nearest = float(np.quantile(reached, share, method='lower'))
    return float(np.median(reached[np.abs(reached - nearest) <= _SURFACE_M]))
