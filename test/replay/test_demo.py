"""`mmp demo`, as a user calls it: from an empty folder to film, bag, report and scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mm_perception.bag.reader import BagReader
from mm_perception.cli import demo
from mm_perception.cli import main as mmp

#: Long enough for the car to be hidden and seen again.
SMALL = ('--seconds', '3', '--width', '320')


def check(out: Path) -> dict[str, Any]:
    """All files are there, and the named object was tracked; its scores."""
    for name in ('drive/drive.mcap', 'result/bag/bag.mcap', 'result/summary.json', 'report.html'):
        assert (out / name).is_file(), name
    assert [path.stat().st_size > 10_000 for path in (out / 'result').glob('*.mp4')] == [True]
    scores = dict(json.loads((out / 'scores.json').read_text()))
    (case,) = scores['cases']
    assert case['text'] == demo.TEXT
    ious = case['iou_by_frame']
    assert scores['scores']['stack']['mean_iou'] > 0.4, 'not found, or not followed'
    assert ious[0] is not None
    away = [index for index, iou in enumerate(ious) if iou is None]
    assert away
    assert max(iou for iou in ious[away[-1] + 1 :] if iou is not None) > 0.5, 'lost for good'
    return scores


def test_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'out'
    assert mmp.main(['demo', '--out', str(out), '--offline', '--workers', '1', *SMALL]) == 0
    scores = check(out)
    assert scores['worlds'][0]['answered'] == 1.0
    printed = capsys.readouterr().out
    for path in ('drive', 'result/bag', 'report.html', 'scores.json'):
        assert str(out / path) in printed
    for words in ('“the red car”', 'hidden', 'found again', 'It took', f'mmp view {out}'):
        assert words in printed
    report = (out / 'report.html').read_text()
    assert 'data:video/mp4' in report
    assert 'mmp demo --seed 131 --seconds 3 --width 320 --offline' in report


@pytest.mark.ros
def test_in_real_time_through_nodes(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'demo', '--out', str(out), *SMALL]
    environment = {**os.environ, 'ROS_LOG_DIR': str(tmp_path / 'log')}
    done = subprocess.run(
        command, env=environment, text=True, capture_output=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr
    scores = check(out)
    assert scores['worlds'][0]['answered'] > 0.3  # newest wins on a busy machine
    assert json.loads((out / 'result' / 'summary.json').read_text())['mode'] == 'online'
    above = json.loads((out / 'from_above' / 'summary.json').read_text())
    assert 'drive_advisor.stale_after_s=3' in above['command'], 'two cores take a while'
    with BagReader(out / 'result' / 'bag') as reader:
        assert reader.topics['/camera_front/image_raw'].count == 30


def test_another_street_chooses_what_shows_best(tmp_path: Path) -> None:
    words = ['--seed', '132', '--seconds', '0.5', '--width', '160', '--offline', '--workers', '1']
    assert mmp.main(['demo', '--out', str(tmp_path / 'out'), *words]) == 0
    scores = json.loads((tmp_path / 'out' / 'scores.json').read_text())
    objects = json.loads((tmp_path / 'out' / 'drive' / 'objects.json').read_text())
    assert scores['cases'][0]['text'].removeprefix('the ') in objects.values()


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (['--prompt', 'the pink bus'], 'the red car'),
        (['--prompt', 'a unicorn'], 'the red car'),
        (['--seconds', '0'], '--seconds'),
        (['--width', '16'], '--width'),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], named: str
) -> None:
    out = tmp_path / 'out'
    assert mmp.main(['demo', '--out', str(out), *options]) == 2
    message = capsys.readouterr().err.strip()
    assert named in message
    assert len(message.splitlines()) == 1
    assert not out.exists()


def test_results_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    assert mmp.main(['demo', '--out', str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']
