"""Maps of instance ids: other sizes, colours, and painted over a picture."""

from __future__ import annotations

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, checked_array

_GOLDEN_RATIO = 0.618033988749895


def resize_nearest(id_map: Array, height: int, width: int) -> Array:
    """A map of ids (or a mask) in another size; no value arises that was not there.

    Args:
        id_map: (H, W) of any dtype.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        (height, width), same dtype.

    Convention:
        Pixel centres lie at i + 0.5: row i shows row floor((i + 0.5) * H / height). Two columns
        1 2 become 1 1 2 2 at width 4; four columns 1 2 3 4 become 2 4 at width 2.
    """
    if id_map.ndim != 2 or id_map.size == 0 or height < 1 or width < 1:
        raise ShapeError(
            'map to resize', '(H, W) to a positive size', f'{id_map.shape} to {(height, width)}'
        )
    # In integers: (2 i + 1) H / (2 height) has no rounding to worry about.
    rows = (2 * np.arange(height) + 1) * id_map.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * id_map.shape[1] // (2 * width)
    resized: Array = id_map[rows[:, None], columns[None, :]]
    return resized


def id_colours(ids: Array) -> Array:
    """A colour per id: always the same for an id, and far apart for neighbouring ids.

    Args:
        ids: (N,) of integers; 0 (background) is black.

    Returns:
        (N, 3) uint8 RGB.

    Convention:
        Hues advance by the golden ratio of the circle. Id 0 is (0, 0, 0).
    """
    ids = np.asarray(ids)
    hue = np.mod(ids.astype(np.float64) * _GOLDEN_RATIO, 1.0)
    # HSV to RGB with saturation 0.75 and value 1, per channel.
    position = np.mod(hue[..., None] * 6 + np.array([0.0, 4.0, 2.0]), 6.0)
    channels = np.clip(np.abs(position - 3) - 1, 0, 1)
    rgb: Array = np.round(255 * (1 - 0.75 + 0.75 * channels)).astype(np.uint8)
    rgb[ids == 0] = 0
    return rgb


def paint_ids(rgb: Array, id_map: Array, opacity: float = 0.5) -> Array:
    """A picture with every instance tinted in the colour of its id.

    Args:
        rgb: (H, W, 3) uint8.
        id_map: (H, W) uint16, 0 is background and stays as it is.
        opacity: 0 shows the picture only, 1 the colours only.

    Returns:
        (H, W, 3) uint8, a new array.
    """
    checked_array('picture', rgb, (*id_map.shape, 3), [np.uint8])
    painted: Array = rgb.copy()
    inside = id_map != 0
    colours = id_colours(id_map[inside])
    mixed = rgb[inside] * (1 - opacity) + colours * opacity
    painted[inside] = np.round(mixed).astype(np.uint8)
    return painted
