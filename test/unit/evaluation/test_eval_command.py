"""`mmp eval`, as a user calls it: worlds are rendered once, and scored the same each time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mm_perception.cli import eval as eval_command
from mm_perception.cli import main as mmp
from mm_perception.evaluation import worlds
from mm_perception.graph import stacks_folder
from mm_perception.plugins.colour_tracker import ColourTracker
from test.data.coloured_bag import write_coloured_bag
from test.data.shape_bag import write_shape_bag

SMALL = ('--worlds', '1', '--seconds', '0.5', '--width', '160', '--workers', '1')


def result_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / 'result.json').read_text()))


@pytest.fixture(scope='module')
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('cache')


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMP_CACHE', str(cache))


@pytest.fixture(scope='module')
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coloured_bag(tmp_path_factory.mktemp('bag') / 'coloured')


def test_a_drive_from_start_to_end(
    tmp_path: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert mmp.main(['eval', 'colour', '--out', str(first), *SMALL]) == 0
    printed = capsys.readouterr().out
    (bag,) = (cache / 'drives').glob('*/drive-*/bag.mcap')
    result = result_of(first)
    (world,) = result['worlds']
    assert (world['name'], world['frames'], world['answered']) == ('drive-900000', 5, 1.0)
    present = [case for case in result['cases'] if case['is_present']]
    absent = [case for case in result['cases'] if not case['is_present']]
    assert present
    assert len(absent) == 4
    for case in present:
        assert len(case['iou_by_frame']) == 5
    names = set(json.loads((bag.parent / 'objects.json').read_text()).values())
    assert {case['text'].removeprefix('the ') for case in present} <= names
    assert not {case['text'].removeprefix('the ') for case in absent} & names
    for name in ('result.json', 'report.html'):
        assert str(first / name) in printed
    monkeypatch.setattr(worlds, 'write_drive', None)  # it is there already
    assert mmp.main(['eval', 'colour', '--out', str(second), *SMALL]) == 0
    assert result_of(second)['cases'] == result['cases']
    assert result_of(second)['scores'] == result['scores']


def test_what_has_a_colour_of_its_own_is_found(coloured: Path, tmp_path: Path) -> None:
    """One thing is purple: the colour tracker is right there."""
    out = tmp_path / 'out'
    command = ['eval', 'colour', '--bag', str(coloured), '--present', '9']
    assert mmp.main([*command, '--out', str(out)]) == 0
    result = result_of(out)
    scores = {c['text']: c['scores']['stack'] for c in result['cases'] if c['is_present']}
    assert scores['the purple ball']['mean_iou'] > 0.9
    assert scores['the purple ball']['hota'] > 0.9
    assert scores['the red bar']['mean_iou'] < 0.7  # there is a red box too
    assert scores['the red bar']['det_a'] == pytest.approx(0.5, abs=0.1)
    assert result['scores']['stack']['false_alarms'] == 1.0  # it does not know the kinds
    boxes = {c['text']: c['scores']['true boxes'] for c in result['cases'] if c['is_present']}
    assert 0.7 < boxes['the purple ball']['mean_iou'] < 0.82  # a disk fills pi/4 of its box


def test_the_grid_is_a_baseline_where_there_is_clip(coloured: Path, tmp_path: Path) -> None:
    command = ['eval', 'colour', '--bag', str(coloured), '--present', '1', '--absent', '1']
    assert mmp.main([*command, '--out', str(tmp_path / 'with'), '--clip', 'random']) == 0
    assert 'CLIP grid' in result_of(tmp_path / 'with')['scores']
    assert mmp.main([*command, '--out', str(tmp_path / 'none'), '--clip', 'none']) == 0
    result = result_of(tmp_path / 'none')
    assert (list(result['scores']), result['notes']) == (['stack', 'true boxes'], [])


def test_frames_that_fail_are_told(
    coloured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    def fail(self: ColourTracker, inputs: Any) -> Any:
        raise RuntimeError('made to fail')

    monkeypatch.setattr(ColourTracker, 'infer', fail)
    out = tmp_path / 'out'
    assert mmp.main(['eval', 'colour', '--out', str(out), '--bag', str(coloured)]) == 1
    assert 'made to fail' in capsys.readouterr().out
    assert 'made to fail' in (out / 'report.html').read_text()
    scores = result_of(out)['scores']['stack']
    assert (scores['mean_iou'], scores['false_alarms'], scores['rejected']) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (['no_such'], 'colour'),
        ([str(stacks_folder() / 'clip.yaml')], 'one node that takes prompts'),
        (['sam2', '--weights', 'no/such'], 'no/such'),
        (['colour', '--bag', 'a', '--worlds', '2'], '--worlds'),
        (['colour', '--worlds', '0'], '--worlds'),
        (['colour', '--width', '16'], '--width'),
        (['colour', '--seconds', '0'], '--seconds'),
        (['colour', '--present', '0', '--absent', '0'], '--present'),
        (['colour', '--bag', 'no_such_folder'], 'no_such_folder'),
        (['colour', '--set', 'no_such=1'], 'no_such'),
        (['colour', '--clip', 'no/such'], 'no/such'),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], named: str
) -> None:
    assert mmp.main(['eval', *options, '--out', str(tmp_path / 'out')]) == 2
    message = capsys.readouterr().err.strip()
    assert named in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / 'out').exists()


def test_a_bag_without_truth_and_a_full_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str | None] = []
    monkeypatch.setattr(eval_command, '_load_clip', lambda name: loaded.append(name) or (None, ''))
    bag = write_shape_bag(tmp_path / 'shape', 2)
    assert mmp.main(['eval', 'colour', '--out', str(tmp_path / 'out'), '--bag', str(bag)]) == 2
    assert 'no truth' in capsys.readouterr().err
    assert loaded == [], 'half a minute for nothing'
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'notes.txt').write_text('mine')
    assert mmp.main(['eval', 'colour', '--out', str(tmp_path / 'full'), '--bag', str(bag)]) == 2
    assert [path.name for path in (tmp_path / 'full').iterdir()] == ['notes.txt']


def test_a_drive_is_kept_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = worlds.held_out_drive(0, seconds=1, width=160)
    folder = worlds.drive_folder(drive)
    assert folder == worlds.drive_folder(worlds.held_out_drive(0, seconds=1, width=160))
    assert folder != worlds.drive_folder(worlds.held_out_drive(1, seconds=1, width=160))
    assert folder != worlds.drive_folder(worlds.held_out_drive(0, seconds=2, width=160))
    monkeypatch.setattr(worlds, '_digest_world', lambda: 'other code')
    assert folder != worlds.drive_folder(drive)


def test_what_was_not_used_for_long_is_removed(cache: Path) -> None:
    old, young = cache / 'drives' / 'old', cache / 'drives' / 'young'
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (1e9, 1e9))
    worlds._remove_old()
    assert (old.exists(), young.exists()) == (False, True)
