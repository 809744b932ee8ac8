"""`mmp replay` through real ROS 2 nodes: two processes, real DDS, 127.0.0.1 only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

import rclpy

from mm_perception.bag.reader import BagReader
from mm_perception.diagnosis.bag import observe_bag
from mm_perception.diagnosis.displays import check_layout
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.faults import Level
from mm_perception.graph import load_stack
from mm_perception.ros import dds, replay
from mm_perception.ros.diagnostics import TIMING_NAMES
from mm_perception.ros.wire import deserialize, fields_of
from test.data.shape_bag import IMAGE, INFO, PERIOD_NS, START_NS, write_shape_bag
from test.replay.masker_stack import records_of

pytestmark = pytest.mark.ros

CONFIG = Path(__file__).parents[2] / 'config'
NOTE = '/masker/output/note'
MASKS = '/masker/output/masks'
_OF_DDS = ('ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE', dds.LOCAL_VARIABLE)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where the fake plugin is installed as a third party's, found by its entry point."""
    site = tmp_path / 'site'
    info = site / 'fake_plugins-1.0.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: fake-plugins\nVersion: 1.0\n')
    entry = '[mm_perception.plugins]\nfake = test.fakes:FakeMasker\n'
    (info / 'entry_points.txt').write_text(entry)
    root = Path(__file__).parents[2]
    return {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([str(site), str(root), os.environ.get('PYTHONPATH', '')]),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    node = {'plugin': 'fake', 'inputs': {'image': 'auto'}, 'parameters': {'device': 'cpu'}}
    path = tmp_path / 'masker.yaml'
    path.write_text(yaml.safe_dump({'nodes': {'masker': node}}))
    return path


def start(
    environment: dict[str, str], bag: Path, stack: Path, out: Path, *more: str
) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'replay', str(bag)]
    command += ['--stack', str(stack), '--out', str(out), *more]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def summary_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / 'summary.json').read_text()))


def test_results_are_recorded_with_the_stamps_of_their_pictures(
    tmp_path: Path, environment: dict[str, str], stack: Path
) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=15)
    process = start(environment, bag, stack, tmp_path / 'out')
    output, _ = process.communicate(timeout=170)
    assert process.returncode == 0, output
    node = summary_of(tmp_path / 'out')['nodes']['masker']
    assert node['inputs']['image'] == 15
    assert node['inferences'] + sum(node['drops'].values()) == 15
    result = tmp_path / 'out' / 'bag'
    stamps = []
    for record in records_of(result, MASKS):
        message = deserialize(record.data, record.type_name)
        assert message.header.frame_id == 'camera_front'
        stamps.append(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
    sent = [START_NS + i * PERIOD_NS for i in range(15)]
    assert set(stamps) <= set(sent)
    assert stamps == sorted(stamps)
    assert len(stamps) == node['inferences'] > 5
    for topic in (IMAGE, INFO, '/tf_static'):
        assert [r.data for r in records_of(result, topic)] == [
            r.data for r in records_of(bag, topic)
        ]
    assert (tmp_path / 'out' / 'masker.mp4').is_file()
    check_what_viewers_need(result, len(stamps))


def check_what_viewers_need(result: Path, num_pictures: int) -> None:
    """Outlines, diagnostics and numbers to plot, in the bag's time; Foxglove would show them."""
    with BagReader(result) as reader:
        assert reader.topics[f'{MASKS}/annotations'].count == num_pictures
        end_ns = max(r.log_time_ns for r in reader.records([MASKS]))
        for topic in ('/diagnostics', '/masker/debug/timing'):
            records = list(reader.records([topic]))
            assert records
            assert all(START_NS <= r.log_time_ns < end_ns + 60 * 10**9 for r in records)
    (timing,) = {len(deserialize(r.data, r.type_name).data) for r in records}
    assert timing == len(TIMING_NAMES)
    shipped = read_foxglove(CONFIG / 'foxglove' / 'perception.json')
    displays = tuple(
        replace(d, topic=d.topic.replace('text_tracker', 'masker'))
        for d in shipped.displays
        if d.topic.startswith(('/text_tracker/', '/diagnostics', IMAGE))
        and '/output/status' not in d.topic  # the fake has none
    )
    assert {display.kind for display in displays} == {'Image', 'Plot', 'DiagnosticSummary'}
    findings = check_layout(
        replace(shipped, displays=displays, fixed_frame=''), observe_bag(result), fields_of
    )
    assert [f for f in findings if f.level is not Level.OK] == []


def test_ctrl_c_keeps_what_was_recorded_and_ends_the_nodes(
    tmp_path: Path, environment: dict[str, str], stack: Path
) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=300)
    process = start(environment, bag, stack, tmp_path / 'out', '--no-film')
    growing = tmp_path / 'out' / 'bag.incomplete' / 'bag' / 'bag.mcap'
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and process.poll() is None:
        if growing.is_file() and growing.stat().st_size > 200_000:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert 'Traceback' not in output
    summary = summary_of(tmp_path / 'out')
    assert summary['problem'] == 'interrupted'
    with BagReader(tmp_path / 'out' / 'bag') as reader:
        assert 0 < reader.topics[IMAGE].count < 300


def test_a_stack_that_cannot_start_is_told_at_once(
    tmp_path: Path, environment: dict[str, str], stack: Path
) -> None:
    bag = write_shape_bag(tmp_path / 'shape')
    process = start(environment, bag, stack, tmp_path / 'out', '--set', 'masker.device=cuda:99')
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 2, output
    assert 'cuda:99' in output


def test_after_missing_weights_nothing_is_left(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    bag = write_shape_bag(tmp_path / 'shape', num_frames=3)
    setting = ('--set', 'sam2.weights=nobody/nothing')
    process = start(environment, bag, Path('segment'), tmp_path / 'out', *setting)
    output, _ = process.communicate(timeout=170)
    assert process.returncode == 2, output
    assert 'mmp fetch nobody/nothing' in output
    assert not (tmp_path / 'out').exists()


def test_nodes_that_do_not_end_are_killed_after_ours_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before, they may take the memory from under it: Fast DDS crashes then."""
    for variable in (*_OF_DDS, *dds.PROFILE_VARIABLES):
        monkeypatch.setenv(variable, '')  # the replay sets them: given back afterwards
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    monkeypatch.setattr(replay, '_END_S', 0.0)
    send, killed_beside_ours = subprocess.Popen.send_signal, []

    def without_interrupt(process: subprocess.Popen[str], number: int) -> None:
        if number == signal.SIGKILL:  # as `kill` sends it
            killed_beside_ours.append(rclpy.ok())
            send(process, number)

    monkeypatch.setattr(subprocess.Popen, 'send_signal', without_interrupt)
    node = {
        'plugin': 'colour_tracker',
        'inputs': {'image': IMAGE},
        'parameters': {'device': 'cpu'},
    }
    stack = tmp_path / 'finder.yaml'
    stack.write_text(yaml.safe_dump({'nodes': {'finder': node}}))
    with BagReader(write_shape_bag(tmp_path / 'shape', num_frames=5)) as reader:
        run = replay.OnlineReplay(load_stack(str(stack)), stack, reader, tmp_path / 'out')
        run.run()
    assert killed_beside_ours == [False]
    with BagReader(tmp_path / 'out') as reader:
        assert not reader.damage
        assert reader.topics[IMAGE].count == 5
