"""What a sentence is understood to mean, or what has to be asked back."""

from __future__ import annotations

from dataclasses import dataclass

from mm_perception.samples.speech import Intent, Relation
from mm_perception.text.phrases import NounPhrase, spoken

#: How an intent is said back.
VERBS: dict[Intent, str] = {
    Intent.TRACK: 'track', Intent.SEGMENT: 'segment', Intent.STOP: 'stop', Intent.SELECT: 'select',
    Intent.MOVE: 'move', Intent.HIDE: 'hide', Intent.SHOW: 'show', Intent.TURN_ON: 'turn on',
    Intent.TURN_OFF: 'turn off', Intent.SET: 'set', Intent.FIND: 'find', Intent.ASK: 'tell about',
    Intent.SUMMARISE: 'summarise', Intent.PREFER: 'prefer', Intent.CONFIRM: 'yes',
    Intent.DENY: 'no',
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What a sentence means; the fields are those of `Command`.

    Attributes:
        is_spoken_of: The target is a pronoun for what was named before: "it".
    """

    intent: Intent
    target: str = ''
    relation: Relation = Relation.NONE
    anchor: str = ''
    value: str = ''
    is_deictic: bool = False
    is_spoken_of: bool = False
    confidence: float = 1.0

    @classmethod
    def of(
        cls, intent: Intent, phrase: NounPhrase | None = None, value: str = '', *,
        confidence: float = 1.0,
    ) -> Reading:  # fmt: skip
        """An intent with what it is about."""
        phrase = phrase or NounPhrase('')
        return cls(
            intent, phrase.target, phrase.relation, phrase.anchor, value, phrase.is_deictic,
            phrase.is_spoken_of, confidence,
        )  # fmt: skip

    @property
    def described(self) -> str:
        """In words, to say it back: "track the lamp next to the sofa"."""
        target = spoken(self.target, self.relation, self.anchor)
        if self.is_deictic and not self.target:
            target = spoken('that', self.relation, self.anchor)
        words = VERBS[self.intent]
        if self.intent is Intent.STOP and target:
            words = 'stop tracking'
        said = f'{words} {target}'.strip()
        return f'{said} to {self.value}' if self.intent is Intent.SET else (
            f'{said}: {self.value}' if self.value else said
        )  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What has to be asked back, and what an answer completes.

    Attributes:
        text: A concrete question.
        lacks: What the answer gives: 'target', 'destination', 'value', 'intent', 'command' where
            all lacks, or 'yes' where it only has to be confirmed; empty where nothing was
            understood.
        about: What is known by now; None where nothing is.
    """

    text: str
    lacks: str = ''
    about: Reading | None = None
