"""What a sentence most likely means that no rule knows: the nearest example says so.

Sentences are compared by their character n-grams, weighted as in Salton and Buckley,
Term-weighting approaches in automatic text retrieval, 1988 (tf-idf, cosine), or by the vectors of
a sentence encoder. Every stretch of words that may be a noun phrase is tried as the THING.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm_perception.samples.speech import Intent
from mm_perception.text.command_examples import EXAMPLES
from mm_perception.text.phrases import NounPhrase, noun_phrase
from mm_perception.text.reading import Reading

Vectors = npt.NDArray[np.float32]
#: Texts to (N, D) unit vectors.
Embed = Callable[[Sequence[str]], Vectors]
_LENGTHS = (3, 4, 5)
_THING = 'THING'
_MOST_THING_WORDS = 6
_BEGINNINGS = (
    'the', 'a', 'an', 'my', 'your', 'all', 'every', 'this', 'that', 'these', 'those', 'it',
    'them', 'any', 'some',
)  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """What the nearest example says.

    Attributes:
        reading: Intent and noun phrase; its confidence is the likeness in [0, 1].
        margin: By how much the best example of any other intent is less like.
    """

    reading: Reading
    margin: float


class Guesser:
    """Finds the nearest example.

    Args:
        embed: Makes vectors; None takes character n-grams.
    """

    def __init__(self, embed: Embed | None = None) -> None:
        pairs = [(intent, text) for intent, texts in EXAMPLES.items() for text in texts]
        self._intents = np.array([list(Intent).index(intent) for intent, _ in pairs])
        texts = [text for _, text in pairs]
        self._has_thing = np.array([_THING in text for text in texts])
        self._embed = embed or NGrams(texts)
        self._examples = self._embed(texts)

    def guess(self, said: str) -> Guess | None:
        """The meaning of the nearest example.

        Args:
            said: Plain words without politeness, see `mm_perception.text.commands.core`.
        """
        masked = list(_masked(said))
        likeness = self._embed([text for text, _ in masked]) @ self._examples.T
        named = np.array([phrase is not None for _, phrase in masked])
        likeness[named[:, None] != self._has_thing[None]] = -1.0
        row, column = np.unravel_index(int(likeness.argmax()), likeness.shape)
        best = float(likeness[row, column])
        others = likeness[:, self._intents != self._intents[column]]
        if best <= 0:
            return None
        intent, phrase = list(Intent)[int(self._intents[column])], masked[int(row)][1]
        reading = Reading.of(intent, phrase, confidence=min(best, 1.0))
        return Guess(reading, best - float(others.max()))


class NGrams:
    """Character n-grams as unit vectors, weighted by how rare they are in a set of texts.

    Args:
        texts: The set; n-grams that are in none of them get the weight of the rarest.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = Counter(gram for text in texts for gram in set(_grams(text)))
        self._place = {gram: index for index, gram in enumerate(sorted(counts))}
        self._weights = {gram: math.log(len(texts) / n) + 1 for gram, n in counts.items()}
        self._rarest = math.log(len(texts)) + 1

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32; their norm is 1 less what they have in n-grams that are nowhere."""
        vectors = np.zeros((len(texts), len(self._place)), np.float32)
        for row, text in enumerate(texts):
            squared = 0.0
            for gram, count in Counter(_grams(text)).items():
                value = (1 + math.log(count)) * self._weights.get(gram, self._rarest)
                squared += value**2
                if gram in self._place:
                    vectors[row, self._place[gram]] = value
            vectors[row] /= math.sqrt(squared) or 1.0
        return vectors


def _grams(text: str) -> list[str]:
    """N-grams of a text with a space at both ends, and its words, which count once more."""
    padded = f' {text} '
    grams = [padded[i : i + n] for n in _LENGTHS for i in range(len(padded) - n + 1)]
    return grams + [f'<{word}>' for word in text.split()]


def _masked(said: str) -> list[tuple[str, NounPhrase | None]]:
    """A sentence as it is, and with each stretch that may be a noun phrase as THING."""
    words, found = said.split(), [(said, None)]
    masked: list[tuple[str, NounPhrase | None]] = list(found)
    for start, word in enumerate(words):
        if word not in _BEGINNINGS:
            continue
        for end in range(start + 1, min(len(words), start + _MOST_THING_WORDS) + 1):
            phrase = noun_phrase(' '.join(words[start:end]))
            if phrase is not None and not phrase.excluded:
                rest = [*words[:start], _THING, *words[end:]]
                masked.append((' '.join(rest), phrase))
    return masked
