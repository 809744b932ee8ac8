"""What happens to the things of one camera: a small state machine for each, and the rules on it.

A change counts once it has lasted: a mask that jitters over a border moves nothing. A thing that
is not seen stays where it was, until it has been unseen for long; who then vanished at the edge of
the picture has left. A new track beside the place where one of the same label was lost is that
thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mm_perception.plugins.surveillance.rules import Alert, Line, Rules, Zone
from mm_perception.samples.sample import Array

#: Who was gone for longer is forgotten, also when its track comes back.
_MEMORY_NS = 60_000_000_000


@dataclass(frozen=True)
class Timing:
    """How sure one has to be.

    Attributes:
        confirm_ns: A change counts once it has lasted so long.
        lost_ns: Who is unseen for so long is gone.
        settle_ns: What is seen within so long from the first picture was there before.
        margin: Nearer to a border than this nothing changes, in the units of the rules.
    """

    confirm_ns: int = 300_000_000
    lost_ns: int = 2_000_000_000
    settle_ns: int = 1_000_000_000
    margin: float = 0.01


@dataclass(frozen=True, eq=False)
class Sight:
    """A track in one picture.

    Attributes:
        track_id: Its id.
        label: Of the mask.
        score: In [0, 1].
        place: (2,) where it stands, in the units of the rules; None where that is not known.
        box: (4,) float32 xyxy, pixels.
        is_at_edge: The box touches the edge of the picture.
    """

    track_id: int
    label: str
    score: float
    place: Array | None
    box: Array
    is_at_edge: bool = False


@dataclass(frozen=True, eq=False)
class Finding:
    """What an alert says.

    Attributes:
        alert: The alert.
        sights: Of whom, as last seen.
        start_ns: Since when.
        message: One sentence.
    """

    alert: Alert
    sights: tuple[Sight, ...]
    start_ns: int
    message: str


@dataclass
class Steady:
    """A value that changes only once the new one has lasted.

    Attributes:
        value: What holds; None before anything does.
        since_ns: Since when.
    """

    value: bool | None = None
    since_ns: int = 0
    _seen: bool | None = None
    _turn_ns: int = 0
    _clear_ns: int | None = None

    def take(self, seen: bool, stamp_ns: int, confirm_ns: int, *, is_clear: bool = True) -> bool:
        """Take in what is seen.

        Args:
            seen: The value that it has by itself.
            stamp_ns: When.
            confirm_ns: How long another value has to last.
            is_clear: It is far from the border; what is not clear does not last.

        Returns:
            True if the value has changed just now.

        Convention:
            With 0.3 s to confirm: False at 0, True at 1.0 and at 1.2 s change nothing, True at
            1.3 s changes the value, and `since_ns` is then 1.0 s.
        """
        if seen != self._seen:
            self._seen, self._turn_ns = seen, stamp_ns
        if seen == self.value or not is_clear:
            self._clear_ns = None
            return False
        if self._clear_ns is None:
            self._clear_ns = stamp_ns
        if stamp_ns - self._clear_ns < confirm_ns:
            return False
        self.value, self.since_ns, self._clear_ns = seen, self._turn_ns, None
        return True


@dataclass
class _Thing:
    """One thing: how it was last seen, and what the rules know of it."""

    sight: Sight
    first_ns: int
    seen_ns: int
    was_there: bool
    is_present: Steady = field(default_factory=Steady)
    inside: dict[str, Steady] = field(default_factory=dict)
    right: dict[str, Steady] = field(default_factory=dict)
    #: Per line the last place clearly on the side that counts.
    anchors: dict[str, Array] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f'{self.sight.label} #{self.sight.track_id}'


class Watcher:
    """Follows the things of one camera.

    Args:
        rules: In the same units as the places of sights.
        timing: When a change counts.
    """

    def __init__(self, rules: Rules, timing: Timing) -> None:
        self._rules, self._timing = rules, timing
        self._things: dict[int, _Thing] = {}
        self._start_ns: int | None = None
        self._crowds: dict[str, Steady] = {}

    def look(self, sights: Sequence[Sight], stamp_ns: int) -> list[Finding]:
        """Take in what one picture shows; what the alerts say to it."""
        if self._start_ns is None:
            self._start_ns = stamp_ns
        for sight in sights:
            self._note(sight, stamp_ns)
        found: list[Finding] = []
        for thing in self._things.values():
            if thing.seen_ns == stamp_ns:
                found += self._seen(thing, stamp_ns)
            elif thing.is_present.value and self._is_lost(thing, stamp_ns):
                found += self._gone(thing)
        found += self._crowded(stamp_ns)
        self._forget(stamp_ns)
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """Per zone how many of each label are in it."""
        counts: dict[str, dict[str, int]] = {zone.name: {} for zone in self._rules.zones}
        for zone in self._rules.zones:
            for thing in self._in(zone.name):
                label = thing.sight.label
                counts[zone.name][label] = counts[zone.name].get(label, 0) + 1
        return counts

    def _in(self, zone: str) -> list[_Thing]:
        things = [t for t in self._things.values() if t.is_present.value]
        return [t for t in things if zone in t.inside and t.inside[zone].value]

    def _note(self, sight: Sight, stamp_ns: int) -> None:
        thing = self._things.get(sight.track_id) or self._relinked(sight, stamp_ns)
        if thing is None:
            was_there = stamp_ns - (self._start_ns or 0) <= self._timing.settle_ns
            thing = _Thing(sight, stamp_ns, stamp_ns, was_there)
        self._things[sight.track_id] = thing
        thing.sight, thing.seen_ns = sight, stamp_ns

    def _relinked(self, sight: Sight, stamp_ns: int) -> _Thing | None:
        """The thing of that label that was lost near there, under its new id."""
        near = []
        for number, thing in self._things.items():
            gap_ns = stamp_ns - thing.seen_ns
            if thing.sight.label != sight.label or not 0 < gap_ns <= self._timing.lost_ns:
                continue
            old, new = thing.sight.box, sight.box
            away = float(np.hypot(*((old[:2] + old[2:]) / 2 - (new[:2] + new[2:]) / 2)))
            if away <= (1 + gap_ns / 1e9) * float((old[2:] - old[:2]).max()):
                near.append((away, number))
        return self._things.pop(min(near)[1]) if near else None

    def _is_lost(self, thing: _Thing, stamp_ns: int) -> bool:
        return stamp_ns - thing.seen_ns > self._timing.lost_ns

    def _forget(self, stamp_ns: int) -> None:
        """Who is long gone, and what was seen for too short a time to be anything."""
        for number, thing in list(self._things.items()):
            unseen_ns = stamp_ns - thing.seen_ns
            if unseen_ns > (_MEMORY_NS if thing.told else self._timing.lost_ns) and not (
                thing.is_present.value
            ):
                del self._things[number]

    def _seen(self, thing: _Thing, stamp_ns: int) -> Iterator[Finding]:
        is_new = thing.is_present.take(True, stamp_ns, self._timing.confirm_ns)
        if is_new and not (thing.was_there and not thing.told):
            yield from self._tell('appeared', '', thing, thing.is_present.since_ns, 'appeared')
        if is_new:
            thing.told.add('present')
        if thing.sight.place is None:
            return
        for zone in self._rules.zones:
            yield from self._in_zone(thing, zone, thing.sight.place, stamp_ns)
        for line in self._rules.lines:
            yield from self._at_line(thing, line, thing.sight.place, stamp_ns)

    def _in_zone(
        self, thing: _Thing, zone: Zone, place: Array, stamp_ns: int
    ) -> Iterator[Finding]:
        steady = thing.inside.setdefault(zone.name, Steady())
        depth, was = zone.depth(place), steady.value
        is_clear = abs(depth) >= self._timing.margin
        has_changed = steady.take(depth > 0, stamp_ns, self._timing.confirm_ns, is_clear=is_clear)
        if has_changed and steady.value and not (was is None and thing.was_there):
            verb = f'entered {zone.name}' if was is False else f'was first seen in {zone.name}'
            yield from self._tell('entered', zone.name, thing, steady.since_ns, verb)
        elif has_changed and was:
            verb = f'left {zone.name}'
            yield from self._tell('left', zone.name, thing, steady.since_ns, verb)
        if has_changed:
            thing.told -= {a.text for a in self._rules.alerts if a.place == zone.name}
        if steady.value:
            yield from self._dwelt(thing, zone, stamp_ns)

    def _dwelt(self, thing: _Thing, zone: Zone, stamp_ns: int) -> Iterator[Finding]:
        since_ns = thing.inside[zone.name].since_ns
        for alert in self._alerts('dwelt', zone.name):
            is_long = stamp_ns - since_ns >= alert.number * 1e9
            if is_long and alert.text not in thing.told and alert.fits(thing.sight.label):
                thing.told.add(alert.text)
                message = f'{thing.name} has been in {zone.name} for {alert.number:g} s'
                yield Finding(alert, (thing.sight,), since_ns, message)

    def _at_line(
        self, thing: _Thing, line: Line, place: Array, stamp_ns: int
    ) -> Iterator[Finding]:
        steady = thing.right.setdefault(line.name, Steady())
        right, was = line.right_of(place), steady.value
        is_clear = abs(right) >= self._timing.margin
        has_changed = steady.take(right > 0, stamp_ns, self._timing.confirm_ns, is_clear=is_clear)
        if has_changed and was is not None and line.is_met(thing.anchors[line.name], place):
            side = 'right' if steady.value else 'left'
            verb = f'crossed {line.name} to the {side}'
            yield from self._tell('crossed', line.name, thing, steady.since_ns, verb, side)
        if is_clear and (right > 0) == steady.value:
            thing.anchors[line.name] = place

    def _gone(self, thing: _Thing) -> Iterator[Finding]:
        thing.is_present = Steady(False, thing.seen_ns)
        yield from self._tell('gone', '', thing, thing.seen_ns, 'is gone')
        if not thing.sight.is_at_edge:
            return
        for zone, steady in thing.inside.items():
            if steady.value:
                thing.inside[zone] = Steady(False, thing.seen_ns)
                verb = f'left {zone} and the picture'
                yield from self._tell('left', zone, thing, thing.seen_ns, verb)

    def _crowded(self, stamp_ns: int) -> Iterator[Finding]:
        for alert in self._rules.alerts:
            if alert.kind != 'crowded':
                continue
            inside = [t for t in self._in(alert.place) if alert.fits(t.sight.label)]
            steady = self._crowds.setdefault(alert.text, Steady(False))
            is_full = len(inside) >= alert.number
            if steady.take(is_full, stamp_ns, self._timing.confirm_ns) and is_full:
                sights = tuple(thing.sight for thing in inside)
                message = f'{len(inside)} in {alert.place}, crowded from {alert.number:g} on'
                yield Finding(alert, sights, steady.since_ns, message)

    def _alerts(self, kind: str, place: str) -> list[Alert]:
        return [a for a in self._rules.alerts if (a.kind, a.place) == (kind, place)]

    def _tell(
        self, kind: str, place: str, thing: _Thing, start_ns: int, verb: str, side: str = ''
    ) -> Iterator[Finding]:
        for alert in self._alerts(kind, place):
            if alert.fits(thing.sight.label) and alert.side in ('', side):
                yield Finding(alert, (thing.sight,), start_ns, f'{thing.name} {verb}')
