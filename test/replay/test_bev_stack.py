"""The stack `bev` offline: a drive with six cameras and a LiDAR, sensors lost, and a real rig.

Weights are random, so boxes mean nothing; what is tested is the way to the network and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mm_perception.bag.offline import OfflineReport, OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.graph import StackSpec, load_stack, parse_stack
from mm_perception.nets.bevformer import BevFormerEngine
from mm_perception.plugins.bevformer.rig import base_from_bev
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import BevGrid, Boxes3D
from mm_perception.world.drive import Drive, ring_of_cameras
from mm_perception.world.drive_bag import START_NS, write_drive
from test.parity import nuscenes_frame
from test.replay.masker_stack import records_of

RATE_HZ = 5.0
REAL = nuscenes_frame.FRAME


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drive = Drive(7, 1.6, RATE_HZ, cameras=ring_of_cameras(160, 90))
    return write_drive(tmp_path_factory.mktemp('bev') / 'bag', drive)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What the network is asked, in order."""
    found: list[SimpleNamespace] = []
    real = BevFormerEngine.step

    def step(self: Any, state: Any, images: Any, matrices: Any, motion: Any, **more: Any) -> Any:
        had = state.bev is not None
        found.append(SimpleNamespace(
            images=images, matrices=np.array(matrices), motion=motion, had_memory=had, **more
        ))  # fmt: skip
        return real(self, state, images, matrices, motion, **more)

    monkeypatch.setattr(BevFormerEngine, 'step', step)
    return found


def only_bevformer(inputs: dict[str, Any], **parameters: Any) -> StackSpec:
    parameters = {'weights': 'random', 'device': 'cpu', 'min_score': 0.0, **parameters}
    return parse_stack(
        'bev', {'nodes': {'bevformer': {'inputs': inputs, 'parameters': parameters}}}
    )


def run(stack: StackSpec, bag: Path, out: Path) -> OfflineReport:
    report = OfflineRun(stack, bag, out).run()
    assert report.problem == ''
    return report


def copied(bag: Path, out: Path, keeps: Callable[[str, float], bool]) -> Path:
    """A bag with what is kept, by topic and seconds from the start."""
    with BagReader(bag) as reader, BagWriter(out) as writer:
        for name, topic in reader.topics.items():
            writer.add_topic(name, topic.type_name)
        for record in reader.records(list(reader.topics)):
            if keeps(record.topic, (record.log_time_ns - START_NS) / 1e9):
                writer.write(record.topic, record.log_time_ns, record.data)
    return out


def answers(bag: Path, topic: str, kind: type) -> list[Any]:
    return [
        convert.from_msg(deserialize(r.data, r.type_name), kind, r.log_time_ns)
        for r in records_of(bag, topic)
    ]


def test_the_shipped_stack_runs_on_a_drive(
    bag: Path, asked: list[SimpleNamespace], tmp_path: Path
) -> None:
    short = copied(bag, tmp_path / 'bag', lambda topic, time_s: time_s < 0.45)
    stack = load_stack('bev')
    parameters = {'weights': 'random:nano', 'device': 'cpu', 'min_score': 0.0}
    stack = stack.with_node(replace(stack.node('bevformer'), parameters=parameters))
    report = run(stack, short, tmp_path / 'out')
    assert not report.nodes['bevformer'].stats.failures
    assert [len(step.images) for step in asked] == [6, 6, 6]
    assert [step.had_memory for step in asked] == [False, True, True]
    assert all(0.1 < step.motion.dx_m < 4 and step.motion.dt_s == 0.2 for step in asked[1:])
    assert all(len(step.points) > 1000 for step in asked[1:])
    ground = np.median(asked[1].points[asked[1].points[:, 2] < 0.3, 2])
    assert abs(ground) < 0.1, 'the scan stands on the ground of frame BEV'
    boxes = answers(tmp_path / 'out', '/bevformer/output/boxes', Boxes3D)
    maps = answers(tmp_path / 'out', '/bevformer/output/map', BevGrid)
    assert len(boxes) == len(maps) == 3
    assert all(0 < len(b) <= 100 and b.frame_id == 'base_link' for b in boxes)
    assert maps[0].cells.shape == (1, 128, 128)
    with BagReader(tmp_path / 'out') as reader:
        topics = reader.topics
        assert {f'/bevformer/output/map/{layer}' for layer in ('drivable', 'lane')} <= set(topics)
        for name in ('/tracker3d/output/tracks', '/drive_advisor/output/advice'):
            assert topics[name].count > 0


def test_cameras_that_are_lost_are_masked_and_the_rest_goes_on(
    bag: Path, asked: list[SimpleNamespace], tmp_path: Path
) -> None:
    """The first of the six dies at once, another one later."""
    ends = {'/camera_back/image_raw': 0.1, '/camera_front/image_raw': 1.1}
    broken = copied(bag, tmp_path / 'bag', lambda topic, time_s: time_s < ends.get(topic, 9.0))
    report = run(
        only_bevformer({'images': 'auto', 'camera_info': 'auto'}), broken, tmp_path / 'out'
    )
    boxes = answers(tmp_path / 'out', '/bevformer/output/boxes', Boxes3D)
    stamps = [round((b.stamp_ns - START_NS) / 2e8) for b in boxes]
    assert stamps == [0, 6, 7], 'for a second the first one may come back'
    assert [len(step.images) for step in asked] == [6, 4, 4]
    assert [step.had_memory for step in asked] == [False, True, True]
    assert asked[1].motion.dt_s == pytest.approx(1.2)
    failures = report.nodes['bevformer'].stats.failures
    assert sum(failures.values()) == 4, failures


def test_a_camera_without_calibration_is_named(
    bag: Path, asked: list[SimpleNamespace], tmp_path: Path
) -> None:
    broken = copied(
        bag, tmp_path / 'bag', lambda topic, s: s < 0.3 and topic != '/camera_front/camera_info'
    )
    inputs = {'images': 'auto', 'camera_info': 'auto'}
    inputs['images'] = {
        name: f'/camera_{name}/image_raw' for name in ('front', 'back', 'front_left')
    }
    inputs['camera_info'] = {
        name: f'/camera_{name}/camera_info' for name in ('back', 'front_left')
    }
    report = run(only_bevformer(inputs), broken, tmp_path / 'out')
    assert [len(step.images) for step in asked] == [2, 2]
    assert 'camera_info/front' in str(report.nodes['bevformer'].stats.last_failure)


def test_a_scanner_alone_drives(bag: Path, asked: list[SimpleNamespace], tmp_path: Path) -> None:
    short = copied(bag, tmp_path / 'bag', lambda topic, s: s < 0.35)
    report = run(
        only_bevformer({'cloud': '/lidar/points'}, weights='random:nano'), short, tmp_path / 'out'
    )
    assert not report.nodes['bevformer'].stats.failures
    assert len(asked) >= 2
    assert all(step.images == [None] and len(step.points) for step in asked)
    maps = answers(tmp_path / 'out', '/bevformer/output/map', BevGrid)
    assert (maps[0].cells >= 0).all()


@pytest.mark.skipif(not REAL.is_dir(), reason=f'shared data is absent: {REAL}')
def test_the_real_nuscenes_rig(asked: list[SimpleNamespace], tmp_path: Path) -> None:
    """All six cameras and the scan reach the network with the projections of the reference."""
    inputs = {'images': 'auto', 'camera_info': 'auto', 'cloud': 'auto'}
    stack = only_bevformer(inputs, weights='random:nano', fixed_frame='map')
    report = run(stack, REAL, tmp_path / 'out')
    assert not report.nodes['bevformer'].stats.failures
    (step,) = asked
    (boxes,) = answers(tmp_path / 'out', '/bevformer/output/boxes', Boxes3D)
    assert len(boxes) == 100
    assert len(step.images) == 6
    assert len(step.points) > 30_000
    ours = dict(zip(sorted(nuscenes_frame.CAMERAS), step.matrices, strict=True))
    theirs = dict(zip(nuscenes_frame.CAMERAS, nuscenes_frame.read_frame().image_from_lidar,
                      strict=True))  # fmt: skip
    bev_from_lidar = _bev_from_lidar(boxes.stamp_ns)
    for name in nuscenes_frame.CAMERAS:
        np.testing.assert_allclose(ours[name] @ bev_from_lidar, theirs[name], atol=1e-3, rtol=1e-5)


def _bev_from_lidar(stamp_ns: int) -> np.ndarray:
    """From the LiDAR at its stamp to frame BEV at the stamp of the answer."""
    from mm_perception.bag.transforms import read_transforms

    (scan,) = records_of(REAL, '/lidar/points')
    with BagReader(REAL) as reader:
        transforms = read_transforms(reader)
    map_from_lidar = transforms.lookup('map', 'lidar_top', scan.log_time_ns)
    base_from_map = transforms.lookup('base_link', 'map', stamp_ns)
    return np.asarray(np.linalg.inv(base_from_bev(0.0)) @ base_from_map @ map_from_lidar)
