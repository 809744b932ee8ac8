"""Batches for the training of the grounder: pictures, texts about them, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.training.data import Pixels, random_crop
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import Phrase, absent_phrase, phrase
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import is_novel_pair

#: Class and colour of a thing.
Name = tuple[str, str]
SMALLEST_PX = 100  # area on the network's input of a thing that must be found
_COLOURED = 0.7  # of the texts name a colour, if what they mean has one
_NEAR = 0.6  # of the absent texts are nearly true
_TRIES = 40  # to find an absent one
_MOST_TURNS = 3  # of a clip, when each single picture has had one
_RELIT = 0.5  # of the pictures are in another light
_NUMBERS = 256  # instances of a clip are uint8
_COLOURS = list(COLOURS)


@dataclass(frozen=True)
class Phase:
    """A part of the training.

    Attributes:
        steps: Updates.
        pictures: Per batch.
        texts: About each picture, half of them about what is not there; 0 to learn to see first.
        pasted: Share of pictures into which things of other worlds are pasted.
        is_blind: The image encoder learns nothing: while texts mean nothing yet, they would only
            teach it noise.
    """

    steps: int
    pictures: int
    texts: int
    pasted: float = 0.0
    is_blind: bool = False


@dataclass(frozen=True)
class Batch:
    """B pictures with K texts each, as small as it goes from process to process: T = B * K texts.

    `grounder_truth.lesson_of` makes of it what the network learns from, where the network is.

    Attributes:
        rgb: (B, S, S, 3) uint8.
        light: (B, 3, 3), gamma, gain and lift of each channel; see `data.jittered`.
        ids: (B, S, S) uint8, number of the thing in every pixel, 0 for none.
        kinds: (B, N + 1) int64, class of each number, 0 for none.
        colours: (B, N + 1) int64, colour of each number, 0 for none.
        input_ids: (T, L) int64 tokens.
        attention_mask: (T, L) int64 of 0 and 1.
        large: (T, M) int64, numbers that a text means and that must be found; then zeros.
        small: (T, M') int64, numbers that it means and that may be found; then zeros.
        is_blind: See `Phase`.
    """

    rgb: Tensor
    light: Tensor
    ids: Tensor
    kinds: Tensor
    colours: Tensor
    input_ids: Tensor
    attention_mask: Tensor
    large: Tensor
    small: Tensor
    is_blind: bool = False

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != 'is_blind'}
        return replace(self, **{name: value.to(device) for name, value in tensors.items()})


@dataclass(frozen=True)
class Asked:
    """A text, and the instances that it means.

    Attributes:
        phrase: What is said.
        large: Instances that must be found; empty if the text names nothing in the picture.
        small: Instances that may be found.
    """

    phrase: Phrase
    large: tuple[int, ...] = ()
    small: tuple[int, ...] = ()


def present_text(
    rng: np.random.Generator, large: Sequence[ThingTruth], small: Sequence[ThingTruth]
) -> Asked:
    """A text about something large; every class in a picture is asked for equally often."""
    kinds = sorted({thing.kind for thing in large})
    kind = kinds[int(rng.integers(len(kinds)))]
    alike = [thing for thing in large if thing.kind == kind]
    thing = alike[int(rng.integers(len(alike)))]
    said = phrase(rng, kind, thing.colour if rng.random() < _COLOURED else '')
    return Asked(
        said, tuple(t.instance for t in large if said.means(t)),
        tuple(t.instance for t in small if said.means(t)),
    )  # fmt: skip


def absent_text(
    rng: np.random.Generator, seen: Sequence[ThingTruth], draw: Callable[[], Name]
) -> Asked:
    """A text that is true of nothing that is seen, and that is true of other pictures.

    Were absent texts made of any class and any colour, those that training never shows together
    would only ever be absent, and their very words would come to mean that nothing is there.

    Args:
        rng: Chance.
        seen: All that is in the picture.
        draw: Gives the name of a thing of some picture, as often as such things are asked for.
    """
    kinds, colours = {thing.kind for thing in seen}, {thing.colour for thing in seen} - {''}
    is_near = rng.random() < _NEAR
    for attempt in range(_TRIES):
        kind, colour = draw()
        # Nearly true: of a class or a colour that is there.
        if is_near and kind not in kinds and colour not in colours and attempt < _TRIES // 2:
            continue
        said = phrase(rng, kind, colour if rng.random() < _COLOURED else '')
        if not any(said.means(thing) for thing in seen):
            return Asked(said)
    while True:
        said = absent_phrase(rng, seen)
        if not all(is_novel_pair(said.colour, kind) for kind in said.kinds):
            return Asked(said)


def paste(
    rng: np.random.Generator, other: Clip, rgb: Pixels, ids: Pixels, things: list[ThingTruth]
) -> tuple[Pixels, Pixels]:
    """Put a thing of another world somewhere into a picture (Ghiasi et al., 2021, section 3).

    So things are not known by what usually is around them, and every one is seen before many
    backgrounds.

    Args:
        rng: Chance.
        other: Where the thing is from.
        rgb: (S, S, 3).
        ids: (S, S).
        things: Of the picture; the new one is appended.

    Returns:
        The picture and its instances with the thing, or as they were if there is none to take.
    """
    frame, number = (
        int(rng.integers(len(other.rgb))),
        len(things) and max(thing.instance for thing in things),
    )
    areas = np.bincount(other.ids[frame].ravel(), minlength=_NUMBERS)
    whole = [t for t in other.things if t.colour and areas[t.instance] >= 3 * SMALLEST_PX]
    if not whole or number + 1 >= _NUMBERS:
        return rgb, ids
    thing = whole[int(rng.integers(len(whole)))]
    mask = other.ids[frame] == thing.instance
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    height, width = mask[part].shape
    scale = rng.uniform(0.5, 1.3) * len(ids) / max(mask.shape)
    size = [int(np.clip(round(scale * s), 4, len(ids))) for s in (width, height)]
    flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
    own = cv2.resize(mask[part][:, flip].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    skin = cv2.resize(np.ascontiguousarray(other.rgb[frame][part][:, flip]), size)
    x, y = (int(rng.integers(0, len(ids) - s + 1)) for s in size)
    there = slice(y, y + size[1]), slice(x, x + size[0])
    rgb, ids = rgb.copy(), ids.copy()
    rgb[there][own > 0], ids[there][own > 0] = skin[own > 0], number + 1
    things.append(replace(thing, instance=number + 1))
    return rgb, ids


class Sampler:
    """Makes batches from clips.

    Args:
        clips: To choose from.
        tokenizer: Of texts.
        length: Tokens of a text.
        side: Of the network's input in px.
    """

    def __init__(self, clips: Sequence[Clip], tokenizer: Any, length: int, side: int) -> None:
        # A clip of many pictures shows more than a single picture, but little of it is new.
        self._clips = [clip for clip in clips for _ in range(min(_MOST_TURNS, len(clip.rgb)))]
        self._tokenizer = tokenizer
        self._length, self._side = length, side
        self._names = [names for clip in clips if (names := _names_in(clip))]
        self._tokens: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}

    def batch(self, rng: np.random.Generator, phase: Phase) -> Batch:
        """Some pictures and texts."""
        views = [self._view(rng, phase.pasted) for _ in range(phase.pictures)]
        asked = [(view, item) for view in views for item in self._ask(rng, view, phase.texts)]
        words = [self._words(item.phrase.text) for _, item in asked]
        most = max(len(view.kinds) for view in views)
        return Batch(
            _stacked([view.rgb for view in views]),
            _stacked([_light(rng) for _ in views]),
            _stacked([view.ids for view in views]),
            _padded([view.kinds for view in views], most),
            _padded([view.colours for view in views], most),
            _stacked([ids for ids, _ in words]),
            _stacked([mask for _, mask in words]),
            _padded([view.numbers(item.large) for view, item in asked]),
            _padded([view.numbers(item.small) for view, item in asked]),
            phase.is_blind,
        )

    def _words(self, text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Tokens and mask of a text, (L,) each; there are few texts and each comes often."""
        if text not in self._tokens:
            found = self._tokenizer(
                text, padding='max_length', truncation=True, max_length=self._length
            )
            ids, mask = (np.array(found[k], np.int64) for k in ('input_ids', 'attention_mask'))
            self._tokens[text] = ids, mask
        return self._tokens[text]

    def _view(self, rng: np.random.Generator, pasted: float) -> View:
        while True:
            clip = self._clips[int(rng.integers(len(self._clips)))]
            frame = int(rng.integers(len(clip.rgb)))
            crop = random_crop(rng, clip.rgb.shape[1:3], self._side)
            ids, things = crop.labels(clip.ids[frame], self._side), list(clip.things)
            rgb = crop.picture(clip.rgb[frame])
            if rng.random() < pasted:
                for _ in range(int(rng.integers(1, 4))):
                    other = self._clips[int(rng.integers(len(self._clips)))]
                    rgb, ids = paste(rng, other, rgb, ids, things)
            view = View(rgb, ids, things)
            if view.large:
                return view

    def _ask(self, rng: np.random.Generator, view: View, texts: int) -> list[Asked]:
        def draw() -> Name:
            names = self._names[int(rng.integers(len(self._names)))]
            alike = names[int(rng.integers(len(names)))]
            return alike[int(rng.integers(len(alike)))]

        present = [present_text(rng, view.large, view.small) for _ in range((texts + 1) // 2)]
        seen = (*view.large, *view.small)
        return present + [absent_text(rng, seen, draw) for _ in range(texts // 2)]


def _names_in(clip: Clip) -> list[list[Name]]:
    """Of each class in the first picture the names of its things, as in `present_text`."""
    areas = np.bincount(clip.ids[0].ravel(), minlength=_NUMBERS)
    names: dict[str, list[Name]] = {}
    for thing in clip.things:
        if areas[thing.instance] >= SMALLEST_PX:
            names.setdefault(thing.kind, []).append((thing.kind, thing.colour))
    return list(names.values())


def _light(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Other light half of the time, never so other that a colour would get another name."""
    light = np.tile(np.array([[1], [1], [0]], np.float32), 3)
    if rng.random() < _RELIT:
        light[0], light[2] = rng.uniform(0.75, 1.3), rng.uniform(-0.05, 0.05)
        light[1] = rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)
    return light


def _stacked(rows: Sequence[npt.NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0)


def _padded(rows: Sequence[npt.NDArray[np.int64]], width: int = 1) -> Tensor:
    """Rows of numbers, filled up with zeros to the longest and at least to a width."""
    filled = np.zeros((len(rows), max([width, *map(len, rows)])), np.int64)
    for target, row in zip(filled, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(filled)


class View:
    """A picture as the network sees it, with its truth.

    Args:
        rgb: (S, S, 3).
        ids: (S, S), instance of every pixel.
        things: Of the clip.

    Attributes:
        rgb: (S, S, 3).
        ids: (S, S) uint8, number of what is in every pixel: what is seen is numbered from 1.
        kinds: (N + 1,) class of each number.
        colours: (N + 1,) colour of each number.
        large: What must be found.
        small: The rest of what is seen.
    """

    def __init__(self, rgb: Pixels, ids: Pixels, things: Sequence[ThingTruth]) -> None:
        areas = np.bincount(ids.ravel(), minlength=_NUMBERS)
        seen = [thing for thing in things if areas[thing.instance]]
        self.large = [t for t in seen if areas[t.instance] >= SMALLEST_PX]
        self.small = [t for t in seen if areas[t.instance] < SMALLEST_PX]
        self._table = np.zeros(_NUMBERS, np.uint8)
        self._table[[thing.instance for thing in seen]] = np.arange(1, len(seen) + 1)
        self.rgb, self.ids = rgb, np.asarray(cv2.LUT(ids, self._table), np.uint8)
        self.kinds = np.array([0, *(1 + KINDS.index(t.kind) for t in seen)], np.int64)
        colours = (1 + _COLOURS.index(t.colour) if t.colour else 0 for t in seen)
        self.colours = np.array([0, *colours], np.int64)

    def numbers(self, instances: Sequence[int]) -> npt.NDArray[np.int64]:
        """Of instances of the clip, (K,)."""
        return self._table[list(instances)].astype(np.int64)
