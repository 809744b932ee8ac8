"""What was said, and what is meant by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Sample


@dataclass(frozen=True)
class Word:
    """One word of a transcript.

    Attributes:
        text: The word.
        start_ns: Capture time of its first moment.
        end_ns: Of its last.
        confidence: In [0, 1].
    """

    text: str
    start_ns: int
    end_ns: int
    confidence: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Transcript(Sample):
    """Words that were heard, and when.

    Attributes:
        stamp_ns: Capture time of the first moment of the utterance.
        frame_id: The microphone.
        end_ns: Capture time of the last moment; of a partial one the last heard so far.
        text: The words.
        language: BCP-47 tag; empty where unknown.
        is_final: False while the utterance goes on.
        confidence: In [0, 1].
        azimuth_rad: Horizontal direction of arrival in `frame_id`, counter-clockwise from its x
            axis; None where unknown.
        words: In order, as far as the recogniser knows their times.
    """

    end_ns: int
    text: str
    language: str = ''
    is_final: bool = True
    confidence: float = 1.0
    azimuth_rad: float | None = None
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_span(self, self.end_ns)
        _check_share('Transcript.confidence', self.confidence)
        if self.azimuth_rad is not None and not math.isfinite(self.azimuth_rad):
            raise ShapeError('Transcript.azimuth_rad', 'a finite angle or None', 'no number')


class Intent(Enum):
    """What somebody wants to happen; the values are the words on the wire."""

    TRACK = 'track'
    SEGMENT = 'segment'
    STOP = 'stop'
    SELECT = 'select'
    MOVE = 'move'
    HIDE = 'hide'
    SHOW = 'show'
    TURN_ON = 'turn_on'
    TURN_OFF = 'turn_off'
    SET = 'set'
    FIND = 'find'
    ASK = 'ask'
    SUMMARISE = 'summarise'
    PREFER = 'prefer'
    CONFIRM = 'confirm'
    DENY = 'deny'


class Relation(Enum):
    """How a thing lies to another; the values are the words on the wire."""

    NONE = ''
    NEXT_TO = 'next_to'
    LEFT_OF = 'left_of'
    RIGHT_OF = 'right_of'
    BEHIND = 'behind'
    IN_FRONT_OF = 'in_front_of'
    ON = 'on'
    UNDER = 'under'
    BETWEEN = 'between'


@dataclass(frozen=True, kw_only=True, eq=False)
class Command(Sample):
    """What somebody wants, understood from words.

    Attributes:
        stamp_ns: When it began to be said, or was written.
        frame_id: The microphone; empty for what was written.
        end_ns: When it was over: "that one" means what was seen between the two.
        intent: What to do.
        text: The words themselves.
        target: Phrase of what is meant, such as "the lamp"; empty for "that one" or everything.
        relation: How the target lies to the anchor; the destination where the intent is MOVE.
        anchor: Phrase such as "the sofa"; "me" is who speaks.
        value: For SET and PREFER, what is wanted, such as "30 %" or "red".
        is_deictic: For "that one": a pointing hand, gaze or click says which.
        confidence: In [0, 1].
    """

    end_ns: int
    intent: Intent
    text: str
    target: str = ''
    relation: Relation = Relation.NONE
    anchor: str = ''
    value: str = ''
    is_deictic: bool = False
    confidence: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_span(self, self.end_ns)
        _check_share('Command.confidence', self.confidence)
        if bool(self.anchor) != (self.relation is not Relation.NONE):
            raise ShapeError(
                'Command.anchor', 'an anchor with a relation, or neither',
                f'{self.anchor!r} and {self.relation.value!r}',
            )  # fmt: skip


def _check_span(sample: Sample, end_ns: int) -> None:
    if end_ns < sample.stamp_ns:
        raise ShapeError(
            f'{type(sample).__name__}.end_ns',
            f'at least stamp_ns ({sample.stamp_ns})',
            str(end_ns),
        )


def _check_share(what: str, value: float) -> None:
    if not 0 <= value <= 1:  # also catches NaN
        raise ShapeError(what, 'a number from 0 to 1', str(value))
