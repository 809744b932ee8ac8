"""The stack `advise` on a bag: boxes in base_link become tracks in odom, and advice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.graph import load_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize, serialize, type_name_of
from mm_perception.samples import BevGrid, Boxes3D, Odometry, quats_of_yaws
from mm_perception.world import messages

START_NS, STEP_NS, SPEED = 1_700_000_000_000_000_000, 100_000_000, 6.0
TRACKS, ADVICE = '/tracker3d/output/tracks', '/drive_advisor/output/advice'


def moment(index: int) -> list[tuple[str, Any]]:
    """The vehicle drives at 6 m/s towards a car that stands at x = 25 in odom."""
    stamp_ns, at = START_NS + index * STEP_NS, np.array([SPEED * index * 0.1, 0, 0])
    odometry = Odometry(
        stamp_ns=stamp_ns, frame_id='odom', child_frame_id='base_link', position=at,
        quat_xyzw=np.array([0.0, 0, 0, 1]), linear=np.array([SPEED, 0, 0]), angular=np.zeros(3),
        pose_covariance=np.zeros((6, 6)), twist_covariance=np.zeros((6, 6)),
    )  # fmt: skip
    boxes = Boxes3D(
        stamp_ns=stamp_ns, frame_id='base_link', centres=np.array([[25, 0, 0.8]]) - at,
        sizes=np.array([[4.0, 1.8, 1.5]]), quats_xyzw=quats_of_yaws(np.zeros(1)),
        scores=np.ones(1, np.float32), labels=('car',),
    )  # fmt: skip
    grid = BevGrid(
        stamp_ns=stamp_ns, frame_id='base_link', layers=('occupied',), resolution_m=0.5,
        cells=np.zeros((1, 40, 120), np.int8), origin=(-10.0, -10.0, 0.0, 0.0),
    )  # fmt: skip
    tf = messages.tf(messages.transform('odom', 'base_link', at, np.eye(3), stamp_ns))
    return [
        ('/tf', tf), ('/map', convert.to_msgs(grid)['']),
        ('/lidar/boxes', convert.to_msgs(boxes)['']), ('/odom', convert.to_msgs(odometry)['']),
    ]  # fmt: skip


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('advise')
    with BagWriter(folder / 'bag') as writer:
        for topic, message in moment(0):
            writer.add_topic(topic, type_name_of(message))
        for index in range(30):
            for topic, message in moment(index):
                writer.write(topic, START_NS + index * STEP_NS, serialize(message))
    run = OfflineRun(load_stack('advise'), folder / 'bag', folder / 'out')
    assert run.num_messages == 30 * len(moment(0)), 'a map without further layers is a map'
    report = run.run()
    assert report.problem == ''
    for name, runner in report.nodes.items():
        assert (dict(runner.stats.failures), runner.stats.inferences) == ({}, 30), name
    return folder / 'out'


def read(result: Path, topic: str) -> list[Any]:
    with BagReader(result) as reader:
        return [deserialize(r.data, r.type_name) for r in reader.records([topic])]


def test_tracks_are_in_odom_and_stand(result) -> None:
    found = [convert.from_msg(m, Boxes3D) for m in read(result, TRACKS)]
    assert len(found) == 30
    assert (found[-1].frame_id, found[-1].track_ids) == ('odom', ('1',))
    np.testing.assert_allclose(found[-1].centres[0], [25, 0, 0.8], atol=1e-6)
    assert found[-1].covariances[0, 0, 0] > 0
    speeds = convert.boxes3d.velocities_from(read(result, f'{TRACKS}/velocities')[-1])[0]
    np.testing.assert_allclose(speeds, 0, atol=1e-6)
    assert len(read(result, f'{TRACKS}/markers')[-1].markers) == 3


def test_advice_goes_from_go_to_stop_and_names_the_track(result) -> None:
    details = [
        {pair.key: pair.value for pair in message.status[0].values}
        for message in read(result, f'{ADVICE}/details')
    ]
    actions = [values['action'] for values in details]
    assert len(actions) == 30
    assert actions[0] == 'go', 'nothing is tracked yet'
    assert actions.index('slow') < actions.index('stop')
    assert actions[-1] == 'stop'
    assert (details[-1]['track_ids'], details[-1]['is_advisory']) == ('1', 'true')
    assert read(result, ADVICE)[-1].text.startswith('stop, at most 0.0 m/s: car 1 is')
