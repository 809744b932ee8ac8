"""One picture on its way into a bag: the bytes of its file as they are, or pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mm_perception.imaging.compressed import decode_picture, encode_jpeg
from mm_perception.samples.sample import Array

#: What a film has lost already is not lost twice: at 95 nobody sees the second compression.
_QUALITY = 95
#: Parts of topics by which `auto` knows what nodes like ours publish.
_OURS = ('output', 'debug')


@dataclass(frozen=True)
class Still:
    """One picture.

    Attributes:
        offset_ns: Since the first moment of its film or folder.
        rgb: (H, W, 3) uint8; None where `file` has it.
        file: Bytes of a JPEG or PNG file; empty where `rgb` has it.
        kind: `jpeg` or `png`: of `file`.
    """

    offset_ns: int
    rgb: Array | None = None
    file: bytes = b''
    kind: str = 'jpeg'

    def pixels(self) -> Array:
        """(H, W, 3) uint8 RGB.

        Raises:
            ShapeError: The file is damaged.
        """
        if self.rgb is not None:
            return self.rgb
        picture = decode_picture(np.frombuffer(self.file, np.uint8))
        if picture.dtype == np.uint16:  # 16 bits of brightness: the upper eight
            picture = (picture >> 8).astype(np.uint8)
        if picture.ndim == 2:
            return np.repeat(picture[..., None], 3, axis=2)
        return np.ascontiguousarray(picture[..., :3])

    def compressed(self) -> tuple[bytes, str]:
        """Bytes of a file, and `jpeg` or `png`."""
        if self.rgb is None:
            return self.file, self.kind
        return encode_jpeg(self.rgb, _QUALITY).tobytes(), 'jpeg'

    def narrowed(self, width: int) -> Still:
        """The same at most `width` pixels wide, in its proportions; 0 leaves it as it is.

        Raises:
            ShapeError: The file is damaged.
        """
        if not width:
            return self
        rgb = self.pixels()
        rows, columns = rgb.shape[:2]
        if columns <= width:
            return self
        size = (width, max(1, round(rows * width / columns)))
        return Still(self.offset_ns, np.asarray(cv2.resize(rgb, size, None, 0, 0, cv2.INTER_AREA)))


def name_of(path: Path) -> str:
    """A word for topics and frames of what the name of a file is.

    Convention:
        `GoPro 01 (left).MP4` becomes gopro_01_left; `2.mp4`, for no name begins with a digit,
        camera_2; `output.mp4`, for `auto` takes no results of nodes, camera_output.
    """
    word = re.sub(r'[^a-z0-9]+', '_', path.stem.lower()).strip('_')
    return word if word[:1].isalpha() and word not in _OURS else f'camera_{word}'.rstrip('_')
