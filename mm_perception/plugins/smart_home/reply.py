"""What smart_home gives back: commands to devices, events, and sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mm_perception.samples import Event, Text


@dataclass
class Reply:
    """What one inference gives."""

    stamp_ns: int
    frame_id: str
    commands: list[Text] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    said: list[Text] = field(default_factory=list)

    def say(self, text: str) -> None:
        """A sentence for people."""
        sentence = text[:1].upper() + text[1:] + ('' if text.endswith(('?', '.')) else '.')
        self.said.append(Text(**self._header, text=sentence, language='en'))

    def command(self, text: str) -> None:
        """JSON for a device."""
        self.commands.append(Text(**self._header, text=text))

    def event(self, kind: str, since_ns: int, message: str, **values: Any) -> None:
        """What happened from `since_ns` until now."""
        first = min(since_ns, self.stamp_ns)
        self.events.append(
            Event(
                **self._header, kind=kind, start_ns=first, end_ns=self.stamp_ns, message=message,
                **values,
            )
        )  # fmt: skip

    @property
    def _header(self) -> dict[str, Any]:
        return {'stamp_ns': self.stamp_ns, 'frame_id': self.frame_id}
