"""Which of the things in a picture a phrase means: small rules, and honest when none is left.

All relations are those of the picture: "behind" is higher up and overlapping, as on a floor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mm_perception.samples import Command, Intent, Relation
from mm_perception.samples.sample import Array
from mm_perception.selecting.candidates import Candidate
from mm_perception.text.phrases import split_at_relation
from mm_perception.text.selection import (
    SIDES,
    Order,
    Selection,
    parse_selection,
)

#: What is farther from the anchor than so many sizes of the larger one is not next to it.
_NEXT = 1.0

_KEYS: dict[Order, Callable[[Candidate], float]] = {
    Order.LEFT: lambda c: float(c.centre[0]),
    Order.RIGHT: lambda c: -float(c.centre[0]),
    Order.TOP: lambda c: float(c.centre[1]),
    Order.BOTTOM: lambda c: -float(c.centre[1]),
    Order.LARGEST: lambda c: -float(c.area),
    Order.SMALLEST: lambda c: float(c.area),
    # On a floor what stands lower in the picture is nearer.
    Order.NEAREST: lambda c: -float(c.box[3]),
    Order.FARTHEST: lambda c: float(c.box[3]),
}


@dataclass(frozen=True)
class Choice:
    """What a phrase means among the things in view.

    Attributes:
        ids: Of the chosen things; empty where there is a problem.
        fitting: Of all that the noun phrase and the relation name.
        problem: Why nothing is chosen, for people; empty where something is.
        is_ambiguous: More fit than are wanted; otherwise more may still come into view.
    """

    ids: tuple[int, ...]
    fitting: tuple[int, ...]
    problem: str = ''
    is_ambiguous: bool = False


@dataclass(frozen=True)
class Place:
    """How a thing lies to others: "next to the truck".

    Attributes:
        relation: How.
        anchors: The others, each as what a phrase means; two for between.
    """

    relation: Relation = Relation.NONE
    anchors: tuple[Selection, ...] = ()


def as_asked(command: Command) -> Command:
    """The same, but "not the red one" asks for another one."""
    if command.intent is Intent.DENY and command.target:
        return replace(command, intent=Intent.SELECT, target=f'not {command.target}')
    return command


def meaning_of(command: Command) -> tuple[Selection, Place]:
    """What the target of a command picks, and how that lies to other things.

    A relation that is still within the target ("the car next to the truck") is found there.
    """
    target, relation, anchor = command.target, command.relation, command.anchor
    if relation is Relation.NONE:
        split = split_at_relation(target.lower().strip())
        if split is not None and split[0]:
            target, relation, anchor = split
    parts = [part for part in re.split(r'\band\b', anchor) if part.strip()]
    return parse_selection(target), Place(relation, tuple(map(parse_selection, parts)))


def choose(
    selection: Selection,
    things: Sequence[Candidate],
    width_height: tuple[int, int],
    *,
    place: Place | None = None,
    chosen: Collection[int] = (),
) -> Choice:
    """Apply a selection.

    Args:
        selection: What is wanted.
        things: In view.
        width_height: Of the picture, pixels.
        place: How it lies to other things.
        chosen: What is chosen now, for "the other one".

    Convention:
        Of cars at x = 10, 50 and 90 the selection with order LEFT and rank 1 is the one at 50; a
        selection of one without an order fits all three, which is a problem.
    """
    fitting = [thing for thing in things if thing.fits(selection.noun)]
    for other in selection.excluded:
        gone = _excluded(other, fitting, width_height)
        fitting = [thing for thing in fitting if thing.number not in gone]
    if selection.is_other:
        fitting = [thing for thing in fitting if thing.number not in chosen]
    if place is not None and place.relation is not Relation.NONE:
        near, problem = _placed(fitting, things, place, width_height)
        if problem:
            return Choice((), (), problem)
        if near and selection.order is None and selection.count == 1:
            return Choice((near[0].number,), tuple(t.number for t in near))
        fitting = near
    ids = tuple(thing.number for thing in fitting)
    if not fitting:
        return Choice((), (), 'nothing fits')
    picked = _picked(selection, fitting, width_height)
    if picked:
        return Choice(tuple(thing.number for thing in picked), ids)
    if selection.order is None and len(ids) > selection.count:
        hint = 'say which, such as the left one, or the second from the left'
        return Choice((), ids, f'{len(ids)} fit: {hint}', is_ambiguous=True)
    return Choice((), ids, f'only {len(ids)} fit, and not so')


def _excluded(
    other: Selection, things: Sequence[Candidate], size: tuple[int, int]
) -> frozenset[int]:
    """What "not the left one" leaves out; a mere noun leaves out all that it names."""
    fitting = [thing for thing in things if thing.fits(other.noun)]
    if other.order is not None:
        fitting = _picked(other, fitting, size)
    return frozenset(thing.number for thing in fitting)


def _picked(
    selection: Selection, fitting: Sequence[Candidate], size: tuple[int, int]
) -> list[Candidate]:
    """The ones that order, rank and count leave; none if these do not decide."""
    if selection.order is None:
        is_clear = selection.count == 0 or len(fitting) == selection.count
        return list(fitting) if is_clear else []
    if selection.count == 0 and selection.order in SIDES:
        return [thing for thing in fitting if _is_on_side(thing, selection.order, size)]
    if selection.order is Order.MIDDLE:
        return _middle(fitting)
    ordered = sorted(fitting, key=_KEYS[selection.order])
    first = selection.rank if selection.rank >= 0 else len(ordered) + selection.rank
    picked = ordered[first : first + max(selection.count, 1)]
    return picked if len(picked) == max(selection.count, 1) else []


def _is_on_side(thing: Candidate, order: Order, size: tuple[int, int]) -> bool:
    axis = 0 if order in (Order.LEFT, Order.RIGHT) else 1
    is_low = bool(thing.centre[axis] < size[axis] / 2)
    return is_low == (order in (Order.LEFT, Order.TOP))


def _middle(fitting: Sequence[Candidate]) -> list[Candidate]:
    """Of an odd number the middle one from the left, else the one nearest to their mean."""
    ordered = sorted(fitting, key=_KEYS[Order.LEFT])
    if len(ordered) % 2:
        return [ordered[len(ordered) // 2]]
    mean = np.mean([thing.centre for thing in ordered], axis=0)
    return [min(ordered, key=lambda thing: float(np.linalg.norm(thing.centre - mean)))]


def _placed(
    fitting: Sequence[Candidate], things: Sequence[Candidate], place: Place, size: tuple[int, int]
) -> tuple[list[Candidate], str]:
    """Those that lie so to the anchors, the closest first; and why that cannot be said."""
    anchors = []
    for wanted in place.anchors:
        choice = choose(wanted, things, size)
        named = [thing for thing in things if thing.number in (choice.ids or choice.fitting)]
        if not named:
            return [], f'there is no {wanted.noun or "such thing"} in view'
        anchors.append(named)
    if place.relation is Relation.BETWEEN and len(anchors) < 2:
        anchors = [[thing] for thing in anchors[0]]
        if len(anchors) != 2:
            return [], 'between needs two things'
    costs = {}
    for thing in fitting:
        each = [
            min((_cost(place.relation, thing, a) for a in group if a is not thing), default=np.inf)
            for group in anchors
        ]
        costs[thing.number] = max(each)
        if place.relation is Relation.BETWEEN and not _is_between(thing, anchors):
            costs[thing.number] = np.inf
    near = [thing for thing in fitting if np.isfinite(costs[thing.number])]
    return sorted(near, key=lambda thing: costs[thing.number]), ''


def _is_between(thing: Candidate, anchors: Sequence[Sequence[Candidate]]) -> bool:
    (first, *_), (second, *_) = anchors[:2]
    low, high = sorted((float(first.centre[0]), float(second.centre[0])))
    return low < float(thing.centre[0]) < high


def _cost(relation: Relation, thing: Candidate, anchor: Candidate) -> float:
    """How far a thing is from lying so to an anchor, in pixels; infinite where it does not."""
    gap = _gap(thing.box, anchor.box)
    away = thing.centre - anchor.centre
    size = max(float(_side(thing.box)), float(_side(anchor.box)))
    overlap = min(thing.box[2], anchor.box[2]) - max(thing.box[0], anchor.box[0])
    holds = {
        Relation.NEXT_TO: gap <= _NEXT * size,
        Relation.LEFT_OF: away[0] < 0,
        Relation.RIGHT_OF: away[0] > 0,
        Relation.BEHIND: thing.box[3] < anchor.box[3] and overlap > -size,
        Relation.IN_FRONT_OF: thing.box[3] > anchor.box[3] and overlap > -size,
        Relation.ON: overlap > 0 and away[1] < 0 and gap <= 0.2 * size,
        Relation.UNDER: overlap > 0 and away[1] > 0 and gap <= 0.2 * size,
        Relation.BETWEEN: True,
    }[relation]
    return gap + 0.1 * float(np.linalg.norm(away)) if holds else np.inf


def _gap(a: Array, b: Array) -> float:
    """Pixels between two boxes, 0 where they touch."""
    apart = np.maximum(np.maximum(a[:2] - b[2:], b[:2] - a[2:]), 0)
    return float(np.linalg.norm(apart))


def _side(box: Array) -> float:
    return float(np.sqrt(max((box[2] - box[0]) * (box[3] - box[1]), 1)))
