"""Words for colours and things, and what stands in their place.

To tell whether a picture shows "a red car", a network that compares pictures with texts needs
rivals: the same text with other colours, and with other things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The basic colour terms of English (Berlin and Kay, 1969).
COLOUR_WORDS = (
    'red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown', 'white', 'grey',
    'black',
)  # fmt: skip
_VEHICLES = ('car', 'van', 'truck', 'bus')
_PEOPLE = ('pedestrian', 'person')
#: Nouns to the class names that they mean.
NOUNS: dict[str, tuple[str, ...]] = {
    'car': ('car',), 'van': ('van',), 'truck': ('truck',), 'lorry': ('truck',), 'bus': ('bus',),
    'vehicle': _VEHICLES, 'person': _PEOPLE, 'pedestrian': _PEOPLE, 'cyclist': ('cyclist',),
    'cone': ('cone',), 'traffic cone': ('cone',), 'barrier': ('barrier',), 'ball': ('ball',),
    'crate': ('crate',), 'box': ('crate',), 'table': ('table',), 'chair': ('chair',),
    'sofa': ('sofa',), 'couch': ('sofa',), 'lamp': ('lamp',), 'fridge': ('fridge',),
    'cup': ('cup',), 'mug': ('cup',), 'plant': ('plant',), 'television': ('television',),
    'tv': ('television',), 'tree': ('tree',), 'traffic light': ('traffic light',),
}  # fmt: skip


@dataclass(frozen=True)
class Rivals:
    """A text among others that differ in one word.

    Attributes:
        texts: All of them.
        own: Which mean the same as the text itself.
    """

    texts: tuple[str, ...]
    own: tuple[int, ...]


def rivals_of(text: str) -> list[Rivals]:
    """Sets of texts that a picture of what a text names should be less like.

    One with the other colours, if the text names one, and one with other things.

    Convention:
        'the red lorry' has the rivals 'the blue lorry', ... and 'the red car', ...; 'the red
        truck' means the same and is none.
    """
    said = ' '.join(text.lower().split())
    found = []
    colour = next((word for word in said.split() if word in COLOUR_WORDS), None)
    if colour is not None:
        texts = tuple(_replaced(said, colour, other) for other in COLOUR_WORDS)
        found.append(Rivals(texts, (COLOUR_WORDS.index(colour),)))
    nouns = tuple(NOUNS)
    noun = max((n for n in nouns if _has(said, n)), key=len, default=None)
    if noun is None:
        found.append(Rivals((said, *(f'a {other}' for other in nouns)), (0,)))
        return found
    texts = tuple(_replaced(said, noun, other) for other in nouns)
    same = {i for i, other in enumerate(nouns) if set(NOUNS[other]) & set(NOUNS[noun])}
    found.append(Rivals(texts, tuple(sorted(same))))
    return found


def _has(text: str, words: str) -> bool:
    return re.search(rf'\b{re.escape(words)}\b', text) is not None


def _replaced(text: str, words: str, other: str) -> str:
    return re.sub(rf'\b{re.escape(words)}\b', other, text, count=1)
