"""An evaluation from within: which cases there are, and which frames are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.evaluation.result import STACK, Case, Settings
from mm_perception.evaluation.run import evaluate
from mm_perception.evaluation.scenes import read_world
from mm_perception.graph import load_stack
from mm_perception.world.drive import Drive, ring_of_cameras
from mm_perception.world.drive_bag import write_drive
from test.data.coloured_bag import write_coloured_bag

SETTINGS = Settings(num_present=12, num_absent=6, min_pixels=40)


@pytest.fixture(scope='module')
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each of two cameras, ahead and to the left."""
    cameras = ring_of_cameras(128, 72)[:2]
    drive = Drive(seed=3, seconds=0.2, rate_hz=10.0, cameras=cameras, lidar=None)
    return write_drive(tmp_path_factory.mktemp('bag') / 'ring', drive)


@pytest.fixture(scope='module')
def ring_cases(ring: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    out = tmp_path_factory.mktemp('out')
    return evaluate(load_stack('colour'), [ring], out, SETTINGS).cases


def test_every_camera_has_its_own_truth(ring: Path) -> None:
    scenes = read_world(ring).scenes
    assert {scene.camera: scene.image_topic for scene in scenes} == {
        'camera_front': '/camera_front/image_raw',
        'camera_front_left': '/camera_front_left/image_raw',
    }
    assert not np.array_equal(scenes[0].truth[0].id_map, scenes[1].truth[0].id_map)


def test_a_text_counts_in_the_cameras_that_see_it(ring_cases: list[Case]) -> None:
    cameras = {case.camera for case in ring_cases}
    assert cameras == {'camera_front', 'camera_front_left'}
    present = [case for case in ring_cases if case.is_present]
    assert all(not np.isnan(case.present[STACK].mean_iou) for case in present)
    texts = [case.text for case in present]
    assert any(texts.count(text) == 1 for text in texts)
    absent = [case.text for case in ring_cases if not case.is_present]
    assert all(absent.count(text) == 2 for text in absent)


def test_pictures_are_of_the_worst_frame(ring_cases: list[Case]) -> None:
    for case in ring_cases:
        if case.is_present:
            ious = case.present[STACK].ious
            assert case.frame is not None
            assert ious[case.frame] == np.nanmin(ious)
            assert set(case.pictures) == {'truth', 'found'}
        elif case.absent[STACK].alarm_frames:
            assert case.frame is not None
            assert set(case.pictures) == {'found'}
        else:
            assert (case.frame, case.pictures) == (None, {})
    assert {case.frame is None for case in ring_cases} == {True, False}


def test_of_several_worlds_each_is_there(ring: Path, tmp_path: Path) -> None:
    coloured = write_coloured_bag(tmp_path / 'coloured', 4)
    result = evaluate(load_stack('colour'), [ring, coloured], tmp_path / 'out', Settings(1, 1))
    assert [world.name for world in result.worlds] == ['ring', 'coloured']
    assert [world.cameras for world in result.worlds] == [2, 1]
    assert {case.world for case in result.cases} == {'ring', 'coloured'}
    assert {case.camera for case in result.cases if case.world == 'coloured'} == {''}
    assert result.nodes['colour_tracker'].inferences == 2 * (2 * 2 + 4)
    assert (tmp_path / 'out' / 'bags' / '002' / '01').is_dir()


def test_ctrl_c_ends_all_runs(ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mm_perception.plugins.colour_tracker import ColourTracker

    def interrupt(self: ColourTracker, inputs: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(ColourTracker, 'infer', interrupt)
    with pytest.raises(KeyboardInterrupt):
        evaluate(load_stack('colour'), [ring], tmp_path / 'out', SETTINGS)
