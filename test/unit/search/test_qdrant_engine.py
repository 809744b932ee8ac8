"""Qdrant's engine in this process: what a process that ends leaves, and who may open a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mm_perception.errors import ConfigError, MissingDependencyError
from mm_perception.search.edge_client import _UNFINISHED
from mm_perception.search.entry import Where
from mm_perception.search.store import open_store
from test.unit.search.entries import SECOND_NS, SPACE, entry

AHEAD = np.array([1, 0, 0, 0], np.float32)
_ADD_AND_DIE = """
import os, signal, sys
from mm_perception.search.store import open_store
from test.unit.search.entries import entry

store = open_store(sys.argv[1])
store.add([entry(0.1, second) for second in range(20)])
store.write_note('k', 'v')
store.add([entry(0.1, second) for second in range(20, 30)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_added_is_there_after_a_process_was_killed(tmp_path: Path) -> None:
    address = f'qdrant:{tmp_path}/q'
    died = subprocess.run([sys.executable, '-c', _ADD_AND_DIE, address], check=False)
    assert died.returncode == -signal.SIGKILL
    with open_store(address) as store:
        assert (store.count(SPACE), store.note('k')) == (30, 'v')
        assert len(store.entries(SPACE, Where(after_ns=25 * SECOND_NS), 99)) == 5


def test_an_index_that_was_cut_off_while_it_was_made_is_completed(tmp_path: Path) -> None:
    with open_store(f'qdrant:{tmp_path}/q') as store:
        store.add([entry(0)])
        name = next(n for n in os.listdir(tmp_path / 'q') if n != 'mmp_notes')
    for file in (tmp_path / 'q/mmp_notes').rglob('*'):
        if file.is_file():
            file.unlink()
    with open_store(f'qdrant:{tmp_path}/q') as store:
        assert store.spaces() == []
        store.add([entry(0, 1)])
        assert [e.stamp_ns for e in store.entries(SPACE, Where(), 9)] == [0, SECOND_NS]
    assert (tmp_path / 'q' / name).is_dir()


def test_what_is_forgotten_gives_its_place_back(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).bytes(20_000)
    with open_store(f'qdrant:{tmp_path}/q') as store:
        store.add([entry(0.0, second, jpeg=picture) for second in range(1500)])
    before = _size(tmp_path)
    with open_store(f'qdrant:{tmp_path}/q') as store:
        store.trim(SPACE, 100, 0)
        assert store.count(SPACE) == 100
    assert _size(tmp_path) < before / 4
    with open_store(f'qdrant:{tmp_path}/q') as store:
        found = store.entries(SPACE, Where(), 9999)
    assert [e.stamp_ns // SECOND_NS for e in found] == list(range(1400, 1500))
    assert found[0].jpeg == picture


def test_what_a_killed_process_was_writing_anew_is_cleared_away(tmp_path: Path) -> None:
    with open_store(f'qdrant:{tmp_path}/q') as store:
        store.add([entry(0)])
    (folder,) = [f for f in (tmp_path / 'q').iterdir() if f.name != 'mmp_notes']
    (folder / _UNFINISHED / 'half').mkdir(parents=True)
    with open_store(f'qdrant:{tmp_path}/q') as store:
        assert store.count(SPACE) == 1
    assert not (folder / _UNFINISHED / 'half').exists()


def test_a_folder_that_another_has_open_is_refused(tmp_path: Path) -> None:
    with open_store(f'qdrant:{tmp_path}/q') as store:
        store.add([entry(0)])
        with pytest.raises(ConfigError, match='no other process has open'):
            open_store(f'qdrant:{tmp_path}/q')
    open_store(f'qdrant:{tmp_path}/q').close()


def test_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='mmp index'):
        open_store(f'qdrant:{tmp_path}/nothing', makes=False)
    assert not (tmp_path / 'nothing').exists()
    (tmp_path / 'file').write_text('x')
    with pytest.raises(ConfigError, match='a folder to write in'):
        open_store(f'qdrant:{tmp_path}/file')


def test_without_the_package_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'qdrant_edge', None)
    monkeypatch.delitem(sys.modules, 'mm_perception.search.edge_client', raising=False)
    with pytest.raises(MissingDependencyError, match='pip install qdrant-edge-py'):
        open_store(f'qdrant:{tmp_path}/q')


def _size(folder: Path) -> int:
    """Bytes on the disk, without the log of changes."""
    files = [f for f in folder.rglob('segments/**/*') if f.is_file()]
    return sum(f.stat().st_blocks * 512 for f in files)
