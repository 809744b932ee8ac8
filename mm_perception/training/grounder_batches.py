"""Batches for the training of the grounder: pictures, texts about them, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.text.words import NOUNS
from mm_perception.training.clip import jittered_lightly
from mm_perception.training.data import Pixels, normalised, random_crop
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import Phrase, absent_phrase, phrase
from mm_perception.world.materials import COLOURS

SMALLEST_PX = 60  # area on the network's input of a thing that must be found
_COLOURED = 0.7  # of the texts name a colour, if what they mean has one
_NUMBERS = 256  # instances of a clip are uint8


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
    """B pictures with K texts each: T = B * K texts of up to M instances.

    Attributes:
        pixels: (B, 3, S, S).
        kinds: (B, h, h) int64, class of every cell, 0 for none.
        colours: (B, h, h) int64, colour of the thing in every cell, 0 for none.
        reach: (B, 4, h, h), how far the thing in a cell reaches to its left, top, right and
            bottom, in shares of the picture.
        input_ids: (T, L) tokens.
        attention_mask: (T, L) of 0 and 1.
        masks: (T, M, h, h) share of the cell that an instance covers; zeros beyond `counts`.
        boxes: (T, M, 4) xyxy in shares of the picture.
        counts: (T,) int64, how many instances a text means.
        ignored: (T, h, h) bool, cells with something that a text means but is too small.
        is_blind: See `Phase`.
    """

    pixels: Tensor
    kinds: Tensor
    colours: Tensor
    reach: Tensor
    input_ids: Tensor
    attention_mask: Tensor
    masks: Tensor
    boxes: Tensor
    counts: Tensor
    ignored: Tensor
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


def absent_text(rng: np.random.Generator, seen: Sequence[ThingTruth]) -> Asked:
    """A text that is true of nothing that is seen; without a colour as often as one that is."""
    kinds = {thing.kind for thing in seen}
    nouns = [noun for noun, meant in NOUNS.items() if not kinds & set(meant)]
    if nouns and rng.random() > _COLOURED:
        kind = NOUNS[nouns[int(rng.integers(len(nouns)))]][0]
        said = phrase(rng, kind, '')
        if not kinds & set(said.kinds):
            return Asked(said)
    return Asked(absent_phrase(rng, seen))


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
        stride: Px of the network's input per cell of a mask.
    """

    def __init__(
        self, clips: Sequence[Clip], tokenizer: Any, length: int, side: int, stride: int
    ) -> None:
        self._clips, self._tokenizer = clips, tokenizer
        self._length, self._side, self._stride = length, side, stride

    def batch(self, rng: np.random.Generator, phase: Phase) -> Batch:
        """Some pictures and texts."""
        views = [self._view(rng, phase.pasted) for _ in range(phase.pictures)]
        asked = [(view, self._ask(rng, view, phase.texts)) for view in views]
        texts = [(view, item) for view, items in asked for item in items]
        most = max((len(item.large) for _, item in texts), default=0)
        targets = [view.targets(item, most) for view, item in texts]
        masks, boxes, ignored = (
            torch.from_numpy(np.stack(parts)) if targets else torch.empty(0)
            for parts in (zip(*targets, strict=True) if targets else ((), (), ()))
        )
        words = self._words([item.phrase.text for _, item in texts])
        dense = [
            torch.from_numpy(np.stack(p)) for p in zip(*(v.dense() for v in views), strict=True)
        ]
        counts = torch.tensor([len(item.large) for _, item in texts], dtype=torch.int64)
        pixels = torch.from_numpy(np.stack([normalised(view.rgb) for view in views]))
        return Batch(
            pixels, dense[0], dense[1], dense[2], *words, masks, boxes, counts, ignored,
            phase.is_blind,
        )  # fmt: skip

    def _words(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        if not texts:
            return torch.empty(0), torch.empty(0)
        found = self._tokenizer(
            texts, padding='max_length', truncation=True, max_length=self._length,
            return_tensors='pt',
        )  # fmt: skip
        return found['input_ids'], found['attention_mask']

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
            areas = np.bincount(ids.ravel(), minlength=_NUMBERS)
            if any(areas[thing.instance] >= SMALLEST_PX for thing in things):
                return View(jittered_lightly(rng, rgb), ids, things, areas, self._stride)

    def _ask(self, rng: np.random.Generator, view: View, texts: int) -> list[Asked]:
        present = [present_text(rng, view.large, view.small) for _ in range((texts + 1) // 2)]
        seen = (*view.large, *view.small)
        return present + [absent_text(rng, seen) for _ in range(texts // 2)]


class View:
    """A picture as the network sees it, with its truth.

    Args:
        rgb: (S, S, 3).
        ids: (S, S), instance of every pixel.
        things: Of the clip.
        areas: (256,) px of each instance.
        stride: Px per cell.
    """

    def __init__(
        self, rgb: Pixels, ids: Pixels, things: Sequence[ThingTruth],
        areas: npt.NDArray[np.int64], stride: int,
    ) -> None:  # fmt: skip
        self.rgb, self._ids, self._stride = rgb, ids, stride
        self.large = [t for t in things if areas[t.instance] >= SMALLEST_PX]
        self.small = [t for t in things if 0 < areas[t.instance] < SMALLEST_PX]
        self._things, self._areas = things, areas

    def dense(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Class, colour and reach of every cell: that of the pixel in its middle."""
        kinds, colours = np.zeros(_NUMBERS, np.int64), np.zeros(_NUMBERS, np.int64)
        boxes = np.zeros((_NUMBERS, 4), np.float32)
        for thing in self._things:
            kinds[thing.instance] = 1 + KINDS.index(thing.kind)
            if thing.colour:
                colours[thing.instance] = 1 + list(COLOURS).index(thing.colour)
            if self._areas[thing.instance]:
                boxes[thing.instance] = self._box(self._ids == thing.instance)
        middle = slice(self._stride // 2, None, self._stride)
        cells = self._ids[middle, middle]
        places = (np.arange(len(cells), dtype=np.float32) + 0.5) / len(cells)
        around = np.moveaxis(boxes[cells], -1, 0)  # (4, h, h)
        here = np.stack([*np.meshgrid(places, places)] * 2)
        signs = np.array([1, 1, -1, -1], np.float32)[:, None, None]
        reach = ((here - around) * signs * (cells > 0)).astype(np.float32)
        return kinds[cells], colours[cells], reach

    def targets(
        self, asked: Asked, most: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Masks, boxes and what is ignored, padded to `most` instances."""
        cells = self._ids.shape[0] // self._stride
        masks, boxes = np.zeros((most, cells, cells), np.float32), np.zeros((most, 4), np.float32)
        for row, number in enumerate(asked.large):
            mask = self._ids == number
            masks[row], boxes[row] = self._shares(mask), self._box(mask)
        ignored = np.zeros((cells, cells), np.bool_)
        for number in asked.small:
            ignored |= self._shares(self._ids == number) > 0
        return np.where(ignored, 0, masks), boxes, ignored

    def _shares(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        cells, step = mask.shape[0] // self._stride, self._stride
        return np.asarray(
            mask.reshape(cells, step, cells, step).mean((1, 3), dtype=np.float32), np.float32
        )

    @staticmethod
    def _box(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """X0, y0, x1, y1 around a mask in shares of the picture."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        box: npt.NDArray[np.float32] = np.array(corners, np.float32) / np.float32(mask.shape[0])
        return box
