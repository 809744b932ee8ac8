"""Points of a scan over a picture."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from mm_perception.samples.sample import Array

_NEAR_M, _FAR_M = 2.0, 60.0


def depth_colour(depth_m: float) -> tuple[int, int, int]:
    """Red is near, blue is far, by the logarithm of the distance."""
    share = np.log(np.clip(depth_m, _NEAR_M, _FAR_M) / _NEAR_M) / np.log(_FAR_M / _NEAR_M)
    red, green, blue = colorsys.hsv_to_rgb(0.66 * float(share), 1.0, 1.0)
    return int(red * 255), int(green * 255), int(blue * 255)


def draw_points(rgb: Array, pixels: Array, depth: Array) -> Array:
    """A dot per point, the near ones on top.

    Args:
        rgb: (H, W, 3) uint8.
        pixels: (N, 2) x and y; those outside, and NaN, are left out.
        depth: (N,) metres.

    Returns:
        A new (H, W, 3) uint8.
    """
    picture: Array = rgb.copy()
    radius = max(1, round(rgb.shape[1] / 500))
    order = np.argsort(-depth)
    for (x, y), far in zip(pixels[order], depth[order], strict=True):
        if np.isfinite(x) and np.isfinite(y) and abs(x) < 1e5 and abs(y) < 1e5:
            cv2.circle(picture, (round(x), round(y)), radius, depth_colour(far), -1, cv2.LINE_AA)
    return picture
