"""Ctrl-C on a running command: what was done is kept, whole and readable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from mm_perception.bag.reader import BagReader
from test.data.shape_bag import IMAGE, write_shape_bag

_LEAST_BYTES = 200_000


def interrupted(words: list[str], growing: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command, press Ctrl-C when a file has grown: exit status and what it printed."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'mm_perception.cli.main', *words], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline_s = time.monotonic() + 150
    while time.monotonic() < deadline_s and process.poll() is None:
        if growing.is_file() and growing.stat().st_size > _LEAST_BYTES:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    output, _ = process.communicate(timeout=150)
    return process.returncode, output


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where the fake plugin is found by its entry point, as a third party's is."""
    info = tmp_path / 'site' / 'fake_plugins-1.0.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: fake-plugins\nVersion: 1.0\n')
    entry = '[mm_perception.plugins]\nfake = test.fakes:FakeMasker\n'
    (info / 'entry_points.txt').write_text(entry)
    places = [str(info.parent), str(Path(__file__).parents[2]), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(places)}


def test_an_offline_replay_keeps_bag_summary_and_report(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    num_frames, out = 1500, tmp_path / 'out'
    bag = write_shape_bag(tmp_path / 'shape', num_frames=num_frames)
    node = {'plugin': 'fake', 'inputs': {'image': 'auto'}, 'parameters': {'device': 'cpu'}}
    stack = tmp_path / 'masker.yaml'
    stack.write_text(yaml.safe_dump({'nodes': {'masker': node}}))
    words = ['replay', str(bag), '--stack', str(stack), '--out', str(out), '--offline']
    growing = out / 'bag.incomplete' / 'bag' / 'bag.mcap'
    status, output = interrupted([*words, '--no-film'], growing, environment)
    assert status == 130, output
    assert 'Traceback' not in output
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['problem'] == 'interrupted'
    assert f'kept what came of {summary["messages"]} of {summary["of_messages"]}' in output
    with BagReader(out / 'bag') as reader:
        assert not reader.damage
        assert 0 < reader.topics[IMAGE].count < num_frames
        assert sum(1 for _ in reader.records()) == reader.num_messages
    assert 'It ended early: interrupted' in (out / 'report.html').read_text()


def test_a_world_keeps_the_frames_that_are_rendered(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / 'drive'
    words = ['world', '--out', str(out), '--seconds', '60', '--width', '96', '--no-lidar']
    growing = tmp_path / 'drive.incomplete' / 'drive' / 'drive.mcap'
    status, output = interrupted([*words, '--workers', '1'], growing, environment)
    assert status == 130, output
    assert 'Traceback' not in output
    with BagReader(out) as reader:
        frames = reader.topics['/camera_front/image_raw'].count
        assert not reader.damage
        assert 0 < frames < 600
    assert f'kept {frames} of 600 frames in {out}' in output
    truth = json.loads((out / 'truth.json').read_text())
    assert len(truth['frames']) == frames
    assert (out / 'objects.json').is_file()
