"""What was said, heard, advised and noticed, as lines of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mm_perception.bag.reader import Record
from mm_perception.faults import without_numbers
from mm_perception.ros import convert
from mm_perception.ros.convert.event import EVENT
from mm_perception.ros.convert.speech import COMMAND, TRANSCRIPT
from mm_perception.ros.convert.text import CLASSIFICATION, STRING, TEXT
from mm_perception.samples import Command, Event, Image, Labels, Text, Transcript

#: Message types that become lines.
TYPES = (EVENT, COMMAND, TRANSCRIPT, CLASSIFICATION, STRING, TEXT)
_ADVICE = '/advice'
_HELD = 'a moment ago '  # of `drive_advisor`
_LEVELS = {'go': 'good', 'slow': 'warn', 'yield': 'warn', 'stop': 'bad'}


@dataclass(eq=False)
class Line:
    """Something that was told, from when to when.

    Attributes:
        topic: Where.
        kind: One word for people: event, heard, understood, advice, sees, said.
        text: The words.
        start_ns: When it began.
        end_ns: When it was last told so.
        mark: CSS class of its colour.
        times: How often it was told so in a row.
        picture: Evidence; None for none.
        transcript: The words with their times, of what was heard.
    """

    topic: str
    kind: str
    text: str
    start_ns: int
    end_ns: int
    mark: str = ''
    times: int = 1
    picture: Image | None = None
    transcript: Transcript | None = None


class Teller:
    """Makes lines of messages; what is told again, but for its numbers, makes one line longer.

    Args:
        lines: Takes them.
    """

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._last: dict[str, Line] = {}

    def take(self, record: Record, message: Any) -> None:
        """A message of one of `TYPES`."""
        line = _line(record, message)
        if line is None:
            return
        if not line.start_ns:
            line.start_ns, line.end_ns = record.log_time_ns, record.log_time_ns + line.end_ns
        last = self._last.get(record.topic)
        if line.kind not in ('event', 'heard') and last is not None and _alike(last, line):
            last.end_ns, last.times = line.end_ns, last.times + 1
            return
        self._last[record.topic] = line
        self._lines.append(line)


def _alike(last: Line, line: Line) -> bool:
    """The same but for numbers; advice that is held a moment longer is the same advice."""
    old, new = (without_numbers(one.text.replace(_HELD, '')) for one in (last, line))
    return last.kind == line.kind and old == new


def _line(record: Record, message: Any) -> Line | None:
    topic, when_ns = record.topic, record.log_time_ns
    if record.type_name == EVENT:
        return _event(topic, convert.from_msg(message, Event, when_ns))
    if record.type_name == TRANSCRIPT:
        heard = convert.from_msg(message, Transcript, when_ns)
        assert isinstance(heard, Transcript)
        if not heard.is_final:
            return None
        text = f'“{heard.text}” (sure by {heard.confidence:.2f})'
        return Line(topic, 'heard', text, heard.stamp_ns, heard.end_ns, transcript=heard)
    if record.type_name == COMMAND:
        command = convert.from_msg(message, Command, when_ns)
        assert isinstance(command, Command)
        words = (
            command.intent.value, command.target, command.relation.value, command.anchor,
            command.value,
        )  # fmt: skip
        text = ' '.join(word for word in words if word)
        return Line(topic, 'understood', text, command.stamp_ns, command.end_ns)
    if record.type_name == CLASSIFICATION:
        labels = convert.from_msg(message, Labels, when_ns)
        assert isinstance(labels, Labels)
        best = labels.names[0] if labels.names else 'nothing'
        return Line(topic, 'sees', best, labels.stamp_ns, labels.stamp_ns)
    said = convert.from_msg(message, Text, when_ns)
    assert isinstance(said, Text)
    if not said.text.strip() or said.text.lstrip()[0] in '{[':  # JSON is for programs
        return None
    if topic.endswith(_ADVICE):
        mark = _LEVELS.get(said.text.split(',')[0], '')
        return Line(topic, 'advice', said.text, said.stamp_ns, said.stamp_ns, mark)
    return Line(topic, 'said', said.text, said.stamp_ns, said.stamp_ns)


def _event(topic: str, event: Any) -> Line:
    text = event.message or ' '.join(w for w in (event.label, event.kind, event.rule) if w)
    where = f' ({event.stream})' if event.stream else ''
    line = Line(topic, 'event', text + where, event.start_ns, event.end_ns, 'wait')
    line.picture = event.picture
    return line
