"""A drive is asked offline: is what the map answers where the world has it?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.graph import load_stack, parse_stack
from mm_perception.graph_overrides import apply_overrides
from mm_perception.ros.convert.occupancy import grid_from
from mm_perception.ros.wire import deserialize
from mm_perception.samples import BevGrid
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import BOXES, START_NS, write_drive
from mm_perception.world.street import LANE_M, PARKING_M
from test.replay.masker_stack import records_of

ANSWER, ABOUT = '/bev_text/output/answer', '/bev_text/output/about'
STACK = {
    'nodes': {
        'bev_text': {
            'inputs': {
                'image': '/camera_front/image_raw',
                'camera_info': '/camera_front/camera_info',
                'masks': '/ground_truth/output/masks/camera_front',
                'cloud': '/lidar/points',
            },
            'parameters': {'query': 'cars', 'every_s': 0.0},
        },
    }
}


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('ask')
    bag = write_drive(folder / 'bag', Drive(7, 1.0, 5.0, cameras=one_camera(480, 270)))
    report = OfflineRun(parse_stack('ask', STACK), bag, folder / 'out').run()
    assert report.problem == ''
    # The first picture comes before the first scan is over, and nothing is known then.
    assert dict(report.nodes['bev_text'].stats.failures) == {'MissingInputError': 1}
    return folder / 'out'


def answers_on(bag: Path) -> dict[int, BevGrid]:
    grids = [
        grid_from(deserialize(record.data, record.type_name), 0, 'asked')
        for record in records_of(bag, f'{ANSWER}/asked')
    ]
    return {grid.stamp_ns: grid for grid in grids}


def test_every_look_is_answered_as_an_occupancy_grid_in_the_fixed_frame(result: Path) -> None:
    answers = answers_on(result)
    assert len(answers) >= 3
    for grid in answers.values():
        assert grid.frame_id == 'odom'
        assert set(np.unique(grid.cells)) <= set(range(-1, 101))
        assert (grid.cells == -1).any()
    with BagReader(result) as reader:
        assert reader.topics[ABOUT].count == len(answers)
        assert reader.topics[ANSWER].count == 0, 'what was asked for is no obstacle'


def test_cars_are_found_where_cars_are(result: Path) -> None:
    """Odometry drifts little within a second: odom is the world but for centimetres."""
    answers = answers_on(result)
    grid = answers[max(answers)]
    drive = Drive(7, 1.0, 5.0, cameras=one_camera(480, 270))
    at, turn = drive.ego((grid.stamp_ns - START_NS) / 1e9)
    near, far = [], []
    for record in records_of(result.parent / 'bag', BOXES):
        message = deserialize(record.data, record.type_name)
        stamp = message.header.stamp
        if stamp.sec * 10**9 + stamp.nanosec != grid.stamp_ns:
            continue
        for found in message.detections:
            place = found.bbox.center.position
            centre = (turn @ [place.x, place.y, place.z] + at)[:2]
            is_car = found.results[0].hypothesis.class_id.endswith('car')
            (near if is_car else far).append(centre)
    told = grid.places('asked', 50)
    assert len(told) > 5
    away = np.linalg.norm(told[:, None] - np.array(near)[None], axis=-1).min(1)
    assert np.mean(away < 3.0) > 0.6


def test_the_shipped_stack_knows_where_one_can_drive(result: Path, tmp_path: Path) -> None:
    """From the map that bevformer makes of the LiDAR, with the weights that are shipped."""
    stack = load_stack('ask')
    assert stack.node('bev_text').inputs['query'] == {'': '/query'}
    stack = apply_overrides(stack, ['bev_text.query=where can I drive'], [])
    report = OfflineRun(stack, result.parent / 'bag', tmp_path / 'out').run()
    assert report.problem == ''
    answers = answers_on(tmp_path / 'out')
    grid = answers[max(answers)]
    told = grid.places('asked', 50)
    is_road = np.abs(told[:, 1]) < LANE_M + PARKING_M + 0.5  # the street runs along x
    assert is_road.mean() > 0.8
    ahead = [[x, y] for x in np.arange(5.0, 15.0) for y in np.arange(-4.0, 4.5)]
    assert (grid.lookup('asked', np.array(ahead)) >= 50).mean() > 0.5
    (about, *_) = records_of(tmp_path / 'out', ABOUT)
    assert deserialize(about.data, about.type_name).text.startswith('where can I drive')
