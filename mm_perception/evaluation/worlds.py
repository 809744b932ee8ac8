"""Held-out worlds to be scored on: rendered once, kept, and found again by what they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import mm_perception.world
from mm_perception.world.cache import cache_folder
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from mm_perception.world.variety import Split

#: Seeds from here on are for evaluation, whatever else is held out.
FIRST_SEED = 900_000
_KEPT_DAYS = 14


def drives_folder() -> Path:
    """Where drives are kept."""
    return cache_folder() / 'drives'


def held_out_drive(index: int, *, seconds: float = 6.0, width: int = 640) -> Drive:
    """One of the drives that nothing was trained on.

    Args:
        index: Which, from 0.
        seconds: Length, at 10 pictures per second.
        width: Of the pictures, 16 to 9.
    """
    cameras = one_camera(width, round(width * 9 / 16))
    return Drive(
        seed=FIRST_SEED + index, split=Split.HELD_OUT, seconds=seconds, cameras=cameras, lidar=None
    )  # fmt: skip


def drive_folder(drive: Drive) -> Path:
    """Where a drive is kept; another one, or a change in the code of the world, is elsewhere."""
    key = hashlib.sha256(f'{drive!r} {_digest_world()}'.encode()).hexdigest()[:16]
    return drives_folder() / key / f'drive-{drive.seed}'


def rendered(
    drive: Drive, *, workers: int = 1, progress: Callable[[int], None] = lambda done: None
) -> Path:
    """The bag of a drive, rendered if it is not there yet.

    Args:
        drive: Which.
        workers: Processes that render.
        progress: Called with the number of moments written.
    """
    folder = drive_folder(drive)
    if not folder.is_dir():
        _remove_old()
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole, so that what is there can be trusted.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix='.part-') as scratch:
            written = write_drive(Path(scratch) / 'bag', drive, workers=workers, progress=progress)
            try:
                os.replace(written, folder)
            except OSError:  # somebody else was faster
                if not folder.is_dir():
                    raise
    os.utime(folder.parent)
    return folder


def _remove_old() -> None:
    """Forget what was not used for long: every change in the code of the world leaves ruins."""
    oldest_s = time.time() - _KEPT_DAYS * 86_400
    for folder in drives_folder().glob('*'):
        if folder.stat().st_mtime < oldest_s:
            shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _digest_world() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(mm_perception.world.__path__[0]).rglob('*.py')):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
