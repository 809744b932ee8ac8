"""What a text means and what was found: whole pictures, or cut out where it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from mm_perception.drawing import draw_masks, enlarged, fitted
from mm_perception.imaging.masks import resize_nearest
from mm_perception.samples import Masks, mask_box
from mm_perception.samples.sample import Array

WIDTH, HEIGHT = 480, 270
_LEAST_SHARE = 0.4  # of the picture's sides
_MARGIN = 1.8  # of what is shown
_JPEG_QUALITY = 85
#: On pictures of whole scenes, of which a page shows three in a row.
LETTERS = 1.8


@dataclass(frozen=True, eq=False)
class Overlay:
    """What to draw over a picture.

    Attributes:
        ids: (H, W) uint16, 0 for nothing.
        scores: By id; where there are none, no numbers are written.
    """

    ids: Array
    scores: Mapping[int, float] = field(default_factory=dict)


def close_up(rgb: Array, overlays: Mapping[str, Overlay]) -> dict[str, bytes]:
    """JPEG pictures of the same part of a picture with different masks over it.

    Args:
        rgb: (H, W, 3) uint8.
        overlays: By name.

    Returns:
        By the same names, WIDTH x HEIGHT; the part is around everything in the overlays.
    """
    rows, columns = window(np.any([overlay.ids > 0 for overlay in overlays.values()], axis=0))
    part = np.ascontiguousarray(rgb[rows, columns])
    large = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    pictures = {}
    for name, overlay in overlays.items():
        masks = fitted(_masks(overlay.ids[rows, columns], overlay.scores), large)
        pictures[name] = jpeg_of(draw_masks(large, masks, has_tags=bool(overlay.scores)))
    return pictures


def whole(rgb: Array, overlay: Overlay, label: str = '') -> bytes:
    """A JPEG picture with masks over it.

    Args:
        rgb: (H, W, 3) uint8.
        overlay: Of the same size.
        label: Of every mask.
    """
    large = enlarged(rgb)
    masks = _masks(overlay.ids, overlay.scores, label)
    return jpeg_of(draw_masks(large, fitted(masks, large), letters=LETTERS))


def part_around(rgb: Array, masks: Masks, instance_id: int, box: Sequence[float]) -> Array:
    """The part of a picture around one instance, with its mask alone drawn on.

    Args:
        rgb: (H, W, 3) uint8.
        masks: Of the same picture, or another size of it.
        instance_id: Which.
        box: xyxy in pixels of the masks, which says where it is if it has no pixel.

    Returns:
        (HEIGHT, WIDTH, 3) uint8.
    """
    one = np.where(masks.id_map == instance_id, masks.id_map, 0)
    one = resize_nearest(one, rgb.shape[0], rgb.shape[1])
    rows, columns = window(one > 0)
    if not one.any():
        scale = rgb.shape[1] / masks.id_map.shape[1]
        x0, y0, x1, y1 = (round(value * scale) for value in box)
        where = np.zeros(rgb.shape[:2], np.bool_)
        where[max(y0, 0) : max(y1, 1), max(x0, 0) : max(x1, 1)] = True
        rows, columns = window(where)
    part = np.ascontiguousarray(rgb[rows, columns])
    large = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    shown = fitted(_masks(one[rows, columns], {}), large)
    return draw_masks(large, shown, has_tags=False)


def window(mask: Array) -> tuple[slice, slice]:
    """The part of a picture to show: around a mask, in the shape of the result where it fits.

    Args:
        mask: (H, W) bool.

    Returns:
        Rows and columns; everything where the mask is empty.
    """
    height, width = mask.shape
    box = mask_box(mask)
    if box is None:
        return slice(0, height), slice(0, width)
    x0, y0, x1, y1 = box
    scale = max(
        _MARGIN * (x1 - x0) / WIDTH, _MARGIN * (y1 - y0) / HEIGHT,
        _LEAST_SHARE * min(width / WIDTH, height / HEIGHT),
    )  # fmt: skip
    return _span(y0, y1, HEIGHT * scale, height), _span(x0, x1, WIDTH * scale, width)


def _span(low: float, high: float, wanted: float, limit: int) -> slice:
    """About `wanted` pixels around the middle of two bounds, all inside the picture."""
    size = min(max(round(wanted), 1), limit)
    start = min(max(round((low + high - size) / 2), 0), limit - size)
    return slice(start, start + size)


def _masks(ids: Array, scores: Mapping[int, float], label: str = '') -> Masks:
    numbers = tuple(int(n) for n in np.unique(ids) if n)
    return Masks(
        stamp_ns=0, id_map=ids, ids=numbers, labels=(label,) * len(numbers),
        scores=np.array([scores.get(n, 1.0) for n in numbers], np.float32),
    )  # fmt: skip


def jpeg_of(rgb: Array) -> bytes:
    """A picture (H, W, 3) uint8 RGB as JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    good, data = cv2.imencode('.jpg', rgb[..., ::-1], options)
    if not good:
        raise RuntimeError('OpenCV cannot write JPEG')
    return data.tobytes()
