"""What a picture shows, as one would speak of it: what is clear, and how it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import Scenery, relation, scene_caption
from mm_perception.world.render import View
from mm_perception.world.scene import Thing

#: What covers less of a picture is not spoken of.
SMALLEST_SHARE = 1 / 300
#: `language` measures in pixels of pictures as wide as those of clips.
_WIDTH_PX = 320


@dataclass(frozen=True, eq=False)
class Sight:
    """One picture.

    Attributes:
        scenery: What is large enough to speak of, largest first; centres as in a picture 320
            pixels wide.
        pixels: Visible pixels of every instance that can be seen at all.
        seen: Every thing of a colour that can be seen at all, however small.
    """

    scenery: Scenery
    pixels: dict[int, int]
    seen: tuple[ThingTruth, ...]

    @property
    def clear(self) -> tuple[ThingTruth, ...]:
        """What is large enough to speak of."""
        return self.scenery.things


@dataclass(frozen=True)
class Relation:
    """How one instance lies to another: `first` is `how` `second`."""

    first: int
    how: str
    second: int


def sight_of(view: View, things: Sequence[Thing], place: str = 'street') -> Sight:
    """What can be said of a picture.

    Args:
        view: The picture.
        things: All of the scene, numbered from 1.
        place: Where it is.
    """
    counts = np.bincount(view.ids.reshape(-1), minlength=len(things) + 1)
    pixels = {i: int(counts[i]) for i in np.flatnonzero(counts).tolist() if i}
    truths = {
        thing.instance: ThingTruth(thing.instance, thing.kind, thing.colour, thing.words)
        for thing in things
        if thing.colour and thing.instance in pixels
    }
    smallest = SMALLEST_SHARE * view.ids.size
    clear = sorted((i for i in truths if pixels[i] >= smallest), key=lambda i: -pixels[i])
    centres, depth = [], []
    for instance in clear:
        rows, columns = np.nonzero(view.ids == instance)
        centres.append((columns.mean(), rows.mean()))
        depth.append(np.median(view.depth[rows, columns]))
    scale = _WIDTH_PX / view.ids.shape[1]
    scenery = Scenery(
        tuple(truths[i] for i in clear), np.array(centres).reshape(-1, 2) * scale,
        np.array(depth, np.float64), place,
    )  # fmt: skip
    return Sight(scenery, pixels, tuple(truths.values()))


def relations_in(sight: Sight, most: int = 6) -> list[Relation]:
    """How each two of the largest things lie, seen from the larger; left out is what is not clear.

    Args:
        sight: The picture.
        most: Things of which to speak.
    """
    things = sight.clear[:most]
    pairs = combinations(range(len(things)), 2)
    return [
        Relation(things[first].instance, how, things[second].instance)
        for first, second in pairs
        if (how := relation(sight.scenery, first, second))
    ]


def captions_of(rng: np.random.Generator, sight: Sight, num: int = 3) -> list[str]:
    """Different true captions, at most so many."""
    return list(dict.fromkeys(scene_caption(rng, sight.scenery) for _ in range(num)))
