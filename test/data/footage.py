"""Films and pictures to import: a white square that goes to the right, and a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

HEIGHT, WIDTH = 96, 160
TONE_HZ = 440


def frame(index: int) -> Any:
    """(96, 160, 3) uint8 RGB: red at the left edge, a white square that moves."""
    rgb = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    rgb[:, :16] = (220, 20, 20)
    rgb[32:64, 24 + 4 * index : 56 + 4 * index] = 255
    return rgb


def write_film(
    path: Path, times_ms: tuple[int, ...] = (0, 100, 200, 350, 400), *, sound_s: float = 0.0,
    created: str = '',
) -> Path:  # fmt: skip
    """A film with a picture at each of `times_ms`, and a tone in two channels."""
    with av.open(str(path), 'w') as container:
        if created:
            container.metadata['creation_time'] = created
        video: Any = container.add_stream('mpeg4', rate=10)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        audio: Any = container.add_stream('aac', rate=44_100, layout='stereo') if sound_s else None
        for index, time_ms in enumerate(times_ms):
            picture = av.VideoFrame.from_ndarray(frame(index), format='rgb24')
            picture.pts, picture.time_base = time_ms, Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if audio is not None:
            for piece in _tone(sound_s):
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


def _tone(seconds: float) -> list[Any]:
    wave = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(seconds * 44_100)) / 44_100)
    pieces = []
    for first in range(0, len(wave) // 1024 * 1024, 1024):
        both = np.tile(wave[first : first + 1024].astype(np.float32), (2, 1))
        piece = av.AudioFrame.from_ndarray(both, format='fltp', layout='stereo')
        piece.sample_rate, piece.pts, piece.time_base = 44_100, first, Fraction(1, 44_100)
        pieces.append(piece)
    return pieces


def turn_film(path: Path) -> Path:
    """Make a film's display matrix say: turn me by 90 degrees clockwise, as telephones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b'tkhd') + 44
    one = b'\x00\x01\x00\x00'
    assert data[at : at + 4] == one
    zero = bytes(4)
    data[at : at + 20] = zero + one + zero + b'\xff\xff\x00\x00' + zero
    path.write_bytes(bytes(data))
    return path


def write_pictures(folder: Path, num: int, ending: str = '.jpg') -> Path:
    """A folder of pictures: img1, img2, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num):
        bgr = cv2.cvtColor(frame(index), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f'img{index + 1}{ending}'), bgr)
    return folder
