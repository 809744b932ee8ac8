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
#: So many limbs' widths fit into the height of a person.
_SLIM = 40.0


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
    for number, joints, is_known in zip(skeletons.ids, places, known, strict=True):
        thick = dot = round(limb_width(joints, 4 * scale))
        limbs = [(_at(joints[a]), _at(joints[b])) for a, b in LIMBS if is_known[a] & is_known[b]]
        edge = thick + 2 if thick > 1 else 1
        for colour, width in ((_EDGE, edge), (colour_of(number), thick)):
            for start, end in limbs:
                cv2.line(picture, start, end, colour, width, cv2.LINE_AA, _SHIFT)
        for joint in joints[is_known]:
            cv2.circle(picture, _at(joint), (dot + 1) << _SHIFT, _EDGE, -1, cv2.LINE_AA, _SHIFT)
            cv2.circle(picture, _at(joint), dot << _SHIFT, _JOINT, -1, cv2.LINE_AA, _SHIFT)
    return picture


def limb_width(joints: Array, widest: float) -> float:
    """How broad the limbs of a person are drawn: who is far away is not hidden by them, pixels.

    Args:
        joints: (17, 2) pixels, NaN where not known.
        widest: Of who is large in the picture.
    """
    there = joints[np.isfinite(joints).all(axis=1)]
    extent = float(np.ptp(there, axis=0).max()) if len(there) else 0.0
    return float(np.clip(extent / _SLIM, 1.0, max(widest, 1.0)))


def _at(place: Array) -> tuple[int, int]:
    x, y = np.round(place * (1 << _SHIFT)).astype(int).tolist()
    return x, y
