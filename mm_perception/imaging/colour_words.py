"""Which colour words fit the pixels of a thing."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array, checked_array
from mm_perception.text.words import COLOUR_WORDS

#: Upper ends of hues in degrees, after which red begins again.
_HUES = ((12, 'red'), (40, 'orange'), (68, 'yellow'), (170, 'green'), (255, 'blue'),
         (305, 'purple'), (348, 'pink'), (361, 'red'))  # fmt: skip
_PALE, _DARK, _WHITE = 0.22, 0.2, 0.72


def colour_shares(rgb: Array, mask: Array) -> dict[str, float]:
    """Share of the pixels of a mask that go by each colour word, in [0, 1]; together 1.

    Brightness counts against what is bright in the picture (its 95th percentile), so that a white
    thing in a dim room stays white.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool, at least one pixel.

    Raises:
        ShapeError: The mask is empty, or not of the size of the picture.

    Convention:
        Pixels (200, 30, 30) and (120, 70, 30) beside a white wall are red and brown.
    """
    checked_array('picture', rgb, (*mask.shape, 3), [np.uint8])
    if not mask.any():
        raise ShapeError('mask', 'at least one pixel', 'none')
    white = max(float(np.percentile(rgb.max(axis=2), 95)), 80.0)
    pixels = rgb[mask].reshape(1, -1, 3).astype(np.float32) / white
    hue, saturation, value = cv2.cvtColor(np.minimum(pixels, 1), cv2.COLOR_RGB2HSV)[0].T
    ends, names = zip(*_HUES, strict=True)
    chosen = np.array(names)[np.searchsorted(np.array(ends), hue, side='right')]
    is_warm = (hue >= 8) & (hue < 45)
    chosen[is_warm & (value < 0.55)] = 'brown'
    is_rosy = ((hue >= 305) | (hue < 15)) & (saturation < 0.62) & (value > 0.5)
    chosen[is_rosy] = 'pink'
    is_pale = saturation < _PALE
    chosen[is_pale] = np.where(value[is_pale] > _WHITE, 'white', 'grey')
    chosen[(value < _DARK) | (is_pale & (value < 0.28))] = 'black'
    found, counts = np.unique(chosen, return_counts=True)
    shares = dict.fromkeys(COLOUR_WORDS, 0.0)
    shares |= {str(n): float(c) / len(hue) for n, c in zip(found, counts, strict=True)}
    return shares
