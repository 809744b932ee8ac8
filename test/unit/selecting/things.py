"""Rectangles of one picture as masks."""

from __future__ import annotations

import numpy as np

from mm_perception.samples import Masks

#: left, top, right, bottom
Box = tuple[int, int, int, int]


def masks_of(
    boxes: dict[str, Box], *, size: tuple[int, int] = (100, 200), stamp_ns: int = 10**9
) -> Masks:
    """Masks with ids 1, 2, ... of rectangles by label; what follows # in a label is cut off.

    Args:
        boxes: The later ones are in front.
        size: Rows and columns.
        stamp_ns: Of the picture.
    """
    id_map = np.zeros(size, np.uint16)
    for number, (left, top, right, bottom) in enumerate(boxes.values(), 1):
        id_map[top:bottom, left:right] = number
    count = len(boxes)
    return Masks(
        stamp_ns=stamp_ns, frame_id='camera', id_map=id_map, ids=tuple(range(1, count + 1)),
        labels=tuple(label.split('#')[0] for label in boxes), scores=np.ones(count, np.float32),
    )  # fmt: skip
