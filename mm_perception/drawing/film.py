"""Results as a film and as one sheet of pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mm_perception.errors import BagError
from mm_perception.samples.sample import Array

_TILE_WIDTH = 480
_COLUMNS = 4
_ROWS = 4


class Film:
    """Writes an MP4 (H.264, else MPEG-4) whose pictures stand as long as their stamps say.

    Args:
        path: File to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container: Any = None
        self._stream: Any = None
        self._first_ns = 0
        self._last_ms = -1

    def add(self, rgb: Array, stamp_ns: int) -> None:
        """Append a picture; one that is not newer than the last is left out."""
        import av

        even: Array = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
        if self._container is None:
            self._open(even)
            self._first_ns = stamp_ns
        elapsed_ms = round((stamp_ns - self._first_ns) / 1e6)
        if elapsed_ms <= self._last_ms:
            return
        self._last_ms = elapsed_ms
        if even.shape[:2] != (self._stream.height, self._stream.width):
            even = cv2.resize(even, (self._stream.width, self._stream.height))
        frame = av.VideoFrame.from_ndarray(even, format='rgb24')
        frame.pts, frame.time_base = elapsed_ms, Fraction(1, 1000)
        self._write(frame)

    def close(self) -> None:
        """Finish the file."""
        if self._container is not None:
            self._write(None)
            self._container.close()
        self._container = None

    def _write(self, frame: Any) -> None:
        """Encode; the file is opened only when the first packet comes out of the encoder."""
        import av

        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            self._container = None
            raise BagError(
                str(self.path), f'cannot be written: {error}', 'check the folder and the disk'
            ) from error

    def _open(self, rgb: Array) -> None:
        import av

        has_h264 = 'libx264' in av.codecs_available  # not in every build of FFmpeg
        self._container = av.open(str(self.path), 'w')
        self._stream = self._container.add_stream('libx264' if has_h264 else 'mpeg4', rate=30)
        self._stream.width, self._stream.height = rgb.shape[1], rgb.shape[0]
        self._stream.pix_fmt = 'yuv420p'
        self._stream.time_base = Fraction(1, 1000)
        self._stream.options = {'crf': '23', 'preset': 'veryfast'} if has_h264 else {}


class ContactSheet:
    """Keeps up to sixteen pictures, evenly spread over however many come, and lays them out.

    Each stands for those up to the next: one in which something was found goes before the first.
    """

    def __init__(self) -> None:
        self._tiles: list[tuple[bool, Array]] = []
        self._stride = 1
        self._count = 0

    def add(self, rgb: Array, *, has_found: bool = True) -> None:
        """Take a picture in, if it is the first of its stride or the first with something in it.

        Args:
            rgb: (H, W, 3) uint8.
            has_found: Something is drawn in it that was looked for.
        """
        if self._count // self._stride == len(self._tiles):
            self._tiles.append((has_found, _shrunk(rgb)))
        elif has_found and not self._tiles[-1][0]:
            self._tiles[-1] = (True, _shrunk(rgb))
        self._count += 1
        if len(self._tiles) > _COLUMNS * _ROWS:
            pairs = [self._tiles[i : i + 2] for i in range(0, len(self._tiles), 2)]
            self._tiles = [max(pair, key=lambda tile: tile[0]) for pair in pairs]
            self._stride *= 2

    def write(self, path: Path) -> bool:
        """Write a PNG; False if there is no picture."""
        if not self._tiles:
            return False
        tiles = [tile for _, tile in self._tiles]
        columns = min(_COLUMNS, len(tiles))
        height = max(tile.shape[0] for tile in tiles)
        rows = -(-len(tiles) // columns)
        sheet = np.full((rows * height, columns * _TILE_WIDTH, 3), 24, np.uint8)
        for index, tile in enumerate(tiles):
            y, x = divmod(index, columns)
            area = sheet[y * height : y * height + tile.shape[0], x * _TILE_WIDTH :]
            area[:, :_TILE_WIDTH] = tile
        return bool(cv2.imwrite(str(path), sheet[..., ::-1]))


def _shrunk(rgb: Array) -> Array:
    height = round(rgb.shape[0] * _TILE_WIDTH / rgb.shape[1])
    return np.asarray(cv2.resize(rgb, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA))
