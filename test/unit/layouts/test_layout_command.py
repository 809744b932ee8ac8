"""`mmp layout`: real recordings in, two files out that the doctor has nothing to say about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_perception.cli import main as mmp
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.rviz import read_rviz
from mm_perception.graph import load_stack, write_stack
from test.data.shape_bag import IMAGE, write_shape_bag

#: Six cameras, a LiDAR, TF from the map to the car, no odometry.
CAR = Path(__file__).parents[4] / 'shared' / 'data' / 'real' / 'nuscenes_frame'
CAMERAS = ('front_left', 'front', 'front_right', 'back_left', 'back', 'back_right')
Say = Callable[[], str]


@pytest.fixture(scope='module')
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One camera, raw and compressed, and its mount."""
    return write_shape_bag(tmp_path_factory.mktemp('shapes') / 'bag')


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    """What was printed since it was last asked, with single spaces."""
    return lambda: ' '.join(''.join(capsys.readouterr()).split())


def layout(*words: str | Path) -> int:
    return mmp.main(['layout', *map(str, words)])


@pytest.mark.skipif(not CAR.is_dir(), reason=f'shared data is absent: {CAR}')
@pytest.mark.parametrize('stack', ['track', 'bev'])
def test_six_cameras_of_a_real_car(stack: str, tmp_path: Path, said: Say) -> None:
    assert layout('--stack', stack, '--bag', CAR, '--out', tmp_path / 'new' / 'folder') == 0
    assert f'cameras {", ".join(CAMERAS)} frame base_link' in said()
    files = [tmp_path / 'new' / 'folder' / f'{stack}{end}' for end in ('.rviz', '.json')]
    for file, read in zip(files, (read_rviz, read_foxglove), strict=True):
        shown = {display.topic for display in read(file).displays}
        assert {f'/camera/{name}/image_raw/compressed' for name in CAMERAS} <= shown
        assert '/lidar/points' in shown
        assert '/odom' not in shown
        mmp.main(['doctor', '--bag', str(CAR), '--stack', stack, '--layout', str(file)])
        report = said()
        assert 'display' not in report.replace('displays are fed', '')
        number = len(read(file).displays)
        assert f'{file.name}: {number} of {number} displays are fed' in report
    over = '/text_tracker/debug/overlay'
    overlays = {d.topic for d in read_rviz(files[0]).displays if d.topic.startswith(over)}
    expected = {f'{over}/{name}' for name in CAMERAS} if stack == 'track' else set()
    assert overlays == expected


def test_one_camera(shapes: Path, tmp_path: Path, said: Say) -> None:
    assert layout('--stack', 'colour', '--bag', shapes, '--out', tmp_path) == 0
    assert f'cameras {IMAGE}' in said()
    shown = {d.topic for d in read_foxglove(tmp_path / 'colour.json').displays}
    assert {IMAGE, '/camera/front/camera_info'} <= shown
    assert '/colour_tracker/output/masks/annotations' in shown


def test_a_result_shows_what_is_in_its_bag(tmp_path: Path, said: Say) -> None:
    """The same stack would also tell its timings; in this bag it did not."""
    result = tmp_path / 'result'
    write_shape_bag(result / 'bag')
    write_stack(load_stack('colour'), result / 'stack.yaml')
    assert layout(result, '--out', tmp_path / 'layouts') == 0
    assert 'result.rviz' in said()
    shown = {d.topic for d in read_foxglove(tmp_path / 'layouts' / 'result.json').displays}
    assert shown == {IMAGE, '/camera/front/camera_info'}
    assert (
        json.loads((tmp_path / 'layouts' / 'result.json').read_text())['layout'] == 'Image!masks'
    )
    arguments = ['--bag', str(result / 'bag'), '--layout', str(tmp_path / 'layouts/result.rviz')]
    mmp.main(['doctor', *arguments])
    assert '1 of 1 displays are fed' in said()


def test_files_that_are_there_stay(shapes: Path, tmp_path: Path, said: Say) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    arguments = ('--bag', shapes, '--out', tmp_path)
    assert layout('--stack', 'colour', *arguments) == 0, 'there is room beside others'
    assert layout('--stack', 'look', *arguments) == 0
    before = (tmp_path / 'colour.rviz').read_text()
    (tmp_path / 'colour.json').unlink()
    said()
    assert layout('--stack', 'colour', *arguments) == 2
    assert 'a folder without colour.rviz; give another one, or remove that file' in said()
    assert (tmp_path / 'colour.rviz').read_text() == before
    assert not (tmp_path / 'colour.json').exists()


@pytest.mark.parametrize(
    ('words', 'says'),
    [
        ([], "--stack is None; expected the name of a stack, or a result"),
        (['--stack', 'trakc'], "'trakc'; expected a .yaml file, or one of"),
        (['--stack', 'track', '--bag', 'BAG/none'], 'none: does not exist; check the path'),
        (['--stack', 'bev', '--bag', 'BAG', '--input', 'bevformer.pictures=/x'],
         "no key 'pictures'"),
        (['--stack', 'track', '--bag', 'BAG', '--input', 'image=/eye'],
         f"'/eye'; expected pictures that are there: {IMAGE}"),
        (['--stack', 'hear', '--bag', 'BAG'],
         "speech.inputs.audio is 'auto'; expected a topic with AudioClip; there is: /camera"),
        (['--stack', 'track', '--bag', 'BAG', '--seconds', '0'], '0.0; expected a number above 0'),
        (['BAG'], 'that mmp replay or mmp run --record wrote; of a bag give --bag'),
        (['BAG', '--stack', 'track'], 'alone: a result has its stack and its bag'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_and_nothing_is_written(
    words: list[str], says: str, shapes: Path, tmp_path: Path, said: Say
) -> None:
    given = [word.replace('BAG', str(shapes)) for word in words]
    assert layout(*given, '--out', tmp_path / 'layouts') == 2
    assert says in said()
    assert not (tmp_path / 'layouts').exists()


def test_a_file_in_place_of_the_folder(shapes: Path, tmp_path: Path, said: Say) -> None:
    (tmp_path / 'file').touch()
    assert layout('--stack', 'colour', '--bag', shapes, '--out', tmp_path / 'file') == 2
    assert 'expected a folder; there is a file of that name' in said()
