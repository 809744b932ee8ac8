"""Do the messages carry what can be used: encodings, calibration, size."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Calibration, Snapshot, Topic
from mm_perception.faults import Level

#: Fast DDS's shared-memory segment unless a profile says otherwise (ros2-on-pip.md 6.2).
DEFAULT_SEGMENT_BYTES = 512 * 1024
_BENT_PX = 2.0
_IMAGE = 'sensor_msgs/msg/Image'
_COMPRESSED = 'sensor_msgs/msg/CompressedImage'
_LARGE = (_IMAGE, 'sensor_msgs/msg/PointCloud2')


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
            findings.append(Finding(Level.ERROR, 'unsupported_encoding', name, evidence, fix))
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
    bent = bend_px(calibration)
    if bent < _BENT_PX:
        return []
    evidence = (
        f'{calibration.model} distortion moves pixels of the border by up to {bent:.0f} px; masks '
        f'are right, but rays and boxes in 3D need a plugin that reads D, or rectified images'
    )
    fix = 'if results are lifted to 3D, use image_rect (ros2 run image_proc rectify_node)'
    return [Finding(Level.WARN, 'unrectified', topic, evidence, fix)]


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


def large_best_effort(snapshot: Snapshot) -> list[Finding]:
    """Best-effort messages larger than the shared-memory segment vanish without a word."""
    if not snapshot.is_live or snapshot.machine is None:
        return []
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        size = topic.traffic.size_bytes if topic.traffic else 0
        offered = [p for p in topic.publishers if p.qos.reliability == 'best_effort']
        asked = [s for s in topic.subscribers if s.qos.reliability == 'best_effort']
        if size <= DEFAULT_SEGMENT_BYTES or not (offered or asked):
            continue
        who = ', '.join(dict.fromkeys(e.node for e in (*offered, *asked)))
        evidence = (
            f'{size / 1e6:.1f} MB a message, best effort at {who}; a publisher on the default '
            f'Fast DDS profile loses everything over {DEFAULT_SEGMENT_BYTES / 1e6:.1f} MB between '
            f'processes'
        )
        fix = (
            'start the publisher with our profile: eval "$(mmp doctor --profile)" in its shell, '
            'or set its QoS and the reader to reliable'
        )
        findings.append(Finding(Level.WARN, 'large_best_effort', name, evidence, fix))
    return findings


def nothing_arrives(snapshot: Snapshot) -> list[Finding]:
    """A publisher exists, we listened, and no message came."""
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        traffic = topic.traffic
        kinds = {p.type for p in topic.publishers}
        is_sensor = any(k.startswith('sensor_msgs/') for k in kinds)
        if traffic is None or traffic.count or not is_sensor or '/output/' in name:
            continue
        best_effort = [p for p in topic.publishers if p.qos.reliability == 'best_effort']
        who = ', '.join(p.node for p in topic.publishers)
        evidence = f'published by {who}, nothing came within {snapshot.duration_s:.1f} s'
        fix = f'check that the sensor runs: ros2 topic hz {name}; look at the log of {who}'
        if best_effort and kinds & set(_LARGE):
            evidence += '; large best-effort messages are lost on the default Fast DDS profile'
            fix = (
                f'start {best_effort[0].node} with our profile: eval "$(mmp doctor --profile)" in '
                f'its shell, or let it publish reliable'
            )
        findings.append(Finding(Level.ERROR, 'nothing_arrives', name, evidence, fix))
    return findings
