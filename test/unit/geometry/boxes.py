"""What a camera and a scanner would get of an upright box."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.geometry.cameras import project
from mm_perception.world.camera import Camera

INFO = Camera('c', 640, 360, 420.0).info(0)
UP = np.array([0.0, -1.0, 0.0])  # in optical axes of a level camera
CAR = (4.62, 1.95, 1.73)


def seen_box(
    ahead: float, left: float, yaw: float, size: tuple[float, float, float], *, step: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Mask (H, W) and points (N, 3) in optical axes of the near sides of an upright box.

    The camera is 1 m above the ground on which the box stands.
    """
    length, width, height = size
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    points = []
    for normal, half, along in (
        ((1, 0), length / 2, width), ((-1, 0), length / 2, width),
        ((0, 1), width / 2, length), ((0, -1), width / 2, length),
    ):  # fmt: skip
        out = turn @ np.array(normal, float)
        middle = np.array([ahead, left]) + out * half
        if out @ middle >= 0:  # turned away from the camera
            continue
        side = np.array([-out[1], out[0]])
        for s in np.arange(-along / 2 + 0.02, along / 2, step):
            for z in np.arange(0.1, height, 0.25):
                x, y = middle + side * s
                points.append([-y, 1 - z, x])
    corners = [
        [-(left + c[1]), 1 - z, ahead + c[0]]
        for sx in (-1, 1) for sy in (-1, 1) for z in (0.0, height)
        for c in [turn @ np.array([sx * length / 2, sy * width / 2])]
    ]  # fmt: skip
    outline = project(INFO, np.array(corners))
    hull = cv2.convexHull(outline[np.isfinite(outline[:, 0])].astype(np.float32))
    mask = np.zeros((360, 640), np.uint8)
    cv2.fillConvexPoly(mask, hull.round().astype(np.int32), 1)
    return mask > 0, np.array(points)
