"""`mmp doctor --layout`: shipped layouts wait for nodes that do not run, those of users do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mm_perception.cli import main as mmp
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.layouts import SHIPPED, check_layouts, read_layouts
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.faults import Level
from mm_perception.ros.wire import fields_of
from test.data.shape_bag import write_shape_bag
from test.offered import offered_by

RVIZ = Path(__file__).parents[3] / 'config' / 'rviz' / 'perception.rviz'


def split(findings: list[Finding]) -> tuple[list[Finding], dict[str, str]]:
    """Faults, and what is said of each layout."""
    faults = [f for f in findings if f.level is not Level.OK]
    return faults, {f.subject: f.evidence for f in findings if f.level is Level.OK}


def without(seen: Snapshot, topic: str) -> Snapshot:
    return replace(seen, topics={n: t for n, t in seen.topics.items() if n != topic})


def test_shipped_layouts_wait_for_what_does_not_run() -> None:
    faults, said = split(check_layouts(read_layouts(SHIPPED), offered_by(('track',)), fields_of))
    assert faults == []
    assert set(said) == {'perception.rviz', 'perception.json'}
    assert 'wait for nodes that do not run: ' in said['perception.rviz']
    for node in ('tracker3d', 'bevformer', 'surveillance', 'bev_text', 'pose'):
        assert node in said['perception.rviz'], node
    assert 'text_tracker' not in said['perception.rviz']


def test_a_sensor_that_is_called_otherwise_is_a_fault_of_a_shipped_layout() -> None:
    seen = without(offered_by(('track',)), '/lidar/points')
    faults, said = split(check_layouts(read_layouts(SHIPPED), seen, fields_of))
    assert {f.cause for f in faults} == {'display_topic'}
    assert all('/lidar/points' in f.evidence for f in faults)
    fed, total = map(int, said['perception.rviz'].split(' displays')[0].split(' of '))
    assert 0 < fed < total


def test_a_layout_of_ones_own_has_to_be_fed(tmp_path: Path) -> None:
    mine = tmp_path / 'mine.rviz'
    mine.write_text(RVIZ.read_text())
    faults, said = split(check_layouts(read_layouts(str(mine)), offered_by(('track',)), fields_of))
    assert {f.cause for f in faults} == {'display_topic'}
    assert any('/tracker3d/output/tracks' in f.evidence for f in faults)
    assert 'wait' not in said['mine.rviz']


@pytest.mark.parametrize('name', ['view.xml', 'absent.rviz'])
def test_what_is_no_layout_is_refused_before_anything_is_looked_at(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent_bag = ['--bag', str(tmp_path / 'no_bag')]
    assert mmp.main(['doctor', *absent_bag, '--layout', str(tmp_path / name)]) != 0
    said = capsys.readouterr().err
    assert name in said
    assert 'no_bag' not in said


def test_the_doctor_holds_a_layout_against_a_bag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_shape_bag(tmp_path / 'bag')
    assert mmp.main(['doctor', '--bag', str(bag), '--layout', str(RVIZ)]) == 2
    said = capsys.readouterr().out
    assert 'ERROR  display_topic' in said
    assert 'nobody publishes /lidar/points' in ' '.join(said.split())
    assert 'displays are fed' in ' '.join(said.split())
