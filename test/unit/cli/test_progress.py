"""Bars on a terminal, plain lines elsewhere, and Ctrl-C between two steps."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import struct
import sys
import termios

import pytest

from mm_perception.cli import _progress
from mm_perception.cli import main as mmp
from mm_perception.cli._progress import INTERRUPTED, Progress


class Terminal(io.StringIO):
    """What a bar is drawn on."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [0.0]
    monkeypatch.setattr(_progress.time, 'monotonic', lambda: now_s[0])
    return now_s


@pytest.mark.parametrize(('size', 'shown'), [((0, 0), 'replay: 4 of 4'), ((30, 90), '100%')])
def test_a_terminal_without_a_size_gets_lines(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], size: tuple[int, int], shown: str
) -> None:
    """A bar has no room there: nothing at all would be shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', *size, 0, 0))
    with os.fdopen(theirs, 'w') as terminal:
        monkeypatch.setattr(sys, 'stderr', terminal)
        with Progress(4, 'replay') as progress:
            for done in (0, 4):
                progress(done)
                clock[0] += 10.0
            progress(4)
            progress._bar.refresh()
        terminal.flush()
        assert shown in drained(ours)
    os.close(ours)


def drained(terminal: int) -> str:
    """All that was written to the other end: one read may be a part of it."""
    said = b''
    while select.select([terminal], [], [], 0.2)[0]:
        said += os.read(terminal, 1 << 16)
    return said.decode()


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Progress(4, 'replay', 'pictures') as progress:
        for done in range(5):
            progress(done)
            progress._bar.refresh()
    text = terminal.getvalue()
    assert 'replay:  50%' in text
    assert '2/4' in text
    assert 'pictures/s' in text
    assert '\n' not in text, 'the bar goes away without a trace'


def test_elsewhere_there_is_a_plain_line_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(100, 'replay') as progress:
        for second in range(13):
            clock[0] = float(second)
            progress(second * 2)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        'replay: 10 of 100 messages, 2.0/s, 45 s left',
        'replay: 20 of 100 messages, 2.0/s, 40 s left',
    ]


def test_from_the_first_step_nothing_is_foretold(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(60, 'rendering', 'frames') as progress:
        for second, done in ((0, 0), (9, 1), (15, 10)):
            clock[0] = float(second)
            progress(done)
    assert capsys.readouterr().err.splitlines() == [
        'rendering: 1 of 60 frames', 'rendering: 10 of 60 frames, 0.7/s, 75 s left',
    ]  # fmt: skip


def test_work_that_is_over_soon_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(0, 'scoring'), Progress(3, 'replay') as progress:
        progress(3)
    assert capsys.readouterr().err == ''


def test_where_nobody_knows_how_much_there_is_time_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, '_REDRAW_S', 0.01)
    monkeypatch.setattr(_progress, '_LINE_EVERY_S', 0.02)
    with Progress(0, 'scoring') as progress:
        progress._is_over.wait(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert set(lines) == {'scoring: 0 s so far'}


def press(*, times: int = 1, counted: bool = True) -> list[str]:
    """What is done after Ctrl-C in a step, until it ends."""
    steps = []
    with Progress(9, 'replay') as progress:
        if counted:
            progress(0)
        try:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
            steps.append('written whole')
            progress(1)
            steps.append('the next step')
        except KeyboardInterrupt:
            steps.append('ended')
    return steps


def test_ctrl_c_waits_for_the_end_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert press() == ['written whole', 'ended']
    assert 'replay: stopping; Ctrl-C again ends at once' in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait() -> None:
    assert press(times=2) == ['ended']


def test_before_the_first_step_there_is_nothing_to_wait_for() -> None:
    assert press(counted=False) == ['ended']


def test_a_command_that_keeps_nothing_says_that_it_was_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr('mm_perception.cli.plugins.run', interrupt)
    assert mmp.main(['plugins']) == INTERRUPTED == 130
    assert capsys.readouterr().err == 'mmp plugins: interrupted\n'
