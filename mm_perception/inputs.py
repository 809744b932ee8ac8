"""What one inference works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mm_perception.channel import Deferred, resolve
from mm_perception.errors import ConfigError, MmPerceptionError
from mm_perception.samples import Sample

Item = Sample | Deferred
Report = Callable[[MmPerceptionError], None]


@dataclass(frozen=True)
class Inputs:
    """What one inference works on.

    Attributes:
        stamp_ns: Of the reference sample.
        frame_id: Of the reference sample.
        stream: Name of the reference stream (camera); empty if the port has one unnamed stream.
        rewound: Time was set back before this sample: forget what was seen, keep what was asked.
        missing: Streams of a surround port that are not in it, and latest ports without a sample.
    """

    stamp_ns: int
    frame_id: str
    stream: str = ''
    rewound: bool = False
    missing: tuple[str, ...] = ()
    samples: Mapping[str, Item | dict[str, Item] | tuple[Item, ...] | None] = field(
        default_factory=dict
    )
    #: Queue ports that the plugin has read: what fails before that loses nothing.
    read: set[str] = field(default_factory=set, compare=False)

    def one(self, port: str) -> Sample:
        """The sample of a reference port, or of a latest port that is required."""
        item = self.samples[port]
        if not isinstance(item, Sample | Deferred):
            raise ConfigError(f'input {port!r}', type(item).__name__, 'a port with one sample')
        return resolve(item)

    def maybe(self, port: str, report: Report | None = None) -> Sample | None:
        """The sample of a latest port, or None.

        Args:
            port: Its name.
            report: Takes the error of a sample that cannot be used, which then counts as missing;
                without it the error is raised.
        """
        if self.samples[port] is None:
            return None
        try:
            return self.one(port)
        except MmPerceptionError as error:
            if report is None:
                raise
            report(error)
            return None

    def many(self, port: str, report: Report | None = None) -> dict[str, Sample]:
        """The samples of a surround port, or of a port that follows one, by stream name.

        Args:
            port: Its name.
            report: As for `maybe`: one broken camera need not cost the others.
        """
        items = self.samples[port]
        if not isinstance(items, dict):
            raise ConfigError(f'input {port!r}', type(items).__name__, 'a surround port')
        found = {}
        for stream, item in items.items():
            try:
                found[stream] = resolve(item)
            except MmPerceptionError as error:
                if report is None:
                    raise
                report(error)
        return found

    def all(self, port: str) -> tuple[Sample, ...]:
        """The samples of a queue port, oldest first."""
        items = self.samples[port]
        if not isinstance(items, tuple):
            raise ConfigError(f'input {port!r}', type(items).__name__, 'a queue port')
        self.read.add(port)
        return tuple(resolve(item) for item in items)
