"""What people call things: phrases that name one, and captions of a picture, with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_perception.text.words import NOUNS
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.materials import COLOURS

_PEOPLE = ('pedestrian', 'person')
_WORN = (*_PEOPLE, 'cyclist')
_ACTIONS = ('walking', 'standing', 'waving')
#: How one thing can lie to another; of each two neighbours one says the other the wrong way round.
RELATIONS = ('left of', 'right of', 'in front of', 'behind')
#: So many of the largest things of a picture have captions.
SPOKEN_OF = 4
_SMALL_WORDS = 'gray a an the in and with is there wearing parked street room photo picture of'
#: Every word that a phrase or a caption can have.
WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(' '.join((*COLOURS, *NOUNS, *_ACTIONS, *RELATIONS, _SMALL_WORDS)).split())
)


@dataclass(frozen=True)
class Phrase:
    """A text that names things.

    Attributes:
        text: As a person says it.
        kinds: Class names that it means.
        colour: Named colour; empty for any.
    """

    text: str
    kinds: tuple[str, ...]
    colour: str = ''

    def means(self, thing: ThingTruth) -> bool:
        """Whether it is true of a thing."""
        return thing.kind in self.kinds and self.colour in ('', thing.colour)


def phrase(rng: np.random.Generator, kind: str, colour: str) -> Phrase:
    """Some way to name a class, of a colour if one is given."""
    nouns = [noun for noun, kinds in NOUNS.items() if kind in kinds]
    noun = nouns[int(rng.integers(len(nouns)))]
    article = ('', 'a', 'the')[int(rng.integers(3))]
    if not colour:
        text = noun
    elif kind in _WORN and rng.random() < 0.6:
        text = f'{noun} {("in", "wearing")[int(rng.integers(2))]} {colour}'
    else:
        text = f'{colour} {noun}'
    if article == 'a' and text[0] in 'aeiou':
        article = 'an'
    return Phrase(f'{article} {text}'.strip(), NOUNS[noun], colour)


def caption_of(rng: np.random.Generator, thing: ThingTruth) -> Phrase:
    """A caption of a picture of one thing."""
    named = phrase(rng, thing.kind, thing.colour)
    words = named.text.removeprefix('the ').removeprefix('an ').removeprefix('a ')
    actions = [word for word in thing.words if word in _ACTIONS]
    if actions and rng.random() < 0.3:
        words = f'{words} {actions[0]}'
    lead = ('', 'a photo of ', 'a picture of ')[int(rng.integers(3))]
    article = 'an' if words[0] in 'aeiou' else 'a'
    return Phrase(f'{lead}{article} {words}', named.kinds, named.colour)


@dataclass(frozen=True)
class Scenery:
    """One frame of a clip in words.

    Attributes:
        things: What is large enough to speak of, largest first.
        centres: (N, 2) of them: x and y in pixels.
        depth: (N,) metres.
        place: street or room.
    """

    things: tuple[ThingTruth, ...]
    centres: npt.NDArray[np.float64]
    depth: npt.NDArray[np.float64]
    place: str


def scenery_of(clip: Clip, frame: int, smallest_px: int = 250) -> Scenery:
    """What can be said of a frame: things of a colour with an area of at least `smallest_px`."""
    ids = clip.ids[frame]
    found = []
    for column, thing in enumerate(clip.things):
        rows, columns = np.nonzero(ids == thing.instance)
        if thing.colour and len(rows) >= smallest_px:
            centre = (float(columns.mean()), float(rows.mean()))
            found.append((len(rows), thing, centre, float(clip.depth[frame, column])))
    found.sort(key=lambda item: -item[0])
    return Scenery(
        tuple(item[1] for item in found),
        np.array([item[2] for item in found]).reshape(-1, 2),
        np.array([item[3] for item in found]),
        clip.place,
    )


def relation(scenery: Scenery, first: int, second: int) -> str:
    """How one thing lies to another as the camera sees it; empty if it is not clear."""
    gap = scenery.centres[first, 0] - scenery.centres[second, 0]
    nearer = scenery.depth[second] - scenery.depth[first]
    if abs(gap) > 40:
        return RELATIONS[0] if gap < 0 else RELATIONS[1]
    if abs(nearer) > 1.0:
        return RELATIONS[2] if nearer > 0 else RELATIONS[3]
    return ''


def scene_caption(rng: np.random.Generator, scenery: Scenery) -> str:
    """A caption of a whole picture: up to three things, how two of them lie, and where it is."""
    chosen = [int(i) for i in rng.permutation(min(len(scenery.things), SPOKEN_OF))[:3]]
    if not chosen:
        return f'a {scenery.place}'
    texts = [_indefinite(rng, scenery.things[i]) for i in chosen]
    parts = texts[0]
    if len(chosen) > 1:
        lies = relation(scenery, chosen[0], chosen[1])
        parts = f'{texts[0]} {lies or "and"} {texts[1]}'
    if len(chosen) > 2:
        parts = f'{parts} and {texts[2]}'
    return f'{parts} in a {scenery.place}' if rng.random() < 0.5 else parts


def _indefinite(rng: np.random.Generator, thing: ThingTruth) -> str:
    words = phrase(rng, thing.kind, thing.colour).text
    words = words.removeprefix('the ').removeprefix('an ').removeprefix('a ')
    return f'{"an" if words[0] in "aeiou" else "a"} {words}'


def absent_phrase(rng: np.random.Generator, things: Sequence[ThingTruth]) -> Phrase:
    """A phrase that is true of none of some things, often of nearly one: a wrong colour or class.

    Raises:
        ValueError: After many tries, all that was tried is there.
    """
    kinds = sorted(
        {kind for kinds in NOUNS.values() for kind in kinds} - {'tree', 'traffic light'}
    )
    colours = list(COLOURS)
    for _ in range(200):
        kind, colour = (
            kinds[int(rng.integers(len(kinds)))],
            colours[int(rng.integers(len(colours)))],
        )
        if things and rng.random() < 0.6:
            near = things[int(rng.integers(len(things)))]
            kind, colour = (near.kind, colour) if rng.random() < 0.6 else (kind, near.colour)
        if kind in ('tree', 'traffic light'):
            continue
        found = phrase(rng, kind, colour)
        if not any(found.means(thing) for thing in things):
            return found
    raise ValueError('everything that could be named is there')
