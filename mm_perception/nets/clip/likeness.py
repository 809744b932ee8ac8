"""Does CLIP agree that a part of a picture shows what a text says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm_perception.nets.clip.engine import ClipEngine, Picture, Vectors
from mm_perception.samples.sample import Array
from mm_perception.text.words import rivals_of

_MARGIN = 0.1  # of the longer side of a box, on each side
_SAME = 1 - 1e-4  # cosine
_NO_WORD, _EQUAL = 'xqzvj', 1 - 1e-5
_ARTICLES = ('a', 'an', 'the')


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
    seen = clip.embed_images([around(image, box) for box in boxes])
    pairs = zip(seen, texts, strict=True)
    return np.array([share(clip, vector[None], text)[0] for vector, text in pairs])


def share(clip: ClipEngine, seen: Vectors, text: str, background: Sequence[str] = ()) -> Array:
    """Share of a text among its rivals for what was seen, (N,) float64 in [0, 1].

    Args:
        clip: The engine that made the vectors.
        seen: (N, D) float32 unit vectors of pictures.
        text: What is asked for.
        background: Further rivals beside the other things. One that the network cannot tell from
            the text (it has the same vector, as all unknown words may have) is none, and of those
            that it cannot tell from each other only one counts.
    """
    product = np.ones(len(seen))
    *colours, things = rivals_of(text)
    for rivals in (*colours, things):
        vectors = clip.embed_texts(rivals.texts)
        if rivals is things:
            vectors = np.concatenate([vectors, _new_to(vectors, clip.embed_texts(background))])
        cosines = seen.astype(np.float64) @ vectors.T
        weights = np.exp((cosines - cosines.max(1, keepdims=True)) * clip.logit_scale)
        product *= weights[:, list(rivals.own)].sum(1) / weights.sum(1)
    return product


def likely_rivals(
    clip: ClipEngine, image: Picture, box: Array, text: str, count: int
) -> list[str]:
    """What a part of a picture is most likely to show if not what a text says.

    Args:
        clip: The engine.
        image: (H, W, 3) uint8 RGB.
        box: (4,) xyxy in pixels.
        text: What was asked for.
        count: How many at most.

    Returns:
        Texts that differ from it in one word and mean something else, likeliest first.
    """
    others = [
        other
        for rivals in rivals_of(text)
        for index, other in enumerate(rivals.texts)
        if index not in rivals.own
    ]
    likeness = clip.embed_texts(others) @ clip.embed_images([around(image, box)])[0]
    return [others[i] for i in np.argsort(-likeness)[:count]]


def _new_to(known: Vectors, others: Vectors) -> Vectors:
    """Those of (M, D) others that equal none of (N, D) known, nor one before them."""
    kept = known
    for vector in others:
        if (kept @ vector).max() < _SAME:
            kept = np.concatenate([kept, vector[None]])
    return kept[len(known) :]


def unknown_words(clip: ClipEngine, text: str) -> list[str]:
    """Words that the network cannot tell from one that does not exist.

    Articles are no such words: a network may well have learned that they mean nothing.
    """
    words = text.split()
    others = [' '.join((*words[:i], _NO_WORD, *words[i + 1 :])) for i in range(len(words))]
    cosines = clip.embed_texts([text, *others]) @ clip.embed_texts([text])[0]
    return [
        word
        for word, cosine in zip(words, cosines[1:], strict=True)
        if cosine > _EQUAL and word.lower() not in _ARTICLES
    ]


def around(image: Picture, box: Array) -> Picture:
    """The square around a box with a margin, cut where the picture ends.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) xyxy in pixels.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    half = max(x1 - x0, y1 - y0, 1.0) * (0.5 + _MARGIN)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = image.shape[:2]
    left, top = min(max(0, int(x - half)), width - 1), min(max(0, int(y - half)), height - 1)
    right, bottom = max(left + 1, int(np.ceil(x + half))), max(top + 1, int(np.ceil(y + half)))
    return np.ascontiguousarray(image[top:bottom, left:right])
