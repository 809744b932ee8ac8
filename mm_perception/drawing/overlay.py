"""Masks, boxes and labels over a picture."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from mm_perception.imaging.masks import resize_nearest
from mm_perception.samples import Masks, Prompt, mask_box
from mm_perception.samples.sample import Array

_FONT = cv2.FONT_HERSHEY_DUPLEX
_WHITE, _DARK = (255, 255, 255), (24, 26, 30)
#: Low enough that an object keeps its own colour.
_OPACITY = 0.2
#: Pictures of fewer rows are enlarged for people.
_SMALL = 480
_Box = tuple[int, int, int, int]  #: left, top, right, bottom in pixels


def colour_of(instance_id: int) -> tuple[int, int, int]:
    """A colour that stays with an id; neighbours differ much (golden-ratio hues)."""
    hue = (instance_id * 0.61803398875 + 0.08) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.78, 1.0)
    return int(red * 255), int(green * 255), int(blue * 255)


def enlarged(rgb: Array) -> Array:
    """A small picture twice as large, so that what is written on it is sharp; others as they are.

    Args:
        rgb: (H, W, 3) uint8.
    """
    if rgb.shape[0] >= _SMALL:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


def fitted(masks: Masks, rgb: Array) -> Masks:
    """The masks in the size of a picture."""
    height, width = rgb.shape[:2]
    return replace(masks, id_map=resize_nearest(masks.id_map, height, width))


def draw_masks(rgb: Array, masks: Masks, *, has_tags: bool = True, letters: float = 1.0) -> Array:
    """Fill, outline and label every instance.

    Args:
        rgb: (H, W, 3) uint8.
        masks: Of the same picture.
        has_tags: Write label, id and score beside each.
        letters: So many times as large, for a picture that is shown small.

    Returns:
        A new (H, W, 3) uint8.
    """
    picture: Array = rgb.copy()
    scale = text_scale(rgb)
    for instance_id in masks.ids:
        mask = masks.mask(instance_id)
        colour = np.array(colour_of(instance_id), np.float32)
        picture[mask] = ((1 - _OPACITY) * picture[mask] + _OPACITY * colour).astype(np.uint8)
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, outlines, -1, _WHITE, max(1, round(3 * scale)), cv2.LINE_AA)
        cv2.drawContours(
            picture, outlines, -1, colour_of(instance_id), max(1, round(2 * scale)), cv2.LINE_AA
        )
    if not has_tags:
        return picture
    taken: list[_Box] = []
    scale *= letters
    for instance_id, label, score in zip(masks.ids, masks.labels, masks.scores, strict=True):
        box = mask_box(masks.mask(instance_id))
        if box is not None:
            text = f'{label} #{instance_id} {score:.2f}'.strip()
            tag = _place_tag(picture, text, (int(box[0]), int(box[1])), scale, taken)
            taken.append(tag)
            _draw_tag(picture, text, tag, colour_of(instance_id), scale)
    return picture


def draw_banner(rgb: Array, lines: Sequence[str]) -> Array:
    """Write lines on a dark strip at the lower edge, over the picture."""
    picture: Array = rgb.copy()
    scale = text_scale(rgb)
    step = round(26 * scale)
    top = picture.shape[0] - step * len(lines) - round(10 * scale)
    strip = picture[max(top, 0) :]
    strip[:] = (0.35 * strip + 0.65 * np.array(_DARK)).astype(np.uint8)
    for row, line in enumerate(lines):
        place = (round(12 * scale), top + step * (row + 1) - round(3 * scale))
        _write(picture, line, place, scale, _WHITE)
    return picture


def draw_prompt(rgb: Array, prompt: Prompt) -> Array:
    """Show where the user pointed."""
    picture: Array = rgb.copy()
    size = max(4, round(7 * text_scale(rgb)))
    for (x, y), label in zip(prompt.points.tolist(), prompt.point_labels.tolist(), strict=True):
        colour = (60, 220, 90) if label else (235, 70, 60)
        cv2.circle(picture, (round(x), round(y)), size, _WHITE, -1, cv2.LINE_AA)
        cv2.circle(picture, (round(x), round(y)), size - 2, colour, -1, cv2.LINE_AA)
    if prompt.box is not None:
        x0, y0, x1, y1 = (round(v) for v in prompt.box.tolist())
        cv2.rectangle(picture, (x0, y0), (x1, y1), _WHITE, 2, cv2.LINE_AA)
    return picture


def text_scale(rgb: Array) -> float:
    """How large letters are: 1 at 720 rows."""
    return float(np.clip(rgb.shape[0] / 720, 0.55, 2.0))


def _place_tag(
    picture: Array, text: str, corner: tuple[int, int], scale: float, taken: Sequence[_Box]
) -> _Box:
    """Above the upper left corner of the object, or further down where another tag is."""
    (width, height), _ = cv2.getTextSize(text, _FONT, 0.62 * scale, 1)
    width, height = width + 2 * round(6 * scale), height + 2 * round(6 * scale)
    left = int(np.clip(corner[0], 0, max(0, picture.shape[1] - width)))
    top = max(0, corner[1] - height)
    while top + 2 * height <= picture.shape[0] and any(
        left < box[2] and box[0] < left + width and top < box[3] and box[1] < top + height
        for box in taken
    ):
        top += height
    return left, top, left + width, top + height


def _draw_tag(
    picture: Array, text: str, tag: _Box, colour: tuple[int, int, int], scale: float
) -> None:
    left, top, right, bottom = tag
    cv2.rectangle(picture, (left, top), (right, bottom), colour, -1)
    pad = round(6 * scale)
    _write(picture, text, (left + pad, bottom - pad), scale, _ink_on(colour))


def _ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Dark letters on light colours, white ones on blue and violet (luma of ITU-R BT.601)."""
    red, green, blue = colour
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else _WHITE


def _write(
    picture: Array, text: str, place: tuple[int, int], scale: float, colour: tuple[int, int, int]
) -> None:
    # OpenCV's fonts have ASCII only; other letters would become question marks in silence.
    plain = text.encode('ascii', 'replace').decode()
    cv2.putText(picture, plain, place, _FONT, 0.62 * scale, colour, 1, cv2.LINE_AA)
