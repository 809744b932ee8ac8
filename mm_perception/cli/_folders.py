"""A folder to write is checked before the work begins, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from mm_perception.errors import ConfigError


def check_new_folder(path: Path, option: str = '--out', keeps: tuple[str, ...] = ()) -> None:
    """Nothing of the user's is overwritten, and what cannot be written is said at once.

    Args:
        path: Folder to write; need not be there.
        option: How the user gave it.
        keeps: Names that may lie in it already.

    Raises:
        ConfigError: It is a file, has something in it, or cannot be made or written.
    """
    if path.is_dir():
        if any(item.name not in keeps for item in path.iterdir()):
            fix = 'give another one, or remove it'
            raise ConfigError(option, str(path), f'an empty or new folder; {fix}')
        there = path
    elif path.exists() or path.is_symlink():
        raise ConfigError(option, str(path), 'a folder; there is a file of that name')
    else:
        there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise ConfigError(option, str(path), f'a folder that can be made; {there} is a file')
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(option, str(path), f'a folder that can be written; {there} cannot')
