"""Say what a path is that is no rosbag2, and what makes one of it."""

from __future__ import annotations

import shlex
from pathlib import Path

from mm_perception.errors import BagError

_ROS1 = b'#ROSBAG V'
_FILMS = ('.mp4', '.mov', '.avi', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')
_PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.gif', '.tif', '.tiff', '.webp')
_SOUNDS = ('.wav', '.flac', '.mp3', '.ogg', '.m4a')
_STORAGES = ('.mcap', '.db3')


def refuse_other_kinds(path: Path) -> None:
    """Everything that may be a rosbag2 passes; it may still be damaged.

    Raises:
        BagError: It is not there, or something else: a ROS 1 bag, a film, a picture, a folder.
    """
    if not path.exists():
        raise BagError(str(path), 'does not exist', 'check the path')
    if path.is_dir():
        _refuse_folder(path)
        return
    kind = path.suffix.lower()
    if kind == '.bag' or _head(path) == _ROS1:
        new = path.with_suffix('')
        raise BagError(
            str(path), 'is a bag of ROS 1',
            f'make a rosbag2 of it: rosbags-convert --src {path} --dst {new} '
            '(from a checkout: ./tools/bootstrap rosbags-convert ...)',
        )  # fmt: skip
    for kinds, what in ((_FILMS, 'a film'), (_PICTURES, 'a picture'), (_SOUNDS, 'sound')):
        if kind in kinds:
            fix = f'make a bag of it: mmp import {shlex.quote(str(path))} --out my_bag'
            raise BagError(str(path), f'is {what}, no rosbag2', fix)
    if path.name == 'metadata.yaml':
        raise BagError(str(path), 'is a part of a bag', f'give the folder {path.parent}')


def _refuse_folder(path: Path) -> None:
    if (path / 'metadata.yaml').exists():
        return
    files = sorted(item.name for item in path.iterdir())
    kept = [name for name in files if name.endswith(_STORAGES)]
    if kept:
        return  # without its metadata: an .mcap can be read all the same
    below = sorted(
        str(p.parent) for pattern in ('*/metadata.yaml', '*/*.mcap') for p in path.glob(pattern)
    )
    if below:
        raise BagError(str(path), 'is a folder around a bag', f'give {below[0]}')
    seen = [name for name in files if name.lower().endswith((*_PICTURES, *_FILMS))]
    if seen:
        is_album = seen[0].lower().endswith(_PICTURES)
        source = shlex.quote(str(path if is_album else path / seen[0]))
        raise BagError(
            str(path), f'is a folder with pictures or films, such as {seen[0]}, no rosbag2',
            f'make a bag of it: mmp import {source} --out my_bag',
        )  # fmt: skip
    there = ', '.join(files[:4]) + (', ...' if len(files) > 4 else '')
    raise BagError(
        str(path), f'has no metadata.yaml and no .mcap file; in it: {there or "nothing"}',
        'give the folder that `ros2 bag record` or `mmp record` has made',
    )  # fmt: skip


def _head(path: Path) -> bytes:
    try:
        with path.open('rb') as file:
            return file.read(len(_ROS1))
    except OSError as error:
        raise BagError(str(path), f'cannot be read: {error.strerror}', 'check the file') from error
