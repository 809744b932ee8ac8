"""Many rays from one point: turned together, and tested against bounds before they are cast."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Real = TypeVar('Real', np.float32, np.float64)
Indices = npt.NDArray[np.intp]

#: Rows of a matrix product that BLAS does not share among its threads: with rows of 3 they would
#: spend more time on waiting for each other than the product takes.
_PIECE = 1 << 14
#: Rays in a bundle.
BUNDLE = 64
#: Bounds are larger by that, metres, and angles, radians: what touches them is not left out.
_SLACK = 1e-6


def rotated(vectors: Array, turn: Array) -> Array:
    """Vectors (N, 3) turned by a rotation (3, 3)."""
    out = np.empty(vectors.shape)
    for first in range(0, len(vectors), _PIECE):
        piece = slice(first, first + _PIECE)
        np.matmul(vectors[piece], turn.T, out=out[piece])
    return out


def dot(first: npt.NDArray[Real], second: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Inner products of vectors (N, 3) and (N, 3), (N,)."""
    x, y, z = (first[:, axis] * second[:, axis] for axis in range(3))
    product: npt.NDArray[Real] = x + y + z
    return product


def length(vectors: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Of vectors (N, 3), (N,)."""
    root: npt.NDArray[Real] = np.sqrt(dot(vectors, vectors))
    return root


@dataclass(frozen=True, eq=False)
class Bounds:
    """Where B bodies are: each within a ball and within a box along the axes of the world.

    Attributes:
        centre: (B, 3) of the balls, metres.
        radius: (B,) of the balls.
        low: (B, 3) corner of the boxes.
        high: (B, 3) opposite corner.
    """

    centre: Array
    radius: Array
    low: Array
    high: Array


class Bundles:
    """Neighbouring rays together, so that most are not looked at one by one.

    Args:
        directions: (N, 3) unit vectors; the closer neighbours are, the better.

    Attributes:
        rays: (G, 64, 3) the same; what the last bundle lacks is its last ray again.
    """

    def __init__(self, directions: Array) -> None:
        fill = np.repeat(directions[-1:], -len(directions) % BUNDLE, axis=0)
        self.rays = np.concatenate([directions, fill]).reshape(-1, BUNDLE, 3)
        parts = np.ascontiguousarray(self.rays.transpose(2, 0, 1))
        self._least, self._most = parts.min(-1).T, parts.max(-1).T
        middle = (self._least + self._most) / 2
        self._axes = middle / np.maximum(length(middle), 1e-9)[:, None]
        # Unit vectors that end within r of the end of another vector are within arcsin(r) of it.
        reach = length(self._most - self._least) / 2
        self._spread = np.where(reach < 1, np.arcsin(np.minimum(reach, 1)), np.pi) + _SLACK

    def near(self, bounds: Bounds, origin: Array) -> list[Indices]:
        """Of each body the bundles, by index, with rays that may meet it.

        Args:
            bounds: Of B bodies.
            origin: (3,) from where the rays go, metres.
        """
        towards = bounds.centre - origin
        distance = np.maximum(length(towards), 1e-9)
        sine = bounds.radius / distance
        half_angle = np.where(sine < 0.999, np.arcsin(np.minimum(sine, 1)), np.pi)  # or within
        cosine = np.einsum('bi,gi->bg', towards / distance[:, None], self._axes)
        chosen = np.arccos(np.clip(cosine, -1, 1)) <= half_angle[:, None] + self._spread
        body, bundle = np.nonzero(chosen)
        kept = self._may_pass(bounds.low - origin, bounds.high - origin, body, bundle)
        body, bundle = body[kept], bundle[kept]
        ends = np.searchsorted(body, np.arange(len(bounds.centre) + 1))
        return [bundle[first:last] for first, last in pairwise(ends)]

    def _may_pass(
        self, low: Array, high: Array, body: Indices, bundle: Indices
    ) -> npt.NDArray[np.bool_]:
        """Whether a ray within the range of a bundle can be in all three slabs of a box at once.

        Args:
            low: (B, 3) corners as seen from the origin.
            high: (B, 3) opposite corners.
            body: (P,) which box.
            bundle: (P,) which bundle.
        """
        enters, leaves = np.zeros(len(body)), np.full(len(body), np.inf)
        for axis in range(3):
            # Mirrored so that no slab lies behind the origin as a whole.
            is_behind = high[:, axis] < 0
            near = np.where(is_behind, -high[:, axis], low[:, axis])[body] - _SLACK
            far = np.where(is_behind, -low[:, axis], high[:, axis])[body] + _SLACK
            least, most = self._least[bundle, axis], self._most[bundle, axis]
            least, most = (
                np.where(is_behind[body], -most, least), np.where(is_behind[body], -least, most),
            )  # fmt: skip
            with np.errstate(divide='ignore', invalid='ignore'):
                enter = np.where(near <= 0, 0.0, np.where(most > 0, near / most, np.inf))
                leave = np.where(least > 0, far / least, np.inf)
                back = np.where((near <= 0) & (most < 0), near / most, np.inf)
            enters = np.maximum(enters, enter)
            leaves = np.minimum(leaves, np.minimum(leave, back))
        return np.asarray(enters <= leaves * (1 + 1e-9), np.bool_)
