"""Evidence, and the picture by which one sets up zones and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from mm_perception.drawing import draw_masks
from mm_perception.drawing.overlay import colour_of, draw_banner, fitted, text_scale
from mm_perception.samples import Masks
from mm_perception.samples.sample import Array

_YELLOW = (255, 210, 40)


def draw_rules(rgb: Array, shapes: Mapping[str, Array]) -> Array:
    """Outline zones and lines.

    Args:
        rgb: (H, W, 3) uint8.
        shapes: Name to (N, 2) pixels; two are a line. What is not finite is left out.

    Returns:
        A new (H, W, 3) uint8.
    """
    picture: Array = rgb.copy()
    scale = text_scale(rgb)
    for name, points in shapes.items():
        if not np.isfinite(points).all() or np.abs(points).max() > 1e5:
            continue
        corners = np.round(points).astype(np.int32).reshape(-1, 1, 2)
        thick = max(1, round(2 * scale))
        cv2.polylines(picture, [corners], len(points) > 2, _YELLOW, thick, cv2.LINE_AA)
        x, y = corners[:, 0].min(0).tolist()
        place = (int(np.clip(x, 0, rgb.shape[1] - 1)), int(np.clip(y, 16, rgb.shape[0] - 1)))
        cv2.putText(
            picture, name, place, cv2.FONT_HERSHEY_DUPLEX, 0.7 * scale, _YELLOW, 1, cv2.LINE_AA
        )
    return picture


def draw_evidence(
    rgb: Array, masks: Masks, shapes: Mapping[str, Array], track_ids: Sequence[int],
    message: str, width: int,
) -> Array:  # fmt: skip
    """The picture with whom an event is about, where, and what it says.

    Args:
        rgb: (H, W, 3) uint8.
        masks: Of that picture.
        shapes: What the event is about, see `draw_rules`.
        track_ids: Whom it is about.
        message: Written below.
        width: Larger pictures are reduced to this.

    Returns:
        (h, w, 3) uint8.
    """
    mine = [i for i, number in enumerate(masks.ids) if number in track_ids]
    few = replace(
        masks, ids=tuple(masks.ids[i] for i in mine), labels=tuple(masks.labels[i] for i in mine),
        scores=masks.scores[mine], visible=tuple(masks.visible[i] for i in mine),
    )  # fmt: skip
    picture = draw_masks(draw_rules(rgb, shapes), fitted(few, rgb))
    if picture.shape[1] > width:
        height = round(picture.shape[0] * width / picture.shape[1])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return draw_banner(picture, [message])


def draw_overview(
    rgb: Array, masks: Masks, shapes: Mapping[str, Array], feet: Mapping[int, Array],
    lines: Sequence[str],
) -> Array:  # fmt: skip
    """The picture with all masks, where each stands (id to (2,) pixels), and lines of text."""
    picture = draw_masks(draw_rules(rgb, shapes), fitted(masks, rgb))
    for number, foot in feet.items():
        place = tuple(np.round(foot).astype(int).tolist())
        cv2.circle(picture, place, 4, colour_of(number), -1, cv2.LINE_AA)
    return draw_banner(picture, lines) if lines else picture
