"""One id for one thing, whichever camera sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.samples.sample import Array


@dataclass
class _Known:
    """A thing as it was last seen.

    Attributes:
        label: What it is called.
        place: (3,) metres in the fixed frame.
        stamp_ns: When.
        seen: Camera to the last stamp of a sight by it.
    """

    label: str
    place: Array
    stamp_ns: int
    seen: dict[str, int]


class Identities:
    """Joins the ids that trackers of single cameras give.

    Args:
        gate_m: Sights of two cameras that lie farther apart are two things.
        memory_s: A thing that nobody sees for so long is not joined with a new one any more.
    """

    def __init__(self, gate_m: float, memory_s: float) -> None:
        self._gate_m, self._memory_ns = gate_m, round(memory_s * 1e9)
        self._things: dict[int, _Known] = {}
        self._of: dict[tuple[str, int], int] = {}
        self._next = 1

    def name(self, camera: str, own_id: int, label: str, place: Array, stamp_ns: int) -> int:
        """The id of a thing that a camera's tracker calls `own_id`.

        Args:
            camera: Stream.
            own_id: Of the thing there.
            label: What it is called.
            place: (3,) metres in a frame that stands still.
            stamp_ns: When it was seen.
        """
        key = (camera, own_id)
        found = self._of.get(key)
        if found is None or found not in self._things:
            found = self._join(camera, label, place, stamp_ns)
            self._of[key] = found
        thing = self._things[found]
        thing.place, thing.stamp_ns = place, stamp_ns
        thing.seen[camera] = stamp_ns
        return found

    def forget(self, stamp_ns: int) -> None:
        """Drop what was not seen for ten times as long as anything is joined."""
        oldest = stamp_ns - 10 * self._memory_ns
        self._things = {n: t for n, t in self._things.items() if t.stamp_ns >= oldest}
        self._of = {key: n for key, n in self._of.items() if n in self._things}

    def clear(self) -> None:
        """Forget all; ids go on."""
        self._things.clear()
        self._of.clear()

    def _join(self, camera: str, label: str, place: Array, stamp_ns: int) -> int:
        best, nearest = 0, self._gate_m
        for number, thing in self._things.items():
            away = float(np.linalg.norm(thing.place - place))
            # What the camera itself sees now under another id is another thing.
            is_own = stamp_ns - thing.seen.get(camera, -(10**18)) <= self._memory_ns
            is_fresh = abs(stamp_ns - thing.stamp_ns) <= self._memory_ns
            if thing.label == label and is_fresh and not is_own and away <= nearest:
                best, nearest = number, away
        if not best:
            best, self._next = self._next, self._next + 1
            self._things[best] = _Known(label, place, stamp_ns, {})
        return best
