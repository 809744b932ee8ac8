"""Which thing in the picture a phrase means: "the lamp next to the sofa".

Relations are those of who looks through the camera. With depth they are measured in metres,
without it in the picture, where what is as tall as the things themselves is one unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mm_perception.samples import Relation
from mm_perception.samples.sample import Array
from mm_perception.text.phrases import split_at_relation
from mm_perception.text.selection import Order
from mm_perception.text.thing_phrase import ThingPhrase, read_thing_phrase

#: One is meant, not the other, if its distance to the anchor is a smaller share than this.
_CLEARLY_NEARER = 0.75
#: Share of a colour from which on it can be the colour of a thing: a screen is mostly black,
#: whatever its frame is; and how much less than the best is meant less.
_LEAST_COLOUR, _CLEARLY_LESS = 0.06, 0.6
#: What a colour may look like in bright light, or in little, and how much that counts.
_NEIGHBOURS: dict[str, tuple[str, ...]] = {
    'red': ('pink', 'brown'), 'orange': ('brown', 'yellow'), 'yellow': ('orange', 'white'),
    'green': (), 'blue': ('purple',), 'purple': ('blue', 'pink'), 'pink': ('red', 'white'),
    'brown': ('orange', 'red', 'black'), 'white': ('grey',), 'grey': ('white', 'black'),
    'black': ('grey',),
}  # fmt: skip
_NEIGHBOUR_SHARE = 0.35


@dataclass(frozen=True)
class Seen:
    """A thing that a camera sees.

    Attributes:
        stream: The camera.
        track_id: Its id in the masks.
        label: Of the mask, taken apart.
        box: (4,) xyxy in pixels.
        depth_m: Median along the optical axis; None where it is not known.
        ray: (2,) x and y of its middle at a depth of 1, optical axes; None without calibration.
        colours: Share of each colour word in its pixels.
    """

    stream: str
    track_id: int
    label: ThingPhrase
    box: tuple[float, float, float, float]
    depth_m: float | None = None
    ray: tuple[float, float] | None = None
    colours: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """What no other has."""
        return self.stream, self.track_id

    @property
    def x(self) -> float:
        """Middle of its box, pixels."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def height(self) -> float:
        """Of its box, pixels."""
        return self.box[3] - self.box[1]

    def place(self) -> Array | None:
        """(3,) metres in optical axes, if depth and calibration are there."""
        if self.depth_m is None or self.ray is None:
            return None
        return np.array([self.ray[0], self.ray[1], 1.0]) * self.depth_m


@dataclass(frozen=True)
class Reference:
    """A phrase with how the thing lies to others.

    Attributes:
        target: The thing that is meant.
        relation: How it lies to the anchors.
        anchors: One; two for BETWEEN; none without a relation.
    """

    target: ThingPhrase
    relation: Relation = Relation.NONE
    anchors: tuple[ThingPhrase, ...] = ()


@dataclass(frozen=True)
class Bound:
    """What may be meant.

    Attributes:
        things: All that fit; one if it is clear, none if nothing fits.
        lacks: Anchors that no camera sees: the relation was left out of account.
    """

    things: tuple[Seen, ...]
    lacks: tuple[ThingPhrase, ...] = ()


def reference_of(target: str, relation: Relation = Relation.NONE, anchor: str = '') -> Reference:
    """A reference from the parts of a command."""
    names = re.split(r'\band\b', anchor) if relation is Relation.BETWEEN else [anchor]
    anchors = tuple(read_thing_phrase(name) for name in names if name.strip())
    return Reference(read_thing_phrase(target), relation if anchors else Relation.NONE, anchors)


def read_reference(text: str) -> Reference:
    """A reference from one phrase.

    Convention:
        'the red lamp next to the sofa' is a red lamp with the relation next_to to a sofa.
    """
    split = split_at_relation(' '.join(text.lower().split()))
    return reference_of(*split) if split is not None and split[0] else reference_of(text)


def bind(reference: Reference, things: Sequence[Seen]) -> Bound:
    """All things that a reference may mean.

    Args:
        reference: The phrase.
        things: What all cameras see.
    """
    target = reference.target
    fitting = [t for t in things if target.can_mean(t.label)]
    fitting = _of_colour(target.colour, fitting)
    lacks = []
    if reference.relation is not Relation.NONE:
        found = [[t for t in things if a.can_mean(t.label)] for a in reference.anchors]
        pairs = zip(reference.anchors, found, strict=True)
        lacks = [anchor for anchor, seen in pairs if not seen]
        if not lacks:
            fitting = _related(reference.relation, fitting, found)
    if target.side is not None and len(fitting) > 1:
        fitting = _at_side(target.side, fitting)
    return Bound(tuple(fitting), tuple(lacks))


def _of_colour(colour: str, things: list[Seen]) -> list[Seen]:
    """Those that a label calls so; where labels are silent, those whose pixels are so."""
    if not colour:
        return things
    named = [t for t in things if t.label.colour == colour]
    if named:
        return named
    worth = {
        t.key: t.colours.get(colour, 0.0)
        + _NEIGHBOUR_SHARE * sum(t.colours.get(other, 0.0) for other in _NEIGHBOURS[colour])
        for t in things
    }
    best = max(worth.values(), default=0.0)
    limit = max(_LEAST_COLOUR, _CLEARLY_LESS * best)
    return [t for t in things if worth[t.key] >= limit]


def _related(relation: Relation, things: list[Seen], anchors: list[list[Seen]]) -> list[Seen]:
    """Those that lie so to an anchor, and of them the nearest if it is clearly nearer."""
    costs: list[tuple[float, Seen]] = []
    for thing in things:
        if relation is Relation.BETWEEN and len(anchors) == 2:
            cost = min(
                (_between(thing, a, b) for a in anchors[0] for b in anchors[1]), default=np.inf
            )
        else:
            near = [a for a in anchors[0] if a.key != thing.key and a.stream == thing.stream]
            cost = min(
                (distance(thing, a) for a in near if _CHECKS[relation](thing, a)), default=np.inf
            )
        if np.isfinite(cost):
            costs.append((cost, thing))
    costs.sort(key=lambda pair: pair[0])
    if len(costs) > 1 and costs[0][0] < _CLEARLY_NEARER * costs[1][0]:
        return [costs[0][1]]
    return [thing for _, thing in costs]


def distance(a: Seen, b: Seen) -> float:
    """Between two things of one camera: metres, or heights of the things in the picture.

    In the picture it is the gap between the boxes sideways, and between their feet up and down;
    of these the latter is stretched, as a floor is seen from a flat angle.
    """
    places = a.place(), b.place()
    if places[0] is not None and places[1] is not None:
        return float(np.linalg.norm(places[0] - places[1]))
    aside = max(a.box[0] - b.box[2], b.box[0] - a.box[2], 0.0)
    return float(np.hypot(aside, 2 * (a.box[3] - b.box[3])) / max((a.height + b.height) / 2, 1.0))


def _nearer_by(a: Seen, b: Seen) -> float:
    """By how much a is nearer to the camera than b: metres, or share of its height at the feet."""
    if a.depth_m is not None and b.depth_m is not None:
        return b.depth_m - a.depth_m
    return (a.box[3] - b.box[3]) / max(b.height, 1.0)


def _is_over(a: Seen, b: Seen) -> bool:
    """A stands on b: its foot is within b sideways and not below the foot of b."""
    return b.box[0] <= a.x <= b.box[2] and a.box[1] < b.box[1] and a.box[3] < b.box[3]


def _between(thing: Seen, a: Seen, b: Seen) -> float:
    """Way from a over the thing to b, as a multiple of that from a to b; infinite outside."""
    if not thing.stream == a.stream == b.stream or not min(a.x, b.x) < thing.x < max(a.x, b.x):
        return float(np.inf)
    return (distance(a, thing) + distance(thing, b)) / max(distance(a, b), 1e-3)


_CHECKS: dict[Relation, Callable[[Seen, Seen], bool]] = {
    Relation.NEXT_TO: lambda thing, anchor: True,
    Relation.BETWEEN: lambda thing, anchor: True,
    Relation.LEFT_OF: lambda thing, anchor: thing.x < anchor.x,
    Relation.RIGHT_OF: lambda thing, anchor: thing.x > anchor.x,
    Relation.BEHIND: lambda thing, anchor: _nearer_by(anchor, thing) > 0,
    Relation.IN_FRONT_OF: lambda thing, anchor: _nearer_by(thing, anchor) > 0,
    Relation.ON: _is_over,
    Relation.UNDER: lambda thing, anchor: _is_over(anchor, thing),
}


def _at_side(side: Order, things: list[Seen]) -> list[Seen]:
    if side in (Order.NEAREST, Order.FARTHEST):
        ordered = sorted(things, key=lambda t: t.depth_m if t.depth_m else -t.box[3])
        return [ordered[0 if side is Order.NEAREST else -1]]
    ordered = sorted(things, key=lambda t: t.x)
    if side is Order.MIDDLE:
        return [ordered[len(ordered) // 2]]
    return [ordered[0 if side is Order.LEFT else -1]]


def words_apart(things: Sequence[Seen]) -> list[str]:
    """A word for each thing by which people can tell it from the others: colours, or sides.

    Convention:
        Two lamps labelled 'red lamp' and 'blue lamp' are red and blue; two without colours are
        left and right; of three, one is in the middle.
    """
    colours = [thing.label.colour for thing in things]
    if all(colours) and len(set(colours)) == len(colours):
        return colours
    order = sorted(range(len(things)), key=lambda i: things[i].x)
    words = [''] * len(things)
    for place, index in enumerate(order):
        is_last = place == len(order) - 1
        words[index] = 'left' if place == 0 else 'right' if is_last else 'middle'
    return words
