"""What happens along a drive: spans of time in which something holds of an instance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mm_perception.world.truth.boxes import Box
from mm_perception.world.truth.questions import name_of

ON_ROAD, NEAR, IN_VIEW, ALONGSIDE = 'on_road', 'near', 'in_view', 'alongside'
OVERTAKES, IS_OVERTAKEN, IS_PASSED, COMES_BY = 'overtakes', 'is_overtaken', 'is_passed', 'comes_by'
_PEOPLE = ('pedestrian', 'person')
_TRAFFIC = ('car', 'van', 'truck', 'bus', 'cyclist')
_ROAD = ('road', 'marking', 'crossing')
#: Of the vehicle with the sensors, metres: half its length, and how far beside it counts.
_HALF_LENGTH_M, _BESIDE_M = 2.2, 6.0
_STANDS_MS = 0.3
#: A thing that is out of sight for less has not left the view.
_BLINK_S = 0.35


@dataclass(frozen=True)
class Event:
    """Something that holds from one moment to another.

    Attributes:
        kind: on_road (a person on foot is there), near (closer than the limit), in_view (of a
            camera), or of traffic beside the vehicle: overtakes, is_overtaken, is_passed (it
            stands), comes_by (it comes towards the vehicle).
        instance: Of which.
        start_s: First moment at which it was seen to hold.
        end_s: Last moment.
        begins: Whether the start is within the drive; if not, it held from the beginning.
        ends: Whether the end is within the drive.
        text: In words.
        camera: Of in_view; else empty.
    """

    kind: str
    instance: int
    start_s: float
    end_s: float
    begins: bool
    ends: bool
    text: str
    camera: str = ''


@dataclass
class _Series:
    """At which moments something could be told, and of which instances it held."""

    times_s: list[float]
    holds: list[frozenset[int]]

    def spans(self, instance: int, blink_s: float) -> list[tuple[int, int]]:
        """First and last index of each span; spans with a short gap between them are one."""
        found: list[tuple[int, int]] = []
        for index, instances in enumerate(self.holds):
            if instance not in instances:
                continue
            last = found[-1][1] if found else None
            is_next = last is not None and (
                index == last + 1 or self.times_s[index] - self.times_s[last] <= blink_s
            )
            if is_next:
                found[-1] = (found[-1][0], index)
            else:
                found.append((index, index))
        return found


class Watch:
    """Takes moments in order of time and tells in the end what has happened.

    Args:
        near_m: Closer than that, from base_link to the outline on the ground, is an event.
        smallest_share: Of a picture: what covers less is not in view.
    """

    def __init__(self, near_m: float = 4.0, smallest_share: float = 5e-4) -> None:
        self._near_m, self._smallest_share = near_m, smallest_share
        self._series: dict[tuple[str, str], _Series] = defaultdict(lambda: _Series([], []))
        #: x ahead of base_link, metres, and speed along it, m/s, by instance and moment.
        self._course: dict[int, dict[float, tuple[float, float]]] = defaultdict(dict)
        self._names: dict[int, str] = {}

    def moment(self, time_s: float, boxes: Collection[Box], ground: Mapping[int, str]) -> None:
        """Where everything is.

        Args:
            time_s: When.
            boxes: In base_link.
            ground: What is below whom, of `CLASSES`, by instance.
        """
        near, beside = set(), set()
        for box in boxes:
            self._names[box.instance] = name_of(box.kind, box.colour).strip()
            if box.distance(np.zeros(2)) < self._near_m:
                near.add(box.instance)
            reach = _HALF_LENGTH_M + box.size[0] / 2
            if box.kind in _TRAFFIC and abs(box.centre[1]) < _BESIDE_M:
                self._course[box.instance][time_s] = float(box.centre[0]), float(box.velocity[0])
                if abs(box.centre[0]) < reach:
                    beside.add(box.instance)
        people = {box.instance for box in boxes if box.kind in _PEOPLE}
        on_road = {i for i, kind in ground.items() if i in people and kind in _ROAD}
        for kind, instances in ((ON_ROAD, on_road), (NEAR, near), (ALONGSIDE, beside)):
            self._add(kind, '', time_s, instances)

    def picture(self, time_s: float, camera: str, pixels: Mapping[int, int], size_px: int) -> None:
        """What a camera sees.

        Args:
            time_s: When.
            camera: Its name.
            pixels: Visible ones of every instance.
            size_px: Of the whole picture.
        """
        smallest = self._smallest_share * size_px
        self._add(IN_VIEW, camera, time_s, {i for i, n in pixels.items() if n >= smallest})

    def events(self) -> list[Event]:
        """Everything that has happened, in order of its start."""
        found = []
        for (kind, camera), series in self._series.items():
            instances = sorted(frozenset().union(*series.holds) & self._names.keys())
            for instance in instances:
                for span in series.spans(instance, _BLINK_S if kind == IN_VIEW else 0.0):
                    event = self._event(kind, camera, series, instance, span)
                    if event is not None:
                        found.append(event)
        return sorted(found, key=lambda e: (e.start_s, e.kind, e.instance, e.camera))

    def _add(self, kind: str, camera: str, time_s: float, instances: Collection[int]) -> None:
        series = self._series[kind, camera]
        series.times_s.append(time_s)
        series.holds.append(frozenset(instances))

    def _event(
        self, kind: str, camera: str, series: _Series, instance: int, span: tuple[int, int]
    ) -> Event | None:
        begins, ends = span[0] > 0, span[1] < len(series.times_s) - 1
        start_s, end_s = (series.times_s[index] for index in span)
        if kind == ALONGSIDE:
            kind = self._manoeuvre(instance, start_s, end_s)
        if not kind:
            return None
        text = f'the {self._names[instance]} {self._verb(kind, camera, begins)}'
        return Event(kind, instance, start_s, end_s, begins, ends, text, camera)

    def _manoeuvre(self, instance: int, start_s: float, end_s: float) -> str:
        """What traffic has done that was alongside; empty if it did not get past."""
        (before, _), (after, speed) = (self._course[instance][t] for t in (start_s, end_s))
        if before * after >= 0:
            return ''
        if abs(speed) < _STANDS_MS:
            return IS_PASSED
        if after > 0:
            return OVERTAKES
        return IS_OVERTAKEN if speed > 0 else COMES_BY

    def _verb(self, kind: str, camera: str, begins: bool) -> str:
        if kind == ON_ROAD:
            return 'steps onto the road' if begins else 'is on the road'
        if kind == NEAR:
            return f'{"comes" if begins else "is"} closer than {self._near_m:g} m'
        if kind == IN_VIEW:
            return f'{"comes into" if begins else "is in"} the view of {camera}'
        return {
            OVERTAKES: 'overtakes', IS_OVERTAKEN: 'is overtaken', IS_PASSED: 'is passed',
            COMES_BY: 'comes the other way',
        }[kind]  # fmt: skip
