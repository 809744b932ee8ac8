"""Batches for the training of SAM 2: objects of films, and how they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.training.data import Pixels
from mm_perception.training.sam2_films import KINDS as KINDS
from mm_perception.training.sam2_films import make_film
from mm_perception.world.clips import Clip

_SMALLEST_SHARE, _LARGEST_SHARE = 6e-4, 0.8  # of the picture, covered by what is asked for
_SHORT_SHARE = 0.25  # of batches that have no frames between the first and those that teach
_LAGGING_SHARE = 0.5
_LOOSE_SHARE = 0.3  # of the boxes; the others fit exactly
_LONGEST_LAG = 1000  # frames


@dataclass(frozen=True)
class Phase:
    """A part of the training.

    Attributes:
        steps: Updates.
        clips: Per batch.
        frames: Of each clip that teach; 0 for bare prompts without pictures.
        objects: Of each clip.
        before: Frames between the first and those that teach, which only fill the memory: with
            them it learns from what its own mistakes have left there. One batch in four has none.
    """

    steps: int
    clips: int
    frames: int
    objects: int
    before: int = 0

    @property
    def is_tracking(self) -> bool:
        """Whether memories are used."""
        return self.frames + self.before > 1


@dataclass(frozen=True)
class Batch:
    """B films of T pictures with K objects each, asked for in the first frame.

    Attributes:
        pixels: (B, T, S, S, 3) uint8; of no size where there are only prompts.
        masks: (B, T, K, S/2, S/2) bool.
        points: (B * K, P, 2) in px of the network's input: the two corners of a box, or a point.
        labels: (B * K, P) of the points: 2 and 3 for corners, 1 for a point.
        kinds: (B, T, S/4, S/4) uint8: class of every pixel, 0 for none.
        is_mask: The true mask is given instead.
        before: As in `Phase`, of this batch.
        lag: Frames by which the first one is said to be older than it is: what is followed for
            long was asked for long ago, and that has a code of its own.
    """

    pixels: Tensor
    masks: Tensor
    points: Tensor
    labels: Tensor
    kinds: Tensor
    is_mask: bool = False
    before: int = 0
    lag: int = 0

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.type == 'Tensor'}
        return replace(
            self, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        )


def clip_batch(
    rng: np.random.Generator, pools: Sequence[Sequence[Clip]], phase: Phase, size: int
) -> Batch:
    """Objects of some clips, asked for by boxes, by points, or by their masks.

    Args:
        rng: Chance.
        pools: One is chosen, each as likely as another, and then one of its clips.
        phase: How many of what.
        size: Side of the network's input in px.
    """
    is_box = bool(rng.random() < 0.5)
    is_mask = phase.is_tracking and bool(rng.random() < 0.2)
    is_lagging = phase.is_tracking and bool(rng.random() < _LAGGING_SHARE)
    lag = int(_LONGEST_LAG ** rng.random()) if is_lagging else 0
    if rng.random() < _SHORT_SHARE:
        phase = replace(phase, before=0)
    samples = [_sample(rng, pools, phase, size, is_box=is_box) for _ in range(phase.clips)]
    pixels, masks, points, labels, kinds = (
        torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True)
    )
    return Batch(
        pixels, masks, points.flatten(0, 1), labels.flatten(0, 1), kinds, is_mask, phase.before,
        lag,
    )  # fmt: skip


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
        points = middle[:, None]
        labels = np.ones((count, 1), np.int32)
    return Batch(
        torch.empty(0), torch.from_numpy(masks)[:, None, None],
        torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels), torch.empty(0),
    )  # fmt: skip


def _sample(
    rng: np.random.Generator, pools: Sequence[Sequence[Clip]], phase: Phase, size: int, *,
    is_box: bool,
) -> tuple[npt.NDArray[Any], ...]:  # fmt: skip
    while True:
        pool = pools[int(rng.integers(len(pools)))]
        clip = pool[int(rng.integers(len(pool)))]
        film = make_film(rng, clip, pools[-1], phase.before + phase.frames, size)
        objects = _choose_objects(rng, film.ids[0], film.passed, phase.objects)
        if objects:
            break
    masks = np.stack([film.ids == number for number in objects], axis=1)
    asked = [_ask(rng, mask, 2, is_box=is_box) for mask in masks[0]]
    points, labels = (np.stack(parts) for parts in zip(*asked, strict=True))
    quarter = np.ascontiguousarray(film.ids[:, ::2, ::2])
    return film.rgb, masks, points, labels, film.kinds[quarter]


def _choose_objects(
    rng: np.random.Generator, ids: Pixels, first: Sequence[int], wanted: int
) -> list[int]:
    """Those of fitting size, some of them twice if they are few; `first` ones before others."""
    areas = np.bincount(ids.reshape(-1), minlength=256)
    fits = (areas >= _SMALLEST_SHARE * ids.size) & (areas <= _LARGEST_SHARE * ids.size)
    large = [int(n) for n in np.flatnonzero(fits) if n]
    if not large:
        return []
    mixed = rng.permutation(large).tolist()
    chosen = sorted(mixed, key=lambda number: number not in first)[:wanted]
    return [*chosen, *rng.choice(large, wanted - len(chosen)).tolist()]


def _ask(
    rng: np.random.Generator, mask: npt.NDArray[np.bool_], scale: int, *, is_box: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """The corners of a loose box, or a point on the object, (P, 2) px of the input; labels."""
    rows, columns = np.nonzero(mask)
    side = mask.shape[0] * scale
    if is_box:
        corners = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1.0])
        extent = np.tile(corners[2:] - corners[:2], 2)
        corners = corners + rng.normal(0, 0.03, 4) * extent * (rng.random() < _LOOSE_SHARE)
        points = np.clip(corners * scale, 0, side).reshape(2, 2)
        return points.astype(np.float32), np.array([2, 3], np.int32)
    if rng.random() < 0.5:
        chosen = int(rng.integers(len(rows)))
        row, column = rows[chosen], columns[chosen]
    else:
        column, row = middle_of(mask)
    point = (np.array([[column, row]], np.float32) + 0.5) * scale
    return point, np.array([1], np.int32)


def middle_of(mask: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel (x, y) of a mask that is farthest from its outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)
