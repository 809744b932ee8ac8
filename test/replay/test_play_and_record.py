"""`mmp play` and `mmp record` as two processes over real DDS on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mm_perception.bag.reader import BagReader
from mm_perception.ros.dds import free_domain
from test.data.shape_bag import COMPRESSED, IMAGE, INFO, TOPICS, write_shape_bag
from test.replay.masker_stack import records_of

pytestmark = pytest.mark.ros


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A domain of its own, on 127.0.0.1 only."""
    return {
        **os.environ,
        'ROS_DOMAIN_ID': str(free_domain()),
        'MMP_LOCAL_ONLY': '1',
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }


def mmp(environment: dict[str, str], *words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'mm_perception.cli.main', *map(str, words)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process: subprocess.Popen[str], *, with_signal: int | None = None) -> str:
    """Wait for the end; its output."""
    if with_signal is not None:
        process.send_signal(with_signal)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return output


def wait_for(recorder: subprocess.Popen[str], count: int) -> None:
    """Wait until it has so many messages: it says so every five seconds."""
    deadline_s = time.monotonic() + 60
    assert recorder.stdout is not None
    for line in recorder.stdout:
        if line == f'{count} messages\n' or time.monotonic() > deadline_s:
            return  # what is missing, if anything is, the bag tells better


def test_what_is_played_is_recorded(tmp_path: Path, environment: dict[str, str]) -> None:
    """DDS pads a message to four bytes; but for that every byte is the same."""
    bag = write_shape_bag(tmp_path / 'shape', num_frames=12)
    recorder = mmp(environment, 'record', '--out', tmp_path / 'recorded')
    player = mmp(environment, 'play', bag, '--wait')
    played = finish(player)
    wait_for(recorder, 12 * (len(TOPICS) - 1) + 1)
    recorded = finish(recorder, with_signal=signal.SIGINT)
    assert player.returncode == 0, played
    assert recorder.returncode == 0, recorded
    for topic in TOPICS:
        sent = [record.data for record in records_of(bag, topic)]
        came = [record.data for record in records_of(tmp_path / 'recorded', topic)]
        assert len(came) == len(sent), topic
        assert all(b.rstrip(b'\0') == a.rstrip(b'\0') for a, b in zip(sent, came, strict=True))
    with BagReader(tmp_path / 'recorded') as reader:
        assert reader.topics['/tf_static'].latched
        assert not reader.topics[IMAGE].latched
        assert '/rosout' not in reader.topics


def test_only_the_topics_asked_for(tmp_path: Path, environment: dict[str, str]) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=5)
    recorder = mmp(environment, 'record', '--out', tmp_path / 'recorded', '--topics', IMAGE, INFO)
    player = mmp(environment, 'play', bag, '--wait', '--clock', '--topics', IMAGE, COMPRESSED)
    assert 'Traceback' not in finish(player)
    wait_for(recorder, 5)
    output = finish(recorder, with_signal=signal.SIGINT)
    assert recorder.returncode == 1
    assert INFO in output, 'the topic that never came is named'
    with BagReader(tmp_path / 'recorded') as reader:
        assert {name: t.count for name, t in reader.topics.items()} == {IMAGE: 5}


def test_ctrl_c_ends_a_looping_player_quietly(tmp_path: Path, environment: dict[str, str]) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=5)
    player = mmp(environment, 'play', bag, '--wait', '--loop', '--rate', '5')
    recorder = mmp(environment, 'record', '--out', tmp_path / 'recorded', '--seconds', '15')
    recorded = finish(recorder)
    output = finish(player, with_signal=signal.SIGINT)
    assert 'Traceback' not in output
    assert recorder.returncode == 0, recorded
    times = [r.log_time_ns for r in records_of(tmp_path / 'recorded', IMAGE)]
    assert len(times) > 5, 'it has begun again'


def test_a_topic_that_the_bag_lacks_is_a_mistake(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=1)
    player = mmp(environment, 'play', bag, '--topics', '/nothing')
    output = finish(player)
    assert player.returncode == 2
    assert '/nothing' in output
    assert IMAGE in output
