"""`mmp world --live` as a process over real DDS on 127.0.0.1: stamps of now, again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3D, Detection3DArray

from mm_perception.bag.reader import BagReader
from mm_perception.ros import dds
from mm_perception.ros.live import restamped
from mm_perception.ros.wire import deserialize, serialize, type_name_of

S = 1_000_000_000
IMAGE = '/camera_front/image_raw'


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * S + message.header.stamp.nanosec


def stamped(kind: Any, stamp_s: int) -> Any:
    message = kind()
    message.header.stamp.sec, message.header.stamp.nanosec = stamp_s, 600_000_000
    return message


def moved(message: Any, offset_ns: int) -> Any:
    type_name = type_name_of(message)
    return deserialize(restamped(serialize(message), type_name, offset_ns), type_name)


def test_every_stamp_is_moved_and_nothing_else() -> None:
    image = stamped(Image, 10)
    image.header.frame_id, image.height, image.data = 'camera', 2, bytes(range(12))
    found = moved(image, 5 * S + 500_000_000)
    assert stamp_ns(found) == 16 * S + 100_000_000
    image.header.stamp = found.header.stamp
    assert found == image


def test_stamps_within_are_moved_too() -> None:
    tree = TFMessage(transforms=[stamped(TransformStamped, second) for second in (3, 7)])
    assert [stamp_ns(t) for t in moved(tree, S).transforms] == [4_600_000_000, 8_600_000_000]
    boxes = stamped(Detection3DArray, 1)
    boxes.detections = [stamped(Detection3D, 2)]
    found = moved(boxes, -S)
    assert (stamp_ns(found), stamp_ns(found.detections[0])) == (600_000_000, 1_600_000_000)


def test_no_stamp_stays_none() -> None:
    assert stamp_ns(moved(Image(), 5 * S)) == 0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A domain of its own, on 127.0.0.1 only."""
    return {
        **os.environ,
        'ROS_DOMAIN_ID': str(dds.free_domain()),
        'MMP_LOCAL_ONLY': '1',
        'ROS_LOG_DIR': str(tmp_path / 'log'),
        'TMPDIR': str(tmp_path),
    }


def mmp(environment: dict[str, str], *words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'mm_perception.cli.main', *map(str, words)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def counts(recorder: subprocess.Popen[str]) -> Iterator[int]:
    """How many messages it has, every five seconds."""
    assert recorder.stdout is not None
    for line in recorder.stdout:
        if line.endswith(' messages\n'):
            yield int(line.split()[0])


@pytest.mark.ros
def test_a_live_world_goes_on_with_the_stamps_of_now(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    began_ns = time.time_ns()
    options = '--live --local-only --seconds 1 --width 64 --rate 5 --workers 1 --no-lidar'
    world = mmp(environment, 'world', *options.split())
    recorder = mmp(environment, 'record', '--out', tmp_path / 'recorded')
    try:
        lines = counts(recorder)
        while next(lines) == 0:
            assert world.poll() is None
        next(lines)  # 5 s later
        recorder.send_signal(signal.SIGINT)
        recorded, _ = recorder.communicate(timeout=45)
        world.send_signal(signal.SIGINT)
        said, _ = world.communicate(timeout=45)
    finally:
        for process in (world, recorder):
            process.kill()
    assert recorder.returncode == 0, recorded
    assert world.returncode == 130, said  # as after any Ctrl-C
    assert 'Traceback' not in said
    assert 'publishing' in said
    assert not list(tmp_path.glob('mmp_world_*')), 'the rendered drive is gone'
    with BagReader(tmp_path / 'recorded') as reader:
        topics = set(reader.topics)
        records = list(reader.records([IMAGE, '/tf']))
    expected = {'/tf_static', '/odom', '/imu/data', '/ground_truth/boxes', '/ground_truth/bev'}
    assert {IMAGE, '/tf', *expected} <= topics
    for topic in (IMAGE, '/tf'):
        messages = [deserialize(r.data, r.type_name) for r in records if r.topic == topic]
        first = [m.transforms[0] if topic == '/tf' else m for m in messages]
        stamps = np.array([stamp_ns(m) for m in first])
        assert stamps[0] > began_ns
        assert stamps[-1] < time.time_ns()
        assert (np.diff(stamps) > 0).all(), 'time never steps back'
        assert stamps[-1] - stamps[0] > 2 * S, 'longer than the drive'
