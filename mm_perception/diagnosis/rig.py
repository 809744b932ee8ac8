"""Do cameras and LiDAR see the same world."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm_perception.bag.rig import Moment, RigCamera
from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.faults import Level
from mm_perception.geometry.alignment import (
    Fit,
    Glimpse,
    fit_rotation,
    picture_edges,
    scan_edges,
)
from mm_perception.geometry.cameras import picture_size, project
from mm_perception.samples import CameraInfo
from mm_perception.samples.sample import Array

_LATE_S = 0.1
#: A mount is called wrong if this share of rotations would fit better, by so many deviations.
_BETTER, _GAIN = 0.2, 1.0
_BODY_TO_OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def check_rig(cameras: Sequence[RigCamera]) -> list[Finding]:
    """Everything that can be told of a rig from a recording; a camera's first error ends it."""
    return [finding for camera in cameras for finding in _check(camera)]


def _check(camera: RigCamera) -> list[Finding]:
    error = _calibration(camera) or _transform(camera)
    if error is not None:
        return [error]
    info = camera.info
    assert info is not None  # or there was an error
    moments = [m for m in camera.moments if m.points is not None]
    unseen = _unseen(camera.topic, info, moments)
    if unseen is not None:
        return [unseen]
    return [*_stamps(camera), _alignment(camera.topic, fit(info, moments))]


def _calibration(camera: RigCamera) -> Finding | None:
    info = camera.info
    if info is None:
        fix = 'record camera_info beside the pictures'
        return Finding(Level.ERROR, 'no_camera_info', camera.topic, 'no calibration', fix)
    fx, fy, x, y = info.k[0, 0], info.k[1, 1], info.k[0, 2], info.k[1, 2]
    if min(fx, fy) <= 0 or not 0 < x < info.width or not 0 < y < info.height:
        evidence = f'fx {fx:g}, fy {fy:g}, centre ({x:g}, {y:g}) of {info.width}x{info.height}'
        fix = 'calibrate (ros2 run camera_calibration cameracalibrator ...)'
        return Finding(Level.ERROR, 'calibration_impossible', camera.topic, evidence, fix)
    if not camera.moments:
        fix = 'record both together; check the clocks of the drivers'
        return Finding(Level.ERROR, 'no_moment', camera.topic, 'no picture beside a scan', fix)
    image = camera.moments[0].image
    if (image.width, image.height) != picture_size(info):
        wide, high = picture_size(info)
        evidence = (
            f'pictures are {image.width}x{image.height}, the calibration is for {wide}x{high}'
        )
        fix = 'scale the calibration with the pictures, or set its binning and region of interest'
        return Finding(Level.ERROR, 'size_differs', camera.topic, evidence, fix)
    return None


def _transform(camera: RigCamera) -> Finding | None:
    if any(moment.points is not None for moment in camera.moments):
        return None
    fix = 'publish the mounts of both sensors (a URDF, or static_transform_publisher)'
    return Finding(Level.ERROR, 'no_transform', camera.topic, camera.moments[0].reason, fix)


def seen(info: CameraInfo, points: Array) -> Array:
    """(N,) which points (N, 3) in optical axes are inside the picture."""
    pixels, (width, height) = project(info, points), picture_size(info)
    with np.errstate(invalid='ignore'):
        return np.asarray(
            (pixels >= -0.5).all(1) & (pixels[:, 0] < width - 0.5) & (pixels[:, 1] < height - 0.5)
        )


def _unseen(topic: str, info: CameraInfo, moments: Sequence[Moment]) -> Finding | None:
    points = np.concatenate([m.points for m in moments if m.points is not None])
    points = points[np.isfinite(points).all(1)]
    if seen(info, points).any():
        return None
    frame = moments[0].image.frame_id
    if seen(info, points @ _BODY_TO_OPTICAL.T).any():
        evidence = (
            f'no point of the scan falls into the picture, but some would if {frame!r} had x '
        )
        evidence += 'ahead: it seems to be a body frame'
        fix = 'name the optical frame in the header of the pictures (REP-103: z ahead, x right)'
        return Finding(Level.ERROR, 'not_optical', topic, evidence, fix)
    fix = 'check the mounts; a camera that looks where the LiDAR does not is fine'
    evidence = 'no point of the scan falls into the picture'
    return Finding(Level.WARN, 'no_overlap', topic, evidence, fix)


def _stamps(camera: RigCamera) -> list[Finding]:
    away = [abs(m.image.stamp_ns - m.cloud.stamp_ns) / 1e9 for m in camera.moments]
    if np.median(away) <= _LATE_S:
        return []
    evidence = f'pictures are {np.median(away):.3f} s off the scans next to them'
    fix = 'synchronise the clocks of the drivers (PTP, chrony)'
    return [Finding(Level.WARN, 'stamps_apart', camera.topic, evidence, fix)]


def fit(info: CameraInfo, moments: Sequence[Moment]) -> Fit | None:
    """How the scans of all moments fit the pictures of one camera."""
    glimpses = []
    for moment in moments:
        numbers, weights = scan_edges(moment.cloud)
        if moment.points is not None and len(numbers):
            edges = picture_edges(moment.image.rgb())
            glimpses.append(Glimpse(info, edges, moment.points[numbers], weights))
    return fit_rotation(glimpses)


def _alignment(topic: str, found: Fit | None) -> Finding:
    if found is None:
        evidence = 'too few edges of the scan fall into the picture to tell'
        fix = 'record a place with poles, trees, cars or corners'
        return Finding(Level.WARN, 'alignment_unknown', topic, evidence, fix)
    right, down, ahead = found.rotation_deg
    evidence = (
        f'{found.better:.0%} of the rotations tried fit better than the mounts as published '
        f'({found.num_points} edges of the scan)'
    )
    if found.better <= _BETTER or found.gain <= _GAIN:
        return ok('aligned', topic, evidence)
    evidence += (
        f'; best, by {found.gain:.1f} deviations, is one of {found.angle_deg:.1f} degrees '
        f'(x right {right:+.1f}, y down {down:+.1f}, z ahead {ahead:+.1f})'
    )
    fix = 'calibrate the mounts of camera and LiDAR anew; more moments (--moments) make it surer'
    return Finding(Level.WARN, 'mount_rotated', topic, evidence, fix)
