"""Noun phrases: what is meant, how it lies to something else, and whether a finger points at it.

"the lamp that is next to the sofa" is the lamp, next to, the sofa; "that blue van" is the blue van
that somebody points at; "it" is what was spoken of last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mm_perception.samples.speech import Relation

#: Ways to say how a thing lies to another.
RELATION_WORDS: dict[Relation, tuple[str, ...]] = {
    Relation.NEXT_TO: (
        'next to', 'beside', 'near', 'near to', 'close to', 'by', 'alongside', 'adjacent to',
        'at',
    ),
    Relation.LEFT_OF: (
        'to the left of', 'on the left of', 'left of', 'at the left of', 'on the left side of',
        'to the left side of',
    ),
    Relation.RIGHT_OF: (
        'to the right of', 'on the right of', 'right of', 'at the right of',
        'on the right side of', 'to the right side of',
    ),
    Relation.BEHIND: ('behind', 'in back of', 'at the back of'),
    Relation.IN_FRONT_OF: ('in front of', 'ahead of', 'at the front of'),
    Relation.ON: ('on', 'on top of', 'upon', 'onto', 'on to'),
    Relation.UNDER: ('under', 'underneath', 'below', 'beneath'),
    Relation.BETWEEN: ('between', 'in between'),
}  # fmt: skip
_RELATION_OF = {way: rel for rel, ways in RELATION_WORDS.items() for way in ways}
_SIDES = {'left': Relation.LEFT_OF, 'right': Relation.RIGHT_OF}
#: How a thing lies, after "that is", "standing" and the like.
_LIES = re.compile(
    r'(?:(?:that|which|who) (?:is|are|stands?|sits?|lies?) )?'
    r'(?:(?:standing|sitting|lying|parked|placed|located|hanging|waiting|walking|right) )?'
    rf'(?P<way>{"|".join(sorted(_RELATION_OF, key=len, reverse=True))}) (?P<anchor>.+)'
)
#: A side of the picture is no thing that something lies on.
_SIDE = re.compile(r'(?:the|my|your) (?:far )?(?:left|right|top|bottom)(?: side)?')
_ME = ('me', 'us', 'myself', 'you')
_POINTED = {
    'this', 'that', 'these', 'those', 'this one', 'that one', 'these ones', 'those ones',
    'this thing', 'that thing',
}  # fmt: skip
_SPOKEN_OF = {'it', 'them', 'him', 'her'}
_APART = re.compile(
    r'(?P<kept>.+?) (?:but )?(?:not|except|except for|other than|apart from) (?P<left>.+)'
)
#: What is no thing to look for: who speaks, or all there is.
NO_THINGS = {*_ME, 'everything', 'all', 'all of them', 'anything'}
#: Words with which no noun phrase ends, and those that may still begin one.
_NO_ENDS = (
    'to of or and with in for from is are not but on off at by please be do can could will would '
    'i if so very what where how who down up the a an my your that this as about out away '
    'back again'
)
_BEGINNINGS = ('the', 'a', 'an', 'my', 'your')
_MOST_WORDS = 9


@dataclass(frozen=True)
class NounPhrase:
    """What somebody names.

    Attributes:
        target: Such as "the lamp"; empty for "that one" and "it".
        relation: How it lies to the anchor.
        anchor: Such as "the sofa"; "me" is who speaks.
        is_deictic: A pointing hand, gaze or click says which: "that one", "this lamp", "it".
        is_spoken_of: A pronoun for what was named before: "it", "them".
        excluded: What is not meant: "the red one" in "the car but not the red one".
    """

    target: str
    relation: Relation = Relation.NONE
    anchor: str = ''
    is_deictic: bool = False
    is_spoken_of: bool = False
    excluded: str = ''


def noun_phrase(said: str) -> NounPhrase | None:
    """Understand the words of a noun phrase; None if they are none.

    Convention:
        'the lamp next to the sofa' is the lamp, NEXT_TO, the sofa; 'that van over there' is the
        van, deictic; 'the second car from the left' is one target; 'the car to my left' lies
        LEFT_OF me.
    """
    apart = _APART.fullmatch(said)
    if apart:
        kept, left = noun_phrase(apart['kept']), noun_phrase(apart['left'])
        return None if kept is None or left is None else replace(kept, excluded=left.target)
    named = re.sub(r' (?:over )?(?:there|here)$', '', said)
    points = named != said or named in _POINTED
    if named in _POINTED or named in _SPOKEN_OF:
        return NounPhrase('', is_deictic=True, is_spoken_of=named in _SPOKEN_OF)
    split = split_at_relation(named)
    if split is not None and split[0]:
        target, relation, anchor = split
        found = noun_phrase(target)
        return found and replace(
            found, relation=relation, anchor=anchor, is_deictic=found.is_deictic or points
        )
    bare = re.sub(r'^(?:this|that|these|those) ', 'the ', named)
    return NounPhrase(bare, is_deictic=points or bare != named) if is_named(bare) else None


def split_at_relation(said: str) -> tuple[str, Relation, str] | None:
    """Split at the first relation: what lies (may be empty), how, and to what.

    Convention:
        'the cup on the table' splits into the cup, ON, the table; 'behind me' into nothing,
        BEHIND, me; 'the car on the left' does not split: it names one of several.
    """
    words = said.split()
    for index in range(len(words)):
        target, rest = ' '.join(words[:index]), ' '.join(words[index:])
        aside = re.fullmatch(r'(?:to|on) my (left|right)(?: side)?', rest)
        if aside:
            return target, _SIDES[aside[1]], 'me'
        lies = _LIES.fullmatch(rest)
        if lies is None or _SIDE.fullmatch(lies['anchor']):
            continue
        anchor = re.sub(r'^(?:this|that|these|those) ', 'the ', lies['anchor'])
        anchor = re.sub(r' (?:over )?(?:there|here)$', '', anchor)
        if anchor in _ME or is_named(anchor):
            return target, _RELATION_OF[lies['way']], 'me' if anchor in _ME else anchor
    return None


def is_named(said: str) -> bool:
    """Whether words can be the name of something; open to words that nobody listed.

    Convention:
        'the thermostat' and 'lights' can, 'to the' and 'turn it' cannot.
    """
    words = said.split()
    return (
        0 < len(words) <= _MOST_WORDS
        and (words[0] in _BEGINNINGS or words[0] not in _NO_ENDS.split())
        and words[-1] not in _NO_ENDS.split()
        and words != ['right']  # as in "stop right there"
        and not {'it', 'them', 'please', 'not'} & set(words)
    )


def spoken(target: str, relation: Relation, anchor: str) -> str:
    """A noun phrase in words again.

    Convention:
        ('the lamp', NEXT_TO, 'the sofa') is 'the lamp next to the sofa'.
    """
    way = RELATION_WORDS[relation][0] if relation is not Relation.NONE else ''
    return ' '.join(part for part in (target, way, anchor) if part)
