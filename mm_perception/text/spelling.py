"""Words that were typed or recognised wrongly, back to words that commands are made of.

A word that no dictionary has becomes the known word that is one slip of the finger away; a word
that sounds exactly like a known one ("the read car", "hyde the table") becomes that one. How words
sound is looked up in the CMU pronouncing dictionary that comes with pocketsphinx.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mm_perception.errors import MissingDependencyError
from mm_perception.text.command_rules import (
    AFTER,
    BEFORE,
    CONFIRMING,
    DENYING,
    LONELY,
    OPEN_QUESTIONS,
    RULES,
)
from mm_perception.text.phrases import RELATION_WORDS
from mm_perception.text.words import COLOUR_WORDS, NOUNS

Sound = tuple[str, ...]
#: Shorter words are too close to one another; of those only "the" is guessed.
_SHORTEST = 3
#: Words of everyday commands that neither rules nor the names of things have.
_EVERYDAY = (
    'the and with from who which this these those there here not one ones two three second third '
    'first last next big small large little old new long short tall round wooden plastic metal '
    'dark light bright warm cold percent degrees minute minutes hour hours man woman child people '
    'lady boy girl somebody anybody dog cat bike bicycle door window wall floor shelf bed desk '
    'cupboard drawer kitchen bedroom room phone keys bag bottle book glass plate fan heater '
    'radio thermostat shirt coat jacket hat vest umbrella picture screen street road crossing '
    'pavement bench sign bush flower house shoes boots better cheap expensive'
)


def known_words() -> frozenset[str]:
    """Every word of the rules, and those for colours and things."""
    patterns = [p for _, patterns in RULES for p in patterns] + [*OPEN_QUESTIONS, *BEFORE, *AFTER]
    texts = [
        *patterns,
        CONFIRMING,
        DENYING,
        _EVERYDAY,
        *LONELY,
        *COLOUR_WORDS,
        *NOUNS,
        *(f'{n}s' for n in NOUNS if ' ' not in n),
    ]
    texts += [way for ways in RELATION_WORDS.values() for way in ways]
    return frozenset(re.findall(r'[a-z]+', ' '.join(texts)))


#: Verbs that commands begin with.
_VERBS = (
    'track follow watch segment outline mask mark highlight stop cancel forget select choose pick '
    'move put place hide show find locate turn switch set dim make summarise where what how'
)


@dataclass(frozen=True)
class Speller:
    """Knows how words are written and said.

    Attributes:
        sounds: English words with how each can be said, as ARPAbet phones without stress.
    """

    sounds: dict[str, tuple[Sound, ...]]

    def corrected(self, said: str) -> str:
        """Plain words with slips mended that are clear; what is not clear stays.

        Convention:
            'trakc the rde car' becomes 'track the red car', and so does 'track the read car'.
        """
        return ' '.join(self._word(word) for word in said.split())

    def with_verbs(self, said: str) -> list[str]:
        """A sentence with its first words, one at a time, as verbs that sound nearly so.

        Convention:
            'trek the red car' may be 'track the red car'.
        """
        words, found = said.split(), []
        for index, word in enumerate(words[:3]):
            for verb in _VERBS.split():
                if verb != word and self._sounds_alike(word, verb, most=1):
                    found.append(' '.join([*words[:index], verb, *words[index + 1 :]]))
        return found

    def unknown(self, said: str) -> list[str]:
        """Words that no dictionary has: names, or slips that are not clear."""
        words = [word for word in said.split() if word.isalpha()]
        return [word for word in words if word not in _known() and word not in self.sounds]

    def _word(self, word: str) -> str:
        known = _known()
        if word in known or len(word) == 1 or not word.isalpha():
            return word
        if word not in self.sounds:
            near = [other for other in known if is_one_slip(word, other)]
            if len(word) < _SHORTEST or 'the' in near:
                return 'the' if 'the' in near else word
            return near[0] if len(near) == 1 else word
        alike = [other for other in sorted(known) if self._sounds_alike(word, other, most=0)]
        return alike[0] if len(alike) == 1 else word

    def _sounds_alike(self, word: str, other: str, *, most: int) -> bool:
        """Whether some way to say two words differs by no more than so many phones."""
        return any(
            a == b or (min(len(a), len(b)) >= _SHORTEST and slips(a, b) <= most)
            for a in self.sounds.get(word, ())
            for b in self.sounds.get(other, ())
        )


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return known_words()


@lru_cache(maxsize=1)
def load_speller() -> Speller:
    """The dictionary of pocketsphinx.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        from pocketsphinx import get_model_path
    except ImportError as error:
        raise MissingDependencyError('pocketsphinx', 'command', 'pip install pocketsphinx') from (
            error
        )
    lines = Path(get_model_path('en-us/cmudict-en-us.dict')).read_text().splitlines()
    return Speller(_parsed(lines))


def _parsed(lines: Iterable[str]) -> dict[str, tuple[Sound, ...]]:
    """Lines such as "read(2) R IY D" by word."""
    found: dict[str, tuple[Sound, ...]] = {}
    for line in lines:
        name, *sound = line.split()
        word = name.partition('(')[0]
        found[word] = (*found.get(word, ()), tuple(sound))
    return found


def is_one_slip(word: str, other: str) -> bool:
    """Whether one letter is wrong, lacks, or is too many, or two neighbours are swapped.

    Convention:
        'trakc', 'trac', 'trackk' and 'trxck' are one slip from 'track'.
    """
    if abs(len(word) - len(other)) > 1:
        return False
    return slips(word, other) == 1 or (
        len(word) == len(other)
        and sorted(word) == sorted(other)
        and sum(a != b for a, b in zip(word, other, strict=True)) == 2
    )


def slips(one: Sound | str, two: Sound | str) -> int:
    """Levenshtein distance: fewest symbols to put in, take out or exchange.

    Convention:
        'cat' to 'cart' is 1, to 'dog' 3.
    """
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(two, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
