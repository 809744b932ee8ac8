"""Phrases that pick one of several: "the second car from the left", "not the red one".

A phrase becomes what a grounder shall look for (a noun phrase such as "red car") and a rule that
picks among what it finds. The words are few and listed here, so that one can read what is
understood; everything else stays in the noun phrase.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from mm_perception.text.words import singular


class Order(Enum):
    """By what things are sorted, the first one first."""

    LEFT = 'left'
    RIGHT = 'right'
    TOP = 'top'
    BOTTOM = 'bottom'
    LARGEST = 'largest'
    SMALLEST = 'smallest'
    NEAREST = 'nearest'
    FARTHEST = 'farthest'
    MIDDLE = 'middle'


#: Orders that divide a picture in two halves.
SIDES = (Order.LEFT, Order.RIGHT, Order.TOP, Order.BOTTOM)

_ORDERS: dict[Order, tuple[str, ...]] = {
    Order.LEFT: ('left', 'leftmost', 'left-hand', 'left-most'),
    Order.RIGHT: ('right', 'rightmost', 'right-hand', 'right-most'),
    Order.TOP: ('top', 'topmost', 'upper', 'uppermost', 'highest'),
    Order.BOTTOM: ('bottom', 'lower', 'lowest', 'lowermost'),
    Order.LARGEST: ('big', 'bigger', 'biggest', 'large', 'larger', 'largest'),
    Order.SMALLEST: ('small', 'smaller', 'smallest', 'little', 'littlest'),
    Order.NEAREST: ('near', 'nearer', 'nearest', 'close', 'closer', 'closest'),
    Order.FARTHEST: ('far', 'farther', 'farthest', 'further', 'furthest'),
    Order.MIDDLE: ('middle', 'centre', 'center', 'central'),
}  # fmt: skip
#: Words to orders.
ORDER_OF = {word: order for order, words in _ORDERS.items() for word in words}
_RANKS = {
    'first': 0, 'second': 1, 'third': 2, 'fourth': 3, 'fifth': 4, 'sixth': 5, 'last': -1,
    '1st': 0, '2nd': 1, '3rd': 2, '4th': 3, '5th': 4, '6th': 5,
}  # fmt: skip
_COUNTS = {'two': 2, 'both': 2, 'three': 3, 'four': 4, 'five': 5, 'six': 6}
#: Words that mean every thing of a kind.
ALL_WORDS = ('all', 'every', 'each', 'everything', 'everyone', 'everybody')
_PRONOUNS = ('one', 'ones', 'thing', 'things', 'object', 'objects', 'it', 'them', 'something')
_MANY = ('ones', 'things', 'objects', 'them')
_FILLERS = (
    'the', 'a', 'an', 'that', 'this', 'those', 'these', 'there', 'here', 'over', 'please', 'other',
    'another', 'just', 'only', 'most', 'who', 'which', 'is', 'my',
)  # fmt: skip
#: "on the left", "from the left", "to the right", "in the middle": the words around an order.
_AROUND = re.compile(
    r"\b(?:which is|that is|that's|(?<!most )most)?\s*(?:on|from|to|at|in|of) (?:the )?"
    rf'(?:(?:far|very) )?({"|".join(ORDER_OF)})\b(?: (?:side|end|hand side))?'
)
_EXCEPT = re.compile(r'\b(?:and not|but not|except for|except|apart from|but|without|not)\b')


@dataclass(frozen=True)
class Selection:
    """Which of several things a phrase means.

    Attributes:
        noun: What to look for, without articles, such as "red car"; empty for "one" or "thing".
        order: By what they are sorted; None where no word says it.
        rank: Which of the sorted, 0 for the first, -1 for the last.
        count: How many from there on; 0 means all.
        excluded: What is left out, each as a selection of its own.
        is_other: "the other one": not what is chosen now.
    """

    noun: str = ''
    order: Order | None = None
    rank: int = 0
    count: int = 1
    excluded: tuple[Selection, ...] = ()
    is_other: bool = False


def parse_selection(phrase: str) -> Selection:
    """What a phrase picks.

    Args:
        phrase: The target of a command, such as "the second car from the left".

    Convention:
        'the second car from the left' looks for 'car' and takes rank 1 from the left. 'the
        biggest' looks for anything and takes the largest. 'not the red one' is anything without
        'red'. 'the cars' and 'all cars' are all, 'the two left cars' the first 2 from the left. An
        ordinal without a side counts from the left.
    """
    said = ' '.join(re.sub(r'[^\w\s\'-]', ' ', phrase.lower()).split())
    said = re.sub(rf'\b({"|".join((*ALL_WORDS, *_COUNTS))}) of\b', r'\1', said)
    head, *tails = _EXCEPT.split(said)
    found = _parse_positive(head)
    excluded = tuple(_parse_positive(tail) for tail in tails if tail.strip())
    return Selection(found.noun, found.order, found.rank, found.count, excluded, found.is_other)


def _parse_positive(said: str) -> Selection:
    """A phrase without negation."""
    order: Order | None = None
    around = _AROUND.search(said)
    if around is not None:
        order = ORDER_OF[around.group(1)]
        said = f'{said[: around.start()]} {said[around.end() :]}'
    words = said.split()
    rank: int | None = None
    count: int | None = None
    rest = []
    for word in words:
        if word in _RANKS and rank is None:
            rank = _RANKS[word]
        elif word in ORDER_OF and (order is None or ORDER_OF[word] is Order.FARTHEST):
            order = order or ORDER_OF[word]  # "furthest to the right" is the right one
        elif word in ALL_WORDS:
            count = 0
        elif word in _COUNTS:
            count = _COUNTS[word]
        elif word in _MANY:
            count = 0 if count is None else count
        elif word not in _PRONOUNS + _FILLERS:
            rest.append(word)
    noun = ' '.join(rest)
    one = singular(noun) if noun else ''
    if count is None:
        count = 0 if one != noun or _looks_plural(noun) else 1
    if rank is not None and count == 0:
        count = 1
    if rank is not None and order is None:
        order = Order.LEFT
    return Selection(
        noun=one, order=order, rank=rank or 0, count=count,
        is_other=bool({'other', 'another'} & set(words)),
    )  # fmt: skip


def _looks_plural(noun: str) -> bool:
    """Whether an unknown noun ends as plurals do; "glass", "bus" and "tennis" do not."""
    return bool(re.search(r'[^sui]s$', noun)) and singular(f'{noun}s') != noun
