"""Batches for DINOv2: pictures are cut on the CPU and changed where the training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from mm_perception.text.words import NOUNS
from mm_perception.training.clip import DEVIATION, MEAN
from mm_perception.training.clip_pixels import Album, Cuts, other_light, patch_points, tinted
from mm_perception.training.clip_sights import NUM_KINDS, View, index_of
from mm_perception.training.data import random_crop
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import Clip
from mm_perception.world.language import phrase, scene_caption
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import is_novel_pair

#: Where a picture was taken; the word for what is behind all things.
PLACES = ('street', 'room')
#: Every noun, then every place, each a text of its own.
NAMES = (*NOUNS, *PLACES)
#: Classes of a pixel: nothing in a street, then `KINDS`, then nothing in a room.
NUM_CLASSES = NUM_KINDS + 1
#: Class and colour that a text can name together, as far as training worlds show them.
PAIRS = tuple(
    (kind, colour)
    for kind in KINDS
    if kind not in ('tree', 'traffic light')
    for colour in COLOURS
    if not is_novel_pair(colour, kind)
)
_EVERY = 4  # of the pictures of a clip one is kept: the others show little that is new
_LARGEST_TRIM = 0.04  # of the side of a scene, cut off at each border
_SMALLEST_CROP = 0.45
_PASTED, _TINTED = 0.45, 0.3  # of the crops
_LOOKS = 16  # at random pixels, to find a thing
_POINTS = 2  # of each patch, whose class and colour are asked


@dataclass(frozen=True)
class Batch:
    """S whole scenes with captions, then crops: B pictures.

    Attributes:
        cuts: Their pixels and what is in them.
        places: (B,) int64, class of what is behind all things.
        input_ids: (S + names + colours + P, L) int64: captions, each noun and each colour alone,
            and P phrases of a colour and a noun.
        same: (S, S) bool, whether scene i has caption j.
        kinds: (P, classes) bool, what the phrases name.
        colours: (P,) int64, colour of the phrases, from 0.
        nouns: (P,) int64, which of `NAMES` they have.
        seed: Of changes to the pixels.
    """

    cuts: Cuts
    places: Tensor
    input_ids: Tensor
    same: Tensor
    kinds: Tensor
    colours: Tensor
    nouns: Tensor
    seed: int

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.type == 'Tensor'}
        moved = {name: t.to(device, non_blocking=True) for name, t in tensors.items()}
        return replace(self, cuts=self.cuts.to(device), **moved)


@dataclass(frozen=True)
class Lesson:
    """What a batch shows, on the device.

    Attributes:
        pixels: (B, 3, S, S) as the network takes them.
        classes: (B, patches, points) int64, class of some pixels of each patch.
        colours: (B, patches, points) int64, their colour from 1, 0 for none.
    """

    pixels: Tensor
    classes: Tensor
    colours: Tensor


def names_classes() -> npt.NDArray[np.bool_]:
    """Which classes each of `NAMES` means, (names, classes)."""
    table = np.zeros((len(NAMES), NUM_CLASSES), bool)
    for row, kinds in zip(table, NOUNS.values(), strict=False):
        row[[1 + KINDS.index(kind) for kind in kinds]] = True
    table[-2, 0] = table[-1, -1] = True
    return table


class Sampler:
    """Makes batches from clips.

    Args:
        clips: To choose from.
        scenes: Whole pictures of a batch.
        crops: Parts of pictures of a batch.
        phrases: Texts of a batch that name a colour and a class.
        side: Of the network's input in px.
        patch: Side of a patch in px.
    """

    def __init__(
        self, clips: Sequence[Clip], scenes: int, crops: int, phrases: int, side: int, patch: int
    ) -> None:
        self._clips = [
            replace(c, rgb=c.rgb[::_EVERY], ids=c.ids[::_EVERY], depth=c.depth[::_EVERY])
            for c in clips
        ]
        self._sizes = [clip.rgb.shape[1:3] for clip in self._clips for _ in clip.rgb]
        self._places = [
            0 if clip.place == PLACES[0] else NUM_CLASSES - 1
            for clip in self._clips for _ in clip.rgb
        ]  # fmt: skip
        self._views = index_of(self._clips).views
        self._scenes, self._crops, self._phrases = scenes, crops, phrases
        self._side, self._patch = side, patch
        self._album = Album(self._clips)
        self._names = names_classes()

    def batch(self, rng: np.random.Generator, tokenize: Any) -> Batch:
        """Draw one; `tokenize` makes (N, L) int64 of N texts."""
        views = [_scene(rng, self._views) for _ in range(self._scenes)]
        captions = [scene_caption(rng, view.scenery) for view, _ in views]
        crops = rng.integers(len(self._sizes), size=self._crops)
        boxes = [box for _, box in views] + [self._crop(rng, int(n)) for n in crops]
        numbers = [view.picture for view, _ in views] + [int(n) for n in crops]
        pairs = [PAIRS[int(i)] for i in rng.integers(len(PAIRS), size=self._phrases)]
        phrases = [phrase(rng, kind, colour) for kind, colour in pairs]
        nouns = [noun_of(said.text) for said in phrases]
        lead = ('', 'a ', 'the ')[int(rng.integers(3))]
        texts = [*captions, *(lead + name for name in NAMES), *COLOURS]
        told = np.array(captions, object)
        return Batch(
            self._album.cut(numbers, np.array(boxes, np.float32), self._side),
            torch.tensor([self._places[n] for n in numbers]),
            tokenize([*texts, *(said.text for said in phrases)]),
            torch.from_numpy(np.asarray(told[:, None] == told, bool)),
            torch.from_numpy(self._names[nouns]),
            torch.tensor([list(COLOURS).index(colour) for _, colour in pairs]),
            torch.tensor(nouns),
            int(rng.integers(2**62)),
        )

    def _crop(self, rng: np.random.Generator, number: int) -> tuple[float, ...]:
        crop = random_crop(rng, self._sizes[number], self._side, _SMALLEST_CROP)
        x0, y0, x1, y1 = (float(v) for v in crop.box)
        return (x1, y0, x0, y1) if crop.is_mirrored else (x0, y0, x1, y1)

    @torch.no_grad()
    def lesson(self, batch: Batch, device: torch.device) -> Lesson:
        """Pixels and truth."""
        chance = Generator(device).manual_seed(batch.seed)
        cuts, places = batch.cuts.to(device), batch.places.to(device, non_blocking=True)
        rgb = cuts.planes()
        points = torch.cat(
            [patch_points(self._side, self._patch, chance, device) for _ in range(_POINTS)]
        )
        shown = cuts.shown(points)
        shown[..., 0] = torch.where(shown[..., 0] == 0, places[:, None], shown[..., 0])
        own = some_thing(cuts.ids, chance)
        first = self._scenes
        last = first + round(_PASTED * self._crops)
        final = last + round(_TINTED * self._crops)
        rgb, shown = pasted(rgb, shown, own, points, slice(first, last))
        rgb[last:final] = tinted(rgb[last:final], own[last:final], chance)
        shown[last:final, :, 1].masked_fill_(own[last:final].flatten(1)[:, points], 0)
        mean, deviation = (rgb.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
        classes, colours = shown.reshape(len(shown), _POINTS, -1, 2).transpose(1, 2).unbind(-1)
        return Lesson((other_light(rgb, chance) - mean) / deviation, classes, colours)


def some_thing(ids: Tensor, chance: Generator) -> Tensor:
    """The pixels of one thing of each picture, (B, S, S) instances to bool; of none if none is.

    Large things are taken more often.
    """
    flat = ids.flatten(1)
    looks = torch.randint(flat.shape[1], (len(flat), _LOOKS), generator=chance, device=ids.device)
    found = flat.gather(1, looks)
    thing = found.gather(1, (found > 0).to(torch.uint8).argmax(1, keepdim=True))
    return (ids == thing[..., None]) & (ids > 0)


def pasted(
    rgb: Tensor, shown: Tensor, own: Tensor, points: Tensor, rows: slice
) -> tuple[Tensor, Tensor]:
    """Things of the pictures one row further down, put into some rows (Ghiasi et al., 2021).

    Args:
        rgb: (B, 3, S, S).
        shown: (B, N, 2), what is at N points.
        own: (B, S, S), one thing of each picture.
        points: (N,) of the flat picture.
        rows: Which get one.
    """
    first = torch.arange(len(rgb), device=rgb.device)[rows]
    other = (first + 1) % len(rgb)
    mask = own[other]
    rgb, shown = rgb.clone(), shown.clone()
    rgb[rows] = torch.where(mask[:, None], rgb[other], rgb[rows])
    shown[rows] = torch.where(mask.flatten(1)[:, points, None], shown[other], shown[rows])
    return rgb, shown


def noun_of(text: str) -> int:
    """Which of `NAMES` a phrase of the grammar has."""
    words = f' {text} '
    return NAMES.index(max((noun for noun in NOUNS if f' {noun} ' in words), key=len))


def _scene(
    rng: np.random.Generator, views: Sequence[View]
) -> tuple[View, tuple[float, float, float, float]]:
    view = views[int(rng.integers(len(views)))]
    width, height = view.size
    left, right = rng.uniform(0, _LARGEST_TRIM, 2) * width
    top, bottom = rng.uniform(0, _LARGEST_TRIM, 2) * height
    x0, x1 = left, width - right
    if rng.random() < 0.5:
        view, x0, x1 = view.mirrored(), x1, x0
    return view, (x0, top, x1, height - bottom)
