"""A street from a post, offline: alerts are in the bag, and the shipped stack runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.evaluation.watched import Visit, Watched, post_camera
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros.convert.event import event_from
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Event
from mm_perception.world.drive_bag import START_NS, write_drive
from test.replay.masker_stack import records_of

STACK = {
    'nodes': {
        'surveillance': {
            'inputs': {
                'masks': {'camera_post': '/ground_truth/output/masks/camera_post'},
                'image': {'camera_post': '/camera_post/image_raw'},
                'camera_info': {'camera_post': '/camera_post/camera_info'},
            },
            'parameters': {
                'units': 'ground',
                'ground_frame': 'map',
                'zones': ['road: 8,-5.5 14,-5.5 14,5.5 8,5.5'],
                'lines': ['gate: 12,-5.5 12,5.5'],
                'alerts': ['entered road: red car', 'left road', 'crossed gate to the right'],
                'confirm_s': 0.1,
                'settle_s': 0.0,
            },
        },
    }
}
#: At 12 m after 2 s.
CAR = Visit('car', 'red', -1.375, ((-15.0, -1.7), (75.0, -1.7)), 8.0)


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drive = Watched(
        3, 4.0, 10.0, cameras=(post_camera(160, 90),), lidar=None, visits=(CAR,)
    )  # fmt: skip
    return write_drive(tmp_path_factory.mktemp('watch') / 'bag', drive)


def events_in(bag: Path) -> list[Event]:
    records = records_of(bag, '/surveillance/output/events/camera_post')
    return [event_from(deserialize(r.data, r.type_name), r.log_time_ns) for r in records]


def test_alerts_of_the_ground_are_in_the_bag_with_their_pictures(
    bag: Path, tmp_path: Path
) -> None:
    report = OfflineRun(parse_stack('watch', STACK), bag, tmp_path / 'out').run()
    assert report.problem == ''
    assert not report.nodes['surveillance'].stats.failures
    events = events_in(tmp_path / 'out')
    assert [event.kind for event in events] == ['entered', 'crossed', 'left']
    crossed = events[1]
    # The lowest part of the mask is the rear or the side of the car, half a length off its middle.
    assert (crossed.start_ns - START_NS) / 1e9 == pytest.approx(2.0, abs=0.6)
    assert crossed.label == 'red car'
    assert crossed.picture is not None
    picture = crossed.picture.data.astype(int)
    assert picture.shape == (90, 160, 3)
    assert crossed.box is not None
    x0, y0, x1, y1 = np.round(crossed.box).astype(int)
    body = picture[y0:y1, x0:x1]
    assert (body[..., 0] - body[..., 2]).max() > 60, 'there is something red'


def test_the_shipped_stack_runs_on_whatever_cameras_there_are(bag: Path, tmp_path: Path) -> None:
    stack = load_stack('watch')
    assert stack.node('surveillance').links() == {'masks': ('text_tracker', 'masks')}
    report = OfflineRun(stack, bag, tmp_path / 'out').run()
    assert report.problem == ''
    assert not report.nodes['surveillance'].stats.failures
    with BagReader(tmp_path / 'out') as reader:
        counts = {t: info.count for t, info in reader.topics.items() if 'surveillance' in t}
    private = next(n for t, n in counts.items() if t.startswith('/surveillance/output/private'))
    assert private == 40, 'one for each picture'
