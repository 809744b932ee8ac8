"""mm_perception_msgs/Transcript and Command."""

from __future__ import annotations

import math
from typing import Any

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.header import fields_of, header_of, ns_of, time_message
from mm_perception.ros.wire import message_class
from mm_perception.samples import Command, Intent, Relation, Transcript, Word

TRANSCRIPT = 'mm_perception_msgs/msg/Transcript'
COMMAND = 'mm_perception_msgs/msg/Command'


def transcript_from(message: Any, received_ns: int) -> Transcript:
    """Transcript message to sample.

    Raises:
        MalformedMessageError: Word arrays of different lengths, or impossible numbers.
    """
    columns = message.words, message.word_starts, message.word_ends, message.word_confidences
    if len({len(column) for column in columns}) > 1:
        lengths = ', '.join(str(len(column)) for column in columns)
        raise MalformedMessageError(TRANSCRIPT, f'words of {lengths} numbers', 'give all or none')
    azimuth = float(message.azimuth)
    try:
        return Transcript(
            **fields_of(message, received_ns),
            end_ns=ns_of(message.end),
            text=message.text,
            language=message.language,
            is_final=message.is_final,
            confidence=float(message.confidence),
            azimuth_rad=None if math.isnan(azimuth) else azimuth,
            words=tuple(
                Word(text, ns_of(start), ns_of(end), float(confidence))
                for text, start, end, confidence in zip(*columns, strict=True)
            ),
        )
    except ShapeError as error:
        raise MalformedMessageError(TRANSCRIPT, str(error)) from error


def transcript_to(sample: Transcript) -> Any:
    """Sample to Transcript message."""
    return message_class(TRANSCRIPT)(
        header=header_of(sample),
        end=time_message(sample.end_ns),
        text=sample.text,
        language=sample.language,
        is_final=sample.is_final,
        confidence=float(sample.confidence),
        azimuth=math.nan if sample.azimuth_rad is None else float(sample.azimuth_rad),
        words=[word.text for word in sample.words],
        word_starts=[time_message(word.start_ns) for word in sample.words],
        word_ends=[time_message(word.end_ns) for word in sample.words],
        word_confidences=[float(word.confidence) for word in sample.words],
    )


def command_from(message: Any, received_ns: int) -> Command:
    """Command message to sample.

    Raises:
        MalformedMessageError: An unknown intent or relation, or impossible numbers.
    """
    try:
        intent, relation = Intent(message.intent), Relation(message.relation)
    except ValueError as error:
        known = ', '.join(item.value for item in (*Intent, *Relation) if item.value)
        raise MalformedMessageError(COMMAND, str(error), f'use one of {known}') from error
    try:
        return Command(
            **fields_of(message, received_ns), end_ns=ns_of(message.end), intent=intent,
            text=message.text, target=message.target, relation=relation, anchor=message.anchor,
            value=message.value, is_deictic=message.is_deictic,
            confidence=float(message.confidence),
        )  # fmt: skip
    except ShapeError as error:
        raise MalformedMessageError(COMMAND, str(error)) from error


def command_to(sample: Command) -> Any:
    """Sample to Command message."""
    return message_class(COMMAND)(
        header=header_of(sample), end=time_message(sample.end_ns), intent=sample.intent.value,
        text=sample.text, target=sample.target, relation=sample.relation.value,
        anchor=sample.anchor, value=sample.value, is_deictic=sample.is_deictic,
        confidence=float(sample.confidence),
    )  # fmt: skip
