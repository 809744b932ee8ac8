"""A folder to write is checked before the work begins, not after it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mm_perception.errors import ConfigError


def check_new_folder(path: Path, option: str = '--out') -> None:
    """Nothing of the user's is overwritten, and what cannot be written is said at once.

    Args:
        path: Folder to write; need not be there.
        option: How the user gave it.

    Raises:
        ConfigError: It is a file, has something in it, or cannot be made or written.
    """
    if path.is_dir() and any(path.iterdir()):
        fix = 'give another one, or remove it'
        raise ConfigError(option, str(path), f'an empty or new folder; {fix}')
    _check_can_be_written(path, option)


def check_new_files(folder: Path, names: Iterable[str], option: str = '--out') -> None:
    """The same of files: beside others of the folder there is room for them.

    Args:
        folder: To write into; need not be there.
        names: Of the files.
        option: How the user gave the folder.

    Raises:
        ConfigError: One of them is there, or the folder cannot be made or written.
    """
    for name in names:
        if (folder / name).exists() or (folder / name).is_symlink():
            expected = f'a folder without {name}; give another one, or remove that file'
            raise ConfigError(option, str(folder), expected)
    _check_can_be_written(folder, option)


def _check_can_be_written(path: Path, option: str) -> None:
    if path.is_dir():
        there = path
    elif path.exists() or path.is_symlink():
        raise ConfigError(option, str(path), 'a folder; there is a file of that name')
    else:
        there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise ConfigError(option, str(path), f'a folder that can be made; {there} is a file')
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(option, str(path), f'a folder that can be written; {there} cannot')


@contextmanager
def new_folder(path: Path, drops: tuple[str, ...] = ()) -> Iterator[None]:
    """Make a folder, which goes again where what is done in it fails before it has a result.

    An empty folder that was there before stays.

    Args:
        path: Folder to make, with those above it.
        drops: Names of files that are no result by themselves.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    drops = tuple(name for name in drops if not (path / name).exists())
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if all(item.name in drops for item in path.iterdir()):
            for item in list(path.iterdir()):
                item.unlink()
            with suppress(OSError):  # somebody else has put something into one of them
                for folder in made:
                    folder.rmdir()
        raise
