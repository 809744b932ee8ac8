"""Silent publishers, and messages that their shared memory cannot hold."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.diagnosis import delivery
from mm_perception.diagnosis.snapshot import Calibration, Endpoint, Qos, Snapshot, Topic, Traffic
from mm_perception.faults import Level

LOSSY = Qos('best_effort')
IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'


def snapshot(size: int, count: int, segment: int, qos: Qos = LOSSY, infos: int = 50) -> Snapshot:
    writer = Endpoint('/driver', IMAGE, qos, segment_bytes=segment)
    picture = Topic('/cam/image_raw', (writer,), (), Traffic(count=count, size_bytes=size))
    info = Topic('/cam/info', (Endpoint('/driver', INFO),), (), Traffic(count=infos))
    calibration = Calibration('/cam/info', '', 640, 480, '', np.eye(3), np.zeros(5))
    topics = {t.name: t for t in (picture, info)}
    return Snapshot(topics=topics, duration_s=5.0, calibrations=(calibration,))


@pytest.mark.parametrize(
    ('size', 'segment', 'qos', 'is_found'),
    [
        (921_664, 552_960, LOSSY, True),
        (300_000, 552_960, LOSSY, False),
        (921_664, 552_960, Qos('reliable'), False),
        (921_664, 70_000_000, LOSSY, False),
        (921_664, 0, LOSSY, False),
    ],
    ids=['lost', 'small', 'reliable', 'our profile', 'another machine'],
)
def test_large_best_effort_messages(size: int, segment: int, qos: Qos, is_found: bool) -> None:
    findings = delivery.large_best_effort(snapshot(size, 9, segment, qos))
    assert bool(findings) is is_found
    if findings:
        assert '/driver publishes best effort' in findings[0].evidence
        assert 'a message has 0.92 MB' in findings[0].evidence
        assert '9 arrived while 50 CameraInfo did' in findings[0].evidence
        assert 'mmp doctor --profile' in findings[0].fix


@pytest.mark.parametrize(
    ('count', 'level'), [(0, Level.ERROR), (9, Level.ERROR), (40, Level.WARN)]
)
def test_the_more_is_lost_the_louder(count: int, level: Level) -> None:
    (finding,) = delivery.large_best_effort(snapshot(921_664, count, 552_960))
    assert finding.level is level


def test_size_of_what_never_came_is_read_off_its_calibration() -> None:
    """640 * 480 * 3 bytes = 0.92 MB."""
    (finding,) = delivery.large_best_effort(snapshot(0, 0, 552_960))
    assert 'a colour picture of 640x480 (/cam/info) has 0.92 MB' in finding.evidence
    assert 'none arrived' in finding.evidence


def test_silent_publisher_and_its_likely_reason() -> None:
    (finding,) = delivery.nothing_arrives(snapshot(0, 0, 0))
    assert (finding.level, finding.cause) == (Level.ERROR, 'nothing_arrives')
    assert '5.0 s' in finding.evidence
    assert 'lost best effort' in finding.evidence
    assert delivery.nothing_arrives(snapshot(9, 1, 0)) == []
