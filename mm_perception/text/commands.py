"""Sentences to intent and target by explicit rules: the grammar of commands.

`understand` first takes politeness away, then tries the patterns of
`mm_perception.text.command_rules` in order. What begins like a command and lacks something becomes
a question, and so does a name without a verb; what no rule knows is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from mm_perception.samples.speech import Intent, Relation
from mm_perception.text.command_rules import (
    AFTER,
    BEFORE,
    CONFIRMING,
    DENYING,
    HALF,
    LONELY,
    OPEN_QUESTIONS,
    RULES,
)
from mm_perception.text.phrases import NounPhrase, is_named, noun_phrase, split_at_relation
from mm_perception.text.reading import VERBS, Question, Reading
from mm_perception.text.tokens import plain
from mm_perception.text.values import preference_of, value_of
from mm_perception.text.words import COLOUR_WORDS, NOUNS, singular

#: Words that end a name that is said without an article: "lights on".
_DEVICES = (
    'lamp', 'light', 'fan', 'heater', 'heating', 'radio', 'music', 'oven', 'alarm', 'screen',
    'kettle', 'thermostat', 'computer', 'television', 'tv', 'volume', 'brightness', 'fridge',
)  # fmt: skip
#: Words that are in sentences and in no name.
_NO_NAME = {'is', 'are', 'was', 'has', 'have', 'do', 'does', 'should', 'must', 'can', 'will', 'be'}
_ARTICLES = ('the', 'a', 'an', 'all', 'my', 'your', 'every', 'this', 'that', 'these', 'those')
_SLOTS = 'XNVDTP'
_THERE = ('there', 'here', 'over there', 'over here', 'right there', 'right here', 'to there')


def understand(text: str) -> Reading | Question | None:
    """The meaning of a sentence by the rules; None where no rule knows it.

    Convention:
        'Could you track the red car, please?' is TRACK the red car; 'track' asks what; 'the red
        car' asks what to do with it; 'good morning' is None.
    """
    variants = list(_without_politeness(plain(text)))
    answers = (_answer(words) for words in variants)
    commands = (_by_rules(words) for words in reversed(variants))
    return next((found for found in (*answers, *commands) if found is not None), None)


def understand_all(text: str) -> list[Reading] | Question | None:
    """Like `understand`, also for several commands in one sentence.

    Convention:
        'track the red car and hide the table' is two commands, 'track the car and the bus' one.
    """
    parts = re.split(r' (?:and then|then|and) ', core(text))
    several = [understand(part) for part in parts]
    found = [r for r in several if isinstance(r, Reading) and r.intent is not Intent.SELECT]
    if 1 < len(parts) == len(found):
        return found
    one = understand(text)
    return [one] if isinstance(one, Reading) else one


def core(text: str) -> str:
    """A sentence in plain words without what only makes it polite.

    Convention:
        'Could you track the red car, please?' becomes 'track the red car'.
    """
    return list(_without_politeness(plain(text)))[-1]


def _without_politeness(said: str) -> Iterator[str]:
    """A sentence as it is, then with less and less politeness around it."""
    yield said
    before = f'(?:{"|".join(_source(p) for p in BEFORE)})'
    after = f'(?:{"|".join(_source(p) for p in AFTER)})'
    while True:
        words = re.sub(rf'^{before}', '', f'{said} ', count=1).strip()
        if words == said:
            words = re.sub(rf'(?<= ){after}$', '', f'{said} ', count=1).strip()
        if words == said or not words:
            return
        said = words
        yield said


def _answer(said: str) -> Reading | None:
    """Yes, no, and what is not meant."""
    if _matches(f'{CONFIRMING} [{CONFIRMING}] [(please|thanks)]', said):
        return Reading(Intent.CONFIRM)
    if _matches(f'{DENYING} [{DENYING}]', said):
        return Reading(Intent.DENY)
    denied = re.fullmatch(r'(?:no )?not (?P<what>(?:the|that|this) .+)', said)
    phrase = noun_phrase(denied['what']) if denied else None
    return None if phrase is None else Reading.of(Intent.DENY, phrase)


def _by_rules(said: str) -> Reading | Question | None:
    if not said:
        return None
    place = _question_of_place(said)
    if place is not None:
        return place
    for intent, patterns in RULES:
        for pattern in patterns:
            found = _by_pattern(intent, pattern, said)
            if found is not None:
                return found
    if any(_matches(pattern, said) for pattern in OPEN_QUESTIONS):
        return Reading(Intent.ASK)
    return _preference(said) or _incomplete(said) or _selected(said) or _bare_name(said)


def _by_pattern(intent: Intent, pattern: str, said: str) -> Reading | Question | None:
    slots = [s for s in _SLOTS if re.search(rf'\b{s}\b', pattern)]
    if len(slots) < 2:
        match = _compiled(pattern).fullmatch(f'{said} ')
        return _filled(intent, match) if match else None
    for count in range(1, len(said.split())):  # the name is as short as it can be
        match = _compiled(pattern, count).fullmatch(f'{said} ')
        found = _filled(intent, match) if match else None
        if found is not None:
            return found
    return None


def _filled(intent: Intent, match: re.Match[str]) -> Reading | Question | None:
    """What a match means; None if a slot holds what does not fit it."""
    slots = {name: words.strip() for name, words in match.groupdict().items() if words}
    if 'P' in slots:
        return Reading(intent, slots['P']) if is_named(slots['P']) else None
    name = slots.get('X', slots.get('N'))
    if name is None:
        return Reading(intent)
    phrase = noun_phrase(name)
    if phrase is None or ('N' in slots and not _is_surely_named(name)):
        return None
    if 'D' in slots:
        place = destination_of(slots['D'])
        if place is None or phrase.relation is not Relation.NONE:
            return None
        phrase = NounPhrase(phrase.target, *place, phrase.is_deictic, phrase.is_spoken_of)
    if 'T' in slots:
        if slots['T'] not in _THERE or phrase.relation is not Relation.NONE:
            return None
        phrase = replace(phrase, is_deictic=True)
    value = value_of(slots['V']) if 'V' in slots else ''
    if 'V' in slots and not value:
        return None
    reading = Reading.of(intent, phrase, value)
    if phrase.excluded:
        kept, out = phrase.target, phrase.excluded
        asked = f'Which one of {kept} shall I {VERBS[intent]}, if not {out}?'
        return Question(asked, 'target', Reading(intent, value=value))
    return reading


def destination_of(said: str) -> tuple[Relation, str] | None:
    """Where something is to go: "on the table", "over to the window"; None if it is no place."""
    words = re.sub(r'^(?:over|back|down|up) ', '', said)
    near = re.fullmatch(r'(?:to|towards|toward) (?P<where>(?:the|my|that|this) .+)', words)
    split = split_at_relation(words)
    if split is not None and not split[0]:
        return split[1], split[2]
    if near and is_named(near['where']) and not re.search(r'\b(left|right)\b', near['where']):
        return Relation.NEXT_TO, near['where']
    return None


def _question_of_place(said: str) -> Reading | None:
    """A question of what is somewhere: "what is behind me", "who is standing next to it"."""
    match = re.fullmatch(r'(?:what|who|which (?:\w+ )?)(?: else)? ?(?:is|are) (?P<rest>.+)', said)
    if match is None:
        return None
    split = split_at_relation(match['rest'])
    if split is not None and not split[0]:
        return Reading(Intent.ASK, '', split[1], split[2])
    return None


def _preference(said: str) -> Reading | None:
    liked = preference_of(said)
    return None if liked is None else Reading(Intent.PREFER, liked[0], value=liked[1])


def _incomplete(said: str) -> Question | None:
    """A verb without what it is for."""
    if said in LONELY:
        intent = LONELY[said]
        return Question(f'What shall I {VERBS[intent]}?', 'target', Reading(intent))
    for intent, lacks, pattern in HALF:
        found = _by_pattern(intent, pattern, said)
        if isinstance(found, Reading):
            name = found.target or 'that'
            asked = 'Where shall I put' if lacks == 'destination' else 'What shall I set'
            end = '' if lacks == 'destination' else ' to'
            return Question(f'{asked} {name}{end}?', lacks, found)
    return None


def _selected(said: str) -> Reading | None:
    """One of several, without a verb: "that one", "the left one", "the one on the table"."""
    is_one = re.fullmatch(r'(?:no )?(?:the )?(?:\w+ ){0,3}ones?(?: .+)?', said)
    phrase = noun_phrase(re.sub('^no ', '', said))
    if phrase is None or not (is_one or (phrase.is_deictic and not phrase.target)):
        return None
    return None if phrase.is_spoken_of else Reading.of(Intent.SELECT, phrase)


def _bare_name(said: str) -> Question | None:
    phrase = noun_phrase(said)
    if phrase is None or not is_name_alone(said):
        return None
    asked = f'What shall I do with {said}: track it, find it, or something else?'
    return Question(asked, 'intent', Reading.of(Intent.SELECT, phrase))


def is_name_alone(said: str) -> bool:
    """Whether a whole sentence is the name of a thing: with an article, or "red car"."""
    words = said.split()
    has_verb = _NO_NAME & set(words)
    knows = singular(said).split()[-1] in NOUNS and words[0] in (*COLOUR_WORDS, *NOUNS)
    return not has_verb and len(words) <= 6 and (words[0] in _ARTICLES or knows)


def _is_surely_named(name: str) -> bool:
    words = name.split()
    return len(words) <= 5 and (
        words[0] in _ARTICLES or words[-1].removesuffix('s') in (*_DEVICES, *NOUNS)
    )


def _matches(pattern: str, said: str) -> bool:
    return _compiled(pattern).fullmatch(f'{said} ') is not None


def _source(pattern: str) -> str:
    """A pattern as a regular expression over words that each end with a space."""
    parts = re.findall(r'[\[\]()|]|[^\s\[\]()|]+', pattern)
    marks = {'[': '(?:', ']': ')?', '(': '(?:', ')': ')', '|': '|'}
    return ''.join(marks.get(part) or _slot(part) for part in parts)


def _slot(word: str) -> str:
    return f'(?P<{word}>.+? )' if word in _SLOTS else f'{re.escape(word)} '


@cache
def _compiled(pattern: str, count: int = 0) -> re.Pattern[str]:
    """A pattern, its name of so many words; 0 for any number."""
    source = _source(pattern)
    if count:
        for slot in 'XN':
            source = source.replace(f'(?P<{slot}>.+? )', rf'(?P<{slot}>(?:\S+ ){{{count}}})')
    return re.compile(source)
