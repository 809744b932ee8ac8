"""Batches for the training of SAM 2: objects of clips, and how they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.training.data import Pixels, jittered, normalised, random_crop
from mm_perception.world.clips import Clip
from mm_perception.world.things import MAKERS

KINDS = (*MAKERS, 'tree', 'traffic light')
NO_POINT = -10  # label of a point that says nothing
_SMALLEST_SHARE = 6e-4  # of the picture, covered by an object that is asked for


@dataclass(frozen=True)
class Phase:
    """A part of the training.

    Attributes:
        steps: Updates.
        clips: Per batch.
        frames: Of each clip that teach; 0 for bare prompts without pictures.
        objects: Of each clip.
        before: Frames between the first and those that teach, which only fill the memory: with
            them it learns from what its own mistakes have left there.
    """

    steps: int
    clips: int
    frames: int
    objects: int
    before: int = 0


@dataclass(frozen=True)
class Batch:
    """B clips of T pictures with K objects each, asked for in the first frame.

    Attributes:
        pixels: (B, T, 3, S, S).
        masks: (B, T, K, S/2, S/2) of 0 and 1.
        points: (B * K, 2, 2) in px of the network's input: the corners of a box, or one point.
        labels: (B * K, 2) of the points: 2 and 3 for corners.
        kinds: (B, T, S/4, S/4) int64: class of every pixel, 0 for none.
        is_mask: The true mask is given instead.
        order: The picture of every frame: a clip is played forth and back when it is too short.
        before: See `Phase`.
    """

    pixels: Tensor
    masks: Tensor
    points: Tensor
    labels: Tensor
    kinds: Tensor
    is_mask: bool
    order: tuple[int, ...] = (0,)
    before: int = 0

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.type == 'Tensor'}
        return replace(self, **{name: value.to(device) for name, value in tensors.items()})


def clip_batch(rng: np.random.Generator, clips: Sequence[Clip], phase: Phase, size: int) -> Batch:
    """Objects of some clips, asked for by boxes, by points, or by their masks.

    Args:
        rng: Chance.
        clips: To choose from.
        phase: How many of what.
        size: Side of the network's input in px.
    """
    is_box = bool(rng.random() < 0.5)
    is_mask = phase.before + phase.frames > 1 and bool(rng.random() < 0.2)
    samples = [_sample(rng, clips, phase, size, is_box=is_box) for _ in range(phase.clips)]
    pixels, masks, points, labels, kinds = (
        torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True)
    )
    order = forth_and_back(pixels.shape[1], phase.before + phase.frames)
    return Batch(
        pixels, masks.float(), points.flatten(0, 1), labels.flatten(0, 1), kinds, is_mask, order,
        phase.before,
    )  # fmt: skip


def forth_and_back(pictures: int, frames: int) -> tuple[int, ...]:
    """The picture of every frame: 0, 1, 2, 1, 0, 1 for six frames of three pictures."""
    turn = max(1, 2 * pictures - 2)
    return tuple(min(t % turn, turn - t % turn) for t in range(frames))


def bare_batch(rng: np.random.Generator, count: int, size: int) -> Batch:
    """Prompts without pictures: what is in a box, or in a disc around a point."""
    is_box = bool(rng.random() < 0.5)
    extent = rng.uniform(0, 1, (count, 2)) ** 1.5 * 0.7 * size + 12
    middle = extent / 2 + rng.uniform(0, 1, (count, 2)) * (size - extent)
    places = (np.arange(size // 2) + 0.5) * 2
    away = np.abs(places - middle[:, :, None])  # (count, 2, S/2)
    if is_box:
        inside = away < extent[:, :, None] / 2
        masks = inside[:, 1, :, None] & inside[:, 0, None, :]
        points = np.stack([middle - extent / 2, middle + extent / 2], axis=1)
        labels = np.tile(np.array([2, 3], np.int32), (count, 1))
    else:
        masks = away[:, 1, :, None] ** 2 + away[:, 0, None, :] ** 2 < (0.1 * size) ** 2
        points = np.stack([middle, middle], axis=1)
        labels = np.tile(np.array([1, NO_POINT], np.int32), (count, 1))
    return Batch(
        torch.empty(0), torch.from_numpy(masks).float()[:, None, None],
        torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels), torch.empty(0),
        False,
    )  # fmt: skip


def _sample(
    rng: np.random.Generator, clips: Sequence[Clip], phase: Phase, size: int, *, is_box: bool
) -> tuple[npt.NDArray[Any], ...]:
    while True:
        clip = clips[int(rng.integers(len(clips)))]
        wanted = min(len(clip.rgb), phase.before + phase.frames)
        frames = _choose_frames(rng, len(clip.rgb), wanted)
        crop = random_crop(rng, clip.rgb.shape[1:3], size)
        ids = np.stack([crop.labels(clip.ids[i], size // 2) for i in frames])
        objects = _choose_objects(rng, ids[0], phase.objects)
        if objects:
            break
    rgb = jittered(rng, np.stack([crop.picture(clip.rgb[i]) for i in frames]))
    masks = np.stack([ids == number for number in objects], axis=1)
    asked = [_ask(rng, mask, 2, is_box=is_box) for mask in masks[0]]
    points, labels = (np.stack(parts) for parts in zip(*asked, strict=True))
    table = np.zeros(256, np.int64)
    for thing in clip.things:
        table[thing.instance] = 1 + KINDS.index(thing.kind)
    quarter = np.stack([crop.labels(clip.ids[i], size // 4) for i in frames])
    return normalised(rgb), masks, points, labels, table[quarter]


def _choose_frames(rng: np.random.Generator, available: int, wanted: int) -> list[int]:
    """In order or in reverse, next to each other or with gaps."""
    stride = int(rng.integers(1, 3)) if wanted * 2 <= available else 1
    first = int(rng.integers(0, available - (wanted - 1) * stride))
    frames = list(range(first, first + wanted * stride, stride))
    return frames[::-1] if rng.random() < 0.5 else frames


def _choose_objects(rng: np.random.Generator, ids: Pixels, wanted: int) -> list[int]:
    numbers, areas = np.unique(ids, return_counts=True)
    smallest = _SMALLEST_SHARE * ids.size
    large = [int(n) for n, a in zip(numbers, areas, strict=True) if n and a >= smallest]
    if not large:
        return []
    chosen = rng.permutation(large)[:wanted].tolist()
    return [*chosen, *rng.choice(large, wanted - len(chosen)).tolist()]


def _ask(
    rng: np.random.Generator, mask: npt.NDArray[np.bool_], scale: int, *, is_box: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """A loose box, or a point on the object; (2, 2) px of the network's input, and labels."""
    rows, columns = np.nonzero(mask)
    side = mask.shape[0] * scale
    if is_box:
        corners = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1.0])
        extent = np.tile(corners[2:] - corners[:2], 2)
        corners = corners + rng.normal(0, 0.03, 4) * extent * (rng.random() < 0.6)
        points = np.clip(corners * scale, 0, side).reshape(2, 2)
        return points.astype(np.float32), np.array([2, 3], np.int32)
    if rng.random() < 0.5:
        chosen = int(rng.integers(len(rows)))
        row, column = rows[chosen], columns[chosen]
    else:
        column, row = middle_of(mask)
    point = (np.array([column, row]) + 0.5) * scale
    return np.stack([point, point]).astype(np.float32), np.array([1, NO_POINT], np.int32)


def middle_of(mask: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel (x, y) of a mask that is farthest from its outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)
