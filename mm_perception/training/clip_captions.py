"""Captions of scenes that are false, but nearly true.

Captions of other scenes differ in so much that a bag of words tells them apart: nothing asks which
thing has which colour, and which is left (Yuksekgonul et al., ICLR 2023, section 3). So a scene is
also compared with its own caption with one thing changed, and with all relations turned round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mm_perception.training.clip_sights import number_of
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.language import SPOKEN_OF, Scenery, scene_caption
from mm_perception.world.materials import COLOURS

_MIRRORED = 0.3
_GENERAL = 'vehicle'  # a van is one, and so is a truck


@dataclass(frozen=True)
class Doubt:
    """Two captions of a scene that differ in one respect.

    Attributes:
        true: What is so.
        false: What is not.
    """

    true: str
    false: str


def turned_round(rng: np.random.Generator, scenery: Scenery) -> Doubt | None:
    """A caption with a relation and the same with it turned round; None if it has no relation."""
    there = replace(scenery, centres=scenery.centres * (-1, 1), depth=-scenery.depth)
    return _doubt(rng, scenery, there)


def nearly_true(
    rng: np.random.Generator, scenery: Scenery, shown: frozenset[tuple[int, int]]
) -> Doubt | None:
    """A caption, and one with left for right, or one thing of another class or colour.

    Args:
        rng: Random numbers.
        scenery: What is so.
        shown: Pairs of class and colour that training shows, as `number_of` has them: that others
            are false would teach that they never occur.

    Returns:
        None if nothing came of it: what was changed is not spoken of.
    """
    if rng.random() < _MIRRORED:
        return _doubt(rng, scenery, replace(scenery, centres=scenery.centres * (-1, 1)))
    changed = _changed(rng, scenery, shown)
    found = _doubt(rng, scenery, changed) if changed else None
    return None if found and _GENERAL in found.false else found


def _changed(
    rng: np.random.Generator, scenery: Scenery, shown: frozenset[tuple[int, int]]
) -> Scenery | None:
    index = int(rng.integers(min(len(scenery.things), SPOKEN_OF)))
    thing = scenery.things[index]
    kind, colour = number_of(thing)
    there = {number_of(other) for other in scenery.things}
    alike = sorted(
        pair for pair in shown - there
        if pair[1] and (pair[0] == kind) != (pair[1] == colour)
    )  # fmt: skip
    for_colour = [pair for pair in alike if pair[0] == kind]
    for_kind = [pair for pair in alike if pair[1] == colour]
    chosen = for_colour if rng.random() < 0.5 and for_colour else for_kind
    if not chosen:
        return None
    new_kind, new_colour = chosen[int(rng.integers(len(chosen)))]
    other = replace(thing, kind=KINDS[new_kind - 1], colour=list(COLOURS)[new_colour - 1])
    things = (*scenery.things[:index], other, *scenery.things[index + 1 :])
    return replace(scenery, things=things)


def _doubt(rng: np.random.Generator, scenery: Scenery, other: Scenery) -> Doubt | None:
    """The same words where the same is so."""
    seed = int(rng.integers(2**31))
    true, false = (scene_caption(np.random.default_rng(seed), s) for s in (scenery, other))
    return Doubt(true, false) if true != false else None
