"""Samples whose parts come on several topics, some of which may not exist at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mm_perception.ros.convert.boxes3d import boxes3d_from, with_velocities
from mm_perception.ros.convert.header import stamp_and_frame
from mm_perception.ros.convert.occupancy import SUFFIXES, grid_from, joined
from mm_perception.samples import LAYERS, BevGrid, Boxes3D, Sample

#: A part that is missing so often in a row is no longer waited for.
_PATIENCE = 3


class StampJoin:
    """Joins messages of equal stamps; it learns which parts there are, and waits for no others.

    A part is waited for once it was seen. What is incomplete is given out when the next moment
    begins, so that a publisher that dies costs one period and not the whole stream. A stamp that
    steps back on its own topic (a bag began again) drops what waits; a part of a moment that is
    over on the other topics comes too late and is left out.

    Args:
        suffixes: Of the topics with the parts.
        needed: Suffix without which there is no sample; None where any part will do.
        join: Parts by suffix to the sample.
    """

    def __init__(
        self,
        suffixes: tuple[str, ...],
        needed: str | None,
        join: Callable[[Mapping[str, Any]], Sample],
    ) -> None:
        #: Which topics to listen to.
        self.suffixes = suffixes
        self._needed, self._join = needed, join
        self._expected: set[str] = set() if needed is None else {needed}
        self._misses: Counter[str] = Counter()
        self._stamp_ns = -1
        self._newest: dict[str, int] = {}
        self._parts: dict[str, Any] = {}
        self._is_done = True

    def expect(self, suffixes: Iterable[str]) -> None:
        """Wait for these parts from the first moment on: a bag tells which topics it has."""
        self._expected |= set(suffixes) & set(self.suffixes)

    def add(self, suffix: str, message: Any) -> Sample | None:
        """Take one message; return a sample when one is complete, or will not be.

        Raises:
            MalformedMessageError: The parts contradict each other.
        """
        if suffix not in self.suffixes:
            return None
        stamp_ns, _ = stamp_and_frame(message)
        is_set_back = stamp_ns < self._newest.get(suffix, stamp_ns)
        self._newest = {} if is_set_back else self._newest
        self._newest[suffix] = stamp_ns
        if stamp_ns < self._stamp_ns and not is_set_back:
            return None
        self._expected.add(suffix)
        self._misses[suffix] = 0
        before = None
        if stamp_ns != self._stamp_ns:
            if stamp_ns > self._stamp_ns:
                before = self._give_up()
            self._stamp_ns, self._parts, self._is_done = stamp_ns, {}, False
        self._parts[suffix] = message
        if not self._is_done and self._expected <= self._parts.keys():
            self._is_done = True
            return self._join(self._parts)  # newest wins, should both be ready
        return before

    def reset(self) -> None:
        """Forget everything that waits."""
        self._parts, self._is_done, self._stamp_ns, self._newest = {}, True, -1, {}

    def _give_up(self) -> Sample | None:
        """What there is of a moment that is over."""
        if self._is_done:
            return None
        for suffix in self._expected - self._parts.keys():
            self._misses[suffix] += 1
            if self._misses[suffix] >= _PATIENCE and suffix != self._needed:
                self._expected.discard(suffix)
        if not self._parts or (self._needed is not None and self._needed not in self._parts):
            return None
        return self._join(self._parts)


def boxes3d_join() -> StampJoin:
    """Boxes, and their velocities where there are any."""
    return StampJoin(('', '/velocities'), '', _join_boxes)


def grid_join() -> StampJoin:
    """The layers of a grid."""
    return StampJoin(SUFFIXES, None, _join_grids)


def _join_boxes(parts: Mapping[str, Any]) -> Boxes3D:
    boxes = boxes3d_from(parts[''], 0)
    return with_velocities(boxes, parts['/velocities']) if '/velocities' in parts else boxes


def _join_grids(parts: Mapping[str, Any]) -> BevGrid:
    return joined(
        {
            layer: grid_from(parts[suffix], 0, layer)
            for layer, suffix in zip(LAYERS, SUFFIXES, strict=True)
            if suffix in parts
        }
    )
