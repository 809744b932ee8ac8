"""Which mask somebody points at, with a hand that is not steady.

Where a thing is meant, the pointed pixel lies anywhere on it plus a normal error; so the
likelihood of a thing is the mean over its pixels of that normal density, and small things are not
swallowed by large neighbours. The idea is that of Bi and Zhai, Bayesian Touch, UIST 2013: the
target is the one of the greatest likelihood, not the one under the finger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.geometry.rays import Ray
from mm_perception.samples import Masks
from mm_perception.samples.sample import Array

#: Weight of "nothing is meant" against one thing, over the whole picture.
_NOTHING = 0.3
#: An error of less than a pixel is one of half a pixel.
_LEAST_PX = 0.5
#: Farther away than so many errors nothing is meant.
_REACH = 4.0


@dataclass(frozen=True, eq=False)
class Sight:
    """Where a pointer meets a picture.

    Attributes:
        pixel: (2,) x and y.
        error_px: Standard deviation, pixels.
    """

    pixel: Array
    error_px: float


def pointed_shares(
    masks: Masks, sights: Sequence[Sight], among: Collection[int] | None = None
) -> dict[int, float]:
    """How probable it is of each instance that it is meant; the rest up to 1 is "none of them".

    Args:
        masks: Of the picture.
        sights: Where the pointer may meet it: one pixel where the distance is known, else a path
            of them, of which for each thing the best one counts.
        among: Ids that come into question; None means all.

    Convention:
        With an error that is small against the things, the one under the pixel has nearly 1; on a
        pixel of none, far from all, all have nearly 0.
    """
    ids = [i for i in masks.ids if among is None or i in among]
    best = np.zeros(len(ids))
    for sight in sights:
        best = np.maximum(best, _densities(masks.id_map, ids, sight))
    none = _NOTHING / masks.id_map.size
    total = float(best.sum()) + none
    return {number: float(value / total) for number, value in zip(ids, best, strict=True)}


def pointed_shares_in_space(
    points_on: Mapping[int, Array], ray: Ray, spread_rad: float, view_sr: float
) -> dict[int, float]:
    """The same by the angles between a ray and the points of things, as seen from its origin.

    For a hand beside the camera this is what counts: a ray that just misses a thing in front meets
    the picture far from it, on the wall behind.

    Args:
        points_on: Ids to (N, 3) points, metres.
        ray: In the frame of the points.
        spread_rad: Error of its direction (1 sigma), not less than the angle between points.
        view_sr: Solid angle of the picture, over which "nothing is meant" is spread.
    """
    found = {}
    for number, points in points_on.items():
        away = points - ray.origin
        along = away @ ray.direction
        across = np.linalg.norm(away - along[:, None] * ray.direction, axis=1)
        angles = np.arctan2(across, along)
        density = np.exp(-0.5 * (angles / spread_rad) ** 2) / (2 * np.pi * spread_rad**2)
        found[number] = float(density.mean())
    total = sum(found.values()) + _NOTHING / view_sr
    return {number: value / total for number, value in found.items()}


def _densities(id_map: Array, ids: Sequence[int], sight: Sight) -> Array:
    """(N,) mean over the pixels of each of the normal density around a pixel, 1/px^2."""
    error = max(sight.error_px, _LEAST_PX)
    height, width = id_map.shape
    x, y = (float(value) for value in sight.pixel)
    reach = int(np.ceil(_REACH * error))
    left, right = max(0, round(x) - reach), min(width, round(x) + reach + 1)
    top, bottom = max(0, round(y) - reach), min(height, round(y) + reach + 1)
    sums = np.zeros(int(id_map.max()) + 1)
    if left < right and top < bottom:
        near = id_map[top:bottom, left:right]
        away_x, away_y = np.arange(left, right) - x, np.arange(top, bottom) - y
        density = np.outer(_normal(away_y, error), _normal(away_x, error))
        sums += np.bincount(near.ravel(), density.ravel(), len(sums))
    areas = np.bincount(id_map.ravel(), minlength=len(sums))
    known = [(sums[i], areas[i]) if i < len(sums) else (0.0, 1) for i in ids]
    return np.array([value / max(area, 1) for value, area in known])


def _normal(away: Array, error: float) -> Array:
    return np.asarray(np.exp(-0.5 * (away / error) ** 2) / (error * np.sqrt(2 * np.pi)))


class Votes:
    """What was pointed at over time, so that an utterance can be tied to it.

    Args:
        memory_s: How long it is remembered.
    """

    def __init__(self, memory_s: float) -> None:
        self._memory_ns = round(memory_s * 1e9)
        self._shares: deque[tuple[int, dict[int, float]]] = deque()

    def add(self, stamp_ns: int, shares: dict[int, float]) -> None:
        """Take the shares of one picture."""
        self._shares.append((stamp_ns, shares))
        while stamp_ns - self._shares[0][0] > self._memory_ns:
            self._shares.popleft()

    def clear(self) -> None:
        """Forget all."""
        self._shares.clear()

    def recent(self, since_ns: int, least: float) -> int | None:
        """What is meant since a moment; None if nothing reaches `least`, or nobody points."""
        if not self._shares or self._shares[-1][0] < since_ns:
            return None
        found = self.winner(since_ns, self._shares[-1][0], least)
        return None if found is None else found[0]

    def winner(
        self, start_ns: int, end_ns: int, least: float, among: Collection[int] | None = None
    ) -> tuple[int, float] | None:
        """What was meant between two moments, and its mean share; None if nothing reaches `least`.

        Where no picture lies between them the one that is nearest to the end counts.
        """
        if not self._shares:
            return None
        span = [shares for stamp_ns, shares in self._shares if start_ns <= stamp_ns <= end_ns]
        if not span:
            span = [min(self._shares, key=lambda pair: abs(pair[0] - end_ns))[1]]
        totals: dict[int, float] = {}
        for shares in span:
            for number, share in shares.items():
                if among is None or number in among:
                    totals[number] = totals.get(number, 0.0) + share / len(span)
        best = max(totals, key=lambda number: totals[number], default=None)
        return None if best is None or totals[best] < least else (best, totals[best])
