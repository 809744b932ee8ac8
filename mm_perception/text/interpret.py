"""Sentences to readings, the whole way: slips mended, then rules, then the nearest example.

Only what the rules know is acted on at once. A verb that merely sounds right is tried where
nothing else fits; names with a word that no dictionary has are asked back, and so is a sentence
that is only like an example, unless it is nearly the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mm_perception.text.commands import core, understand_all
from mm_perception.text.likeness import Guesser
from mm_perception.text.reading import Question, Reading
from mm_perception.text.spelling import Speller
from mm_perception.text.tokens import plain

Meaning = list[Reading] | Question | None
#: A verb that was said a little differently is meant with this confidence.
_SOUNDS_RIGHT = 0.8


@dataclass(frozen=True)
class Interpreter:
    """Understands sentences.

    Attributes:
        speller: Mends slips; None takes words as they are.
        guesser: Finds the nearest example; None asks back what the rules do not know.
        sure: From this likeness on, and with such a margin, a guess is acted on.
        sure_margin: See `sure`.
        likely: From this likeness on a guess is asked back: "did you mean".
    """

    speller: Speller | None = None
    guesser: Guesser | None = None
    sure: float = 0.7
    sure_margin: float = 0.3
    likely: float = 0.35

    def interpret(self, text: str) -> Meaning:
        """What a sentence means, what has to be asked, or None where nothing is understood."""
        said = plain(text)
        if self.speller is not None:
            said = self.speller.corrected(said)
        meaning = understand_all(said)
        if self.speller is not None and isinstance(meaning, list):
            named = ' '.join(f'{reading.target} {reading.anchor}' for reading in meaning)
            if self.speller.unknown(named):
                return _asked_back(meaning[0])
        if isinstance(meaning, list) or (meaning is not None and meaning.lacks != 'intent'):
            return meaning
        return self._by_sound(said) or meaning or self._by_likeness(said)

    def _by_sound(self, said: str) -> Meaning:
        """With a word that sounds like a verb as that verb; asks where it could be several."""
        if self.speller is None:
            return None
        found: list[Reading] = []
        for words in self.speller.with_verbs(said):
            meaning = understand_all(words)
            if isinstance(meaning, list) and meaning[0].intent not in {r.intent for r in found}:
                found.append(replace(meaning[0], confidence=_SOUNDS_RIGHT))
        if len(found) > 1:
            return _asked_back(found[0])
        return found or None

    def _by_likeness(self, said: str) -> Meaning:
        guess = None if self.guesser is None else self.guesser.guess(core(said))
        if guess is None or guess.reading.confidence < self.likely:
            return None
        if guess.reading.confidence >= self.sure and guess.margin >= self.sure_margin:
            return [guess.reading]
        return _asked_back(guess.reading)


def _asked_back(reading: Reading) -> Question:
    about = replace(reading, confidence=1.0)
    return Question(f'Did you mean: {about.described}?', 'yes', about)
