"""A recorded drive: repeatable, whole, and consistent in time and space."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mm_perception.bag.reader import BagReader
from mm_perception.cli import main as mmp
from mm_perception.evaluation.scenes import read_masks
from mm_perception.ros.wire import deserialize
from mm_perception.world.damage import Damage
from mm_perception.world.drive import Drive, one_camera, ring_of_cameras
from mm_perception.world.drive_bag import START_NS, write_drive
from mm_perception.world.lidar import Lidar

TINY = Drive(seed=6, seconds=0.2, cameras=one_camera(64, 36), lidar=None)
SMALL_LIDAR = Lidar(channels=4, columns=96, sectors=8)
IMAGE = '/camera_front/image_raw'

Messages = dict[str, list[tuple[int, Any]]]


def read(folder: Path) -> Messages:
    """(log time, message) by topic; fails if the log is not in order."""
    found: Messages = defaultdict(list)
    last_ns = 0
    with BagReader(folder) as reader:
        for record in reader.records():
            assert record.log_time_ns >= last_ns
            last_ns = record.log_time_ns
            message = deserialize(record.data, record.type_name)
            found[record.topic].append((record.log_time_ns, message))
    return found


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def pose(at: Any, turn: Any) -> np.ndarray:
    """(4, 4) of a message's point and quaternion."""
    out = np.eye(4)
    out[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    out[:3, 3] = at.x, at.y, at.z
    return out


def of_transform(transform: Any) -> np.ndarray:
    return pose(transform.transform.translation, transform.transform.rotation)


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> tuple[Drive, Messages, Path]:
    """A drive with all sensors, and odometry that drifts fast."""
    drive = replace(
        TINY, seconds=0.3, cameras=ring_of_cameras(32, 18)[:2], lidar=SMALL_LIDAR,
        wheels=replace(TINY.wheels, scale_error=0.3, yaw_noise=0.2),
    )  # fmt: skip
    folder = write_drive(tmp_path_factory.mktemp('drive') / 'bag', drive)
    return drive, read(folder), folder


def test_any_number_of_workers_writes_the_same_bytes(tmp_path) -> None:
    done: list[int] = []
    drive = replace(TINY, lidar=SMALL_LIDAR)
    one = write_drive(tmp_path / '1' / 'bag', drive, progress=done.append)
    two = write_drive(tmp_path / '2' / 'bag', drive, workers=2)
    files = {path.name: path.read_bytes() for path in one.iterdir()}
    assert set(files) == {'bag.mcap', 'metadata.yaml', 'objects.json', 'truth.json'}
    assert files == {path.name: path.read_bytes() for path in two.iterdir()}
    assert done == [0, 1, 2]
    other = write_drive(tmp_path / '3' / 'bag', replace(drive, seed=7))
    assert files['bag.mcap'] != (other / 'bag.mcap').read_bytes()


def test_the_bag_has_the_declared_topics(whole) -> None:
    _, _, folder = whole
    with BagReader(folder) as reader:
        counts = {name: topic.count for name, topic in reader.topics.items()}
        latched = {name for name, topic in reader.topics.items() if topic.latched}
        types = {name: topic.type_name for name, topic in reader.topics.items()}
    expected = {
        '/lidar/points': 3, '/imu/data': 31, '/odom': 16, '/ground_truth/odom': 16, '/tf': 16,
        '/tf_static': 1, '/ground_truth/boxes': 3, '/ground_truth/bev': 1,
        '/ground_truth/bev/classes': 1,
    }  # fmt: skip
    for camera in ('camera_front', 'camera_front_left'):
        truth = f'/ground_truth/output/masks/{camera}'
        expected |= {f'/{camera}/{name}': 3 for name in ('camera_info', 'image_raw')}
        expected |= {truth: 3, f'{truth}/detections': 3, f'{truth}/label_info': 3}
        expected |= {f'{truth}/annotations': 3}
    assert counts == expected
    assert {'/tf_static'} <= latched
    assert types['/imu/data'] == 'sensor_msgs/msg/Imu'
    assert types['/odom'] == types['/ground_truth/odom'] == 'nav_msgs/msg/Odometry'


def test_odometry_drifts_and_map_to_odom_corrects_it(whole) -> None:
    drive, messages, _ = whole
    both = zip(messages['/odom'], messages['/ground_truth/odom'], messages['/tf'], strict=True)
    for (log_ns, odom), (_, truth), (_, tf) in both:
        assert log_ns == stamp_ns(odom) == stamp_ns(truth) == stamp_ns(tf.transforms[0])
        map_from_odom, odom_from_base = tf.transforms
        assert (map_from_odom.header.frame_id, map_from_odom.child_frame_id) == ('map', 'odom')
        assert (odom_from_base.header.frame_id, odom_from_base.child_frame_id) == (
            'odom', 'base_link',
        )  # fmt: skip
        assert (odom.header.frame_id, truth.header.frame_id) == ('odom', 'map')
        said = pose(odom.pose.pose.position, odom.pose.pose.orientation)
        true = pose(truth.pose.pose.position, truth.pose.pose.orientation)
        np.testing.assert_allclose(of_transform(odom_from_base), said, atol=1e-12)
        np.testing.assert_allclose(of_transform(map_from_odom) @ said, true, atol=1e-9)
        at, turn = drive.ego((log_ns - START_NS) / 1e9)
        np.testing.assert_allclose(true[:3, 3], at, atol=1e-9)
        np.testing.assert_allclose(true[:3, :3], turn, atol=1e-9)
    assert np.abs(said[:3, 3] - true[:3, 3]).max() > 0.05
    variance = np.diag(odom.pose.covariance.reshape(6, 6))
    assert variance[0] > 1e-3
    assert (variance > 0).all()
    assert odom.twist.twist.linear.x == pytest.approx(5, abs=2)


def test_the_imu_feels_gravity_and_says_how_well(whole) -> None:
    _, messages, _ = whole
    force = np.array(
        [[getattr(m.linear_acceleration, a) for a in 'xyz'] for _, m in messages['/imu/data']]
    )
    assert force[:, 2].mean() == pytest.approx(9.80665, abs=0.05)
    for log_ns, message in messages['/imu/data']:
        assert stamp_ns(message) == log_ns
        assert message.header.frame_id == 'imu'
        for name in ('orientation', 'angular_velocity', 'linear_acceleration'):
            assert getattr(message, f'{name}_covariance')[0] > 0


def test_a_scan_is_stamped_at_the_start_and_logged_at_the_end_of_its_turn(whole) -> None:
    _, messages, _ = whole
    for index, (log_ns, message) in enumerate(messages['/lidar/points']):
        assert stamp_ns(message) == START_NS + index * 10**8
        assert log_ns == stamp_ns(message) + 10**8
        assert [field.name for field in message.fields] == [
            'x', 'y', 'z', 'intensity', 'ring', 'instance', 'time',
        ]  # fmt: skip
        assert message.width > 100


def test_the_truth_has_the_stamp_of_its_picture_and_names(whole) -> None:
    _, messages, folder = whole
    names = json.loads((folder / 'objects.json').read_text())
    truth = read_masks(folder, '/ground_truth/output/masks/camera_front')
    assert set(truth) == {stamp_ns(message) for _, message in messages[IMAGE]}
    for masks in truth.values():
        assert masks.ids
        assert all(
            names[str(i)] == label for i, label in zip(masks.ids, masks.labels, strict=True)
        )


def test_damage_is_written_and_the_same_every_time(whole, tmp_path) -> None:
    drive, clean, _ = whole
    damage = Damage(dropped=0.4, jitter_s=0.02, rain=1.0, miscalibration_rad=0.1)
    hurt = replace(drive, damage=damage)
    first, second = (write_drive(tmp_path / name / 'bag', hurt) for name in 'ab')
    assert (first / 'bag.mcap').read_bytes() == (second / 'bag.mcap').read_bytes()
    messages = read(first)
    pictures = messages[IMAGE] + messages['/camera_front_left/image_raw']
    assert 0 < len(pictures) < 6
    assert len(messages[IMAGE]) == len(messages['/camera_front/camera_info'])
    off_ns = [log_ns - stamp_ns(message) for log_ns, message in pictures]
    assert 0 < max(map(abs, off_ns)) <= 0.02e9
    points = [sum(m.width for _, m in found['/lidar/points']) for found in (messages, clean)]
    assert points[0] < 0.75 * points[1]
    mounts, true = (
        {t.child_frame_id: of_transform(t) for t in found['/tf_static'][0][1].transforms}
        for found in (messages, clean)
    )
    for frame_id in ('camera_front_optical', 'lidar'):
        off = mounts[frame_id][:3, :3] @ true[frame_id][:3, :3].T
        assert np.arccos((np.trace(off) - 1) / 2) == pytest.approx(0.1, rel=1e-4)
        np.testing.assert_array_equal(mounts[frame_id][:3, 3], true[frame_id][:3, 3])
    np.testing.assert_array_equal(mounts['imu'], true['imu'])


def test_a_blackout_hides_the_world_from_pictures_not_from_the_truth(tmp_path) -> None:
    hurt = replace(TINY, damage=Damage(blackout=(0.1, 0.2)))
    messages = read(write_drive(tmp_path / 'bag', hurt))
    before, dark = (np.array(message.data) for _, message in messages[IMAGE])
    assert before.mean() > 40
    assert dark.mean() < 10
    detections = messages['/ground_truth/output/masks/camera_front/detections']
    assert all(message.detections for _, message in detections)


def test_damage_leaves_the_rest_of_the_world_as_it_was(whole, tmp_path) -> None:
    drive, clean, _ = whole
    hurt = replace(drive, damage=Damage(dropped=0.4, miscalibration_rad=0.1), lidar=None)
    messages = read(write_drive(tmp_path / 'bag', hurt))
    pixels = {stamp_ns(message): bytes(message.data) for _, message in clean[IMAGE]}
    assert all(bytes(m.data) == pixels[stamp_ns(m)] for _, m in messages[IMAGE])
    assert [m for _, m in messages['/imu/data']] == [m for _, m in clean['/imu/data']]
    assert [m for _, m in messages['/odom']] == [m for _, m in clean['/odom']]


def test_the_command_writes_a_damaged_drive(tmp_path, capsys) -> None:
    out = tmp_path / 'bag'
    command = (
        f'world --out {out} --seconds 0.3 --width 64 --workers 1 --no-lidar --drop 0.1 '
        '--jitter 0.01 --blackout 0.1:0.2 --rain 0.5 --miscalibrate-deg 2'
    )
    assert mmp.main(command.split()) == 0
    assert '3 frames' in capsys.readouterr().out
    messages = read(out)
    assert any(np.array(m.data).mean() < 10 for _, m in messages[IMAGE])
    assert any(log_ns != stamp_ns(m) for log_ns, m in messages[IMAGE])


def test_the_command_refuses_what_cannot_be(tmp_path, capsys) -> None:
    assert mmp.main(f'world --out {tmp_path / "bag"} --rain 2'.split()) != 0
    assert 'rain is 2.0; expected a number from 0 to 1' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        mmp.main(f'world --out {tmp_path / "bag"} --blackout soon'.split())
