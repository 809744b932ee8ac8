"""Does CLIP agree that a part of a picture shows what a text says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm_perception.nets.clip.engine import ClipEngine, Picture, Vectors
from mm_perception.samples.sample import Array
from mm_perception.text.words import rivals_of

_MARGIN = 0.1  # of the longer side of a box, on each side


def likeness(
    clip: ClipEngine, image: Picture, boxes: Sequence[Array], texts: Sequence[str]
) -> Array:
    """How sure CLIP is that each box shows what its text says, (N,) float64 in [0, 1].

    It is the share of the text among the same with other colours, times that among the same with
    other things (`mm_perception.text.words.rivals_of`), each by the softmax of the CLIP paper
    (Radford et al., 2021, section 3.1).

    Args:
        clip: The engine.
        image: (H, W, 3) uint8 RGB.
        boxes: N of (4,) xyxy in pixels.
        texts: N, one for each box.
    """
    if not boxes:
        return np.zeros(0)
    seen = clip.embed_images([_around(image, box) for box in boxes])
    pairs = zip(seen, texts, strict=True)
    return np.array([_share(clip, vector, text) for vector, text in pairs])


def _share(clip: ClipEngine, vector: Vectors, text: str) -> float:
    product = 1.0
    for rivals in rivals_of(text):
        cosines = clip.embed_texts(rivals.texts).astype(np.float64) @ vector
        weights = np.exp((cosines - cosines.max()) * clip.logit_scale)
        product *= float(weights[list(rivals.own)].sum() / weights.sum())
    return product


def _around(image: Picture, box: Array) -> Picture:
    """The square around a box, cut where the picture ends."""
    x0, y0, x1, y1 = (float(v) for v in box)
    half = max(x1 - x0, y1 - y0, 1.0) * (0.5 + _MARGIN)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = image.shape[:2]
    left, top = min(max(0, int(x - half)), width - 1), min(max(0, int(y - half)), height - 1)
    right, bottom = max(left + 1, int(np.ceil(x + half))), max(top + 1, int(np.ceil(y + half)))
    return np.ascontiguousarray(image[top:bottom, left:right])
