"""Batches for CLIP: which pictures, which part of each, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.text.words import NOUNS
from mm_perception.training.clip_captions import nearly_true, turned_round
from mm_perception.training.clip_pixels import Album, Cuts
from mm_perception.training.clip_sights import (
    NUM_KINDS,
    Index,
    Sight,
    View,
    number_of,
)
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.language import Phrase, Scenery, caption_of, scene_caption
from mm_perception.world.materials import COLOURS

#: Nouns for things that have a colour, each a text of its own.
NAMES = tuple(noun for noun in NOUNS if noun not in ('tree', 'traffic light'))
_MIRRORED = 0.5
_LARGEST_TRIM = 0.04  # of the side of a scene, cut off at each border
_NEARLY_TRUE = 2  # captions of each scene, less those that nothing came of
_OF_OTHERS = 128  # captions of scenes that are not in the batch


@dataclass(frozen=True)
class Sizes:
    """How many rows of each sort a batch has, in this order.

    Attributes:
        scenes: Whole pictures with a caption.
        plain: Crops with a caption.
        tinted: Crops of things that get hues without a name: only their class is asked.
        broken: Crops whose tiles are shuffled: only their colour is asked.
    """

    scenes: int
    plain: int
    tinted: int
    broken: int

    @classmethod
    def of(cls, total: int) -> Sizes:
        """A fifth scenes, half crops, a fifth tinted, a tenth broken."""
        scenes, plain, tinted = total // 5, total // 2, total // 5
        return cls(scenes, plain, tinted, total - scenes - plain - tinted)

    @property
    def total(self) -> int:
        """All rows."""
        return self.told + self.tinted + self.broken

    @property
    def told(self) -> int:
        """Rows with a caption."""
        return self.scenes + self.plain


@dataclass(frozen=True)
class Batch:
    """N pictures, the first M of them with captions.

    Attributes:
        cuts: Whole scenes and crops, their pixels and what is in them.
        instances: (N,) int64, the thing that a crop shows, 0 for scenes.
        shown: (N, 2) int64, its class and colour, 0 for scenes.
        input_ids: (M + nouns + colours, L), the captions, then each noun and each colour alone.
        same: (M, M) bool, whether caption j is true of picture i.
        rival: (M, M) bool, whether caption j is compared with picture i: not where a crop differs
            in both colour and class, for then one of them tells the other as pairs that training
            shows have it, and a pair that it never shows is misread.
        nouns: (plain crops,) int64, which of `NAMES` a caption has.
        false: (F, L) int64, captions that scenes are compared with beside those of the batch.
        false_of: (scenes, F) bool, which of them with which.
        turned: (2 T, L) int64, captions of scenes, then the same with the relation turned round.
        turned_of: (T,) int64, of which scenes.
        sceneries: What can be said of each scene.
        seed: Of changes to the pixels.
    """

    cuts: Cuts
    instances: Tensor
    shown: Tensor
    input_ids: Tensor
    same: Tensor
    rival: Tensor
    nouns: Tensor
    false: Tensor
    false_of: Tensor
    turned: Tensor
    turned_of: Tensor
    sceneries: tuple[Scenery, ...]
    seed: int


def make_batch(
    rng: np.random.Generator, index: Index, album: Album, side: int, sizes: Sizes, tokenize: Any,
    seed: int,
) -> Batch:  # fmt: skip
    """Draw one.

    Args:
        rng: Random numbers.
        index: What can be shown.
        album: Its pictures.
        side: Of the network's input in px.
        sizes: Rows of each sort.
        tokenize: N texts to (N, L) int64.
        seed: For the pixels.
    """
    views = [_view(rng, index) for _ in range(sizes.scenes)]
    sights = [_sight(rng, index) for _ in range(sizes.plain + sizes.tinted + sizes.broken)]
    plain = sights[: sizes.plain]
    phrases = [caption_of(rng, sight.thing) for sight in plain]
    captions = [scene_caption(rng, view.scenery) for view, _ in views]
    same, rival = _matches(captions, phrases, plain)
    texts = [*captions, *(p.text for p in phrases), *names_alone(rng)]
    boxes = np.array([box for _, box in views] + [_around(rng, s) for s in sights], np.float32)
    pictures = [view.picture for view, _ in views] + [sight.picture for sight in sights]
    false, false_of = _false_captions(rng, index, [view for view, _ in views], captions)
    doubts = [(turned_round(rng, view.scenery), number) for number, (view, _) in enumerate(views)]
    turned = [(doubt, number) for doubt, number in doubts if doubt]
    return Batch(
        album.cut(pictures, boxes, side),
        torch.tensor([0] * len(views) + [sight.thing.instance for sight in sights]),
        torch.tensor([(0, 0)] * len(views) + [number_of(sight.thing) for sight in sights]),
        tokenize(texts),
        torch.from_numpy(same),
        torch.from_numpy(rival),
        torch.tensor([noun_of(phrase) for phrase in phrases], dtype=torch.int64),
        tokenize(false),
        torch.from_numpy(false_of),
        tokenize([d.true for d, _ in turned] + [d.false for d, _ in turned]),
        torch.tensor([number for _, number in turned], dtype=torch.int64),
        tuple(view.scenery for view, _ in views),
        seed,
    )


def _sight(rng: np.random.Generator, index: Index) -> Sight:
    """All pairs of class and colour equally often: what is rare is not unlikely."""
    pair = index.pairs[int(rng.integers(len(index.pairs)))]
    return pair[int(rng.integers(len(pair)))]


def drawn_at_large(rng: np.random.Generator, index: Index, count: int) -> list[Sight]:
    """Things as often as they are there."""
    ends = np.cumsum([len(pair) for pair in index.pairs])
    numbers = rng.integers(ends[-1], size=count)
    pairs = np.searchsorted(ends, numbers, side='right')
    return [index.pairs[pair][n - ends[pair]] for pair, n in zip(pairs, numbers, strict=True)]


def cut_out(
    rng: np.random.Generator, album: Album, sights: Sequence[Sight], side: int
) -> tuple[Cuts, Tensor]:
    """Squares around things, and the class and colour of each, (N, 2) int64."""
    boxes = np.array([_around(rng, sight) for sight in sights], np.float32)
    cuts = album.cut([sight.picture for sight in sights], boxes, side)
    return cuts, torch.tensor([number_of(sight.thing) for sight in sights])


def names_alone(rng: np.random.Generator) -> list[str]:
    """Each of `NAMES` with the same words before it, then each colour."""
    lead = ('', 'a ', 'the ', 'a photo of a ', 'a picture of a ')[int(rng.integers(5))]
    return [*(lead + name for name in NAMES), *COLOURS]


def _view(
    rng: np.random.Generator, index: Index
) -> tuple[View, tuple[float, float, float, float]]:
    view = index.views[int(rng.integers(len(index.views)))]
    width, height = view.size
    left, right = rng.uniform(0, _LARGEST_TRIM, 2) * width
    top, bottom = rng.uniform(0, _LARGEST_TRIM, 2) * height
    x0, x1 = left, width - right
    if rng.random() < _MIRRORED:
        view, x0, x1 = view.mirrored(), x1, x0
    return view, (x0, top, x1, height - bottom)


def _around(rng: np.random.Generator, sight: Sight) -> tuple[float, float, float, float]:
    """A square around a thing with some margin, cut where the picture ends."""
    x0, y0, x1, y1 = sight.box
    longer = max(x1 - x0, y1 - y0)
    half = longer * (0.5 + rng.uniform(0.0, 0.25))
    shift = rng.uniform(-0.08, 0.08, 2) * longer
    x, y = (x0 + x1) / 2 + shift[0], (y0 + y1) / 2 + shift[1]
    width, height = sight.size
    left, right = max(0.0, x - half), min(float(width), x + half)
    if rng.random() < _MIRRORED:
        left, right = right, left
    return left, max(0.0, y - half), right, min(float(height), y + half)


def _matches(
    captions: Sequence[str], phrases: Sequence[Phrase], plain: Sequence[Sight]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    texts = np.array(captions, object)
    scenes = len(captions)
    same = np.zeros((scenes + len(plain),) * 2, bool)
    same[:scenes, :scenes] = texts[:, None] == texts
    numbers = np.array([number_of(sight.thing) for sight in plain])
    meant = np.array([_meant(phrase.kinds) for phrase in phrases])
    is_kind = meant.T[numbers[:, 0]]
    is_colour = numbers[:, None, 1] == numbers[:, 1]  # every caption of a crop names it
    same[scenes:, scenes:] = is_kind & is_colour
    rival = np.ones_like(same)
    rival[scenes:, scenes:] = is_kind | is_colour
    return same, rival


def _false_captions(
    rng: np.random.Generator, index: Index, views: Sequence[View], captions: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Nearly true ones of each scene, for it alone, and those of other scenes, for all."""
    near = [
        (doubt.false, number)
        for number, view in enumerate(views)
        for doubt in (nearly_true(rng, view.scenery, index.shown) for _ in range(_NEARLY_TRUE))
        if doubt
    ]
    chosen = rng.integers(len(index.views), size=_OF_OTHERS) if views else ()
    others = [scene_caption(rng, index.views[int(i)].scenery) for i in chosen]
    texts = [text for text, _ in near] + others
    compared = np.zeros((len(views), len(texts)), bool)
    compared[[number for _, number in near], range(len(near))] = True
    compared[:, len(near) :] = True
    compared &= np.array(captions, object)[:, None] != np.array(texts, object)
    return texts, compared


@cache
def _meant(kinds: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    row = np.zeros(NUM_KINDS, bool)
    row[[1 + KINDS.index(kind) for kind in kinds]] = True
    return row


def noun_of(phrase: Phrase) -> int:
    """Which of `NAMES` a caption has."""
    words = f' {phrase.text} '
    return NAMES.index(max((n for n in NAMES if f' {n} ' in words), key=len))


def names_kinds() -> npt.NDArray[np.bool_]:
    """Which classes each of `NAMES` means, (names, 1 + classes)."""
    return np.stack([_meant(NOUNS[name]) for name in NAMES])
