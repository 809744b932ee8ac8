"""A recorded look around in a room: the same sensors and truth as of a street."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.cli import main as mmp
from mm_perception.evaluation.scenes import read_masks
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.things import MAKERS
from test.unit.world.test_drive_bag import Messages, read

CAMERA = 'camera_front'


@pytest.fixture(scope='module')
def written(tmp_path_factory) -> tuple[Messages, dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp('room') / 'bag'
    command = (
        f'world --out {folder} --place room --seed 5 --seconds 1 --rate 2 --width 96 '
        '--workers 1 --depth'
    )
    assert mmp.main(command.split()) == 0
    return read(folder), json.loads((folder / 'truth.json').read_text()), folder


def test_it_has_the_topics_of_a_drive(written) -> None:
    messages, _, _ = written
    assert {
        f'/{CAMERA}/image_raw', f'/{CAMERA}/camera_info', '/lidar/points', '/imu/data', '/odom',
        '/tf', '/tf_static', '/ground_truth/odom', '/ground_truth/boxes', '/ground_truth/bev',
        f'/ground_truth/output/depth/{CAMERA}',
    } <= set(messages)  # fmt: skip
    assert len(messages[f'/{CAMERA}/image_raw']) == 2


def test_what_is_seen_is_what_rooms_have(written) -> None:
    _, truth, folder = written
    masks = read_masks(folder, f'/ground_truth/output/masks/{CAMERA}')
    labels = {label.split()[-1] for found in masks.values() for label in found.labels}
    assert len(labels) >= 2
    assert labels <= set(MAKERS) - {'car', 'van', 'truck', 'bus', 'cyclist', 'pedestrian'}
    seen = [frame['cameras'][CAMERA] for frame in truth['frames']]
    captions = [text for s in seen for text in s['captions']]
    assert not [text for text in captions if 'street' in text]
    asked = ' '.join(q['text'] for s in seen for q in s['questions'])
    assert '?' in asked
    assert not {'car', 'bus', 'truck', 'van'} & set(asked.split())


def test_boxes_and_map_lie_within_the_room(written) -> None:
    messages, truth, _ = written
    for frame in truth['frames']:
        assert all(np.hypot(*box['centre'][:2]) < 9 for box in frame['boxes'])
    grid = messages['/ground_truth/bev'][0][1]
    cells = np.array(grid.data, np.int8).reshape(grid.info.height, grid.info.width)
    assert grid.info.resolution == pytest.approx(0.1)
    assert cells[cells.shape[0] // 2, cells.shape[1] // 2] == 0, 'the robot stands on free floor'
    assert {-1, 0, 100} == set(np.unique(cells).tolist())


def test_the_scan_meets_the_walls(written) -> None:
    (scan, *_) = (message for _, message in written[0]['/lidar/points'])
    assert scan.width > 15_000  # there is something in every direction


def test_a_street_and_a_room_of_one_seed_are_two_worlds() -> None:
    street, room = (
        Drive(seed=5, cameras=one_camera(place=place), place=place) for place in ('street', 'room')
    )
    assert {t.kind for t in room.stage.scene.things} != {t.kind for t in street.stage.scene.things}
    assert abs(street.ego(2.0)[0][0] - street.ego(0.0)[0][0]) > 5
    assert np.linalg.norm(room.ego(2.0)[0] - room.ego(0.0)[0]) < 0.5
