"""`mmp run --record`: what running nodes take and give, with a report at Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

import yaml
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import Image
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from mm_perception.bag.reader import BagReader
from mm_perception.cli import main as mmp
from mm_perception.errors import BagError
from mm_perception.graph import load_stack
from mm_perception.ros import container
from mm_perception.ros.run_record import RunRecord
from test.ros.rig import Rig

pytestmark = pytest.mark.ros
SECOND = 10**9
NODES = {'finder': {
    'plugin': 'colour_tracker', 'inputs': {'image': 'auto'},
    'parameters': {'prompts': ['red'], 'diagnostics_period_s': 0.2, 'device': 'cpu'},
}}  # fmt: skip


def red_square(left: int) -> Image:
    """A grey picture of 64 x 48 pixels with a red square of 12, of now."""
    pixels = np.full((48, 64, 3), 90, np.uint8)
    pixels[18:30, left : left + 12] = (230, 20, 20)
    message = Image(height=48, width=64, step=192, encoding='rgb8', data=pixels.tobytes())
    message.header.frame_id = 'front'
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), SECOND)
    return message


def start(rig: Rig, *words: str) -> subprocess.Popen[str]:
    """`mmp run` on the stack, in the domain of the rig."""
    path = rig.folder / 'stack.yaml'
    path.write_text(yaml.safe_dump({'nodes': NODES}))
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'run', str(path), *words]
    rig.container = subprocess.Popen(
        command, env=dict(os.environ), text=True, stdout=(rig.folder / 'container.log').open('w'),
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    return rig.container


def drive(rig: Rig, heard: list[Any]) -> None:
    """Publish pictures, odometry and something that is nobody's business, until it is tracked."""
    camera = rig.node.create_publisher(Image, '/cam/front', 5)
    wheels = rig.node.create_publisher(Odometry, '/odom', 5)
    gossip = rig.node.create_publisher(String, '/gossip', 5)
    sent = 0

    def is_tracked() -> bool:
        nonlocal sent
        sent += 1
        camera.publish(red_square(4 + abs(sent % 60 - 30)))  # to and fro
        place = Odometry(child_frame_id='base_link')
        place.header.frame_id, place.pose.pose.orientation.w = 'odom', 1.0
        wheels.publish(place)
        gossip.publish(String(data='hello'))
        rig.spin(0.1)
        found = [message for message in heard if message.detections]
        return len(found) > 40 and int(rig.value('robot/finder', 'inferences') or 0) > 40

    rig.until(is_tracked, 'the red square tracked', 90)


def test_a_run_is_recorded_and_told(rig: Rig) -> None:
    """Under the names of its own that `-r` has given; Ctrl-C ends it with a page."""
    out = rig.folder / 'result'
    words = ('--record', str(out), '--ros-args', '-r', 'finder:__ns:=/robot')
    process = start(rig, *words)
    heard = rig.hear(Detection2DArray, '/robot/finder/output/masks/detections')
    drive(rig, heard)
    assert rig.stop(signal.SIGINT) == 0, rig.log
    assert process.poll() == 0
    assert rig.left_in_shared_memory() == []
    assert f'report   {out / "report.html"}' in rig.log
    with BagReader(out / 'bag') as reader:
        counts = {name: topic.count for name, topic in reader.topics.items()}
    for topic in ('/cam/front', '/robot/finder/output/masks', '/odom', '/diagnostics'):
        assert counts[topic] > 3, topic  # the recorder may come some pictures late
    assert not counts.keys() & {'/gossip', '/rosout', '/clock', '/parameter_events'}
    summary = json.loads((out / 'summary.json').read_text())
    node = summary['nodes']['finder']
    assert node['inputs']['image'] > 15
    assert node['inferences'] > 15
    assert node['failures'] == {}
    assert load_stack(str(out / 'stack.yaml')).node('finder').inputs['image'] == {
        '': '/cam/front',
    }
    page = (out / 'report.html').read_text()
    for words_of_page in ('live through ROS 2 nodes', 'red #1', 'colour_tracker', '/cam/front'):
        assert words_of_page in page, words_of_page


def test_a_run_that_never_began_leaves_nothing(rig: Rig) -> None:
    """No camera: `auto` finds no topic, and the next call may have the same folder."""
    out = rig.folder / 'result'
    assert start(rig, '--record', str(out), '--wait', '0.5').wait(60) == 2
    assert not out.exists()


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'mine.txt').write_text('')
    assert mmp.main(['run', 'track', '--record', str(tmp_path)]) == 2
    assert 'an empty or new folder; give another one' in capsys.readouterr().err


def test_what_cannot_be_recorded_is_in_the_summary_and_not_the_end(tmp_path: Path) -> None:
    record, said = RunRecord(tmp_path / 'record', 'mmp run'), []
    failures = iter([OSError(28, 'No space left on device'), OSError(5, 'another one')])

    def spin() -> None:
        raise next(failures, ExternalShutdownException())

    logger = SimpleNamespace(error=said.append)
    record._executor = SimpleNamespace(spin=spin)  # type: ignore[assignment]
    record._node = SimpleNamespace(get_logger=lambda: logger)  # type: ignore[assignment]
    record._spin()
    assert record._problem == 'OSError: [Errno 28] No space left on device'
    assert len(said) == 1
    assert next(failures, None) is None, 'it went on after the first'


def test_record_that_cannot_be_finished_does_not_keep_nodes_from_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[bool] = []

    def fail() -> None:
        raise BagError('bag', 'cannot be written', 'check the disk')

    running = SimpleNamespace(
        start=lambda: True, spin=lambda: None, close=lambda: closed.append(True), stack=None,
        nodes=(),
    )  # fmt: skip
    record: Any = SimpleNamespace(begin=lambda *_: None, end=fail)
    for name, value in {
        'Container': lambda *_, **__: running, '_Stop': lambda: None, 'load_stack': lambda _: None,
        'apply_overrides': lambda *_: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(container, name, value)
    monkeypatch.setattr(container.dds, 'prepare', lambda **_: None)
    monkeypatch.setattr(container.rclpy, 'init', lambda **_: None)
    monkeypatch.setattr(container.rclpy, 'try_shutdown', lambda: None)
    args = argparse.Namespace(
        stack='', set=[], input=[], only=None, local_only=True, wait=0.0, no_autostart=False
    )
    with pytest.raises(BagError, match='check the disk'):
        container.run_stack(args, [], record)
    assert closed == [True]
