"""Clips of the synthetic world for trainings: made once, kept in a cache, held in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, overload

import cv2
import numpy as np
import numpy.typing as npt

from mm_perception.world.cache import cache_folder
from mm_perception.world.clips import Clip, ClipPlan, make_clips
from mm_perception.world.variety import Split

Made = TypeVar('Made')
Pixels = npt.NDArray[np.uint8]
#: First seed of worlds that only final scores see; training and validation use those from 0.
FINAL_SEED = 100_000
#: Of a picture: a thing that covers more is so close that nobody could name it, nor is asked to.
LARGEST_SHARE = 0.5


def worlds_folder() -> Path:
    """Where clips are kept."""
    return cache_folder() / 'worlds'


def load_clips(
    split: Split,
    count: int,
    *,
    num_frames: int = 8,
    step_s: float = 0.0,
    first: int = 0,
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Clip]:
    """Clips of seeds `first` to `first + count`, rendered where the cache lacks them."""
    plans = [ClipPlan(first + i, split, num_frames, step_s) for i in range(count)]
    clips = []
    for done, path in enumerate(make_clips(worlds_folder(), plans, workers), 1):
        clips.append(Clip.load(path))
        progress(done)
    return clips


class LateClips(Sequence[Made]):
    """Clips or views, made and read when one is asked for: a late stage may need none.

    Args:
        load: Makes and reads all of them.
    """

    def __init__(self, load: Callable[[], list[Made]]) -> None:
        self._load = load
        self._clips: list[Made] | None = None

    @overload
    def __getitem__(self, index: int) -> Made: ...

    @overload
    def __getitem__(self, index: slice) -> list[Made]: ...

    def __getitem__(self, index: int | slice) -> Made | list[Made]:
        """One clip, or some."""
        return self._all()[index]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all())

    def _all(self) -> list[Made]:
        if self._clips is None:
            self._clips = self._load()
        return self._clips


def final_clips(
    count: int, split: Split = Split.HELD_OUT, progress: Callable[[int], None] = lambda done: None
) -> list[Clip]:
    """Single pictures that only final scores see.

    Those of the split `train` are of new seeds too, but of nothing that training never shows: what
    a score loses from them to held-out ones is the price of the unknown.
    """
    return load_clips(split, count, num_frames=1, first=FINAL_SEED, progress=progress)


@dataclass(frozen=True)
class Crop:
    """A part of a picture, enlarged to a square, mirrored or not.

    Attributes:
        box: x0, y0, x1, y1 in pixels.
        side: Of the square, pixels.
        is_mirrored: Left for right.
    """

    box: tuple[int, int, int, int]
    side: int
    is_mirrored: bool = False

    def picture(self, rgb: Pixels, enlarge: int = cv2.INTER_LINEAR) -> Pixels:
        """(H, W, 3) to (side, side, 3); `enlarge` is how OpenCV fills in between pixels."""
        part = self._part(rgb)
        shrinks = part.shape[0] > self.side
        how = cv2.INTER_AREA if shrinks else enlarge
        return np.asarray(cv2.resize(part, (self.side, self.side), interpolation=how), np.uint8)

    def labels(self, ids: Pixels, side: int) -> Pixels:
        """(H, W) numbers to (side, side): of the nearest pixel."""
        size = (side, side)
        # INTER_NEAREST_EXACT, unlike INTER_NEAREST, takes the middle of a pixel.
        nearest = cv2.resize(self._part(ids), size, interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(nearest, np.uint8)

    def _part(self, picture: Pixels) -> Pixels:
        x0, y0, x1, y1 = self.box
        part = picture[y0:y1, x0:x1]
        return np.ascontiguousarray(part[:, ::-1] if self.is_mirrored else part)


def random_crop(
    rng: np.random.Generator, size: tuple[int, int], side: int, smallest: float = 0.6
) -> Crop:
    """A crop of a random share of a picture of (height, width)."""
    height, width = size
    share = rng.uniform(smallest, 1.0) if rng.random() < 0.7 else 1.0
    h, w = round(height * share), round(width * min(1.0, share * rng.uniform(0.85, 1.15)))
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    return Crop((x, y, x + w, y + h), side, bool(rng.random() < 0.5))


def jittered(rng: np.random.Generator, rgb: Pixels) -> Pixels:
    """Other exposure, contrast and white balance: the same for all pictures given, (..., 3)."""
    table = np.linspace(0, 1, 256)
    gamma, gain, lift = rng.uniform(0.75, 1.3), rng.uniform(0.8, 1.2), rng.uniform(-0.05, 0.05)
    channels = []
    for _ in range(3):
        curve = np.clip(table**gamma * gain * rng.uniform(0.93, 1.07) + lift, 0, 1)
        channels.append((curve * 255 + 0.5).astype(np.uint8))
    flat = np.ascontiguousarray(rgb).reshape(-1, 1, 3)
    return np.asarray(cv2.LUT(flat, np.stack(channels, axis=-1)[:, None]), np.uint8).reshape(
        rgb.shape
    )


@lru_cache(maxsize=1)
def _normalisation() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    mean = np.array([0.485, 0.456, 0.406], np.float32) * 255  # of ImageNet
    return mean, np.array([0.229, 0.224, 0.225], np.float32) * 255


def normalised(rgb: Pixels) -> npt.NDArray[np.float32]:
    """(..., H, W, 3) uint8 to (..., 3, H, W) float32 in units of ImageNet's deviation."""
    mean, deviation = _normalisation()
    return np.moveaxis((rgb.astype(np.float32) - mean) / deviation, -1, -3)
