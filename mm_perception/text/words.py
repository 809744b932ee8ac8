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


#: Words for what the ground is for, to the layers of a map (`mm_perception.samples.BevGrid`).
LAYER_WORDS: dict[str, tuple[str, ...]] = {
    'drivable': ('drive', 'drivable', 'driveable', 'road', 'street', 'carriageway'),
    'walkway': ('walk', 'pavement', 'sidewalk', 'walkway', 'footpath'),
    'crossing': ('cross', 'crossing', 'crosswalk', 'zebra crossing'),
    'lane': ('lane', 'lane marking', 'road marking', 'lane divider'),
}  # fmt: skip
_IRREGULAR = {'people': 'person', 'lorries': 'lorry', 'buses': 'bus', 'boxes': 'box'}


def layer_named(text: str) -> str:
    """The layer of a map that a text asks for; empty if it asks for none.

    Convention:
        'where can I drive' asks for drivable, 'the road markings' for lane, 'a red car on the
        road' for none: it names a thing.
    """
    said = singular(text)
    if any(_has(said, noun) for noun in NOUNS):
        return ''
    found = [(w, layer) for layer, words in LAYER_WORDS.items() for w in words if _has(said, w)]
    return max(found, key=lambda pair: len(pair[0]), default=('', ''))[1]


def names_thing(text: str) -> bool:
    """Whether a text has a known noun for a thing that stands on the ground."""
    return any(_has(singular(text), noun) for noun in NOUNS)


def singular(text: str) -> str:
    """A text in lower case with its known nouns in the singular, without question words.

    Convention:
        'Where are the traffic cones?' becomes 'the traffic cone'.
    """
    said = ' '.join(text.lower().strip(' ?!.').split())
    said = re.sub(r'^(where (is|are)|show me|find) ', '', said)
    for many, one in _IRREGULAR.items():
        said = re.sub(rf'\b{many}\b', one, said)
    known = (*NOUNS, *(w for words in LAYER_WORDS.values() for w in words))
    return re.sub(rf'\b({"|".join(map(re.escape, known))})s\b', r'\1', said)
