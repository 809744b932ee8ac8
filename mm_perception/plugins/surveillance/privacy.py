"""Pictures in which people cannot be recognised, also where the masker loses them for a moment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.imaging.masks import resize_nearest
from mm_perception.samples import Masks, mask_box
from mm_perception.samples.sample import Array


@dataclass(frozen=True, eq=False)
class _Last:
    """Where somebody was last seen: (H, W) bool, its centre (2,), and how fast it moves, px/s."""

    mask: Array
    centre: Array
    velocity: Array
    seen_ns: int


class Veil:
    """Hides who is of some labels, in the pictures of one camera.

    Args:
        labels: Words; a label with any of them is hidden.
        hold_s: So long after a mask was lost its area is hidden, and where it was going.
        grow: Masks are larger by this share of their height to each side.
    """

    def __init__(self, labels: Sequence[str], hold_s: float, grow: float) -> None:
        self._labels = {label.lower() for label in labels}
        self._hold_ns, self._grow = int(hold_s * 1e9), grow
        self._last: dict[int, _Last] = {}

    def look(self, masks: Masks) -> Array:
        """Take in the masks of a picture: (H, W) bool of what has to be hidden in it."""
        now_ns, shape = masks.stamp_ns, masks.id_map.shape
        hidden = np.zeros(shape, bool)
        for number, label in zip(masks.ids, masks.labels, strict=True):
            mask = masks.mask(number)
            box = mask_box(mask) if self._labels & set(re.findall(r'\w+', label.lower())) else None
            if box is not None:
                self._last[number] = self._seen(number, mask, box, now_ns)
                hidden |= self._grown(mask, box)
        for number, last in list(self._last.items()):
            if last.seen_ns == now_ns:
                continue
            if now_ns - last.seen_ns > self._hold_ns or last.mask.shape != shape:
                del self._last[number]
                continue
            hidden |= self._guess(last, now_ns)
        return hidden

    def _seen(
        self, number: int, mask: Array, box: tuple[float, float, float, float], now_ns: int
    ) -> _Last:
        centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
        last, velocity = self._last.get(number), np.zeros(2)
        if last is not None and now_ns > last.seen_ns:
            velocity = (centre - last.centre) / ((now_ns - last.seen_ns) / 1e9)
        return _Last(mask, centre, velocity, now_ns)

    def _guess(self, last: _Last, now_ns: int) -> Array:
        """Where it was and where it may be by now."""
        dx, dy = last.velocity * (now_ns - last.seen_ns) / 1e9
        height, width = last.mask.shape
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        moved = cv2.warpAffine(
            last.mask.astype(np.uint8), shift, (width, height), flags=cv2.INTER_NEAREST
        )
        both = last.mask | (moved > 0)
        return self._grown(both, mask_box(both) or (0.0, 0.0, 1.0, 1.0))

    def _grown(self, mask: Array, box: tuple[float, float, float, float]) -> Array:
        reach = max(3, round(self._grow * (box[3] - box[1])))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def pixelated(rgb: Array, hidden: Array, cells: int) -> Array:
    """The picture with an area in coarse tiles.

    Args:
        rgb: (H, W, 3) uint8.
        hidden: (h, w) bool, of the picture in whatever size.
        cells: Tiles along the height of the picture.

    Returns:
        A new (H, W, 3) uint8.

    Convention:
        Within a tile that lies in the hidden area all pixels are equal: their mean.
    """
    height, width = rgb.shape[:2]
    size = (max(1, round(cells * width / height)), max(1, min(cells, height)))
    coarse = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    tiles = resize_nearest(np.arange(size[0] * size[1]).reshape(size[::-1]), height, width)
    veiled: Array = rgb.copy()
    area = resize_nearest(hidden, height, width)
    veiled[area] = coarse.reshape(-1, 3)[tiles[area]]
    return veiled
