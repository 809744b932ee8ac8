"""What something can be set to, and what somebody likes."""

from __future__ import annotations

import re

from mm_perception.text.tokens import with_digits
from mm_perception.text.words import COLOUR_WORDS

_SHADES = ('dark', 'light', 'bright', 'pale', 'warm', 'cold', 'cool', 'soft')
_MORE = (
    'brighter', 'darker', 'dimmer', 'louder', 'quieter', 'warmer', 'cooler', 'colder', 'softer',
    'faster', 'slower', 'higher', 'lower', 'bigger', 'smaller', 'larger', 'hotter',
)  # fmt: skip
_LEVELS = ('full', 'half', 'maximum', 'minimum', 'max', 'min', 'low', 'medium', 'high')
_HUES = '|'.join((*COLOUR_WORDS, 'cyan', 'turquoise', 'violet', 'magenta', 'gold'))
_VALUE = re.compile(
    r'\d+(?:\.\d+)?(?: (?:percent|degrees?|celsius|kelvin|lumen|steps?|metres?|minutes?)){0,2}'
    rf'|(?:(?:{"|".join(_SHADES)}) )?(?:{_HUES})|(?:a (?:bit|little) |much |even )?'
    rf'(?:{"|".join(_MORE)})|{"|".join(_SHADES)}|(?:the )?(?:{"|".join(_LEVELS)})'
    r'(?: (?:brightness|power|volume|speed))?'
)


def value_of(said: str) -> str:
    """A value in the form that commands carry; empty if the words are none.

    Convention:
        'thirty percent' becomes '30 %', 'warm white' and 'a bit brighter' stay; 'the sofa' is
        none.
    """
    text = with_digits(said)
    return text.replace(' percent', ' %') if _VALUE.fullmatch(text) else ''


_LIKING = re.compile(
    r'(?:my (?:favourite|favorite) (?:\w+ )?(?:is|are)|i (?:would |really |do |much )*'
    r'(?:prefer|like|love|favour|favor|fancy|rather have|rather get|want|adore|am into'
    r'|am keen on))'
    r'(?: to have| to get)? (?P<what>.+?)(?: better| best| more| most| instead)*'
)
_SOMETHING = re.compile(
    r'(?:i (?:would )?(?:prefer|like|want|need) )?(?:some|any)thing (?:that is |a bit |a little )?'
    r'(?P<value>(?:\w+er|(?:more|less) \w+|\w+)(?: than .+)?)'
)
_NOUN_END = re.compile(
    r'(?P<head>.+?)(?P<rest> (?:under|below|over|for|with|without|from|in|of|made|that|up to) .+)?'
)


def preference_of(said: str) -> tuple[str, str] | None:
    """What somebody likes, as a thing and what it should be like; None if nothing is liked.

    Convention:
        'i prefer cheap red shoes' is ('shoes', 'cheap red'), 'i like blue better' ('', 'blue'),
        'i prefer shoes under 50 euros' ('shoes', 'under 50 euros').
    """
    anything = _SOMETHING.fullmatch(said)
    if anything:
        return '', anything['value']
    liking = _LIKING.fullmatch(said)
    if liking is None:
        return None
    what = re.sub(r'^(?:the|a|an|some|any) ', '', liking['what'])
    if value_of(what):
        return '', value_of(what)
    parts = _NOUN_END.fullmatch(what)
    if parts is None or what.split()[0] in ('it', 'to', 'you', 'this', 'that', 'them'):
        return None
    *manner, noun = parts['head'].split()
    value = ' '.join([*manner, *(parts['rest'] or '').split()])
    return ('' if noun in ('one', 'ones') else noun), value
