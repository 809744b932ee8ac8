"""Words to intent and target: what somebody says or types becomes a Command, and a Prompt.

Slips are mended, explicit rules come first and the nearest example last, see
`mm_perception.text.interpret`. Where two readings are close, a verb is unknown or a target lacks,
it asks back and remembers the question, so that "the red one" or "yes" completes it. TRACK,
SEGMENT and STOP become prompts for a tracker; all else is done by plugins that take Commands.
Words are never acted on while an utterance still goes on.

Where people also talk to each other, give the robot a name (`addressed_as`): of what is heard only
sentences that begin with it count, and what completes an open question. The name alone is answered
with "Yes?", and the next sentence counts. What is typed always counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from mm_perception.config import parameter
from mm_perception.plugin import Card, Context, Inputs, Output, Outputs, Plugin, Port, Queue
from mm_perception.plugins.command.dialogue import Dialogue
from mm_perception.plugins.command.prompts import PromptBook
from mm_perception.samples import (
    Command,
    Intent,
    Prompt,
    PromptAction,
    PromptStatus,
    Sample,
    Text,
    Transcript,
)
from mm_perception.text.addressing import said_to
from mm_perception.text.interpret import Interpreter
from mm_perception.text.likeness import Guesser
from mm_perception.text.phrases import NO_THINGS, spoken
from mm_perception.text.reading import Question, Reading

_NOT_UNDERSTOOD = 'I did not understand {said!r}. Say for example: track the red car.'


@dataclass(frozen=True)
class CommandConfig:
    """Settings of the `command` plugin."""

    min_confidence: float = parameter(
        0.4, 'What was heard or understood less surely is asked back.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    patience_s: float = parameter(
        20.0, 'A question waits so long for its answer, and "it" means what was named.',
        minimum=0.0, live=True,
    )  # fmt: skip
    encoder: str = parameter(
        '', 'Compares with examples: hub id or directory of a sentence encoder; empty: n-grams.'
    )
    addressed_as: str = parameter(
        '',
        'A heard sentence counts only if it begins with this name; empty: all count.',
        live=True,
    )
    confirms: bool = parameter(True, 'Say what was understood.', live=True)


@dataclass(frozen=True)
class Heard:
    """A sentence, heard or typed."""

    text: str
    stamp_ns: int
    end_ns: int
    frame_id: str
    confidence: float = 1.0
    is_typed: bool = False


@dataclass
class Said:
    """What follows from one call."""

    commands: list[Command] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def say(self, stamp_ns: int, frame_id: str, text: str) -> None:
        """Say something to people."""
        self.texts.append(Text(stamp_ns=stamp_ns, frame_id=frame_id, text=text, language='en'))

    def outputs(self) -> dict[str, Sample | Sequence[Sample]]:
        """By port; ports with nothing are absent."""
        found: dict[str, Sequence[Sample]] = {
            'command': self.commands, 'prompt': self.prompts, 'say': self.texts,
        }  # fmt: skip
        return {port: samples for port, samples in found.items() if samples}


class CommandPlugin(Plugin[CommandConfig]):
    """Sentences in; commands, prompts and what to say back out."""

    card: ClassVar[Card] = Card(
        title='Understands commands in words, and asks back when unsure',
        system='A',
        paper='none: explicit rules; examples as in Salton and Buckley, Term-weighting '
        'approaches in automatic text retrieval, 1988',
        reference_code='none; sounds are those of the CMU pronouncing dictionary',
        limits=(
            'English only, and sentences that somebody thought of: see bench/commands.',
            'Things in or above others stay part of the phrase: relations are those of Command.',
            '"Not the red one" cannot be given to a tracker: it asks which one is meant.',
            'Whether somebody speaks to it, only a name tells (addressed_as); without one, all '
            'final words count. The nano weights of speech have to be told the name too.',
        ),
    )
    Config: ClassVar[type[Any]] = CommandConfig
    inputs: ClassVar[dict[str, Port]] = {
        'transcript': Queue(Transcript, 'What was heard; only final ones count.'),
        'text': Queue(Text, 'What was typed.'),
        'status': Queue(PromptStatus, 'Of the tracker: what is not seen is said, once.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'command': Output(Command, 'What somebody wants.', per_stream=False),
        'prompt': Output(Prompt, 'For a tracker: TRACK, SEGMENT and STOP.', per_stream=False),
        'say': Output(Text, 'Questions and confirmations for people.', per_stream=False),
    }

    def __init__(self, config: CommandConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._dialogue = Dialogue(config.patience_s)
        self._book = PromptBook()
        self._interpreter = Interpreter()
        self._encoder_sha256 = ''

    def load(self, device: str) -> None:
        """Read the dictionary of sounds, and the sentence encoder if there is one."""
        from mm_perception.text.spelling import load_speller

        guesser = Guesser()
        if self.config.encoder:
            from mm_perception.nets.sentences import load_sentence_encoder

            encoder = load_sentence_encoder(self.config.encoder, device)
            self._encoder_sha256 = encoder.sha256
            guesser = Guesser(encoder.embed)
        self._interpreter = Interpreter(load_speller(), guesser)

    def model_info(self) -> dict[str, str]:
        """Of the sentence encoder, if there is one."""
        if not self._encoder_sha256:
            return {}
        return {'encoder': self.config.encoder, 'encoder_sha256': self._encoder_sha256}

    def close(self) -> None:
        """Give the encoder back."""
        self._interpreter, self._encoder_sha256 = Interpreter(), ''

    def infer(self, inputs: Inputs) -> Outputs:
        """Take sentences in the order in which they were said, and what became of prompts."""
        said = Said()
        for heard in sorted(_heard(inputs), key=lambda h: h.stamp_ns):
            self._hear(heard, said)
        statuses = [s for s in inputs.all('status') if isinstance(s, PromptStatus)]
        for text in self._book.news(statuses):
            said.say(statuses[-1].stamp_ns, statuses[-1].frame_id, text)
        return said.outputs()

    def rewind(self, stream: str) -> None:
        """What was asked back belongs to the other run; what is tracked is still wanted."""
        self._dialogue.forget()

    def reset(self) -> None:
        """Forget the conversation and what was asked for."""
        self._dialogue.forget()
        self._book = PromptBook()

    def reconfigure(self, config: CommandConfig) -> None:
        """Take over live parameters."""
        super().reconfigure(config)
        self._dialogue.patience_s = config.patience_s

    def _hear(self, heard: Heard, said: Said) -> None:
        """Understand one sentence, do what follows or ask."""
        is_mine = True
        if self.config.addressed_as and not heard.is_typed:
            rest = said_to(self.config.addressed_as, heard.text)
            if rest == '':
                self._ask(Question('Yes?', 'command'), heard, said)
                return
            heard = heard if rest is None else replace(heard, text=rest)
            is_mine = rest is not None or self._dialogue.is_called(heard.stamp_ns)
        waiting = self._dialogue.question
        alone = self._interpreter.interpret(heard.text)
        meaning = self._dialogue.complete(heard.text, alone, heard.stamp_ns)
        if not is_mine and (waiting is None or meaning is alone):  # small talk
            self._dialogue.question = waiting
            return
        if meaning is None:
            meaning = Question(_NOT_UNDERSTOOD.format(said=heard.text.strip()))
        if isinstance(meaning, Question):
            self._ask(meaning, heard, said)
            return
        sure = heard.confidence * min(reading.confidence for reading in meaning)
        if sure < self.config.min_confidence:
            about = replace(meaning[0], confidence=1.0)
            self._ask(Question(f'Did you mean: {about.described}?', 'yes', about), heard, said)
            return
        for index, reading in enumerate(meaning):
            resolved = self._dialogue.resolved(reading, heard.stamp_ns)
            self._act(replace(resolved, confidence=sure), heard, index, said)

    def _ask(self, question: Question, heard: Heard, said: Said) -> None:
        self._dialogue.ask(question, heard.stamp_ns)
        said.say(heard.stamp_ns, heard.frame_id, question.text)

    def _act(self, reading: Reading, heard: Heard, index: int, said: Said) -> None:
        answer = f'Understood: {reading.described}.'
        if reading.intent in (Intent.TRACK, Intent.SEGMENT):
            answer = self._add(reading, heard, index, said) or answer
        elif reading.intent is Intent.STOP:
            stopped = self._stop(reading, heard, said)
            if isinstance(stopped, Question):
                self._ask(stopped, heard, said)
                return
            answer = stopped
        said.commands.append(
            Command(
                stamp_ns=heard.stamp_ns, frame_id=heard.frame_id, end_ns=heard.end_ns,
                intent=reading.intent, text=heard.text, target=reading.target,
                relation=reading.relation, anchor=reading.anchor, value=reading.value,
                is_deictic=reading.is_deictic, confidence=reading.confidence,
            )
        )  # fmt: skip
        if self.config.confirms:
            said.say(heard.stamp_ns, heard.frame_id, answer)

    def _add(self, reading: Reading, heard: Heard, index: int, said: Said) -> str:
        """Prompt for a phrase; what no picture shows ("me") and "that one" get none."""
        if not reading.target or reading.target in NO_THINGS:
            return ''
        phrase = spoken(reading.target, reading.relation, reading.anchor)
        if phrase in self._book.phrases:
            return f'I am tracking {phrase} already.'
        is_kept = reading.intent is Intent.TRACK
        prompt_id = f'said-{heard.stamp_ns}-{index}'
        self._book.add(prompt_id, phrase, is_kept=is_kept)
        said.prompts.append(
            Prompt(
                stamp_ns=heard.stamp_ns, frame_id=heard.frame_id, prompt_id=prompt_id,
                text=phrase, max_frames=0 if is_kept else 1,
            )
        )  # fmt: skip
        return ''

    def _stop(self, reading: Reading, heard: Heard, said: Said) -> str | Question:
        """Remove the prompt that fits best, or all; returns what to say."""
        frame: dict[str, Any] = {'stamp_ns': heard.stamp_ns, 'frame_id': heard.frame_id}
        tracked = ', '.join(self._book.phrases) or 'nothing'
        if reading.is_deictic and not reading.target:
            if len(self._book.phrases) != 1:
                return Question(f'Which one? I am tracking {tracked}.', 'target', reading)
            reading = replace(reading, target=self._book.phrases[0])
        if not reading.target or reading.target in NO_THINGS:
            self._book = PromptBook()
            said.prompts.append(Prompt(**frame, action=PromptAction.CLEAR))
            return 'I stop tracking everything.'
        phrase = spoken(reading.target, reading.relation, reading.anchor)
        fitting = self._book.fitting(phrase)
        if not fitting:
            return f'I am not tracking {phrase}, but {tracked}.'
        phrases = [self._book.asked[prompt_id].phrase for prompt_id in fitting]
        is_plural = reading.target.startswith(('all ', 'every ')) or reading.target.endswith('s')
        if len(fitting) > 1 and not is_plural:
            return Question(f'Which one: {" or ".join(phrases)}?', 'target', reading)
        for prompt_id in fitting:
            del self._book.asked[prompt_id]
            said.prompts.append(Prompt(**frame, action=PromptAction.REMOVE, prompt_id=prompt_id))
        return f'I stop tracking {" and ".join(phrases)}.'


def _heard(inputs: Inputs) -> list[Heard]:
    """Final transcripts and typed texts; silence and blanks are none."""
    found = []
    for sample in (*inputs.all('transcript'), *inputs.all('text')):
        if isinstance(sample, Transcript) and sample.is_final and sample.text.strip():
            found.append(
                Heard(
                    sample.text, sample.stamp_ns, sample.end_ns, sample.frame_id,
                    sample.confidence,
                )
            )  # fmt: skip
        elif isinstance(sample, Text) and sample.text.strip():
            stamp_ns, frame_id = sample.stamp_ns, sample.frame_id
            found.append(Heard(sample.text, stamp_ns, stamp_ns, frame_id, is_typed=True))
    return found


PLUGIN = CommandPlugin
