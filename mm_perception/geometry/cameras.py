"""Where points fall in a picture, for every lens model of sensor_msgs/CameraInfo."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.errors import ConfigError, MissingInputError
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

#: OpenCV's polynomials: k1 k2 p1 p2 k3, and the rational one with k4 k5 k6 behind them.
_POLYNOMIALS = ('plumb_bob', 'rational_polynomial')
FISHEYES = ('equidistant', 'fisheye')
_STILL = np.zeros(3)


def is_calibrated(info: CameraInfo) -> bool:
    """Whether there are focal lengths: drivers send K of zeros for a camera nobody calibrated."""
    return bool(info.k[0, 0] > 0 and info.k[1, 1] > 0)


def intrinsics(info: CameraInfo) -> Array:
    """(3, 3) intrinsics in pixels of the published picture: after region of interest and binning.

    Raises:
        MissingInputError: The camera is not calibrated. Every point would be nowhere, which looks
            like having found nothing.

    Convention:
        As image_geometry has it: a full-sensor pixel x is at (x - roi.x) / binning.x.
    """
    if not is_calibrated(info):
        reason = f'camera_info of {info.frame_id!r} has fx = {info.k[0, 0]:g}, '
        reason += f'fy = {info.k[1, 1]:g}: it is not calibrated'
        fix = 'calibrate the camera (ros2 run camera_calibration cameracalibrator ...)'
        raise MissingInputError('camera_info', reason, f'{fix} and set camera_info_url')
    x, y, *_ = info.roi
    scale = np.diag([1 / max(1, info.binning[0]), 1 / max(1, info.binning[1]), 1.0])
    shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
    return np.asarray(scale @ shift @ info.k, np.float64)


def picture_size(info: CameraInfo) -> tuple[int, int]:
    """Width and height in pixels that the published picture should have."""
    _, _, width, height = info.roi
    wide, high = width or info.width, height or info.height
    return wide // max(1, info.binning[0]), high // max(1, info.binning[1])


def project(info: CameraInfo, points: Array) -> Array:
    """Pixels (N, 2) float64, x and y, of points (N, 3) in optical axes, metres.

    NaN for what is behind the camera, or further off its axis than its picture sees, where the
    polynomial of the lens means nothing. What is inside may still be outside the picture.

    Raises:
        ConfigError: The lens model is none that ROS defines.
        MissingInputError: The camera is not calibrated.

    Convention:
        Optical axes are those of REP-103: x right, y down, z ahead. The centre of the first pixel
        is (0, 0).
    """
    points = np.asarray(points, np.float64)
    length = np.maximum(np.linalg.norm(points, axis=1), 1e-9)
    seen = (points[:, 2] > 1e-6) & (points[:, 2] / length >= _lowest_cosine(info))
    pixels = np.full((len(points), 2), np.nan)
    if seen.any():
        pixels[seen] = _project(info, points[seen])
    return pixels


def distortion(info: CameraInfo) -> Array:
    """(4,) coefficients of a fisheye, (4 to 14,) of a polynomial, as OpenCV takes them.

    Raises:
        ConfigError: The lens model is none that ROS defines.
    """
    model = info.distortion_model
    if model and model not in _POLYNOMIALS + FISHEYES:
        known = ', '.join(_POLYNOMIALS + FISHEYES)
        raise ConfigError('distortion_model', model, f'one of {known}, or none')
    if model in FISHEYES:  # OpenCV insists on four numbers; drivers may send none
        return info.d[:4] if info.d.any() else np.zeros(4)
    return info.d if info.d.any() else np.zeros(5)


def _project(info: CameraInfo, points: Array) -> Array:
    lens, matrix = distortion(info), intrinsics(info)
    if info.distortion_model in FISHEYES:
        found, _ = cv2.fisheye.projectPoints(
            points.reshape(-1, 1, 3), _STILL, _STILL, matrix, lens
        )
    else:
        found, _ = cv2.projectPoints(points, _STILL, _STILL, matrix, lens)
    return np.asarray(found, np.float64).reshape(-1, 2)


def unproject(info: CameraInfo, pixels: Array) -> Array:
    """Unit vectors (N, 3) float64 in optical axes of pixels (N, 2), x and y.

    Raises:
        ConfigError: The lens model is none that ROS defines.
        MissingInputError: The camera is not calibrated.
    """
    lens, matrix = distortion(info), intrinsics(info)
    flat = np.asarray(pixels, np.float64).reshape(-1, 1, 2)
    if info.distortion_model in FISHEYES:
        plane = cv2.fisheye.undistortPoints(flat, matrix, lens)
    else:
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-10)
        plane = cv2.undistortPoints(flat, matrix, lens, R=None, P=None, criteria=criteria)
    rays = np.concatenate([plane.reshape(-1, 2), np.ones((len(flat), 1))], axis=1)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)


def _lowest_cosine(info: CameraInfo) -> float:
    """Of the angle to the axis, along the border of the picture, with a margin of 5 percent."""
    width, height = picture_size(info)
    x, y = np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9)
    border = np.concatenate([
        np.stack([x, np.zeros(9)], 1), np.stack([x, np.full(9, height - 1.0)], 1),
        np.stack([np.zeros(9), y], 1), np.stack([np.full(9, width - 1.0), y], 1),
    ])  # fmt: skip
    angles = np.arccos(np.clip(unproject(info, border)[:, 2], -1, 1))
    return float(np.cos(min(1.05 * angles.max(), np.pi / 2)))
