"""Questions about a picture, with answers that are true by construction.

Of every question that is answered by yes there is one of the same kind that is answered by no, so
that who does not look is right half of the time. Asked is only what has one answer: a thing that
is named is the only one of that name in the picture, and nothing that would count is too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import relation
from mm_perception.world.truth.sight import Sight

Option = TypeVar('Option')

YES, NO = 'yes', 'no'
_WORN = ('pedestrian', 'person', 'cyclist')
_NEARER_M, _NEARER_SHARE = 1.0, 0.1
_OPPOSITE = {'left of': 'right of', 'right of': 'left of'}


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        kind: exist, count, colour, side or nearer.
        text: As a person asks.
        answer: yes, no, a number in digits, or a colour.
        instances: What it is about; empty if that is not there.
    """

    kind: str
    text: str
    answer: str
    instances: tuple[int, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """What could be there.

    Attributes:
        kinds: Class names.
        colours: Named colours.
    """

    kinds: tuple[str, ...]
    colours: tuple[str, ...]


def questions_about(
    rng: np.random.Generator, sight: Sight, vocabulary: Vocabulary
) -> list[Question]:
    """At most two of each kind that can be asked.

    Args:
        rng: Chooses what is asked.
        sight: The picture.
        vocabulary: What a question about nothing can be about.
    """
    return [
        *_existence(rng, sight, vocabulary), *_counts(rng, sight, vocabulary),
        *_colours(rng, sight), *_sides(rng, sight), *_distances(rng, sight),
    ]  # fmt: skip


def name_of(kind: str, colour: str) -> str:
    """Such as 'red car', or 'pedestrian in red': of people it is the clothes."""
    return f'{kind} in {colour}' if kind in _WORN else f'{colour} {kind}'


def _existence(rng: np.random.Generator, sight: Sight, vocabulary: Vocabulary) -> list[Question]:
    pairs = {(thing.kind, thing.colour) for thing in sight.seen}
    absent = [(k, c) for k in vocabulary.kinds for c in vocabulary.colours if (k, c) not in pairs]
    # Nearly there: the class or the colour is.
    near = [
        (kind, colour)
        for kind, colour in absent
        if any(kind == other or colour == shade for other, shade in pairs)
    ]
    if not sight.clear or not absent:
        return []
    there = _one_of(rng, sight.clear)
    missing = _one_of(rng, near or absent)
    same = tuple(t.instance for t in sight.seen if _pair(t) == _pair(there))
    return [
        Question('exist', f'Is there {_a(name_of(*_pair(there)))}?', YES, same),
        Question('exist', f'Is there {_a(name_of(*missing))}?', NO),
    ]


def _counts(rng: np.random.Generator, sight: Sight, vocabulary: Vocabulary) -> list[Question]:
    """One of what is there, and now and then one of what is not."""
    clear = {thing.instance for thing in sight.clear}
    asked = []
    by_kind = {
        kind: [t.instance for t in sight.seen if t.kind == kind] for kind in vocabulary.kinds
    }
    some = [kind for kind, own in by_kind.items() if own and clear.issuperset(own)]
    none = [kind for kind, own in by_kind.items() if not own]
    if some:
        asked.append(_one_of(rng, some))
    if none and rng.random() < 0.3:
        asked.append(_one_of(rng, none))
    return [
        Question('count', f'How many {_plural(kind)} are there?', str(len(own)), tuple(own))
        for kind, own in ((kind, by_kind[kind]) for kind in asked)
    ]


def _colours(rng: np.random.Generator, sight: Sight) -> list[Question]:
    kinds = [thing.kind for thing in sight.seen]
    single = [thing for thing in sight.clear if kinds.count(thing.kind) == 1]
    if not single:
        return []
    thing = _one_of(rng, single)
    what = f'{thing.kind} wearing' if thing.kind in _WORN else thing.kind
    return [Question('colour', f'What colour is the {what}?', thing.colour, (thing.instance,))]


def _sides(rng: np.random.Generator, sight: Sight) -> list[Question]:
    """One pair of things: the true side, and the other."""
    found = [(a, how, b) for a, b in _named_pairs(sight) if (how := _side(sight, a, b))]
    if not found:
        return []
    first, how, second = _one_of(rng, found)
    one, other = sight.clear[first], sight.clear[second]
    names = name_of(*_pair(one)), name_of(*_pair(other))
    about = (one.instance, other.instance)
    return [
        Question('side', f'Is the {names[0]} {side} the {names[1]}?', answer, about)
        for side, answer in ((how, YES), (_OPPOSITE[how], NO))
    ]


def _side(sight: Sight, first: int, second: int) -> str:
    how = relation(sight.scenery, first, second)
    return how if how in _OPPOSITE else ''


def _distances(rng: np.random.Generator, sight: Sight) -> list[Question]:
    """One pair of things, asked both ways."""
    depth = sight.scenery.depth
    found = [
        (a, b)
        for a, b in _named_pairs(sight)
        if depth[b] - depth[a] > max(_NEARER_M, _NEARER_SHARE * depth[b])
    ]
    if not found:
        return []
    nearer, farther = (sight.clear[index] for index in _one_of(rng, found))
    return [
        Question(
            'nearer', f'Is the {name_of(*_pair(a))} nearer than the {name_of(*_pair(b))}?', answer,
            (a.instance, b.instance),
        )
        for a, b, answer in ((nearer, farther, YES), (farther, nearer, NO))
    ]  # fmt: skip


def _named_pairs(sight: Sight) -> list[tuple[int, int]]:
    """Ordered pairs of clear things that have their names for themselves."""
    names = [_pair(thing) for thing in sight.seen]
    own = [i for i, thing in enumerate(sight.clear) if names.count(_pair(thing)) == 1]
    return [(a, b) for a in own for b in own if a != b]


def _pair(thing: ThingTruth) -> tuple[str, str]:
    return thing.kind, thing.colour


def _one_of(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    return options[int(rng.integers(len(options)))]


def _a(words: str) -> str:
    return f'{"an" if words[0] in "aeiou" else "a"} {words}'


def _plural(kind: str) -> str:
    special = {'bus': 'buses', 'person': 'people'}
    return special.get(kind, f'{kind}s')
