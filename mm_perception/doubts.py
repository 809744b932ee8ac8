"""A stamp that leaps: one alone is an error of its driver, a second that bears it out is time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mm_perception.history import LATE_TOLERANCE_NS
from mm_perception.inputs import Item

#: A stamp that gains more than this on the clock since the one before runs ahead.
_AHEAD_NS = 2_000_000_000
#: A leap that no other stamp contradicts for so long is believed.
_LONGEST_NS = 1_000_000_000


@dataclass(frozen=True)
class Arrival:
    """A sample that came.

    Attributes:
        label: 'port/stream' that it came on.
        item: The sample.
        now_ns: What the clock said then.
    """

    label: str
    item: Item
    now_ns: int

    def is_followed_by(self, later: Arrival) -> bool:
        """Whether the stamps go on as the clock does; a little late is no leap."""
        step_ns = later.item.stamp_ns - self.item.stamp_ns
        return -LATE_TOLERANCE_NS < step_ns <= later.now_ns - self.now_ns + _AHEAD_NS


class Doubts:
    """Holds a sample back whose stamp leaps until the next one of its stream tells what it was.

    A plugin that saw one stamp of the future would end what it follows, and be told at the next
    that time was set back.

    Args:
        now_ns: The clock; without one every stamp is believed at once.
    """

    def __init__(self, now_ns: Callable[[], int] | None) -> None:
        self._now_ns = now_ns
        self._last: dict[str, Arrival] = {}
        self._held: dict[str, Arrival] = {}

    def sift(self, name: str, label: str, item: Item) -> tuple[list[Arrival], str]:
        """Take a sample in.

        Args:
            name: Of the course of time that it belongs to.
            label: 'port/stream' that it came on.
            item: The sample.

        Returns:
            What can be believed now, in order, and the label of one whose stamp was wrong, or ''.
        """
        if self._now_ns is None:
            return [Arrival(label, item, 0)], ''
        new = Arrival(label, item, self._now_ns())
        last, held = self._last.get(name), self._held.pop(name, None)
        goes_on = last is None or last.is_followed_by(new)
        if last is None or held is None:
            if goes_on:
                self._last[name] = new
                return [new], ''
            self._held[name] = new
            return [], ''
        self._last[name] = new
        in_order = last.item.stamp_ns <= held.item.stamp_ns <= item.stamp_ns
        # After a loop shorter than what counts as late, only what came last tells.
        is_back = item.stamp_ns < last.item.stamp_ns and held.is_followed_by(new)
        if goes_on and not in_order and not is_back:
            return [new], held.label
        return [held, new], ''

    def overdue(self, now_ns: int | None = None) -> dict[str, Arrival]:
        """Samples by name that nothing has contradicted for long; from now on they count.

        Args:
            now_ns: The time; that of the clock if not given.
        """
        if self._now_ns is None or not self._held:
            return {}
        now_ns = self._now_ns() if now_ns is None else now_ns
        found = {n: a for n, a in self._held.items() if now_ns - a.now_ns > _LONGEST_NS}
        for name in found:
            self._last[name] = self._held.pop(name)
        return found

    def clear(self) -> None:
        """Forget all stamps, and what is held back."""
        self._last.clear()
        self._held.clear()
