"""True masks of a drive, lifted and tracked offline: are the things where the world has them?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.errors import ConfigError, UnknownKeyError
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Boxes3D
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from test.replay.masker_stack import records_of

STACK = {
    'nodes': {
        'lift3d': {
            'inputs': {
                'masks': '/ground_truth/output/masks/camera_front',
                'camera_info': '/camera_front/camera_info',
                'cloud': '/lidar/points',
            }
        },
        'tracker3d': {'inputs': {'detections': 'lift3d.boxes'}},
    }
}


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('lift')
    bag = write_drive(folder / 'bag', Drive(7, 1.5, 10.0, cameras=one_camera(320, 180)))
    report = OfflineRun(parse_stack('lift', STACK), bag, folder / 'out').run()
    assert report.problem == ''
    assert not report.nodes['tracker3d'].stats.failures
    return folder / 'out'


def boxes_on(bag: Path, topic: str) -> dict[int, Boxes3D]:
    found = {}
    for record in records_of(bag, topic):
        message = deserialize(record.data, record.type_name)
        boxes = convert.from_msg(message, Boxes3D, record.log_time_ns)
        assert isinstance(boxes, Boxes3D)
        found[boxes.stamp_ns] = boxes
    return found


def test_lifted_things_are_where_they_are(result: Path) -> None:
    truth = boxes_on(result.parent / 'bag', '/ground_truth/boxes')
    lifted = boxes_on(result, '/lift3d/output/boxes')
    assert len(lifted) > 10
    errors, squares = [], []
    for stamp_ns, boxes in lifted.items():
        assert boxes.frame_id == 'base_link'
        if stamp_ns not in truth or not len(boxes):
            continue
        away = np.linalg.norm(
            boxes.centres[:, None, :2] - truth[stamp_ns].centres[None, :, :2], axis=-1
        )
        nearest = away.argmin(1)
        errors += away.min(1).tolist()
        assert boxes.covariances is not None
        for index, match in enumerate(nearest):
            error = boxes.centres[index] - truth[stamp_ns].centres[match]
            squares.append(error @ np.linalg.solve(boxes.covariances[index, :3, :3], error))
    assert len(errors) > 40
    assert np.median(errors) < 0.5
    assert np.mean(np.array(squares) < 7.8) > 0.7  # 95 % of chi square, were all errors normal


def test_tracks_keep_their_ids_and_have_velocities(result: Path) -> None:
    tracks = boxes_on(result, '/tracker3d/output/tracks')
    last = tracks[max(tracks)]
    assert len(last) >= 3
    assert last.frame_id == 'odom'
    ids = [set(boxes.track_ids) for boxes in tracks.values() if len(boxes)]
    assert len(set.union(*ids)) < 2.5 * max(map(len, ids))
    with BagReader(result) as reader:
        assert any('velocities' in topic for topic in reader.topics)


def test_the_shipped_stack_links_its_nodes() -> None:
    stack = load_stack('track3d')
    assert stack.node('tracker3d').links() == {'detections': ('lift3d', 'boxes')}
    assert [spec.name for spec in stack.needed_by('lift3d')] == ['text_tracker', 'lift3d']


@pytest.mark.parametrize(
    ('link', 'error', 'message'),
    [
        ('nobody.boxes', UnknownKeyError, 'nodes above has no key'),
        ('lift3d.box', UnknownKeyError, "did you mean 'boxes'"),
        ('tracker3d.tracks', UnknownKeyError, 'nodes above'),
    ],
)
def test_a_link_to_nothing_is_refused_at_start(link: str, error: type, message: str) -> None:
    nodes = {**STACK['nodes'], 'tracker3d': {'inputs': {'detections': link}}}
    with pytest.raises(error, match=message):
        parse_stack('lift', {'nodes': nodes})


def test_a_link_of_another_type_is_refused() -> None:
    nodes = {
        'sam2': {'inputs': {'image': '/i'}},
        'tracker3d': {'inputs': {'detections': 'sam2.masks'}},
    }
    with pytest.raises(ConfigError, match='expected Boxes3D; that is Masks'):
        parse_stack('lift', {'nodes': nodes})
