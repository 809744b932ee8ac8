from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mm_perception.errors import PromptError, ShapeError
from mm_perception.samples import (
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Detections,
    Embedding,
    EmbedTextReply,
    Image,
    Labels,
    Masks,
    MatchReply,
    Odometry,
    PointCloud,
    Prompt,
    PromptAction,
    Text,
)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


CAMERA = {'width': 4, 'height': 3, 'd': zeros(0, dtype=np.float64),
          'k': zeros(3, 3, dtype=np.float64), 'r': zeros(3, 3, dtype=np.float64),
          'p': zeros(3, 4, dtype=np.float64)}  # fmt: skip
ONE_BOX = {'centres': zeros(1, 3, dtype=np.float64), 'sizes': zeros(1, 3, dtype=np.float64),
           'quats_xyzw': np.array([[0.0, 0, 0, 1]]), 'scores': zeros(1),
           'labels': ('car',)}  # fmt: skip
GRID = {'layers': ('occupied',), 'cells': zeros(1, 2, 3, dtype=np.int8), 'resolution_m': 0.5}
MOTION = {'child_frame_id': 'base_link', 'quat_xyzw': np.array([0.0, 0, 0, 1]),
          **{name: zeros(3, dtype=np.float64) for name in ('position', 'linear', 'angular')},
          'pose_covariance': np.eye(6), 'twist_covariance': np.eye(6)}  # fmt: skip
LEGAL = [
    (Boxes3D, ONE_BOX, 'centres'),
    (Boxes3D, {**ONE_BOX, 'covariances': zeros(1, 6, 6, dtype=np.float64)}, 'covariances'),
    (BevGrid, GRID, 'cells'),
    (Odometry, MOTION, 'position'),
    (Image, {'data': zeros(2, 3, 3, dtype=np.uint8)}, 'data'),
    (Image, {'data': zeros(2, 3), 'encoding': '32FC1'}, 'data'),
    (CameraInfo, CAMERA, 'k'),
    (PointCloud, {'points': np.zeros(0, [('x', 'f4')])}, 'points'),
    (PointCloud, {'points': np.zeros((2, 3), [('x', 'f4')])}, 'points'),
    (AudioClip, {'data': zeros(0, 1), 'rate_hz': 8000}, 'data'),
    (Labels, {'names': ('a',), 'scores': zeros(1)}, 'scores'),
    (Embedding, {'vector': zeros(3), 'model': 'm'}, 'vector'),
    (Detections, {'xyxy': zeros(0, 4), 'scores': zeros(0), 'labels': ()}, 'xyxy'),
    (Masks, {'id_map': zeros(2, 2, dtype=np.uint16), 'ids': (), 'labels': (),
             'scores': zeros(0)}, 'id_map'),
    (Prompt, {'points': zeros(1, 2), 'point_labels': zeros(1, dtype=np.int8)}, 'points'),
    (MatchReply, {'scores': zeros(2), 'cosines': zeros(2)}, 'cosines'),
    (EmbedTextReply, {'vectors': zeros(2, 3), 'model': 'm'}, 'vectors'),
]  # fmt: skip


@pytest.mark.parametrize(('cls', 'values', 'name'), LEGAL)
def test_arrays_are_frozen_views_and_the_sample_is_frozen(cls, values, name) -> None:
    sample = cls(stamp_ns=5, frame_id='f', **values)
    array = getattr(sample, name)
    assert not array.flags.writeable
    assert values[name].flags.writeable, 'the array that was given stays as it was'
    assert array.base is values[name] or array.size == 0, 'no copy is made'
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.stamp_ns = 6


@pytest.mark.parametrize(
    ('cls', 'values', 'words'),
    [
        (Image, {'data': zeros(2, 3, dtype=np.uint8)}, r'expected \(H, W, 3\) uint8'),
        (Image, {'data': zeros(2, 3, 4, dtype=np.uint8)}, r'got \(2, 3, 4\) uint8'),
        (Image, {'data': zeros(2, 3, 3)}, 'got .* float32'),
        (Image, {'data': [[1]]}, 'got list'),
        (Image, {'data': zeros(0, 3, 3, dtype=np.uint8)}, 'at least one pixel'),
        (Image, {'data': zeros(2, 3, 3, dtype=np.uint8), 'encoding': 'bgr8'}, 'one of rgb8.*bgr8'),
        (Image, {'data': zeros(2, 2, dtype='>u2'), 'encoding': 'mono16'}, 'uint16'),
        (CameraInfo, {**CAMERA, 'k': zeros(9, dtype=np.float64)}, r'\(3, 3\) float64'),
        (CameraInfo, {**CAMERA, 'd': zeros(5)}, 'float64, got'),
        (PointCloud, {'points': zeros(5, 3)}, 'a structured array'),
        (PointCloud, {'points': np.zeros((1, 2, 3), [('x', 'f4')])}, 'a structured array'),
        (PointCloud, {'points': None}, 'a structured array'),
        (AudioClip, {'data': zeros(5), 'rate_hz': 8000}, r'\(T, C\)'),
        (AudioClip, {'data': zeros(5, 1), 'rate_hz': 0}, 'a positive rate'),
        (AudioClip, {'data': zeros(5, 0), 'rate_hz': 1}, 'at least one channel'),
        (Labels, {'names': ('a',), 'scores': zeros(2)}, 'expected 2 entries, got 1'),
        (Embedding, {'vector': zeros(1, 3), 'model': ''}, r'\(D\)'),
        (Detections, {'xyxy': zeros(1, 4), 'scores': zeros(2), 'labels': ('a',)}, 'scores'),
        (Detections, {'xyxy': zeros(1, 4), 'scores': zeros(1), 'labels': ()}, 'labels'),
        (
            Detections,
            {'xyxy': zeros(1, 4), 'scores': zeros(1), 'labels': ('a',), 'track_ids': ('1', '2')},
            'track_ids',
        ),
        (MatchReply, {'scores': zeros(1), 'cosines': zeros(2)}, 'cosines'),
        (Boxes3D, {**ONE_BOX, 'centres': zeros(1, 3)}, r'Boxes3D.centres: expected \(N, 3\) f'),
        (Boxes3D, {**ONE_BOX, 'labels': ()}, 'labels'),
        (Boxes3D, {**ONE_BOX, 'sizes': np.full((1, 3), -1.0)}, 'metres from 0 on'),
        (Boxes3D, {**ONE_BOX, 'quats_xyzw': np.ones((1, 4))}, 'unit quaternions'),
        (Boxes3D, {**ONE_BOX, 'centres': np.full((1, 3), np.nan)}, 'finite numbers'),
        (Boxes3D, {**ONE_BOX, 'velocities': np.zeros((2, 3))}, 'velocities'),
        (Boxes3D, {**ONE_BOX, 'covariances': -np.eye(6)[None]}, 'variances from 0 on'),
        (
            Boxes3D,
            {**ONE_BOX, 'velocity_covariances': np.arange(9.0).reshape(1, 3, 3)},
            'symmetric',
        ),
        (BevGrid, {**GRID, 'layers': ('roof',)}, 'some of occupied'),
        (BevGrid, {**GRID, 'layers': ()}, 'expected 1 entries'),
        (BevGrid, {**GRID, 'resolution_m': 0.0}, 'metres above 0'),
        (BevGrid, {**GRID, 'cells': np.full((1, 2, 3), 101, np.int8)}, '-1, or 0 to 100'),
        (BevGrid, {**GRID, 'origin': (0.0, 0.0, np.inf, 0.0)}, 'x, y, z and yaw'),
        (Odometry, {**MOTION, 'linear': np.full(3, np.nan)}, 'Odometry.linear: expected finite'),
        (Odometry, {**MOTION, 'quat_xyzw': np.zeros(4)}, 'unit quaternion'),
        (Odometry, {**MOTION, 'twist_covariance': -np.eye(6)}, 'a covariance matrix'),
    ],
)
def test_wrong_shapes_and_dtypes_are_named(cls, values, words) -> None:
    with pytest.raises(ShapeError, match=words):
        cls(stamp_ns=0, **values)


@pytest.mark.parametrize('ids', [(0,), (65536,), (-1,), (3, 3)])
def test_ids_of_masks(ids) -> None:
    with pytest.raises(ShapeError, match=r'1\.\.65535'):
        Masks(
            stamp_ns=0, id_map=zeros(2, 2, dtype=np.uint16), ids=ids, labels=('a',) * len(ids),
            scores=zeros(len(ids)),
        )  # fmt: skip


@pytest.mark.parametrize('stamp_ns', [1.5, '1', None, True])
def test_stamps_are_whole_nanoseconds(stamp_ns) -> None:
    with pytest.raises(ShapeError, match='stamp_ns'):
        Text(stamp_ns=stamp_ns, text='')
    assert type(Text(stamp_ns=np.int64(3), text='').stamp_ns) is int


def test_rgb_of_every_picture_with_colour() -> None:
    rgba = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(
        Image(stamp_ns=0, data=rgba, encoding='rgba8').rgb(), rgba[..., :3]
    )
    grey = Image(stamp_ns=0, data=rgba[..., 0], encoding='mono8').rgb()
    assert grey[1, 2].tolist() == [20, 20, 20]
    depth = Image(stamp_ns=0, data=zeros(2, 3), encoding='32FC1')
    with pytest.raises(ShapeError, match='32FC1'):
        depth.rgb()


def test_xyz_of_a_cloud() -> None:
    points = np.array([(1, 2.0, 9, 3.0)], [('z', 'i2'), ('y', 'f8'), ('ring', 'u1'), ('x', '>f4')])
    xyz = PointCloud(stamp_ns=0, points=points).xyz()
    assert xyz.dtype == np.dtype('=f4')
    assert xyz.tolist() == [[3.0, 2.0, 1.0]]
    with pytest.raises(ShapeError, match='x, y and z'):
        PointCloud(stamp_ns=0, points=points[['x', 'y']]).xyz()
    pairs = np.zeros(3, [('x', 'f4', (2,)), ('y', 'f4'), ('z', 'f4')])
    with pytest.raises(ShapeError, match=r"field 'x': expected one number.*2 of them"):
        PointCloud(stamp_ns=0, points=pairs).xyz()


PROMPT_WITH_BOX = {'box': np.array([0, 0, 2, 2], np.float32)}


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({}, 'asks for nothing'),
        ({'text': '  '}, 'asks for nothing'),
        ({'points': zeros(2, 2), 'point_labels': zeros(1, dtype=np.int8)}, 'differ in number'),
        ({'points': np.full((1, 2), np.nan, np.float32),
          'point_labels': zeros(1, dtype=np.int8)}, 'not finite'),
        ({'points': zeros(1, 2), 'point_labels': np.array([2], np.int8)}, 'neither 0 nor 1'),
        ({'box': zeros(4)}, 'no area'),
        ({'box': np.array([2, 0, 1, 2], np.float32)}, 'no area'),
        ({'box': np.array([0, 0, np.inf, 2], np.float32)}, 'no area'),
    ],
)  # fmt: skip
def test_prompts_that_cannot_be(values, words) -> None:
    with pytest.raises(PromptError, match=words):
        Prompt(stamp_ns=0, **values)


def test_prompts_that_need_no_content() -> None:
    assert not Prompt(action=PromptAction.CLEAR).is_geometric
    assert Prompt(**PROMPT_WITH_BOX).is_geometric
    assert not Prompt(text='cat').is_geometric
