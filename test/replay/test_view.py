"""`mmp view`, as a user calls it: into a file, as a page, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from mm_perception.bag.writer import BagWriter
from mm_perception.cli import main as mmp
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize
from mm_perception.samples import Masks, Transcript
from mm_perception.viewing import viewer
from test.data.shape_bag import IMAGE, PERIOD_NS, START_NS, write_shape_bag

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `mmp demo` leaves it: a drive, and a result that copies its pictures."""
    pytest.importorskip('rerun', reason='needs the extra `view`')
    from dataclasses import replace

    from test.unit.viewing.samples import ALL

    folder = tmp_path_factory.mktemp('demo')
    write_shape_bag(folder / 'drive')
    for name, text in (('result', 'one'), ('voice', 'two')):
        with BagWriter(folder / name / 'bag') as writer:
            heard = replace(ALL[Transcript], stamp_ns=START_NS, end_ns=START_NS, text=text)
            masks = replace(ALL[Masks], stamp_ns=START_NS + PERIOD_NS, frame_id='camera_front')
            for topic, sample in (('/heard', heard), ('/t/masks', masks)):
                wires = {w.suffix: w.type_name for w in convert.published(type(sample))}
                for suffix, message in convert.to_msgs(sample).items():
                    writer.add_topic(topic + suffix, wires[suffix])
                    writer.write(topic + suffix, START_NS + 2 * PERIOD_NS, serialize(message))
    return folder


def test_all_bags_of_a_demo_come_onto_one_time_line(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from test.unit.viewing.recorded import Recorded

    file = tmp_path / 'look.rrd'
    assert mmp.main(['view', str(demo), '--save', str(file)]) == 0
    assert f'rerun {file}' in capsys.readouterr().out
    recorded = Recorded(file)
    (picture,) = [e for e in recorded.entities() if e.endswith(IMAGE)]
    assert recorded.stamps(picture) == {START_NS + i * PERIOD_NS for i in range(6)}
    assert recorded.values('/log/heard', 'text') == [['heard “one” (0.0 s, 1.00)']]
    told_apart = '/log/voice/heard'
    assert recorded.values(told_apart, 'text') == [['heard “two” (0.0 s, 1.00)']]
    masks = [e for e in recorded.entities() if e.endswith('/t/masks') and 'delay' not in e]
    assert len(masks) == 1, 'the same in both bags, byte for byte: drawn once'
    assert recorded.stamps(masks[0]) == {START_NS + PERIOD_NS}


def test_only_some_topics_and_only_some_seconds(demo: Path, tmp_path: Path) -> None:
    from test.unit.viewing.recorded import Recorded

    words = ['view', str(demo / 'drive'), '--save', str(tmp_path / 'a.rrd'), '--topics', IMAGE]
    assert mmp.main([*words, '--start', '0.15', '--seconds', '0.2']) == 0
    recorded = Recorded(tmp_path / 'a.rrd')
    (picture,) = [e for e in recorded.entities() if e.endswith(IMAGE)]
    assert recorded.stamps(picture) == {START_NS + i * PERIOD_NS for i in (2, 3)}
    assert not [e for e in recorded.entities() if e.endswith('compressed')]


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['nowhere', '--save', 'x.rrd'], 'nowhere: does not exist'),
        (['.', '--save', 'x.rrd'], 'is no bag, and none is in it'),
        (['BAG', '--save', 'x.rrd', '--topics', '/no'], "--topics is ['/no']; expected topics of"),
        (['BAG', '--save', 'there.rrd'], 'a file that does not exist yet'),
        (['BAG', '--save', 'x.rrd', '--web'], 'no --web beside it'),
        (['BAG', '--save', 'x.rrd', '--start', '-1'], '--start'),
        (['BAG'], 'give --web'),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_what_to_do(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    Path('there.rrd').touch()
    bag = str(demo / 'drive')
    assert mmp.main(['view', *(bag if word == 'BAG' else word for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_path_is_told_before_a_missing_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('rerun', reason='needs the extra `view`')
    monkeypatch.setenv('DISPLAY', '')
    assert mmp.main(['view', str(tmp_path / 'nowhere')]) == 2
    assert 'nowhere: does not exist' in capsys.readouterr().err


def test_without_rerun_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(viewer.importlib.util, 'find_spec', lambda name: None)
    assert mmp.main(['view', 'bag']) == 2
    assert "pip install 'mm_perception[view]'" in capsys.readouterr().err


def test_a_page_is_served_on_this_machine_until_ctrl_c(demo: Path) -> None:
    words = [sys.executable, '-m', 'mm_perception.cli.main', 'view', str(demo / 'drive')]
    env = {**os.environ, 'DISPLAY': '', 'WAYLAND_DISPLAY': ''}
    with subprocess.Popen(
        [*words, '--web', '--port', '0'], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            page = next(line.split()[1] for line in process.stdout if line.startswith('open'))
            assert page.startswith('http://127.0.0.1:')
            with urllib.request.urlopen(page, timeout=60) as reply:
                assert b'rerun' in reply.read().lower()
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(60) == 130
