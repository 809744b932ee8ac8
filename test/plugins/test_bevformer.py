"""What reaches the network of a rig, and how its answers come back: frames, stamps, memory."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mm_perception.channel import Deferred
from mm_perception.errors import (
    ConfigError,
    MalformedMessageError,
    MissingInputError,
    MmPerceptionError,
    ShapeError,
    TransformUnavailableError,
)
from mm_perception.geometry.cameras import project
from mm_perception.inputs import Inputs
from mm_perception.nets.bevformer import (
    CONFIGS,
    BevBoxes,
    BevFormerConfig,
    BevResult,
    BevState,
    EgoMotion,
)
from mm_perception.plugin import Context
from mm_perception.plugins.bevformer import BevFormerPlugin, BevFormerSettings
from mm_perception.plugins.bevformer.memory import Memory
from mm_perception.plugins.bevformer.rig import base_from_bev, lens_of
from mm_perception.samples import (
    BevGrid,
    Boxes3D,
    CameraInfo,
    Image,
    Odometry,
    PointCloud,
)
from mm_perception.world.camera import Camera

STAMP_NS = 5_000_000_000
SECOND_NS = 1_000_000_000
LATER_NS = STAMP_NS + SECOND_NS // 2
SPEED = 10.0  # m/s of base_link along x in odom
#: base_link from the optical axes of a level camera, 1.5 m above the ground, that looks ahead.
AHEAD = np.array([[0.0, 0, 1, 0.8], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
LEFT = np.array([[1.0, 0, 0, 0.3], [0, 0, 1, 0.2], [0, -1, 0, 1.5], [0, 0, 0, 1]])
MOUNTS = {'base_link': np.eye(4), 'front': AHEAD, 'left': LEFT, 'lidar': np.eye(4)}
MOUNTS['lidar'][2, 3] = 1.8
INFO = Camera('c', 320, 180, 200.0).info(0)


def odom_from_base(stamp_ns: int) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = SPEED * (stamp_ns - STAMP_NS) / 1e9
    return pose


def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
    """Of a vehicle that drives straight on."""
    moving = odom_from_base(stamp_ns)
    poses = {name: moving @ mount for name, mount in MOUNTS.items()} | {'odom': np.eye(4)}
    if not {target, source} <= poses.keys():
        raise TransformUnavailableError(target, source, stamp_ns, 'unknown')
    return np.asarray(np.linalg.inv(poses[target]) @ poses[source])


def mounts_only(target: str, source: str, stamp_ns: int) -> np.ndarray:
    if 'odom' in (target, source):
        raise TransformUnavailableError(target, source, stamp_ns, 'unknown frame odom')
    return lookup(target, source, stamp_ns)


class Recorder:
    """In place of the engine: keeps what it is asked, and answers one car and a map."""

    def __init__(self, config: BevFormerConfig) -> None:
        self.config, self.max_gap_s = config, 2.0
        self.sha256, self.licence = 'sha', 'none'
        self.asked: list[SimpleNamespace] = []
        self.boxes = BevBoxes(
            torch.tensor([[3.0, 10.0, 0.8 + config.ground_z_m, 4.5, 1.9, 1.6, math.pi / 2]]),
            torch.tensor([[0.0, 5.0]]), torch.tensor([0.9]), torch.tensor([0]),
        )  # fmt: skip
        size = config.map_size
        self.map = np.zeros((len(config.map_layers), *size), np.float32)
        if len(self.map):
            self.map[0, -1, 0] = 1.0  # far ahead, far left

    def step(self, state: BevState, images: Any, matrices: Any, motion: EgoMotion, **more: Any):
        had = state.bev is not None
        self.asked.append(
            SimpleNamespace(
                images=images, matrices=matrices, motion=motion, had_memory=had, **more
            )
        )
        state.bev = torch.zeros(1)
        return BevResult(self.boxes, self.map if len(self.map) else None)


class Bench:
    """A plugin with the recorder inside, and what it reports."""

    def __init__(
        self, size: str | BevFormerConfig = 'nano', transforms: Any = lookup, **settings: Any
    ) -> None:
        self.reports: list[MmPerceptionError] = []
        context = Context(lookup_transform=transforms, report=self.reports.append)
        self.plugin = BevFormerPlugin(BevFormerSettings(**settings), context)
        self.engine = Recorder(CONFIGS[size] if isinstance(size, str) else size)
        self.plugin._shared = SimpleNamespace(model=self.engine, release=lambda: None)
        self.plugin._state = BevState()
        self.plugin._memory = Memory(self.engine.config.memory_age_s, self.engine.max_gap_s)

    def look(
        self, stamp_ns: int = STAMP_NS, images: Any = None, infos: Any = None, cloud: Any = None,
        odometry: Any = None, missing: tuple[str, ...] = (),
    ) -> dict[str, Any]:  # fmt: skip
        images = {'front': picture('front', stamp_ns)} if images is None else images
        infos = dict.fromkeys(images, INFO) if infos is None else infos
        samples = {'images': images, 'camera_info': infos, 'cloud': cloud, 'odometry': odometry}
        return dict(self.plugin.infer(Inputs(stamp_ns, 'front', samples=samples, missing=missing)))

    @property
    def last(self) -> SimpleNamespace:
        return self.engine.asked[-1]


def picture(frame_id: str, stamp_ns: int = STAMP_NS, wide: int = 320, high: int = 180) -> Image:
    data = np.full((high, wide, 3), 90, np.uint8)
    return Image(stamp_ns=stamp_ns, frame_id=frame_id, data=data)


def cloud_of(points: list[list[float]], stamp_ns: int = STAMP_NS) -> PointCloud:
    rows = np.zeros(len(points), [(name, 'f4') for name in ('x', 'y', 'z', 'intensity')])
    for index, name in enumerate('xyz'):
        rows[name] = [point[index] for point in points]
    rows['intensity'] = 51.0
    return PointCloud(stamp_ns=stamp_ns, frame_id='lidar', points=rows)


def odometry(stamp_ns: int, **changes: Any) -> Odometry:
    values: dict[str, Any] = {
        'frame_id': 'odom', 'child_frame_id': 'base_link', 'quat_xyzw': np.array([0.0, 0, 0, 1]),
        'position': odom_from_base(stamp_ns)[:3, 3].copy(), 'linear': np.array([SPEED, 0, 0]),
        'angular': np.zeros(3), 'pose_covariance': np.zeros((6, 6)),
        'twist_covariance': np.zeros((6, 6)),
    }  # fmt: skip
    return Odometry(stamp_ns=stamp_ns, **{**values, **changes})


def pixel(matrix: np.ndarray, bev: list[float]) -> np.ndarray:
    u, v, depth, _ = matrix @ [*bev, 1.0]
    return np.array([u / depth, v / depth])


def broken(topic: str) -> Deferred:
    """A message that cannot be converted."""

    def fail() -> Any:
        raise MalformedMessageError('message', 'made to fail')

    return Deferred(STAMP_NS, 'left', fail, topic)


def test_messages_that_cannot_be_read_cost_their_own_sensor_only() -> None:
    bench = Bench()
    images = {'front': picture('front'), 'left': broken('/left')}
    out = bench.look(images=images, cloud=broken('/lidar'), odometry=broken('/odom'))
    assert len(out['boxes']) == len(Bench().look()['boxes'])
    assert len(bench.last.matrices) == 1
    told = [str(error).split(':')[0] for error in bench.reports]
    assert told == ['/odom', '/left', '/lidar']
    with pytest.raises(MissingInputError, match='nothing of this moment'):
        bench.look(images={'left': broken('/left')}, infos={'left': broken('/info')})


@pytest.mark.parametrize('size', ['nano', 'tiny'])
def test_places_of_the_network_are_where_cameras_see_them(size: str) -> None:
    bench = Bench(size)
    bench.look(images={'left': picture('left'), 'front': picture('front')})
    ground = bench.engine.config.ground_z_m
    assert ground == (0.0 if size == 'nano' else -1.84)
    for mount, matrix, base in (
        (LEFT, bench.last.matrices[0], [1.0, 12.0, 0.5]),
        (AHEAD, bench.last.matrices[1], [20.0, -3.0, 0.5]),
    ):
        optical = (np.linalg.inv(mount) @ [*base, 1.0])[None, :3]
        bev = [-base[1], base[0], base[2] + ground]  # x right, y ahead
        np.testing.assert_allclose(pixel(matrix, bev), project(INFO, optical)[0], atol=1e-6)


def test_a_camera_that_looked_later_saw_things_nearer() -> None:
    bench = Bench()
    later = STAMP_NS + 40_000_000  # 0.4 m on
    bench.look(images={'front': picture('front'), 'again': picture('front', later)})
    first, second = bench.last.matrices
    np.testing.assert_allclose(pixel(second, [2, 10, 1]), pixel(first, [2, 9.6, 1]), atol=1e-6)


def test_answers_are_in_the_frame_of_the_robot() -> None:
    for size in ('nano', 'tiny'):
        bench = Bench(size)
        bench.look()
        outputs = bench.look(LATER_NS)
        boxes = outputs['boxes']
        assert isinstance(boxes, Boxes3D)
        assert (boxes.frame_id, boxes.stamp_ns, boxes.labels) == ('base_link', LATER_NS, ('car',))
        np.testing.assert_allclose(boxes.centres, [[10.0, -3.0, 0.8]], atol=1e-6)
        np.testing.assert_allclose(boxes.yaws(), [0.0], atol=1e-6)
        np.testing.assert_allclose(boxes.velocities, [[5.0, 0, 0]], atol=1e-6)
        assert ('map' in outputs) is (size == 'nano')
        assert outputs['bev_image'].data.shape == (640, 640, 3)


def test_the_map_is_turned_to_the_axes_of_the_robot() -> None:
    grid = Bench().look(cloud=cloud_of([[5, 0, 0]]))['map']
    assert isinstance(grid, BevGrid)
    assert grid.layers == CONFIGS['nano'].map_layers
    assert grid.origin == (-32.0, -32.0, 0.0, 0.0)
    assert grid.resolution_m == 0.5
    cells = grid.layer(grid.layers[0])
    assert cells is not None
    assert cells[-1, -1] == 100
    assert (cells == 100).sum() == 1
    np.testing.assert_allclose(grid.places(grid.layers[0]), [[31.75, 31.75]])


def test_where_nothing_looks_the_map_does_not_know() -> None:
    grid = Bench().look()['map']
    places = np.array([[20.0, 0.0], [-20.0, 0.0], [5.0, 25.0]])
    assert grid.lookup(grid.layers[0], places).tolist() == [0, -1, -1]


def test_a_scan_counts_from_when_the_pictures_were_taken() -> None:
    bench = Bench()
    earlier = STAMP_NS - 100_000_000  # 1 m back
    bench.look(cloud=cloud_of([[11.0, -2.0, -1.0], [math.nan, 0, 0]], earlier))
    np.testing.assert_allclose(bench.last.points, [[2.0, 10.0, 0.8, 0.2]], atol=1e-5)
    assert bench.last.points.dtype == np.float32
    tiny = Bench('tiny')
    tiny.look(cloud=cloud_of([[11.0, -2.0, -1.0]]))
    assert tiny.last.points is None, 'that network knows no LiDAR'


def test_a_scan_alone_is_enough_and_nothing_is_not() -> None:
    bench = Bench()
    outputs = bench.look(images={}, cloud=cloud_of([[5, 0, 0]]), missing=('images/front',))
    assert bench.last.images == [None]
    assert (outputs['map'].cells >= 0).all()
    assert [str(r).split(':')[0] for r in bench.reports] == ["input 'images/front' is missing"]
    with pytest.raises(MissingInputError, match=r"'images'.*sees cameras and LiDAR"):
        bench.look(images={})
    with pytest.raises(MissingInputError, match=r"'images'.*sees cameras"):
        Bench('tiny').look(images={}, cloud=cloud_of([[5, 0, 0]]))


@pytest.mark.parametrize(
    ('image', 'info', 'error', 'message'),
    [
        (picture('left'), None, MissingInputError, 'camera_info/left'),
        (picture('left', wide=160, high=90), INFO, ShapeError, '320x180, as its CameraInfo'),
        (picture('nowhere'), INFO, TransformUnavailableError, 'nowhere'),
        (picture('left'), replace(INFO, distortion_model='odd', d=np.ones(3)), ConfigError, 'odd'),
    ],
)
def test_a_camera_of_no_use_is_left_out_and_named(
    image: Image, info: CameraInfo | None, error: type, message: str
) -> None:
    bench = Bench()
    infos = {'front': INFO} | ({} if info is None else {'left': info})
    outputs = bench.look(images={'left': image, 'front': picture('front')}, infos=infos)
    assert len(bench.last.images) == len(bench.last.lenses) == 1
    assert len(outputs['boxes']) == 1
    (report,) = bench.reports
    assert isinstance(report, error)
    assert message in str(report)


def test_a_lost_scanner_is_reported_and_done_without() -> None:
    bench = Bench()
    bench.look(missing=('cloud', 'images/'))
    assert not bench.reports, 'nobody connected one'
    bench.look(cloud=cloud_of([[5, 0, 0]]))
    bench.look(missing=('cloud',))
    lost = replace(cloud_of([[5, 0, 0]]), frame_id='nowhere')
    bench.look(cloud=lost)
    assert [type(r) for r in bench.reports] == [MissingInputError, TransformUnavailableError]
    assert bench.last.points is None
    tiny = Bench('tiny')
    tiny.look(missing=('cloud',))
    assert not tiny.reports


def test_scores_and_numbers_are_limited() -> None:
    bench = Bench(min_score=0.5, max_boxes=2)
    one = bench.engine.boxes
    bench.engine.boxes = BevBoxes(
        one.xyz_lwh_yaw.repeat(4, 1), one.velocity_xy.repeat(4, 1),
        torch.tensor([0.9, 0.7, 0.6, 0.3]), one.labels.repeat(4),
    )  # fmt: skip
    assert bench.look()['boxes'].scores.tolist() == pytest.approx([0.9, 0.7])
    bench.plugin.reconfigure(replace(bench.plugin.config, min_score=0.8))
    assert len(bench.look()['boxes']) == 1
    bench.plugin.reconfigure(replace(bench.plugin.config, min_score=0.95))
    boxes = bench.look()['boxes']
    assert len(boxes) == 0, 'it looked and found nothing'


def test_lenses_are_those_of_camera_info() -> None:
    d = np.array([0.1, -0.02, 0.001, 0.002, 0.003])
    info = replace(INFO, distortion_model='plumb_bob', d=d, binning=(2, 2))
    lens = lens_of(info)
    assert lens.coefficients == tuple(d)
    assert (lens.fx, lens.cx) == pytest.approx((100.0, INFO.k[0, 2] / 2))
    assert lens_of(replace(info, d=np.zeros(14))).is_straight
    padded = np.r_[d, np.zeros(9)]
    rational = lens_of(replace(info, distortion_model='rational_polynomial', d=padded))
    assert len(rational.coefficients) == 8
    assert len(lens_of(replace(info, distortion_model='equidistant', d=d[:4])).coefficients) == 4
    with pytest.raises(ConfigError, match='coefficients'):
        lens_of(replace(info, distortion_model='rational_polynomial', d=np.ones(14)))


def test_frame_bev_and_base_link_undo_each_other() -> None:
    matrix = base_from_bev(-1.84)
    np.testing.assert_allclose(matrix @ [3, 10, -1.84, 1], [10, -3, 0, 1], atol=1e-12)


def test_two_nodes_share_one_network() -> None:
    first, second = (BevFormerPlugin(BevFormerPlugin.tiny()) for _ in range(2))
    for plugin in (first, second):
        plugin.load('cpu')
    assert first._loaded()[0] is second._loaded()[0]
    assert first._loaded()[1] is not second._loaded()[1]
    for plugin in (first, second):
        plugin.close()
