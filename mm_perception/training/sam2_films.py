"""Films for the training of SAM 2: clips and single pictures, made livelier than they are.

Of what a clip shows in its first picture, one thing in seven is out of sight at some time in the
next seven, and one in seventy comes back. So cameras pan over pictures, and things of other clips
pass in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm_perception.training.data import Crop, Pixels, jittered, random_crop
from mm_perception.world.clips import Clip
from mm_perception.world.things import MAKERS

KINDS = (*MAKERS, 'tree', 'traffic light')
_PANNING_SHARE = 0.6
_PASSING_SHARE = 0.6
#: Instance numbers of things that pass; worlds count from 1 and have fewer.
_PASSING_NUMBERS = (254, 255)
_SMALLEST_PASSING_PX = 200  # in the picture it is cut from
_SMALLEST_PASSED_PX = 40  # at half the network's input


@dataclass(frozen=True, eq=False)
class Film:
    """T square pictures and their truth.

    Attributes:
        rgb: (T, S, S, 3) uint8.
        ids: (T, S/2, S/2) uint8, instance, 0 for none.
        kinds: (256,) uint8, one more than the place in `KINDS` of every instance; 0 for none.
        passed: The instances that something passes in front of.
    """

    rgb: Pixels
    ids: Pixels
    kinds: npt.NDArray[np.uint8]
    passed: tuple[int, ...] = ()


def make_film(
    rng: np.random.Generator, clip: Clip, others: Sequence[Clip], frames: int, size: int
) -> Film:
    """A film of one clip.

    Args:
        rng: Chance.
        clip: What is shown; where it is too short it is played forth and back.
        others: Whence things come that pass in front.
        frames: T.
        size: S in px.
    """
    available = len(clip.rgb)
    pans = frames > 1 and (available == 1 or bool(rng.random() < _PANNING_SHARE))
    places = choose_frames(rng, available, frames)
    crops = _crops(rng, clip.rgb.shape[1:3], size, frames, pans=pans)
    rgb = jittered(
        rng,
        np.stack([
            crop.picture(clip.rgb[i], cv2.INTER_CUBIC)  # as `nets.sam2.preprocess` enlarges
            for crop, i in zip(crops, places, strict=True)
        ]),
    )  # fmt: skip
    ids = np.stack(
        [crop.labels(clip.ids[i], size // 2) for crop, i in zip(crops, places, strict=True)]
    )
    kinds = np.zeros(256, np.uint8)
    for thing in clip.things:
        kinds[thing.instance] = 1 + KINDS.index(thing.kind)
    film = Film(rgb, ids, kinds)
    for number in _PASSING_NUMBERS:
        if rng.random() < _PASSING_SHARE:
            film = _pass_by(rng, film, others[int(rng.integers(len(others)))], number)
    return film


def forth_and_back(pictures: int, frames: int) -> tuple[int, ...]:
    """The picture of every frame: 0, 1, 2, 1, 0, 1 for six frames of three pictures."""
    turn = max(1, 2 * pictures - 2)
    return tuple(min(t % turn, turn - t % turn) for t in range(frames))


def choose_frames(rng: np.random.Generator, available: int, wanted: int) -> list[int]:
    """In order or in reverse, next to each other or with gaps; forth and back if too few."""
    stride = int(rng.integers(1, 3)) if wanted * 2 <= available else 1
    count = min(wanted, available)
    first = int(rng.integers(0, available - (count - 1) * stride))
    run = list(range(first, first + count * stride, stride))
    run = run[::-1] if rng.random() < 0.5 else run
    return [run[i] for i in forth_and_back(count, wanted)]


def _crops(
    rng: np.random.Generator, hw: tuple[int, ...], size: int, frames: int, *, pans: bool
) -> list[Crop]:
    """The part of every picture that is shown: one, or from one to another, or there and back."""
    height, width = hw
    if not pans:
        return [random_crop(rng, (height, width), size)] * frames
    ends = [random_crop(rng, (height, width), size, smallest=0.35) for _ in range(2)]
    start, end = (np.array(crop.box, float) for crop in ends)
    way = np.linspace(0, 1, frames)
    if rng.random() < 0.5:
        way = 1 - np.abs(2 * way - 1)
    boxes = np.rint(start + way[:, None] * (end - start)).astype(int)
    return [Crop((x0, y0, x1, y1), size, ends[0].is_mirrored) for x0, y0, x1, y1 in boxes.tolist()]


def _pass_by(rng: np.random.Generator, film: Film, other: Clip, number: int) -> Film:
    """Let something of another clip pass in front of a thing of the first frame."""
    found = _cut_out(rng, other)
    numbers = _numbers_in(film.ids[0], _SMALLEST_PASSED_PX)
    if found is None or not numbers:
        return film
    patch, mask, kind = found
    passed = int(numbers[int(rng.integers(len(numbers)))])
    extent = 2 * float(np.count_nonzero(film.ids[0] == passed)) ** 0.5
    side = float(np.clip(extent * rng.uniform(0.6, 1.8), 12, 0.6 * film.rgb.shape[1]))
    factor = side / float(np.count_nonzero(mask)) ** 0.5
    # Even sizes at even places: half of them is then exact.
    width, height = (2 * max(2, round(n * factor / 2)) for n in mask.shape[::-1])
    patch = np.asarray(cv2.resize(patch, (width, height)), np.uint8)
    mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    rgb, ids, kinds = film.rgb.copy(), film.ids.copy(), film.kinds.copy()
    for t, (x, y) in enumerate(_path(rng, film.ids, passed, side + extent)):
        place = 2 * round((x - width / 2) / 2), 2 * round((y - height / 2) / 2)
        _paste(rgb[t], ids[t], patch, mask, place, number)
    kinds[number] = kind
    return Film(rgb, ids, kinds, (*film.passed, passed))


def _cut_out(
    rng: np.random.Generator, clip: Clip
) -> tuple[Pixels, npt.NDArray[np.uint8], int] | None:
    """A thing in its box, (h, w, 3), its mask of 0 and 1, and its kind as in `Film.kinds`."""
    t = int(rng.integers(len(clip.rgb)))
    kinds = {thing.instance: 1 + KINDS.index(thing.kind) for thing in clip.things}
    numbers = _numbers_in(clip.ids[t], _SMALLEST_PASSING_PX)
    if not numbers:
        return None
    number = numbers[int(rng.integers(len(numbers)))]
    x, y, width, height = cv2.boundingRect((clip.ids[t] == number).astype(np.uint8))
    part = slice(y, y + height), slice(x, x + width)
    mask = (clip.ids[t][part] == number).astype(np.uint8)
    return jittered(rng, clip.rgb[t][part]), mask, kinds[number]


def _numbers_in(ids: Pixels, smallest: int) -> list[int]:
    """Instances that cover so many pixels or more."""
    areas = np.bincount(ids.reshape(-1), minlength=256)
    return [int(n) for n in np.flatnonzero(areas >= smallest) if n]


def _path(
    rng: np.random.Generator, ids: Pixels, passed: int, reach: float
) -> npt.NDArray[np.float64]:
    """Where the middle of what passes is, (T, 2) px: straight on, perhaps with a rest in front."""
    frames = len(ids)
    lasts = rng.uniform(2, 8)  # frames from first to last touch
    met = rng.uniform(1, frames - 1) if frames > 1 else rng.uniform(-lasts / 2, lasts / 2)
    seen = [t for t in range(round(max(0.0, met)) + 1) if t < frames and (ids[t] == passed).any()]
    rows, columns = np.nonzero(ids[seen[-1]] == passed)
    middle = 2 * np.array([columns.mean(), rows.mean()]) + 1
    rest = float(rng.integers(2, 7)) if rng.random() < 0.4 else 0.0
    since = np.arange(frames) - met
    since = np.where(since > 0, np.maximum(0, since - rest), since)
    angle = rng.uniform(0, 2 * np.pi)
    step = reach / lasts * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(middle + since[:, None] * step)


def _paste(
    rgb: Pixels, ids: Pixels, patch: Pixels, mask: npt.NDArray[np.uint8], place: tuple[int, int],
    number: int,
) -> None:  # fmt: skip
    """Into (S, S, 3) and (S/2, S/2), in place; `place` is the upper left corner in px of S."""
    x, y = place
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(mask.shape[1], len(rgb) - x), min(mask.shape[0], len(rgb) - y)
    if left >= right or top >= bottom:
        return
    share = cv2.blur(mask[top:bottom, left:right].astype(np.float32), (3, 3))[..., None]
    own = rgb[y + top : y + bottom, x + left : x + right]
    own[:] = (own + share * (patch[top:bottom, left:right].astype(np.float32) - own)).astype(
        np.uint8
    )
    half = mask[top:bottom:2, left:right:2] > 0
    rows, columns = (y + top) // 2, (x + left) // 2
    ids[rows : rows + half.shape[0], columns : columns + half.shape[1]][half] = number
