"""Cameras of the world: any intrinsics and distortion, a pose on a body."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from mm_perception.samples import CameraInfo
from mm_perception.world.scene import Array

#: Optical axes (REP 103: x right, y down, z ahead) in a body frame (x ahead, y left, z up).
OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Camera:
    """A pinhole with lens distortion.

    Attributes:
        name: Also of its topics and frames.
        width: Pixels.
        height: Pixels.
        focal: Focal length in widths of a pixel.
        distortion: plumb_bob k1 k2 p1 p2 k3; empty for none.
        at: (3,) place on the body, metres.
        turn: (3, 3) rotation from optical axes to the body.
        principal: Principal point, x and y in pixels; None for the middle of the picture.
        stretch: Width of a pixel over its height: the focal length along y is so much longer.
    """

    name: str
    width: int
    height: int
    focal: float
    distortion: tuple[float, ...] = ()
    at: Array = field(default_factory=lambda: np.zeros(3))
    turn: Array = field(default_factory=lambda: OPTICAL.copy())
    principal: tuple[float, float] | None = None
    stretch: float = 1.0

    @property
    def frame_id(self) -> str:
        """Its optical frame."""
        return f'{self.name}_optical'

    @property
    def matrix(self) -> Array:
        """(3, 3) intrinsics."""
        x, y = self.principal or ((self.width - 1) / 2, (self.height - 1) / 2)
        return np.array([[self.focal, 0, x], [0, self.focal * self.stretch, y], [0, 0, 1.0]])

    def rays(self, fineness: int = 1) -> Array:
        """Unit vectors in optical axes, (H * fineness * W * fineness, 3), row by row.

        Args:
            fineness: Rays per pixel and side.
        """
        pinhole = tuple(self.matrix[(0, 1, 0, 1), (0, 1, 2, 2)].tolist())
        return _rays(self.width, self.height, pinhole, self.distortion, fineness)

    def project(self, points: Array) -> Array:
        """Pixels (N, 2), x and y, of points (N, 3) in optical axes, metres.

        NaN for what is behind the camera or further off its axis than its corners see, where the
        polynomial of the lens means nothing.

        Convention:
            The centre of the first pixel is (0, 0). With focal 100 and width 101, 1 m to the right
            at 2 m ahead is at x = 50 + 100 / 2 = 100.
        """
        ahead = points[:, 2] / np.maximum(np.linalg.norm(points, axis=1), 1e-9)
        seen = ahead >= 0.999 * self.rays()[:, 2].min()
        pixels = np.full((len(points), 2), np.nan)
        if seen.any():
            still, lens = np.zeros(3), np.array(self.distortion or (0.0,) * 5)
            found, _ = cv2.projectPoints(points[seen], still, still, self.matrix, lens)
            pixels[seen] = found.reshape(-1, 2)
        return pixels

    def info(self, stamp_ns: int) -> CameraInfo:
        """Its calibration as a message would carry it."""
        projection = np.hstack([self.matrix, np.zeros((3, 1))])
        return CameraInfo(
            stamp_ns=stamp_ns, frame_id=self.frame_id, width=self.width, height=self.height,
            distortion_model='plumb_bob', d=np.array(self.distortion or (0.0,) * 5),
            k=self.matrix, r=np.eye(3), p=projection,
        )  # fmt: skip


@lru_cache(maxsize=16)
def _rays(
    width: int, height: int, pinhole: tuple[float, ...], distortion: tuple[float, ...],
    fineness: int,
) -> Array:  # fmt: skip
    focal_x, focal_y, x, y = pinhole
    step = 1 / fineness
    columns = (np.arange(width * fineness) + 0.5) * step - 0.5
    rows = (np.arange(height * fineness) + 0.5) * step - 0.5
    u, v = np.meshgrid(columns, rows)
    plane = np.stack([(u - x) / focal_x, (v - y) / focal_y], axis=-1)
    flat = plane.reshape(-1, 1, 2)
    if any(distortion):
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-10)
        coefficients = np.array(distortion)
        flat = cv2.undistortPoints(
            flat, np.eye(3), coefficients, R=None, P=None, criteria=criteria
        )
    rays = np.concatenate([flat[:, 0], np.ones((len(flat), 1))], axis=1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    rays.flags.writeable = False
    return rays
