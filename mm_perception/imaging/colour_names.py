"""What a person would call the colour of an area, by hue, saturation and value."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.samples.sample import Array
from mm_perception.text.words import COLOUR_WORDS

#: Paler pixels have no hue, darker ones are black; shares of full scale.
_PALE, _DARK, _BRIGHT = 0.22, 0.2, 0.75
#: Upper ends of hues in degrees; red goes through 0.
_HUES = ((15, 'red'), (42, 'orange'), (70, 'yellow'), (165, 'green'), (255, 'blue'),
         (310, 'purple'), (345, 'pink'), (361, 'red'))  # fmt: skip


def colour_shares(rgb: Array, mask: Array) -> dict[str, float]:
    """Share of the pixels of a mask that each of `COLOUR_WORDS` names, sum 1; empty for no pixel.

    The model is that of Smith, Color gamut transform pairs, SIGGRAPH 1978: hue, saturation and
    value. Brown is dark orange, pink also pale red.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool.

    Convention:
        (255, 0, 0) is red, (120, 70, 20) brown, (128, 128, 128) grey, (255, 180, 190) pink.
    """
    pixels = rgb[mask]
    if not len(pixels):
        return {}
    hsv = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV_FULL)[0].astype(np.float64) / 255
    hue, saturation, value = 360 * hsv[:, 0], hsv[:, 1], hsv[:, 2]
    ends = [end for end, _ in _HUES]
    names = np.array([name for _, name in _HUES], dtype='<U8')[np.digitize(hue, ends)]
    names[(names == 'orange') & (value < 0.55)] = 'brown'
    names[(names == 'red') & (saturation < 0.5) & (value > 0.7)] = 'pink'
    pale = saturation < _PALE
    names[pale] = 'grey'
    names[pale & (value > _BRIGHT)] = 'white'
    names[value < _DARK] = 'black'
    return {word: float(np.mean(names == word)) for word in COLOUR_WORDS}
