"""A folder of pictures as a camera; JPEG and PNG stay the bytes that they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from mm_perception.errors import FootageError, ShapeError
from mm_perception.footage.film import Sound
from mm_perception.footage.still import Still, name_of
from mm_perception.imaging.compressed import claimed_size
from mm_perception.samples.sample import Array

PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8'
#: Of EXIF; 1 is upright.
_ORIENTATION = 0x0112
#: Where a PNG file says how many bits a colour has, and which colours.
_PNG_BITS, _PNG_COLOUR = 24, 25


class Album:
    """Pictures of one camera, in the order of their names, numbers counted as numbers.

    Args:
        path: The folder; of pictures that were given one by one, that of the first.
        pictures: Given one by one; empty means those in `path`.
        rate_hz: Pictures per second.

    Raises:
        FootageError: There is no picture, or none of them can be read.
    """

    has_sound = False

    def __init__(self, path: Path, pictures: Sequence[Path] = (), rate_hz: float = 10.0) -> None:
        self.path, self.name = path, name_of(path.absolute())
        self._rate_hz = rate_hz
        self._files = sorted(pictures or _pictures_in(path), key=_in_order)
        #: Files that cannot be read, with the reason.
        self.problems: dict[str, str] = {}
        if next(self.pictures(), None) is None:
            name, why = next(iter(self.problems.items()))
            raise FootageError(
                str(path), f'has no picture that can be read; {name}: {why}', 'check the files'
            )
        self.problems.clear()
        self.begin_ns, self.begin_is = self._files[0].stat().st_mtime_ns, 'time of the first file'

    @property
    def num_pictures(self) -> int:
        """How many files there are."""
        return len(self._files)

    @property
    def has_pictures(self) -> bool:
        """Always."""
        return True

    def pictures(self, every: int = 1) -> Iterator[Still]:
        """Every nth picture; a damaged one is noted in `problems`, and its time stays empty."""
        for index in range(0, len(self._files), every):
            offset_ns = round(index * 1e9 / self._rate_hz)
            try:
                yield _read(self._files[index], offset_ns)
            except (ShapeError, OSError) as error:
                self.problems[self._files[index].name] = str(error)

    def sound(self) -> Iterator[Sound]:
        """None."""
        return iter(())


def _pictures_in(folder: Path) -> list[Path]:
    found = [p for p in folder.iterdir() if p.suffix.lower() in PICTURES and p.is_file()]
    if not found:
        files = sorted(item.name for item in folder.iterdir())
        there = ', '.join(files[:4]) + (', ...' if len(files) > 4 else '')
        raise FootageError(
            str(folder), f'has no pictures (png, jpg); in it: {there or "nothing"}',
            'give the folder that holds them, or the films themselves',
        )  # fmt: skip
    return found


def _in_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """img2 comes before img10."""
    parts = re.split(r'(\d+)', path.name)
    return [(int(p), '') if p.isdigit() else (-1, p) for p in parts], str(path)


def _read(path: Path, offset_ns: int) -> Still:
    """A picture as its file is, or its pixels where the file is none that ROS reads."""
    data = path.read_bytes()
    kind = 'png' if data.startswith(_PNG) else 'jpeg' if data.startswith(_JPEG) else ''
    if kind:
        claimed_size(np.frombuffer(data, np.uint8))  # refuses what is cut off
    if kind and not _must_change(path, data, kind):
        return Still(offset_ns, file=data, kind=kind)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise ShapeError('picture', 'a file that can be read', f'{len(data)} bytes of no picture')
    rgb: Array = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return Still(offset_ns, rgb)


def _must_change(path: Path, data: bytes, kind: str) -> bool:
    """A telephone's JPEG that lies on its side, or a PNG with 16 bits per colour."""
    if kind == 'png':
        return data[_PNG_BITS] == 16 and data[_PNG_COLOUR] != 0
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return int(picture.getexif().get(_ORIENTATION, 1)) != 1
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError):
        return False  # whether it can be read at all, the decoder tells
