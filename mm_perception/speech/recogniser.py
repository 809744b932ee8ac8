"""What recognisers share: sound in, words with times and confidence out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mm_perception.speech.stream import Sound


@dataclass(frozen=True)
class HeardWord:
    """A word.

    Attributes:
        text: In lower case.
        start_s: Since the first sample of the sound.
        end_s: Since the same.
        confidence: In [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    confidence: float = 1.0


@dataclass(frozen=True)
class Heard:
    """What a recogniser made of some sound.

    Attributes:
        text: The words.
        words: Those whose times are known.
        confidence: In [0, 1].
        language: BCP-47 tag; empty where unknown.
    """

    text: str
    words: tuple[HeardWord, ...] = ()
    confidence: float = 0.0
    language: str = 'en'


#: Nothing was understood.
NOTHING = Heard('')


class Recogniser(Protocol):
    """Turns the sound of one utterance into words."""

    name: str
    sha256: str
    licence: str

    def recognise(self, sound: Sound) -> Heard:
        """What is said in (T,) float32 at 16 kHz; an empty text if nothing is understood."""
        ...


def heard_of(words: Sequence[HeardWord]) -> Heard:
    """The sum of words; its confidence is their mean, by duration.

    "t v", as the grammar spells it, becomes "tv".
    """
    if not words:
        return NOTHING
    spans = [max(word.end_s - word.start_s, 0.01) for word in words]
    total = sum(s * w.confidence for s, w in zip(spans, words, strict=True)) / sum(spans)
    text = re.sub(r'\bt v\b', 'tv', ' '.join(word.text for word in words))
    return Heard(text, tuple(words), min(1.0, max(0.0, total)))


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions between two sequences (Levenshtein, 1966).

    Convention:
        'track the car' to 'track a red car' takes 2 in words.
    """
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, found in enumerate(heard, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (wanted != found))
            before, row[j] = row[j], cost
    return row[-1]
