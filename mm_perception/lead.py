"""Which of several streams that belong together drives a plugin, when any can fall silent."""

from __future__ import annotations

from collections.abc import Mapping

from mm_perception.ports import Port, Surround


class Lead:
    """Which stream of a surround port, or which stand-in, drives the plugin.

    The first one that is not silent leads. Where a reference port drives, it has no streams, and
    knows only who is silent.
    """

    def __init__(
        self, ports: Mapping[str, Port], streams: Mapping[str, tuple[str, ...]], trigger: str
    ) -> None:
        kind = ports[trigger]
        self._order: list[tuple[str, str]] = []
        silences = [k.silence_s for k in ports.values() if isinstance(k, Surround)]
        self._silence_ns = int(max(silences, default=0.0) * 1e9)
        if isinstance(kind, Surround):
            self._order = [(trigger, name) for name in streams[trigger]]
            self._order += [(kind.stand_in, name) for name in streams.get(kind.stand_in, ())[:1]]
        self._rank = 0
        self._began_ns: int | None = None
        self._last_ns: dict[tuple[str, str], int] = {}
        #: Under which single name references wait, whoever leads.
        self.waits_as: tuple[str, ...] = (self._order[0][1],) if self._order else ()

    def __contains__(self, port_and_stream: object) -> bool:
        return port_and_stream in self._order

    def is_taken_by(self, port: str, stream: str, stamp_ns: int) -> bool:
        """Note that a sample came; whether it is the reference."""
        rank = self._order.index((port, stream))
        self.note(port, stream, stamp_ns)
        # Of those between the one that leads and this one; none if this one is before it.
        rivals = self._order[self._rank : rank]
        if any(self.is_alive(*rival, stamp_ns) for rival in rivals):
            return False
        self._rank = rank
        return True

    def note(self, port: str, stream: str, stamp_ns: int) -> None:
        """A sample came."""
        if self._began_ns is None:
            self._began_ns = stamp_ns
        self._last_ns[port, stream] = stamp_ns

    def is_alive(self, port: str, stream: str, now_ns: int) -> bool:
        """Whether a stream came within `silence_s`, or nothing at all has come for longer."""
        last_ns = self._last_ns.get((port, stream), self._began_ns)
        return last_ns is None or now_ns - last_ns <= self._silence_ns

    def forget(self) -> None:
        """Time was set back."""
        self._began_ns = None
        self._last_ns.clear()
