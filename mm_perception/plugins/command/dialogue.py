"""What was asked back and is still open, and what "it" means: the memory of a conversation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mm_perception.samples import Intent, Relation
from mm_perception.text.commands import core, destination_of, is_name_alone
from mm_perception.text.phrases import noun_phrase
from mm_perception.text.reading import Question, Reading
from mm_perception.text.tokens import plain
from mm_perception.text.values import value_of

_CLOSED = 'All right, I do nothing.'


@dataclass
class Dialogue:
    """One conversation.

    Attributes:
        patience_s: So long a question waits for its answer, and "it" means what was named last.
        question: The one that is open.
        asked_ns: Since when.
        named: What was named last.
        named_ns: When.
    """

    patience_s: float
    question: Question | None = None
    asked_ns: int = 0
    named: str = ''
    named_ns: int = 0

    def ask(self, question: Question, stamp_ns: int) -> None:
        """A question is open from now on, unless it cannot be answered by a word or two."""
        self.question = question if question.lacks else None
        self.asked_ns = stamp_ns

    def is_called(self, stamp_ns: int) -> bool:
        """Whether its name was said alone, and the command is still to come."""
        is_recent = stamp_ns - self.asked_ns <= self.patience_s * 1e9
        return self.question is not None and self.question.about is None and is_recent

    def forget(self) -> None:
        """Begin anew."""
        self.question, self.named = None, ''

    def complete(
        self, text: str, meaning: list[Reading] | Question | None, stamp_ns: int
    ) -> list[Reading] | Question | None:
        """Take a sentence as the answer to the open question, if it is one.

        Args:
            text: What was said.
            meaning: What it means by itself.
            stamp_ns: When.

        Returns:
            The completed readings; a question without `lacks` that only says that all is off; or
            the meaning as it was.
        """
        question, self.question = self.question, None
        if question is None or question.about is None:
            return meaning
        if stamp_ns - self.asked_ns > self.patience_s * 1e9:
            return meaning
        answers = meaning if isinstance(meaning, list) else []
        intents = {answer.intent for answer in answers}
        if question.lacks == 'yes' and intents == {Intent.CONFIRM}:
            return [question.about]
        if intents & {Intent.DENY, Intent.STOP} and not answers[0].target:
            is_stop = Intent.STOP in intents
            return meaning if is_stop else Question(_CLOSED)
        completed = _completed(question, text, meaning)
        return meaning if completed is None else [completed]

    def resolved(self, reading: Reading, stamp_ns: int) -> Reading:
        """Put in what "it" means, and remember what is named."""
        is_recent = stamp_ns - self.named_ns <= self.patience_s * 1e9
        if reading.is_spoken_of and self.named and is_recent:
            # "Move it there": a ray still says where.
            is_pointed = reading.intent is Intent.MOVE and reading.relation is Relation.NONE
            reading = replace(
                reading, target=self.named, is_deictic=is_pointed, is_spoken_of=False
            )
        if reading.target:
            self.named, self.named_ns = reading.target, stamp_ns
        return reading


def _completed(
    question: Question, text: str, meaning: list[Reading] | Question | None
) -> Reading | None:
    """What is asked about, with what the answer gives; None if it does not answer."""
    about, said = question.about, core(text)
    if about is None:
        return None
    if question.lacks == 'intent':
        return _with_intent(about, meaning, said)
    if question.lacks == 'destination':
        place = destination_of(said)
        return None if place is None else replace(about, relation=place[0], anchor=place[1])
    if question.lacks == 'value':
        value = value_of(said.removeprefix('to '))
        return replace(about, value=value) if value else None
    is_command = isinstance(meaning, list) and any(m.intent is not Intent.SELECT for m in meaning)
    named = _without_meant(said)
    if is_command or (question.lacks == 'yes' and not is_name_alone(named)):
        return None
    phrase = noun_phrase(named)
    if phrase is None or phrase.excluded or not (phrase.target or phrase.is_deictic):
        return None
    phrase = replace(phrase, target=_with_noun(phrase.target, about.target))
    return replace(Reading.of(about.intent, phrase, about.value), confidence=about.confidence)


def _with_intent(
    about: Reading, meaning: list[Reading] | Question | None, said: str
) -> Reading | None:
    """The answer to "what shall I do with the red car": "track it", or "track" alone."""
    if isinstance(meaning, Question) and meaning.lacks == 'target' and meaning.about is not None:
        return replace(about, intent=meaning.about.intent)
    if isinstance(meaning, list) and len(meaning) == 1 and meaning[0].is_spoken_of:
        relation, anchor = about.relation, about.anchor
        if meaning[0].relation is not Relation.NONE:
            relation, anchor = meaning[0].relation, meaning[0].anchor
        return replace(
            about, intent=meaning[0].intent, value=meaning[0].value, relation=relation,
            anchor=anchor,
        )  # fmt: skip
    return None


def _without_meant(said: str) -> str:
    words = plain(said)
    for lead in ('i mean ', 'i meant ', 'no '):
        words = words.removeprefix(lead)
    return words


def _with_noun(target: str, about: str) -> str:
    """The target with the noun that was asked about: "the red one" of cars is the red car."""
    words, noun = target.split(), (about.split() or [''])[-1]
    if noun and words and words[-1] in ('one', 'ones'):
        return ' '.join([*words[:-1], noun])
    return target
