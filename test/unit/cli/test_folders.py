"""A folder to write is refused with a reason before the work begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mm_perception.cli._folders import check_new_folder, new_folder
from mm_perception.errors import ConfigError


def test_new_and_empty_folders_are_taken(tmp_path: Path) -> None:
    check_new_folder(tmp_path)
    check_new_folder(tmp_path / 'a' / 'b')


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').touch()
    with pytest.raises(ConfigError, match=r'--out is .*; expected an empty or new folder; give'):
        check_new_folder(tmp_path)


@pytest.mark.parametrize('below', ['', 'result', 'a/result'])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match='file'):
        check_new_folder(tmp_path / 'file' / below)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=f'{tmp_path} cannot'):
        check_new_folder(tmp_path / 'result')


def test_who_may_not_write_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(ConfigError, match=f'{tmp_path} cannot'):
        check_new_folder(tmp_path / 'result')


@pytest.mark.parametrize('drops', [(), ('stack.yaml',)])
def test_a_failure_without_a_result_leaves_nothing(tmp_path: Path, drops: tuple[str, ...]) -> None:
    def fail(*written: str) -> None:
        with new_folder(tmp_path / 'a' / 'b', drops=drops):
            for name in (*drops, *written):
                (tmp_path / 'a' / 'b' / name).touch()
            raise ConfigError('it', 1, 'something else')

    with pytest.raises(ConfigError):
        fail()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    with pytest.raises(ConfigError):
        fail()
    assert list((tmp_path / 'a' / 'b').iterdir()) == []
    with pytest.raises(ConfigError):
        fail('result')
    assert (tmp_path / 'a' / 'b' / 'result').exists()
