"""A street from a post is summed up, offline and by `mmp summary`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import yaml

from mm_perception.bag.reader import BagReader
from mm_perception.cli.main import main
from mm_perception.evaluation.watched import Visit, Watched, post_camera
from mm_perception.graph import load_stack
from mm_perception.world.drive_bag import write_drive

STACK = {
    'nodes': {
        'surveillance': {
            'inputs': {
                'masks': {'camera_post': '/ground_truth/output/masks/camera_post'},
                'image': {'camera_post': '/camera_post/image_raw'},
            },
            'parameters': {'zones': ['all: 0,0 1,0 1,1 0,1'], 'alerts': ['appeared: car']},
        },
        'video_summary': {
            'inputs': {
                'image': {'camera_post': '/camera_post/image_raw'},
                'masks': {'camera_post': '/ground_truth/output/masks/camera_post'},
                'events': 'surveillance.events',
            },
            'parameters': {'look_every_s': 0.2, 'clip_s': 0.6},
        },
    },
}
#: Comes into view after some 3 s.
CAR = Visit('car', 'red', 1.5, ((-15.0, -1.7), (75.0, -1.7)), 9.0)


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drive = Watched(3, 6.0, 5.0, cameras=(post_camera(160, 90),), lidar=None, visits=(CAR,))
    return write_drive(tmp_path_factory.mktemp('summary') / 'bag', drive)


def test_mmp_summary_writes_text_storyboard_and_json(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, out = tmp_path / 'stack.yaml', tmp_path / 'out'
    stack.write_text(yaml.safe_dump(STACK))
    assert main(['summary', str(bag), '--stack', str(stack), '--out', str(out)]) == 0
    text = (out / 'summary.txt').read_text()
    assert 'red car' in text
    assert 'appeared' in text
    assert text in capsys.readouterr().out
    details = json.loads((out / 'summary.json').read_text())
    assert details['stream'] == 'camera_post'
    assert details['seconds'] == pytest.approx(5.8)
    red = next(who for who in details['who'] if who['label'] == 'red car')
    assert 2.0 < red['first_s'] < 4.0
    first = next(m for m in details['moments'] if 'red car' in m['text'])
    assert first['kind'] == 'appeared'
    shown = [c for c in details['clips'] if c['start_s'] <= red['first_s'] <= c['end_s']]
    assert shown, 'its coming is in a clip'
    board = cv2.imread(str(out / 'storyboard.png'))
    assert board is not None
    assert board.shape[1] == 960
    with BagReader(out / 'bag') as reader:
        assert '/video_summary/output/summary/camera_post' in reader.topics


def test_a_stack_without_the_plugin_is_refused(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['summary', str(bag), '--stack', 'colour', '--out', str(tmp_path / 'out')]
    assert main(words) == 2
    assert 'a stack with a video_summary node' in capsys.readouterr().err


def test_the_shipped_stack_takes_pictures_tracks_alerts_and_speech() -> None:
    stack = load_stack('summary')
    assert stack.node('video_summary').links() == {
        'embedding': ('clip', 'embedding'),
        'masks': ('text_tracker', 'masks'),
        'events': ('surveillance', 'events'),
    }
