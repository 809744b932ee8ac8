"""Encodings, calibrations, sizes."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.diagnosis import payload
from mm_perception.diagnosis.snapshot import (
    Calibration,
    Endpoint,
    Machine,
    Qos,
    Snapshot,
    Topic,
    Traffic,
)
from mm_perception.faults import Level

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])


def camera(name='/cam/image_raw', kind=IMAGE, encoding='rgb8', qos=Qos(), size=1000, count=9):  # noqa: B008
    traffic = Traffic(count=count, size_bytes=size, frame_ids=('optical',), encodings=(encoding,))
    return Topic(name, (Endpoint('/driver', kind, qos),), (), traffic)


def calibration(topic='/cam/camera_info', k=K, d=(), model='plumb_bob', frame='optical'):
    return Calibration(topic, frame, 640, 480, model, np.asarray(k), np.asarray(d, np.float64))


def snapshot(*topics: Topic, **kwargs) -> Snapshot:
    given = {'encodings': ('rgb8', 'mono8'), 'formats': ('jpeg', 'png'), **kwargs}
    return Snapshot(topics={t.name: t for t in topics}, machine=Machine(), duration_s=5.0, **given)


def test_unknown_encoding_lists_the_known_ones() -> None:
    (finding,) = payload.unsupported_encoding(snapshot(camera(encoding='yuv420')))
    assert (finding.level, finding.subject) == (Level.ERROR, '/cam/image_raw')
    assert "'yuv420'" in finding.evidence
    assert 'rgb8, mono8' in finding.fix


@pytest.mark.parametrize(
    ('kind', 'encoding', 'is_fine'),
    [
        (IMAGE, 'rgb8', True),
        (COMPRESSED, 'jpeg', True),
        (COMPRESSED, 'jpg', True),
        (COMPRESSED, 'rgb8; jpeg compressed bgr8', True),
        (COMPRESSED, '16UC1; compressedDepth rvl', False),
        (COMPRESSED, 'h264', False),
    ],
)
def test_encodings_and_formats(kind: str, encoding: str, is_fine: bool) -> None:
    findings = payload.unsupported_encoding(snapshot(camera(kind=kind, encoding=encoding)))
    assert (findings == []) is is_fine


def test_camera_without_calibration() -> None:
    (finding,) = payload.camera_info(snapshot(camera()))
    assert (finding.level, finding.cause) == (Level.WARN, 'no_camera_info')
    assert '/cam/camera_info' in finding.fix


def test_compressed_camera_finds_the_calibration_of_its_twin() -> None:
    seen = snapshot(
        camera('/cam/image_raw/compressed', COMPRESSED, 'jpeg'), calibrations=(calibration(),)
    )
    assert payload.camera_info(seen) == []


def test_results_of_our_own_nodes_need_no_calibration() -> None:
    assert payload.camera_info(snapshot(camera('/seg/output/masks'))) == []


def test_calibration_of_zeros() -> None:
    seen = snapshot(camera(), calibrations=(calibration(k=np.zeros((3, 3))),))
    (finding,) = payload.camera_info(seen)
    assert (finding.level, finding.cause) == (Level.ERROR, 'uncalibrated')


def test_calibration_in_another_frame() -> None:
    (finding,) = payload.camera_info(snapshot(camera(), calibrations=(calibration(frame='body'),)))
    assert finding.cause == 'frame_differs'
    assert "'body'" in finding.evidence


BENT = (-0.3, 0.1, 0, 0, 0)


def test_raw_pictures_may_be_distorted() -> None:
    """Plugins take D into account: nothing to warn of."""
    (finding,) = payload.camera_info(snapshot(camera(), calibrations=(calibration(d=BENT),)))
    assert (finding.level, finding.cause) == (Level.OK, 'lens')


@pytest.mark.parametrize(
    ('name', 'encoding', 'hint'),
    [
        ('/cam/image_rect', 'rgb8', 'give the plugins /cam/image_raw instead'),
        ('/cam/image_rect_color', 'rgb8', 'give the plugins /cam/image_raw_color instead'),
        ('/cam/image_rectified', 'rgb8', 'D = 0'),
        ('/cam/image_raw', '16UC1', 'rectify'),
        ('/cam/depth', '32FC1', 'rectify'),
    ],
)
def test_rectified_and_depth_pictures_must_not(name: str, encoding: str, hint: str) -> None:
    seen = snapshot(camera(name, encoding=encoding), calibrations=(calibration(d=BENT),))
    (finding,) = payload.camera_info(seen)
    assert (finding.level, finding.cause, finding.subject) == (Level.WARN, 'unrectified', name)
    assert 'px' in finding.evidence
    assert '[-0.3, 0.1' in finding.evidence
    assert hint in finding.fix


def test_convention_bend_px() -> None:
    """A ray at r = 0.8 with k1 = -0.1 lies at 0.8 - 0.0512 in the raw image: 25.6 px off."""
    k = np.array([[500.0, 0, 0], [0, 500, 0], [0, 0, 1]])
    raw_x = 500 * (0.8 - 0.1 * 0.8**3)
    bent = Calibration('/i', 'f', round(raw_x), 0, 'plumb_bob', k, np.array([-0.1, 0, 0, 0]))
    assert payload.bend_px(bent) == pytest.approx(25.6, abs=0.6)
    assert payload.bend_px(calibration(d=(0, 0, 0, 0, 0))) == 0.0
