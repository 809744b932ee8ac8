"""Limbs and joints over a picture."""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.drawing.overlay import colour_of, text_scale
from mm_perception.samples import LIMBS, Skeletons
from mm_perception.samples.sample import Array

_EDGE, _JOINT = (24, 26, 30), (255, 255, 255)
#: OpenCV draws to this share of a pixel.
_SHIFT = 4


def draw_skeletons(rgb: Array, skeletons: Skeletons) -> Array:
    """Limbs in the colour of each id, joints as white dots; what is not known is left out.

    Args:
        rgb: (H, W, 3) uint8, in the size of the picture or another one.
        skeletons: Of the same picture.

    Returns:
        A new (H, W, 3) uint8.
    """
    picture: Array = rgb.copy()
    scale = text_scale(rgb)
    stretch = np.array([rgb.shape[1] / skeletons.width, rgb.shape[0] / skeletons.height])
    places, known = (skeletons.points + 0.5) * stretch - 0.5, skeletons.known()
    thick, dot = max(2, round(4 * scale)), max(2, round(4 * scale))
    for number, joints, is_known in zip(skeletons.ids, places, known, strict=True):
        limbs = [(_at(joints[a]), _at(joints[b])) for a, b in LIMBS if is_known[a] & is_known[b]]
        for colour, width in ((_EDGE, thick + 2), (colour_of(number), thick)):
            for start, end in limbs:
                cv2.line(picture, start, end, colour, width, cv2.LINE_AA, _SHIFT)
        for joint in joints[is_known]:
            cv2.circle(picture, _at(joint), (dot + 1) << _SHIFT, _EDGE, -1, cv2.LINE_AA, _SHIFT)
            cv2.circle(picture, _at(joint), dot << _SHIFT, _JOINT, -1, cv2.LINE_AA, _SHIFT)
    return picture


def _at(place: Array) -> tuple[int, int]:
    x, y = np.round(place * (1 << _SHIFT)).astype(int).tolist()
    return x, y
