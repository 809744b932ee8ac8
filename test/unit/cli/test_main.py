"""The command line as a whole: one line for a mistake, no import of what is not asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mm_perception.cli import main as mmp
from mm_perception.cli import plugins


def test_a_misspelled_command_is_answered_with_the_right_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert mmp.main(['repaly', 'bag']) == 2
    assert "no command 'repaly'; did you mean 'replay'?" in capsys.readouterr().err


def test_a_strange_command_is_answered_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert mmp.main(['xyzzy']) == 2
    assert 'doctor' in capsys.readouterr().err


def test_a_command_imports_no_other() -> None:
    code = (
        'import sys; from mm_perception.cli.main import main, build_parser;'
        "main(['nothing']); main(['--version']); build_parser('world');"
        "heavy = {'scipy', 'torch', 'cv2', 'rclpy', 'mm_perception.cli.rig'} & set(sys.modules);"
        'sys.exit(str(sorted(heavy)) if heavy else 0)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_made_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(args: object) -> int:
        Path('/proc/no_such/result').mkdir(parents=True)
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, 'run', refuse)
        assert mmp.main(['plugins']) == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith('mmp plugins: /proc/no_such')
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ('words', 'named'),
    [
        (['--blackout', '3'], "'3' is not FROM:TO"),
        (['--say', 'hello'], "'hello' is not TEXT@S"),
        (['--say', 'hello@x'], "'hello@x' is not TEXT@S"),
    ],
)
def test_options_of_a_world_say_their_form(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        mmp.main(['world', '--out', 'nowhere', *words])
    assert named in capsys.readouterr().err
