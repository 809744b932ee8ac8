"""What a phrase such as "the left red lamp" says of the thing that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from mm_perception.text.selection import ALL_WORDS, ORDER_OF, Order
from mm_perception.text.words import COLOUR_WORDS, NOUNS

#: Words that people use for things beside those of `NOUNS`.
_SYNONYMS = {
    'light': 'lamp', 'telly': 'television', 'screen': 'television', 'refrigerator': 'fridge',
    'settee': 'sofa',
}  # fmt: skip
_SIDES = (Order.LEFT, Order.RIGHT, Order.MIDDLE, Order.NEAREST, Order.FARTHEST)
_EMPTY = ('a', 'an', 'the', 'my', 'our', 'this', 'that', 'one', 'ones', 'of', 'please')


@dataclass(frozen=True)
class ThingPhrase:
    """A phrase, taken apart.

    Attributes:
        text: As it was said, in lower case.
        noun: The thing in one word, for people; empty for "the left one".
        kinds: Class names that the noun means; an unknown noun means itself.
        colour: Named colour; empty for any.
        side: Left, right, middle, nearest or farthest; None for any.
        is_all: Several are meant: "all lamps", "the lights".
    """

    text: str
    noun: str = ''
    kinds: frozenset[str] = frozenset()
    colour: str = ''
    side: Order | None = None
    is_all: bool = False

    def can_mean(self, other: ThingPhrase) -> bool:
        """Whether what another phrase (a label) names may be meant, sides left out."""
        is_kind = not self.kinds or bool(self.kinds & other.kinds)
        return is_kind and (not self.colour or other.colour in ('', self.colour))


def read_thing_phrase(text: str) -> ThingPhrase:
    """Take a phrase apart; the last known noun in it is the thing.

    Convention:
        'the left red lamp' is a red lamp on the left; 'all lights' are lamps; 'the blue toaster'
        is a blue thing of the class toaster.
    """
    said = ' '.join(re.findall(r"[a-z0-9'-]+", text.lower()))
    said = re.sub(r'\bgray\b', 'grey', said)
    words = said.split()
    noun, is_many = _noun_of(words)
    colour = next((word for word in words if word in COLOUR_WORDS), '')
    side = next((order for word in words if (order := ORDER_OF.get(word)) in _SIDES), None)
    is_all = any(word in (*ALL_WORDS, 'both') for word in words) or is_many
    kinds = frozenset(NOUNS.get(_SYNONYMS.get(noun, noun), (noun,))) if noun else frozenset()
    return ThingPhrase(said, _SYNONYMS.get(noun, noun), kinds, colour, side, is_all)


def _noun_of(words: list[str]) -> tuple[str, bool]:
    """The noun in the singular, and whether it was a plural."""
    known = (*NOUNS, *_SYNONYMS)
    pairs = [' '.join(pair) for pair in pairwise(words)]
    for candidate in (*reversed(pairs), *reversed(words)):
        if candidate in known:
            return candidate, False
        if candidate.endswith('s') and candidate[:-1] in known:
            return candidate[:-1], True
    skipped = (*COLOUR_WORDS, *ORDER_OF, *ALL_WORDS, 'both', *_EMPTY)
    rest = [word for word in words if word not in skipped]
    return (rest[-1], False) if rest else ('', False)
