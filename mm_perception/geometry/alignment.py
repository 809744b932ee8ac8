"""How well a LiDAR scan fits a picture, and by what rotation it would fit best.

Where the scan jumps from near to far, a picture mostly has an edge (Levinson and Thrun, Automatic
Online Calibration of Cameras and Lasers, RSS 2013). With a wrong mount the two part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mm_perception.geometry.cameras import picture_size, project
from mm_perception.samples import CameraInfo, PointCloud
from mm_perception.samples.sample import Array

_RINGS = ('ring', 'channel', 'line')
_JUMP_M = 0.5  # of range, between neighbours of a ring, that counts as an edge
_GAP = 4.0  # times the usual angle between neighbours: what lies between is sky
_SKY_M = 30.0  # as if it were so much farther
_NEAREST_M = 1.0  # what is nearer is the vehicle itself
_WIDTH_PX = 640  # pictures are shrunk to this
_SPREAD_PX, _DECAY = 8, 0.75  # an edge counts beside itself too, by so much less per pixel
_COARSE_DEG, _FINE_DEG = np.arange(-3.0, 3.01, 0.75), np.arange(-0.6, 0.61, 0.2)
_FEWEST = 60


@dataclass(frozen=True)
class Glimpse:
    """A picture and the edges of a scan near it in time.

    Attributes:
        info: Calibration of the camera.
        edges: (h, w) float32 strength of the picture's edges near each pixel, 0 to 1.
        points: (N, 3) edges of the scan in optical axes, metres.
        weights: (N,) root of the jump in metres.
    """

    info: CameraInfo
    edges: Array
    points: Array
    weights: Array


@dataclass(frozen=True)
class Fit:
    """How a scan fits.

    Attributes:
        rotation_deg: (3,) rotation vector in optical axes that fits best, degrees: points turned
            by it fall on the edges of the picture.
        gain: Score there over the score as it is, in standard deviations over all that was tried.
        better: Share of all rotations tried that fit better than the calibration as it is.
        num_points: Edges of the scan that were compared.
    """

    rotation_deg: Array
    gain: float
    better: float
    num_points: int

    @property
    def angle_deg(self) -> float:
        """By how much the mount seems to be wrong."""
        return float(np.linalg.norm(self.rotation_deg))


def picture_edges(rgb: Array) -> Array:
    """Strength of edges near each pixel of a picture (H, W, 3), shrunk, 0 to 1."""
    scale = min(1.0, _WIDTH_PX / rgb.shape[1])
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    grey = cv2.GaussianBlur(cv2.resize(grey, None, fx=scale, fy=scale), (0, 0), 1.0)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    strength = cv2.magnitude(across, down)
    strength = np.clip(strength / max(float(np.percentile(strength, 97)), 1.0), 0, 1)
    kernel = np.ones((3, 3), np.uint8)
    near = strength
    for _ in range(_SPREAD_PX):
        near = np.maximum(near, cv2.dilate(near, kernel) * _DECAY)
    return np.asarray((near + strength) / 2, np.float32)


def scan_edges(cloud: PointCloud) -> tuple[Array, Array]:
    """Numbers (N,) of points where a ring jumps to something farther, and their weights (N,).

    Rings come from a field ring, channel or line, else from the elevation of the points.
    """
    points = cloud.xyz().astype(np.float64)
    ranges = np.linalg.norm(points, axis=1)
    good = np.isfinite(ranges) & (ranges > _NEAREST_M)
    rings = _rings(cloud, points, ranges)[good]
    numbers, points, ranges = np.flatnonzero(good), points[good], ranges[good]
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    chosen, weights = [], []
    for ring in np.unique(rings):
        own = np.flatnonzero(rings == ring)
        if len(own) < 8:
            continue
        own = own[np.argsort(azimuth[own])]
        jump = _jumps(ranges[own], azimuth[own])
        is_edge = jump > _JUMP_M
        chosen.append(own[is_edge])
        weights.append(np.sqrt(jump[is_edge]))
    if not chosen:
        return np.zeros(0, np.int64), np.zeros(0)
    found: Array = numbers[np.concatenate(chosen)]
    return found, np.concatenate(weights)


def _rings(cloud: PointCloud, points: Array, ranges: Array) -> Array:
    for name in _RINGS:
        if name in cloud.fields:
            rings: Array = np.asarray(cloud.points[name]).reshape(-1).astype(np.int64)
            return rings
    with np.errstate(invalid='ignore'):
        elevation = np.degrees(np.arcsin(points[:, 2] / np.maximum(ranges, 1e-9)))
    return np.asarray(np.nan_to_num(elevation * 4, nan=-1e6).round(), np.int64)


def _jumps(ranges: Array, azimuth: Array) -> Array:
    """How much farther a neighbour is, (N,) metres, along a closed ring."""
    step = np.mod(np.roll(azimuth, -1) - azimuth, 2 * np.pi)  # to the next
    is_gap = step > _GAP * np.median(step)
    after = np.where(is_gap, _SKY_M, np.roll(ranges, -1) - ranges)
    before = np.where(np.roll(is_gap, 1), _SKY_M, np.roll(ranges, 1) - ranges)
    return np.asarray(np.clip(np.maximum(after, before), 0, _SKY_M))


def fit_rotation(glimpses: Sequence[Glimpse]) -> Fit | None:
    """The rotation by which scans fit pictures of one camera best; None if there is too little.

    Rotations about the three optical axes of up to 3 degrees each are tried, then finer ones
    around the best.
    """
    num = sum(_count(glimpse) for glimpse in glimpses)
    if num < _FEWEST:
        return None
    grid = np.stack(np.meshgrid(*[_COARSE_DEG] * 3, indexing='ij'), -1).reshape(-1, 3)
    scores = np.array([_score(glimpses, turn) for turn in grid])
    as_it_is = _score(glimpses, np.zeros(3))
    spread = max(float(scores.std()), 1e-9)
    best = grid[scores.argmax()]
    finer = best + np.stack(np.meshgrid(*[_FINE_DEG] * 3, indexing='ij'), -1).reshape(-1, 3)
    fine_scores = np.array([_score(glimpses, turn) for turn in finer])
    top = int(fine_scores.argmax())
    gain = max(0.0, float(fine_scores[top]) - as_it_is) / spread
    return Fit(finer[top], gain, float((scores > as_it_is).mean()), num)


def _count(glimpse: Glimpse) -> int:
    return int(_inside(glimpse, project(glimpse.info, glimpse.points)).sum())


def _inside(glimpse: Glimpse, pixels: Array) -> Array:
    width, height = picture_size(glimpse.info)
    with np.errstate(invalid='ignore'):
        return np.asarray(
            (pixels[:, 0] > -0.5) & (pixels[:, 0] < width - 0.5)
            & (pixels[:, 1] > -0.5) & (pixels[:, 1] < height - 0.5)
        )  # fmt: skip


def _score(glimpses: Sequence[Glimpse], turn_deg: Array) -> float:
    """Mean strength of the picture's edges under those of the scan."""
    turn = Rotation.from_rotvec(np.radians(turn_deg)).as_matrix()
    total, weight = 0.0, 0.0
    for glimpse in glimpses:
        pixels = project(glimpse.info, glimpse.points @ turn.T)
        inside = _inside(glimpse, pixels)
        height, width = glimpse.edges.shape
        scale = np.array([width, height]) / picture_size(glimpse.info)
        columns, rows = np.clip(
            (pixels[inside] * scale).astype(np.int64), 0, [width - 1, height - 1]
        ).T
        total += float((glimpse.edges[rows, columns] * glimpse.weights[inside]).sum())
        weight += float(glimpse.weights[inside].sum())
    return total / max(weight, 1e-9)
