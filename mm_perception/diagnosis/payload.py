"""Do the messages carry what can be used: encodings and calibrations."""

from __future__ import annotations

import re

import cv2
import numpy as np

from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.snapshot import Calibration, Snapshot, Topic
from mm_perception.faults import Level

_BENT_PX = 2.0
_DEPTH = ('16UC1', '32FC1')
#: As image_proc names it: image_rect, image_rect_color, image_rectified.
_RECTIFIED = re.compile(r'(_|/)rect(?:ified)?((?:_\w+)?)$')
_IMAGE = 'sensor_msgs/msg/Image'
_COMPRESSED = 'sensor_msgs/msg/CompressedImage'


def unsupported_encoding(snapshot: Snapshot) -> list[Finding]:
    """Images that no converter can read."""
    findings = []
    for name, traffic in sorted(snapshot.traffic().items()):
        kinds = snapshot.topics[name].types
        for encoding in traffic.encodings:
            if _IMAGE in kinds and snapshot.encodings and encoding not in snapshot.encodings:
                known = ', '.join(snapshot.encodings)
                fix = f'set the driver to one of: {known}; or convert with image_proc'
            elif _COMPRESSED in kinds and not _has_format(snapshot, encoding):
                fix = f'set the publisher to one of: {", ".join(snapshot.formats)}'
            else:
                continue
            evidence = f'encoding {encoding!r} cannot be converted'
            names = (name, encoding)
            findings.append(
                Finding(Level.ERROR, 'unsupported_encoding', name, evidence, fix, names)
            )
    return findings


def _has_format(snapshot: Snapshot, encoding: str) -> bool:
    words = encoding.replace(';', ' ').replace('jpg', 'jpeg').lower().split()
    return not snapshot.formats or any(f in words for f in snapshot.formats)


def camera_info(snapshot: Snapshot) -> list[Finding]:
    """Each camera needs a CameraInfo that is calibrated and of the picture's frame."""
    findings = []
    by_folder = {c.topic.rsplit('/', 1)[0]: c for c in snapshot.calibrations}
    for name, topic in sorted(snapshot.topics.items()):
        if not _is_camera(snapshot, topic):
            continue
        calibration = next((by_folder[f] for f in _folders(name) if f in by_folder), None)
        if calibration is None:
            evidence = 'no CameraInfo beside this image; 2D results are right, 3D ones are missing'
            fix = (
                f'publish {name.rsplit("/", 1)[0]}/camera_info (driver parameter '
                f'camera_info_url), or name it in the stack under inputs.camera_info'
            )
            findings.append(Finding(Level.WARN, 'no_camera_info', name, evidence, fix))
        else:
            findings += _judge_frames(name, topic, calibration)
            findings += _judge_lens(name, topic, calibration)
    for calibration in snapshot.calibrations:
        findings += _judge_calibration(calibration)
    return findings


def _is_camera(snapshot: Snapshot, topic: Topic) -> bool:
    if not {_IMAGE, _COMPRESSED} & {p.type for p in topic.publishers}:
        return False
    parts = set(topic.name.split('/'))
    return bool(topic.traffic and topic.traffic.count) and not parts & {'output', 'debug'}


def _folders(name: str) -> list[str]:
    """Where the CameraInfo of an image may lie: beside it, or beside its uncompressed twin."""
    parent = name.rsplit('/', 1)[0]
    return [parent, parent.rsplit('/', 1)[0]] if name.endswith('/compressed') else [parent]


def _judge_frames(name: str, topic: Topic, calibration: Calibration) -> list[Finding]:
    frames = topic.traffic.frame_ids if topic.traffic else ()
    if not frames or calibration.frame_id in frames:
        return []
    evidence = f'image is in {", ".join(frames)}, {calibration.topic} in {calibration.frame_id!r}'
    fix = 'set the same frame_id (optical frame) in the driver for both'
    return [Finding(Level.WARN, 'frame_differs', name, evidence, fix)]


def _judge_calibration(calibration: Calibration) -> list[Finding]:
    topic = calibration.topic
    if not calibration.k.any() or not (calibration.k[0, 0] > 0 and calibration.k[1, 1] > 0):
        evidence = f'K is {calibration.k.ravel().tolist()}: this camera is not calibrated'
        fix = (
            'calibrate (ros2 run camera_calibration cameracalibrator ...) and set camera_info_url '
            'of the driver'
        )
        return [Finding(Level.ERROR, 'uncalibrated', topic, evidence, fix)]
    return []


def _judge_lens(name: str, topic: Topic, calibration: Calibration) -> list[Finding]:
    """Plugins straighten raw pictures by D; rectified and depth pictures must have none."""
    bent = bend_px(calibration)
    if bent < _BENT_PX:
        return []
    evidence = (
        f'{calibration.topic} has {calibration.model} distortion D = '
        f'{np.round(calibration.d, 4).tolist()}, up to {bent:.0f} px at the border'
    )
    is_depth = bool(topic.traffic and set(topic.traffic.encodings) & set(_DEPTH))
    if not is_depth and not _RECTIFIED.search(name.removesuffix('/compressed')):
        return [ok('lens', name, f'{evidence}; plugins that need rays take it into account')]
    taken = 'depth pictures are taken for those of a pinhole' if is_depth else (
        'its name says it is rectified, and what reads D bends it a second time'
    )  # fmt: skip
    raw = _RECTIFIED.sub(r'\1raw\2', name)
    fix = (
        f'rectify (ros2 run image_proc rectify_node) and publish D = 0 and K = P[:3, :3] in '
        f'{calibration.topic}' + ('' if is_depth else f'; or give the plugins {raw} instead')
    )
    return [Finding(Level.WARN, 'unrectified', name, f'{evidence}; {taken}', fix)]


def bend_px(calibration: Calibration) -> float:
    """Largest displacement by lens distortion along the image border, in pixels.

    Convention:
        Distance between a raw border pixel and the pixel of the same ray in the rectified image
        with the same K; 0 without coefficients.
    """
    if not calibration.d.size or not calibration.d.any():
        return 0.0
    w, h = calibration.width, calibration.height
    border = np.array(
        [(x, y) for x in (0, w / 2, w) for y in (0, h / 2, h) if (x, y) != (w / 2, h / 2)],
        np.float64,
    )[:, None]
    fisheye = calibration.model == 'equidistant' and calibration.d.size >= 4
    if fisheye:
        coefficients = calibration.d[:4].reshape(4, 1)
        moved = cv2.fisheye.undistortPoints(border, calibration.k, coefficients, P=calibration.k)
    elif calibration.d.size in (4, 5, 8, 12, 14):
        moved = cv2.undistortPoints(border, calibration.k, calibration.d, P=calibration.k)
    else:
        return 0.0
    distance = np.linalg.norm(np.asarray(moved, np.float64) - border, axis=-1)
    return float(np.max(distance, where=np.isfinite(distance), initial=0.0))
