"""`mmp rig`: the scan over the pictures, and what is said of calibrations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mm_perception.bag.reader import BagReader
from mm_perception.bag.rig import RigCamera, read_rig
from mm_perception.bag.writer import BagWriter
from mm_perception.cli import main
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.rig import check_rig
from mm_perception.errors import MalformedMessageError
from mm_perception.faults import Level
from mm_perception.world.damage import Damage
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive

REAL = Path(__file__).parents[3] / 'shared' / 'data' / 'real' / 'nuscenes_frame'


def drive(folder: Path, wrong_deg: float) -> Path:
    damage = Damage(miscalibration_rad=float(np.radians(wrong_deg)))
    made = Drive(7, 1.0, 4.0, cameras=one_camera(400, 225), damage=damage)
    return write_drive(folder / f'wrong{wrong_deg}', made)


@pytest.fixture(scope='module')
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    folder = tmp_path_factory.mktemp('rig')
    return {wrong: drive(folder, wrong) for wrong in (0.0, 2.0)}


@pytest.fixture(scope='module')
def camera(bags: dict[float, Path]) -> RigCamera:
    (found,) = read_rig(bags[0.0], num_moments=2)
    return found


def only(cameras: list[RigCamera]) -> Finding:
    (finding,) = check_rig(cameras)
    return finding


def test_a_right_rig_passes_and_is_drawn(
    bags: dict[float, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(['rig', str(bags[0.0]), '--out', str(tmp_path), '--json']) == 0
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding['cause'], finding['level']) == ('aligned', 'OK')
    drawn = cv2.imread(str(tmp_path / 'camera_front.png'))
    assert drawn.shape == (225, 400, 3)
    hues = cv2.cvtColor(drawn, cv2.COLOR_BGR2HSV)
    assert (hues[..., 1] > 250).mean() > 0.05, 'dots of full colour'


def test_a_turned_mount_is_told_with_the_angle(
    bags: dict[float, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(['rig', str(bags[2.0]), '--out', str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert 'mount_rotated' in out
    assert 'fix: calibrate the mounts' in out


def test_damaged_messages_are_left_out_and_told(
    bags: dict[float, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / 'bag'
    seen: dict[str, int] = {}
    with BagReader(bags[0.0]) as reader, BagWriter(broken) as writer:
        for name, topic in reader.topics.items():
            writer.add_topic(name, topic.type_name, latched=topic.latched)
        for record in reader.records():
            number = seen[record.topic] = seen.get(record.topic, 0) + 1
            is_hit = number == 2 and record.type_name.endswith(('TFMessage', 'Image'))
            data = record.data[:5] if is_hit else record.data
            writer.write(record.topic, record.log_time_ns, data)
    with pytest.raises(MalformedMessageError):
        read_rig(broken)
    assert main.main(['rig', str(broken), '--out', str(tmp_path / 'rig'), '--json']) == 1
    hole, aligned = json.loads(capsys.readouterr().out)
    assert (hole['cause'], hole['level']) == ('damaged_messages', 'WARN')
    assert 'damaged: 2;' in hole['evidence']
    assert aligned['cause'] == 'aligned'


def test_points_of_a_scan_are_moved_to_when_the_picture_was_taken(camera: RigCamera) -> None:
    moment = camera.moments[0]
    assert moment.points is not None
    assert len(moment.points) == len(moment.cloud)
    ahead = moment.points[np.isfinite(moment.points).all(1)]
    assert (ahead[:, 2] > 0).mean() == pytest.approx(0.5, abs=0.35)


def test_a_body_frame_in_place_of_an_optical_one_is_named(camera: RigCamera) -> None:
    from mm_perception.diagnosis.rig import _BODY_TO_OPTICAL

    moments = [
        replace(moment, points=moment.points @ _BODY_TO_OPTICAL)
        for moment in camera.moments
        if moment.points is not None
    ]
    ahead = [replace(m, points=m.points[m.points[:, 0] > 5]) for m in moments]
    finding = only([RigCamera(camera.topic, camera.info, ahead)])
    assert finding.cause == 'not_optical'
    assert 'REP-103' in finding.fix


@pytest.mark.parametrize(
    ('broken', 'cause'),
    [
        (lambda camera: RigCamera(camera.topic, None, camera.moments), 'no_camera_info'),
        (lambda camera: RigCamera(camera.topic, camera.info, []), 'no_moment'),
        (
            lambda camera: RigCamera(
                camera.topic, replace(camera.info, width=800, height=450), camera.moments
            ),
            'size_differs',
        ),
        (
            lambda camera: RigCamera(
                camera.topic, replace(camera.info, k=np.zeros((3, 3))), camera.moments
            ),
            'calibration_impossible',
        ),
        (
            lambda camera: RigCamera(
                camera.topic, camera.info,
                [replace(m, points=None, reason='no path') for m in camera.moments],
            ),
            'no_transform',
        ),
    ],
)  # fmt: skip
def test_what_is_missing_or_impossible_is_an_error(camera: RigCamera, broken, cause: str) -> None:
    finding = only([broken(camera)])
    assert (finding.level, finding.cause) == (Level.ERROR, cause)
    assert finding.fix


def test_a_bag_without_scans_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_drive(tmp_path / 'bag', Drive(7, 0.2, 5.0, one_camera(64, 36), lidar=None))
    assert main.main(['rig', str(bag), '--out', str(tmp_path / 'out')]) == 2
    assert 'has no PointCloud2 topic' in capsys.readouterr().err


@pytest.mark.skipif(not REAL.is_dir(), reason='real data is not beside the checkout')
def test_the_real_nuscenes_rig_is_right(tmp_path: Path) -> None:
    assert main.main(['rig', str(REAL), '--out', str(tmp_path)]) == 0
    assert len(list(tmp_path.glob('*.png'))) == 6


def test_pictures_of_another_rig_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'front.png').touch()
    assert main.main(['rig', str(tmp_path / 'no_bag'), '--out', str(tmp_path)]) == 2
    assert 'an empty or new folder; give another one' in capsys.readouterr().err
