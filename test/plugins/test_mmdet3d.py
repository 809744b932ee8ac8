"""What the mmdet3d plugin does around the detector: columns, past scans, boxes, pictures.

Detectors themselves are in test_mmdet3d_detectors.py, which needs the extra.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mm_perception.errors import (
    ConfigError,
    MissingDependencyError,
    MissingInputError,
    ShapeError,
    TransformUnavailableError,
)
from mm_perception.plugin import Context
from mm_perception.plugins.mmdet3d import PLUGIN as MMDET3D
from mm_perception.plugins.mmdet3d import Mmdet3dConfig, tiny_config
from mm_perception.plugins.mmdet3d.boxes import to_boxes3d
from mm_perception.plugins.mmdet3d.loading import Loading, PastScans, Scanner, read_loading
from mm_perception.plugins.mmdet3d.pictures import make_view, picture_entries
from mm_perception.samples import CameraInfo, Image, PointCloud
from test.plugins.samples import SECOND_NS, inputs_for

FIELDS = ('x', 'y', 'z', 'intensity', 'ring')
LIDAR = {'type': 'LoadPointsFromFile', 'coord_type': 'LIDAR', 'load_dim': 5, 'use_dim': 5}
SWEEPS = {'type': 'LoadPointsFromMultiSweeps', 'sweeps_num': 10, 'use_dim': [0, 1, 2, 3, 4]}


def scan(rows, stamp_ns: int = SECOND_NS, fields=FIELDS) -> PointCloud:
    points = np.zeros(len(rows), [(name, np.float32) for name in fields])
    for column, name in enumerate(fields):
        points[name] = [row[column] for row in rows]
    return PointCloud(stamp_ns=stamp_ns, frame_id='lidar', points=points)


def moving(speed: float):
    """TF of a vehicle that drives along x of odom; the LiDAR sits 1.5 m above its origin."""

    def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
        odom_from = {'odom': np.eye(4), 'lidar': np.eye(4)}
        odom_from['lidar'][:3, 3] = speed * stamp_ns * 1e-9, 0, 1.5
        odom_from['turned'] = odom_from['lidar'].copy()  # x right, y ahead, as nuScenes has it
        odom_from['turned'][:3, :3] = [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
        odom_from['camera'] = odom_from['lidar'].copy()
        odom_from['camera'][:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        return np.linalg.inv(odom_from[target]) @ odom_from[source]

    return lookup


def no_lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
    raise TransformUnavailableError(target, source, stamp_ns, 'a test')


def scanner(lookup=no_lookup, **changes) -> Scanner:
    values = {'fields': FIELDS, 'intensity_scale': 1.0, 'fixed_frame': 'odom', 'lookup': lookup}
    return Scanner(**{**values, **changes})


def test_loading_is_read_from_the_test_pipeline() -> None:
    pipeline = tiny_config.test_dataloader['dataset']['pipeline']
    loading = read_loading(pipeline)
    assert loading == Loading(
        columns=(0, 1, 2, 3, 4), width=5, sweeps=2, sweep_columns=(0, 1, 2, 4)
    )
    assert loading.needed == (0, 1, 2), 'intensity is thrown away and the age is computed'
    kitti = read_loading([{**LIDAR, 'load_dim': 4, 'use_dim': 4}, {'type': 'LoadImageFromFile'}])
    assert (kitti.needed, kitti.sweeps, kitti.pictures) == ((0, 1, 2, 3), 0, 'one')
    waymo = read_loading([{**LIDAR, 'load_dim': 6, 'norm_intensity': True}])
    assert waymo.squashed == (3,)
    fusion = {'type': 'BEVLoadMultiViewImageFromFiles', 'to_float32': True}
    bevfusion = read_loading([fusion, LIDAR, SWEEPS])
    assert (bevfusion.pictures, bevfusion.is_rgb, bevfusion.is_float) == ('many', True, True)


@pytest.mark.parametrize(
    'step',
    [
        {'type': 'LoadImageFromFile'},
        {**LIDAR, 'coord_type': 'DEPTH'},
        {**LIDAR, 'shift_height': True},
    ],
)
def test_detectors_of_other_sensors_are_refused(step) -> None:
    with pytest.raises(ConfigError, match=r'LIDAR|indoor'):
        read_loading([step])


def test_past_scans_without_a_time_column_are_refused() -> None:
    with pytest.raises(ConfigError, match='for time'):
        read_loading([{**LIDAR, 'use_dim': 4}, SWEEPS])


def test_columns_come_in_order_and_in_the_unit_of_training() -> None:
    loading = read_loading([{**LIDAR, 'use_dim': 4}])
    rows = [(1, 2, 3, 255, 7), (np.nan, 0, 0, 0, 0)]
    points = scanner(intensity_scale=1 / 255).points(scan(rows), [], loading, 'lidar')
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, [[1, 2, 3, 1]])
    squashed = read_loading([{**LIDAR, 'norm_intensity': True}])
    points = scanner().points(scan([(1, 2, 3, 0.5, 7)]), [], squashed, 'lidar')
    np.testing.assert_allclose(points, [[1, 2, 3, np.tanh(0.5), 7]])


def test_a_field_that_is_missing_is_named() -> None:
    loading = read_loading([{**LIDAR, 'use_dim': 4}])
    cloud = scan([(1, 2, 3)], fields=('x', 'y', 'z'))
    with pytest.raises(ShapeError, match='intensity'):
        scanner().points(cloud, [], loading, 'lidar')
    other = scan([(1, 2, 3, 9)], fields=('x', 'y', 'z', 'reflectivity'))
    renamed = scanner(fields=('x', 'y', 'z', 'reflectivity'))
    np.testing.assert_allclose(renamed.points(other, [], loading, 'lidar'), [[1, 2, 3, 9]])


def test_past_scans_lie_on_the_newest_with_their_age() -> None:
    """A post that stands at x = 30 in odom, seen three times from a vehicle at 10 m/s."""
    loading = read_loading([LIDAR, SWEEPS])
    stamps = [SECOND_NS + round(after * 1e9) for after in (0.0, 0.05, 0.1)]
    scans = [scan([(30 - 10 * s * 1e-9, 0, -1, 50, 3)], s) for s in stamps]
    points = scanner(moving(10.0)).points(scans[2], [scans[1], scans[0]], loading, 'lidar')
    np.testing.assert_allclose(points[:, :4], [[19, 0, -1, 50]] * 3, atol=1e-5)
    np.testing.assert_allclose(points[:, 4], [0, 0.05, 0.1], atol=1e-6)


def test_own_body_is_left_out_of_past_scans_and_padding_only() -> None:
    near_and_far = [(0.5, 0.5, 0, 1, 0), (0.5, 5, 0, 1, 0)]
    loading = read_loading([LIDAR, {**SWEEPS, 'remove_close': True, 'pad_empty_sweeps': True}])
    padded = scanner().points(scan(near_and_far), [], loading, 'lidar')
    assert len(padded) == 2 + 10
    assert not padded[:, 4].any(), 'repeated scans are of age 0, as in mmdetection3d'
    past = scan(near_and_far, SECOND_NS - 50_000_000)
    assert len(scanner(moving(0.0)).points(scan(near_and_far), [past], loading, 'lidar')) == 3


def test_points_turn_into_the_axes_of_training() -> None:
    """What is ahead of the vehicle (x) is along y of nuScenes' LiDAR."""
    loading = read_loading([{**LIDAR, 'use_dim': 4}])
    points = scanner(moving(10.0)).points(scan([(8, 0, 0, 1, 0)]), [], loading, 'turned')
    np.testing.assert_allclose(points[0, :3], [0, 8, 0], atol=1e-5)


def test_past_scans_are_of_one_lidar_and_not_too_old() -> None:
    past = PastScans(2, memory_s=0.5)
    clouds = [scan([], round(at * 1e9)) for at in (1.0, 1.2, 1.4, 1.6, 2.0, 1.7)]
    assert past.before('a', clouds[0]) == []
    assert past.before('b', clouds[1]) == []
    assert past.before('a', clouds[2]) == [clouds[0]]
    assert past.before('a', clouds[3]) == [clouds[2]], 'the first is older than 0.5 s'
    assert past.before('a', clouds[4]) == [clouds[3]]
    assert past.before('a', clouds[5]) == [clouds[3]], 'what is newer is no past scan'
    past.forget('a')
    assert past.before('a', clouds[4]) == []
    assert PastScans(0, 1.0).before('a', clouds[0]) == []


def found(rows, scores, labels) -> SimpleNamespace:
    """As mmdetection3d answers; the real class is tested with the extra."""
    tensor = torch.tensor(rows, dtype=torch.float32)
    boxes = SimpleNamespace(tensor=tensor, box_dim=tensor.shape[1])
    return SimpleNamespace(
        bboxes_3d=boxes, scores_3d=torch.tensor(scores), labels_3d=torch.tensor(labels)
    )


def test_convention_of_boxes() -> None:
    """The example of the docstring of to_boxes3d."""
    rows = [[10, 2, -1, 4, 2, 1.5, np.pi / 2, 0.5, 3.0], [0, 0, 0, 1, 1, 1, 0, 0, 0]]
    boxes = to_boxes3d(
        found(rows, [0.9, 0.2], [1, 0]), ('car', 'bus'), 0.3, stamp_ns=5, frame_id='lidar'
    )
    assert (boxes.stamp_ns, boxes.frame_id, boxes.labels) == (5, 'lidar', ('bus',))
    np.testing.assert_allclose(boxes.centres, [[10, 2, -0.25]])
    np.testing.assert_allclose(boxes.sizes, [[4, 2, 1.5]])
    np.testing.assert_allclose(boxes.yaws(), [np.pi / 2], atol=1e-6)
    np.testing.assert_allclose(boxes.velocities, [[0.5, 3, 0]])
    without = to_boxes3d(
        found([rows[0][:7]], [0.9], [0]), ('car',), 0.3, stamp_ns=5, frame_id='lidar'
    )
    assert without.velocities is None
    with pytest.raises(ConfigError, match='label 1'):
        to_boxes3d(found(rows, [0.9, 0.2], [1, 0]), ('car',), 0.3, stamp_ns=5, frame_id='lidar')


def calibration(d=(), width: int = 64) -> CameraInfo:
    k = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=SECOND_NS, frame_id='camera', width=width, height=48, d=np.array(d, np.float64),
        k=k, r=np.eye(3), p=np.hstack([k, np.zeros((3, 1))]),
        distortion_model='plumb_bob' if len(d) else '',
    )  # fmt: skip


def red(width: int = 64) -> Image:
    data = np.zeros((48, width, 3), np.uint8)
    data[..., 0] = 200
    return Image(stamp_ns=SECOND_NS, frame_id='camera', data=data)


def test_pictures_come_as_the_loaders_give_them() -> None:
    camera_from_points = moving(0.0)('camera', 'lidar', 0)
    view = make_view(red(), calibration(), camera_from_points)
    one = picture_entries([view], Loading((0, 1, 2), 3, pictures='one'))
    assert one['img'].shape == (48, 64, 3)
    assert tuple(one['img'][0, 0]) == (0, 0, 200), 'BGR'
    u, v, depth, _ = one['lidar2img'] @ [6, 1, 0.5, 1]  # 6 m ahead, 1 m left, 0.5 m up
    np.testing.assert_allclose([u / depth, v / depth, depth], [32 - 10, 24 - 5, 6], rtol=1e-6)
    narrow = make_view(red(40), calibration(width=40), camera_from_points)
    many = picture_entries([view, narrow], Loading((0,), 3, pictures='many', is_rgb=True))
    assert [picture.shape for picture in many['img']] == [(48, 64, 3)] * 2
    assert tuple(many['img'][1][0, 39]) == (200, 0, 0)
    assert not many['img'][1][:, 40:].any()
    np.testing.assert_allclose(many['cam2lidar'] @ many['lidar2cam'], [np.eye(4)] * 2, atol=1e-6)


def test_distortion_is_taken_out_of_pictures() -> None:
    data = np.zeros((48, 64, 3), np.uint8)
    data[:, 60:] = 255
    image = Image(stamp_ns=SECOND_NS, frame_id='camera', data=data)
    straight = make_view(image, calibration(d=(-0.3, 0, 0, 0, 0)), np.eye(4)).rgb
    assert straight[24, 62, 0] < 255, 'a barrel bends inwards: the edge moves out'
    lens = replace(calibration(), distortion_model='equidistant')
    assert make_view(image, lens, np.eye(4)).rgb.shape == (48, 64, 3), 'drivers may send no d'
    with pytest.raises(ShapeError, match='64x48'):
        make_view(red(40), calibration(), np.eye(4))


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'mmdet3d', None)
    plugin = MMDET3D(MMDET3D.tiny())
    with pytest.raises(MissingDependencyError, match=r'tools/bootstrap --extra mmdet3d'):
        plugin.load('cpu')
    assert plugin.model_info() == {}


class FakeDetector:
    """Says that a bus is where the first point is, and keeps what it was given."""

    classes = ('car', 'bus')
    sha256 = 'none'

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self.calls: list[tuple[np.ndarray, list]] = []

    def find(self, points, views):
        self.calls.append((points, views))
        return found([[*points[0, :3], 9, 3, 2, 0, 5, 0]], [0.8], [1])


def plugin_with(loading: Loading, **config):
    """The plugin as it is after `load`, with a detector of ours and TF of a moving vehicle."""
    plugin = MMDET3D(Mmdet3dConfig(**config), Context(lookup_transform=moving(10.0)))
    detector = FakeDetector(loading)
    plugin._shared = SimpleNamespace(model=detector, release=lambda: None)
    plugin._past = PastScans(loading.sweeps, 0.55)
    return plugin, detector


def run(plugin, cloud: PointCloud, **samples):
    inputs = inputs_for(MMDET3D, cloud.stamp_ns, samples={'cloud': cloud, **samples})
    return plugin.infer(inputs)['boxes']


def test_boxes_go_to_the_frame_that_was_asked_for() -> None:
    loading = read_loading([{**LIDAR, 'use_dim': 4}])
    cloud = scan([(8, 1, 0, 1, 0)])
    plugin, _ = plugin_with(loading)
    boxes = run(plugin, cloud)
    assert boxes.frame_id == 'lidar'
    np.testing.assert_allclose(boxes.centres, [[8, 1, 1]])
    plugin, detector = plugin_with(loading, detector_frame='turned', frame='odom')
    boxes = run(plugin, cloud)
    np.testing.assert_allclose(detector.calls[0][0][0, :3], [-1, 8, 0], atol=1e-5)
    assert boxes.frame_id == 'odom'
    np.testing.assert_allclose(boxes.centres, [[18, 1, 2.5]], atol=1e-5)
    np.testing.assert_allclose(boxes.yaws(), [-np.pi / 2], atol=1e-6)
    np.testing.assert_allclose(boxes.velocities, [[0, -5, 0]], atol=1e-6)


def test_past_scans_are_given_and_forgotten() -> None:
    plugin, detector = plugin_with(read_loading([LIDAR, SWEEPS]))
    for step in range(3):
        run(plugin, scan([(8, 1, 0, 1, 0)], SECOND_NS + step * 50_000_000))
    assert [len(points) for points, _ in detector.calls] == [1, 2, 3]
    plugin.rewind('')
    run(plugin, scan([(8, 1, 0, 1, 0)], SECOND_NS))
    assert len(detector.calls[-1][0]) == 1


def test_an_empty_scan_is_a_failure_and_no_empty_answer() -> None:
    plugin, _ = plugin_with(read_loading([LIDAR]))
    with pytest.raises(MissingInputError, match='no finite point'):
        run(plugin, scan([(np.nan, 0, 0, 0, 0)]))


def test_fusion_detectors_get_pictures_or_say_that_they_miss_them() -> None:
    loading = read_loading([{**LIDAR, 'use_dim': 4}, {'type': 'LoadImageFromFile'}])
    plugin, detector = plugin_with(loading)
    cloud = scan([(8, 1, 0, 1, 0)])
    front = {'pictures': {'front': red()}, 'camera_info': {'front': calibration()}}
    run(plugin, cloud, **front)
    ((_, views),) = detector.calls
    u, v, depth = views[0].matrix @ (views[0].camera_from_points @ [6, 1, 0.5, 1])[:3]
    np.testing.assert_allclose([u / depth, v / depth], [22, 19], rtol=1e-6)
    with pytest.raises(MissingInputError, match='calibration'):
        run(plugin, cloud, pictures={'front': red()}, camera_info={})
    two = {port: {**given, 'back': given['front']} for port, given in front.items()}
    with pytest.raises(ConfigError, match='one camera'):
        run(plugin, cloud, **two)


def test_detector_that_takes_no_pictures_is_given_none() -> None:
    plugin, detector = plugin_with(read_loading([LIDAR]))
    run(plugin, scan([(8, 1, 0, 1, 0)]), pictures={'front': red()}, camera_info={})
    assert detector.calls[0][1] == []
