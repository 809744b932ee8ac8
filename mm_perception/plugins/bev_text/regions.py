"""Parts of a picture that are embedded, and which of them each point of a scan carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mm_perception.geometry.lifting import inside_mask
from mm_perception.samples import Masks, mask_box
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.clip.engine import Picture

_RIM = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Regions:
    """Parts of a picture.

    Attributes:
        crops: R pictures, (H, W, 3) uint8 RGB.
        carried: (N, K) int, which crops each of N points carries, -1 for none.
    """

    crops: list[Picture]
    carried: Array


def regions_of(
    rgb: Picture, pixels: Array, segments: Array, masks: Masks | None, patches: Sequence[float],
    smallest_px: int,
) -> Regions:  # fmt: skip
    """Squares around masks, then around segments, and for all else patches of several sizes.

    A thing is embedded as its surrounding square, as ConceptFusion does (Jatavallabhula et al.,
    2023, section III-A); patches of several sizes are averaged, as LERF does (Kerr et al., 2023,
    section 3.2). Only patches with a point in them are embedded.

    Args:
        rgb: The picture.
        pixels: (N, 2) of points, x and y inside of the picture.
        segments: (N,) int, the thing that each point is of, -1 for none.
        masks: Of the same picture; None if there are none.
        patches: Sides in shares of the picture's height.
        smallest_px: Smaller masks are no masks.
    """
    from mm_perception.nets.clip.likeness import around

    columns, rows = np.clip(pixels.round().astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).T
    carried = np.full((len(pixels), max(1, len(patches))), -1)
    crops: list[Picture] = []
    is_free = np.ones(len(pixels), np.bool_)
    masked = np.zeros(rgb.shape[:2], np.uint16) if masks is None else masks.id_map
    for number in () if masks is None else masks.ids:
        mask = np.equal(masked, number)
        box = mask_box(mask)
        if box is None or np.count_nonzero(mask) < smallest_px:
            continue
        own = inside_mask(mask, pixels)
        # The rim, inside or outside, belongs to the mask where it is of a thing that is inside.
        near = cv2.dilate(mask.astype(np.uint8), _RIM)[rows, columns] > 0
        near &= mask[rows, columns] | (masked[rows, columns] == 0)
        own |= near & (segments >= 0) & np.isin(segments, segments[own])
        is_free &= ~near
        if own.any():
            carried[own, 0] = len(crops)
            crops.append(around(rgb, np.array(box)))
    for number in np.unique(segments[is_free & (segments >= 0)]):
        own = is_free & (segments == number)
        carried[own, 0] = len(crops)
        crops.append(around(rgb, np.concatenate([pixels[own].min(0), pixels[own].max(0)])))
    is_free &= segments < 0
    for level, share in enumerate(patches):
        tiles, boxes = _tiles(rgb.shape[0], rgb.shape[1], share, rows, columns)
        used, index = np.unique(tiles[is_free], return_inverse=True)
        carried[is_free, level] = len(crops) + index
        crops += [np.ascontiguousarray(rgb[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes[used]]
    return Regions(crops, carried)


def _tiles(
    height: int, width: int, share: float, rows: Array, columns: Array
) -> tuple[Array, Array]:
    """Number of the tile of each pixel, and x0, y0, x1, y1 of all tiles, about squares."""
    down = max(1, round(1 / share))
    across = max(1, round(width / height * down))
    y, x = (
        np.linspace(0, size, n + 1).astype(int) for size, n in ((height, down), (width, across))
    )
    numbers = np.searchsorted(y, rows, 'right') - 1, np.searchsorted(x, columns, 'right') - 1
    boxes = [(x[c], y[r], x[c + 1], y[r + 1]) for r in range(down) for c in range(across)]
    return numbers[0] * across + numbers[1], np.array(boxes)
