"""Detectors of mmdetection3d through the plugin: run `make test-mmdet3d`, which builds the extra.

Public checkpoints cannot be had in tests. The networks here are those of the public configs, made
small; their weights are random, saved as checkpoints are, and loaded the way a public one is. That
the boxes are those that mmdetection3d finds is tested against its own loaders, on the real frame.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mm_perception import registry
from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.bag.transforms import read_transforms
from mm_perception.graph import parse_stack
from mm_perception.plugin import Context
from mm_perception.plugins.mmdet3d import Mmdet3dConfig
from mm_perception.plugins.mmdet3d.boxes import to_boxes3d
from mm_perception.plugins.mmdet3d.detector import Detector, load_detector
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Boxes3D, CameraInfo, Image, PointCloud
from test.parity import nuscenes_frame
from test.plugins import mmdet3d_configs
from test.plugins.mmdet3d_checkpoints import CONFIGS, NEEDS_EXTRA, checkpoint, trained, varied
from test.plugins.samples import inputs_for
from test.replay.masker_stack import records_of

pytestmark = NEEDS_EXTRA
needs_frame = pytest.mark.skipif(
    not nuscenes_frame.FRAME.is_dir(), reason=f'shared data is absent: {nuscenes_frame.FRAME}'
)
LIDAR_TOPIC = '/lidar/points'


@pytest.fixture(scope='module')
def cloud() -> PointCloud:
    (record,) = records_of(nuscenes_frame.FRAME, LIDAR_TOPIC)
    message = deserialize(record.data, record.type_name)
    sample = convert.from_msg(message, PointCloud, record.log_time_ns)
    assert isinstance(sample, PointCloud)
    return sample


def boxes_of(bag: Path) -> Boxes3D:
    (record,) = records_of(bag, '/mmdet3d/output/boxes')
    boxes = convert.from_msg(
        deserialize(record.data, record.type_name), Boxes3D, record.log_time_ns
    )
    assert isinstance(boxes, Boxes3D)
    return boxes


@needs_frame
@pytest.mark.parametrize('name', CONFIGS)
def test_runs_on_the_real_frame(name: str, tmp_path: Path, cloud: PointCloud) -> None:
    """From the bag through TF to Detection3DArray, in the vehicle's frame."""
    config, weights = trained(name, tmp_path)
    node = {
        'inputs': {
            'cloud': LIDAR_TOPIC,
            'pictures': {'front': '/camera/front/image_raw/compressed'},
            'camera_info': {'front': '/camera/front/camera_info'},
        },
        'parameters': {
            'config': config, 'weights': weights, 'min_score': 0.0, 'frame': 'base_link',
            'fixed_frame': 'map', 'classes': ['car', 'pedestrian', 'bicycle'],
        },
    }  # fmt: skip
    stack = parse_stack('detect', {'nodes': {'mmdet3d': node}})
    report = OfflineRun(stack, nuscenes_frame.FRAME, tmp_path / 'out').run()
    assert report.problem == ''
    assert not report.nodes['mmdet3d'].stats.failures
    boxes = boxes_of(tmp_path / 'out')
    assert (boxes.stamp_ns, boxes.frame_id) == (cloud.stamp_ns, 'base_link')
    assert len(boxes) > 0
    assert set(boxes.labels) <= {'car', 'pedestrian', 'bicycle'}
    up = Rotation.from_quat(boxes.quats_xyzw).as_matrix()[:, 2, 2]
    assert (up > 0.99).all(), 'boxes stand upright, but for the tilt of the LiDAR'
    assert np.abs(boxes.centres[:, :2]).max() < 90


@needs_frame
@pytest.mark.parametrize(
    'config',
    [
        'pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d',
        'centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_nus-3d',
    ],
)
def test_public_configs_run_at_full_size(config: str, cloud: PointCloud, tmp_path: Path) -> None:
    """With a checkpoint in the layout of mmdetection3d 1.0, in which public ones are."""
    ten = load_detector(config, 'random', 'cpu')
    names = tuple(reversed(ten.classes))
    weights = checkpoint(
        varied(ten, 1e-3), tmp_path / 'old.pth', meta={'CLASSES': names, 'epoch': 20}
    )
    settings = Mmdet3dConfig(config=config, weights=weights, min_score=0.0)
    plugin = registry.load('mmdet3d')(settings)
    plugin.load('cpu')
    assert plugin._detector.classes == names
    boxes = plugin.infer(inputs_for(type(plugin), cloud.stamp_ns, samples={'cloud': cloud}))[
        'boxes'
    ]
    plugin.close()
    assert len(boxes) > 0
    assert set(boxes.labels) <= set(names)
    assert boxes.velocities is not None


def past(cloud: PointCloud, after_s: float, shift_m: float) -> PointCloud:
    """The scan as it would have been earlier, from farther back, had nothing moved."""
    points = cloud.points.copy()
    points['x'] -= shift_m
    stamp_ns = cloud.stamp_ns - round(after_s * 1e9)
    return PointCloud(stamp_ns=stamp_ns, frame_id=cloud.frame_id, points=points)


def raw(cloud: PointCloud) -> np.ndarray:
    """As nuScenes stores a scan."""
    names = ('x', 'y', 'z', 'intensity', 'ring')
    flat = cloud.points.reshape(-1)
    return np.stack([flat[name].astype(np.float32) for name in names], axis=1)


def theirs(config: str, detector: Detector, cloud: PointCloud, turns, folder: Path, **more):
    """What mmdetection3d finds by itself: its own loaders read scans and pictures from files."""
    from mmdet3d.structures import get_box_type
    from mmengine.config import Config
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import DefaultScope

    raw(cloud).tofile(folder / 'now.bin')
    sweeps = []
    for number, (scan, now_from_then) in enumerate(turns):
        raw(scan).tofile(folder / f'{number}.bin')
        # points @ rotation - translation, see LoadPointsFromMultiSweeps.
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = now_from_then[:3, :3].T, -now_from_then[:3, 3]
        lidar = {'lidar_path': str(folder / f'{number}.bin'), 'lidar2sensor': matrix.tolist()}
        sweeps.append({'timestamp': scan.stamp_ns * 1e-9, 'lidar_points': lidar})
    box_type, box_mode = get_box_type('LiDAR')
    entries = {
        'lidar_points': {'lidar_path': str(folder / 'now.bin')},
        'timestamp': cloud.stamp_ns * 1e-9,
        'box_type_3d': box_type,
        'box_mode_3d': box_mode,
        **({'lidar_sweeps': sweeps} if sweeps else {}),
        **more,
    }
    with DefaultScope.overwrite_default_scope('mmdet3d'), torch.no_grad():
        pipeline = Compose(Config.fromfile(config).test_dataloader.dataset.pipeline)
        packed = pipeline(entries)
        found = detector.model.test_step(pseudo_collate([packed]))[0].pred_instances_3d
    return packed['inputs']['points'].numpy(), found


@needs_frame
@pytest.mark.parametrize('has_past', [False, True], ids=['alone', 'past'])
@pytest.mark.parametrize('name', ['point_pillars', 'center_point'])
def test_equals_mmdetection3d_with_its_own_loaders(
    name: str, has_past: bool, cloud: PointCloud, tmp_path: Path
) -> None:
    config = mmdet3d_configs.write(CONFIGS[name](), tmp_path / 'config.py')
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler('z', 2.0, degrees=True).as_matrix()
    turned[:3, 3] = 0.5, 0.02, 0.0
    scans = [past(cloud, 0.05, 0.5), past(cloud, 0.1, 1.0)] if has_past else []
    poses = {cloud.stamp_ns: np.eye(4)}  # fixed from LiDAR
    poses |= {s.stamp_ns: np.linalg.matrix_power(turned, i + 1) for i, s in enumerate(scans)}

    def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
        names = {cloud.frame_id: poses[stamp_ns], 'odom': np.eye(4)}
        return np.linalg.inv(names[target]) @ names[source]

    settings = Mmdet3dConfig(config=config, weights='random', min_score=0.0)
    plugin = registry.load('mmdet3d')(settings, Context(lookup_transform=lookup))
    plugin.load('cpu')
    for scan in [*reversed(scans), cloud]:
        inputs = inputs_for(type(plugin), scan.stamp_ns, samples={'cloud': scan})
        boxes = plugin.infer(inputs)['boxes']
    turns = [(scan, poses[scan.stamp_ns]) for scan in scans]
    detector = plugin._detector
    points, found = theirs(config, detector, cloud, turns, tmp_path)
    plugin.close()
    assert len(points) > 1000
    assert_equal(boxes, found, detector.classes)


def assert_equal(boxes: Boxes3D, found, classes: tuple[str, ...]) -> None:
    header = {'stamp_ns': boxes.stamp_ns, 'frame_id': boxes.frame_id}
    expected = to_boxes3d(found, classes, 0.0, **header)
    assert len(boxes) == len(expected) > 0
    assert boxes.labels == expected.labels
    np.testing.assert_allclose(boxes.scores, expected.scores, atol=1e-4)
    np.testing.assert_allclose(boxes.centres, expected.centres, atol=2e-3)
    np.testing.assert_allclose(boxes.velocities, expected.velocities, atol=2e-3)


@needs_frame
def test_fusion_equals_mmdetection3d_with_its_own_loaders(cloud, tmp_path: Path) -> None:
    """The projection comes once through our TF, once from a reader that shares no code with it."""
    config = mmdet3d_configs.write(mmdet3d_configs.point_fusion(), tmp_path / 'config.py')
    samples = {}
    for port, kind, topic in (
        ('pictures', Image, '/camera/front/image_raw/compressed'),
        ('camera_info', CameraInfo, '/camera/front/camera_info'),
    ):
        (record,) = records_of(nuscenes_frame.FRAME, topic)
        message = deserialize(record.data, record.type_name)
        samples[port] = {'front': convert.from_msg(message, kind, record.log_time_ns)}
    with BagReader(nuscenes_frame.FRAME) as reader:
        context = Context(lookup_transform=read_transforms(reader).lookup)
    settings = Mmdet3dConfig(config=config, weights='random', min_score=0.0, fixed_frame='map')
    plugin = registry.load('mmdet3d')(settings, context)
    plugin.load('cpu')
    samples['cloud'] = cloud
    boxes = plugin.infer(inputs_for(type(plugin), cloud.stamp_ns, samples=samples))['boxes']
    rgb = samples['pictures']['front'].rgb()
    cv2.imwrite(str(tmp_path / 'front.png'), rgb[..., ::-1])
    picture = {
        'img_path': str(tmp_path / 'front.png'),
        'lidar2img': nuscenes_frame.read_frame().image_from_lidar[0],
    }
    detector = plugin._detector
    _, found = theirs(config, detector, cloud, [], tmp_path, **picture)
    assert_equal(boxes, found, detector.classes)
    samples['pictures'] = {'front': replace(samples['pictures']['front'], data=255 - rgb)}
    other = plugin.infer(inputs_for(type(plugin), cloud.stamp_ns, samples=samples))['boxes']
    plugin.close()
    assert len(other) != len(boxes) or not np.allclose(other.centres, boxes.centres, atol=0.01)


@needs_frame
def test_annotated_boxes_hold_the_points_that_mmdetection3d_counts(cloud: PointCloud) -> None:
    """Centre, size and heading have the meaning that theirs have: same points inside."""
    from mmcv.ops import points_in_boxes_cpu
    from mmdet3d.structures import LiDARInstance3DBoxes

    truth = [box for box in nuscenes_frame.truth() if box['num_lidar_pts'] > 5]
    rows = np.array([[*box['box_xyzlwh_yaw'], 0, 0] for box in truth], np.float32)
    boxes = LiDARInstance3DBoxes(torch.from_numpy(rows), box_dim=9, origin=(0.5, 0.5, 0.5))
    points = cloud.xyz()
    bottoms = boxes.tensor[None, :, :7]
    counted = points_in_boxes_cpu(torch.from_numpy(points)[None], bottoms)[0].numpy().sum(axis=0)
    found = Instances(boxes, torch.ones(len(rows)), torch.zeros(len(rows), dtype=torch.int64))
    ours = to_boxes3d(found, ('thing',), 0.5, stamp_ns=0, frame_id='lidar')
    np.testing.assert_allclose(ours.centres, rows[:, :3], atol=1e-4)
    turns = Rotation.from_quat(ours.quats_xyzw)
    inside = []
    for centre, size, turn in zip(ours.centres, ours.sizes, turns, strict=True):
        local = turn.inv().apply(points - centre)
        inside.append(int((np.abs(local) <= size / 2).all(axis=1).sum()))
    assert counted.min() > 0
    assert np.abs(np.array(inside) - counted).max() <= 1  # a point on a face


class Instances:
    """What mmdetection3d calls InstanceData."""

    def __init__(self, bboxes_3d, scores_3d, labels_3d) -> None:
        self.bboxes_3d, self.scores_3d, self.labels_3d = bboxes_3d, scores_3d, labels_3d


def test_hand_made_boxes_follow_rep_103() -> None:
    """The corner that is left, in front and on top of a box is where REP 103 has it."""
    from mmdet3d.structures import LiDARInstance3DBoxes

    tensor = torch.tensor([[10, 2, -1, 4, 2, 1.5, 0.3, 1, 2], [0, 0, 0, 1, 2, 3, -2.5, 0, 0]])
    boxes = LiDARInstance3DBoxes(tensor, box_dim=9)
    found = Instances(boxes, torch.tensor([0.9, 0.8]), torch.tensor([0, 1]))
    ours = to_boxes3d(found, ('car', 'bus'), 0.1, stamp_ns=0, frame_id='lidar')
    for index in range(2):
        turn = Rotation.from_quat(ours.quats_xyzw[index])
        corner = ours.centres[index] + turn.apply(ours.sizes[index] / 2)
        away = np.linalg.norm(boxes.corners[index].numpy() - corner, axis=1)
        assert away.argmin() == 6, 'x1, y1, z1 in the order of mmdetection3d'
        assert away.min() < 1e-5
    np.testing.assert_allclose(ours.velocities, [[1, 2, 0], [0, 0, 0]])


def test_nothing_within_range_is_an_empty_answer() -> None:
    plugin = registry.load('mmdet3d')(registry.load('mmdet3d').tiny())
    plugin.load('cpu')
    points = np.zeros(3, [(axis, np.float32) for axis in 'xyz'])
    points['x'] = 500.0
    far = PointCloud(stamp_ns=1, frame_id='camera', points=points)
    boxes = plugin.infer(inputs_for(type(plugin), 1, samples={'cloud': far}))['boxes']
    assert len(boxes) == 0
    plugin.close()
