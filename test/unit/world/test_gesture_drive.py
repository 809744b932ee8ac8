"""A drive with a gesture: a camera in a corner sees somebody point at a thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.cli import main as mmp
from mm_perception.evaluation.scenes import read_masks
from mm_perception.world.drive import Drive, gesture_camera
from mm_perception.world.gesture import GestureRoom
from mm_perception.world.scene import Array
from test.unit.world.test_drive_bag import Messages, read

SEED = 13
WIDTH = 320


@pytest.fixture(scope='module')
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Messages, Path]:
    folder = tmp_path_factory.mktemp('gesture') / 'bag'
    command = (
        f'world --out {folder} --place room --gesture --seed {SEED} --seconds 2.2 --rate 0.5 '
        f'--width {WIDTH} --workers 1'
    )
    assert mmp.main(command.split()) == 0
    return read(folder), folder


def drive() -> Drive:
    cameras = gesture_camera(SEED, WIDTH)
    return Drive(seed=SEED, place='room', has_gesture=True, cameras=cameras)


def pixel_of(place: Array, where: Drive) -> tuple[int, int]:
    (camera,) = where.cameras
    at, turn = where.ego(0.0)
    ((x, y),) = camera.project((((place - at) @ turn - camera.at) @ camera.turn)[None])
    return round(float(x)), round(float(y))


def test_the_mount_of_the_camera_is_that_of_the_room() -> None:
    """What is pointed at is in the picture where the geometry of the mount says."""
    made, gesture = drive(), GestureRoom(SEED).gesture
    column, row = pixel_of(gesture.spot, made)
    made.stage.set_time(0.0)
    camera, room = made.cameras[0], GestureRoom(SEED)
    at, turn = made.ego(0.0)
    np.testing.assert_allclose(at + turn @ camera.at, room.room_from_camera[:3, 3], atol=1e-9)
    np.testing.assert_allclose(turn @ camera.turn, room.room_from_camera[:3, :3], atol=1e-9)
    assert at[2] == 0
    assert (camera.width, camera.height) == (WIDTH, 180)
    assert 0 <= column < camera.width
    assert 0 <= row < camera.height


def test_the_bag_shows_the_person_and_what_is_meant(written: tuple[Messages, Path]) -> None:
    messages, folder = written
    masks: dict[int, Any] = read_masks(folder, '/ground_truth/output/masks/camera')
    gesture = GestureRoom(SEED).gesture
    column, row = pixel_of(gesture.spot, drive())
    for found in masks.values():
        assert gesture.person in found.ids
        assert found.id_map[row, column] == gesture.target
    assert len(messages['/camera/image_raw']) == 1
    assert {'/lidar/points', '/tf', '/tf_static', '/camera/camera_info'} <= set(messages)


def test_the_arm_is_up_in_the_middle_and_hangs_before() -> None:
    made = drive()
    side = GestureRoom(SEED).gesture.side
    wrist = made.stage.scene.things[-1].joints[f'{side}_wrist']
    assert wrist(3.0)[0][2] - wrist(0.5)[0][2] > 0.3


@pytest.mark.parametrize(
    ('words', 'wrong'),
    [
        ('--gesture', '--gesture'), ('--place room --cameras 6 --gesture', '--gesture'),
        ('--place room --gesture --seed 0', '--seed'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: str, wrong: str,
) -> None:  # fmt: skip
    def nowhere(seed: int, width: int) -> None:
        raise ValueError(f'seed {seed}: nobody can point at a thing there')

    monkeypatch.setattr('mm_perception.world.drive.gesture_camera', nowhere)
    assert mmp.main(['world', '--out', str(tmp_path / 'bag'), *words.split()]) != 0
    assert wrong in capsys.readouterr().err
    assert not (tmp_path / 'bag').exists()
