"""How alike entries are to a text: as a whole, and thing by thing where it names several.

A vector tells badly which colour belongs to which of several things. So a text that names several
is taken apart, and a picture has to show each of them, as a whole or in one of its tracks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.nets.clip.likeness import share
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry, Found
from mm_perception.text.words import names_thing

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

_BETWEEN = re.compile(
    r'\b(?:left of|right of|in front of|next to|behind|beside|near|and|with)\b|,', re.IGNORECASE
)


@dataclass(frozen=True)
class Weights:
    """What counts how much.

    Attributes:
        min_share: Least share of a text among its rivals; of several things the mean.
        share: What a share of 1 is worth beside a cosine of 1.
        parts: What the mean of all things is worth beside the cosine of the whole text.
    """

    min_share: float
    share: float
    parts: float


def parts_of(text: str) -> list[str]:
    """The parts of a text that name a thing each; fewer than two mean that it is no list.

    Convention:
        'a red car left of the blue van in a street' has the parts 'a red car' and 'the blue van
        in a street'; 'a red car' has itself.
    """
    found = [part.strip() for part in _BETWEEN.split(text)]
    return [part for part in found if names_thing(part)]


def alike(
    engine: ClipEngine, search: Callable[[Array], list[Found]], text: str, weights: Weights
) -> list[Found]:
    """Entries that are like a text, in any order, with scores from -1 to 1.

    Args:
        engine: What has made the vectors.
        search: The nearest entries of a (D,) float32 unit vector.
        text: What is asked for.
        weights: What counts how much.
    """
    whole = search(engine.embed_texts([text])[0])
    parts = parts_of(text)
    if len(parts) < 2:
        scores, shares = _scores(engine, whole, text, weights)
        return [
            Found(hit.entry, float(score))
            for hit, score, part in zip(whole, scores, shares, strict=True)
            if part >= weights.min_share
        ]
    pictures = [hit for hit in whole if not hit.entry.track_id]
    shown = [_shown(engine, pictures, search, part, weights) for part in parts]
    scores, shares = np.mean([s for s, _ in shown], axis=0), np.mean([s for _, s in shown], axis=0)
    return [
        Found(hit.entry, float(hit.score + weights.parts * score) / (1 + weights.parts))
        for hit, score, part in zip(pictures, scores, shares, strict=True)
        if part >= weights.min_share
    ]


def _scores(
    engine: ClipEngine, hits: Sequence[Found], text: str, weights: Weights
) -> tuple[Array, Array]:
    """Score and share of each hit, (N,) float64 each."""
    if not hits:
        return np.zeros(0), np.zeros(0)
    vectors = np.stack([hit.entry.vector for hit in hits])
    shares = share(engine, vectors, text)
    cosines = vectors.astype(np.float64) @ engine.embed_texts([text])[0]
    return (cosines + weights.share * shares) / (1 + weights.share), shares


def _shown(
    engine: ClipEngine, pictures: Sequence[Found], search: Callable[[Array], list[Found]],
    part: str, weights: Weights,
) -> tuple[Array, Array]:  # fmt: skip
    """How well each of N pictures shows a thing: score and share of its best view, (N,) each."""
    scores, shares = _scores(engine, pictures, part, weights)
    views = search(engine.embed_texts([part])[0])
    of_camera: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, view in enumerate(views):
        of_camera[_camera(view.entry)].append(index)
    view_scores, view_shares = _scores(engine, views, part, weights)
    for index, hit in enumerate(pictures):
        for other in of_camera[_camera(hit.entry)]:
            if view_scores[other] > scores[index] and _overlap(views[other].entry, hit.entry):
                scores[index], shares[index] = view_scores[other], view_shares[other]
    return scores, shares


def _camera(entry: Entry) -> tuple[str, str, str]:
    return entry.source, entry.topic, entry.stream


def _overlap(a: Entry, b: Entry) -> bool:
    return a.stamp_ns <= b.end_ns and b.stamp_ns <= a.end_ns
