"""What came lately on one stream: a reference that is late finds what belongs to it."""

from __future__ import annotations

from collections import deque

from mm_perception.channel import Deferred
from mm_perception.ports import Latest, Port
from mm_perception.samples import Image, PointCloud, Sample

#: A reference or a sample that is older than the one before by less than this came late; by more,
#: time itself was set back.
LATE_TOLERANCE_NS = 500_000_000
#: So many are kept in any case. A plugin whose reference was made from one of them, as masks are
#: from a picture, may get it seconds later: for that, more are kept, if they are not too old and
#: not too much together.
_LEAST = 64
_MOST = 512
_LONGEST_NS = 15_000_000_000
_MOST_BYTES = 256 * 1024 * 1024


class History:
    """Samples of one stream, the newest last.

    Args:
        kind: The port that they come to: where it takes the newest, only that is kept.
    """

    def __init__(self, kind: Port) -> None:
        takes_newest = isinstance(kind, Latest) and kind.tolerance_s is None
        self._least = 1 if takes_newest else _LEAST
        self._most = _MOST if isinstance(kind, Latest) and not takes_newest else self._least
        self._items: deque[tuple[Sample | Deferred, int]] = deque()
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def newest(self) -> Sample | Deferred | None:
        """What came last; None where nothing came."""
        return self._items[-1][0] if self._items else None

    def append(self, item: Sample | Deferred) -> None:
        """Take a sample in; where its stamp was set back, all before it is forgotten.

        Where it goes on from the last but one, the last alone was wrong, and is forgotten.
        """
        before = self.newest
        if before is not None and item.stamp_ns < before.stamp_ns - LATE_TOLERANCE_NS:
            if len(self._items) > 1 and self._items[-2][0].stamp_ns < item.stamp_ns:
                self._num_bytes -= self._items.pop()[1]
            else:
                self.clear()
        num_bytes = _bytes_of(item)
        self._items.append((item, num_bytes))
        self._num_bytes += num_bytes
        while self._is_too_full(item.stamp_ns):
            self._num_bytes -= self._items.popleft()[1]

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()
        self._num_bytes = 0

    def nearest(self, stamp_ns: int, tolerance_s: float) -> Sample | Deferred | None:
        """The sample nearest to a stamp; None where none is within the tolerance."""
        found = min(
            (item for item, _ in self._items),
            key=lambda item: abs(item.stamp_ns - stamp_ns),
            default=None,
        )
        if found is None or abs(found.stamp_ns - stamp_ns) > tolerance_s * 1e9:
            return None
        return found

    def _is_too_full(self, now_ns: int) -> bool:
        if not self._least < len(self._items) <= self._most:
            return len(self._items) > self._most
        age_ns = now_ns - self._items[0][0].stamp_ns
        return age_ns > _LONGEST_NS or self._num_bytes > _MOST_BYTES


def _bytes_of(item: Sample | Deferred) -> int:
    """About what it holds: pictures and clouds; what else flows is small."""
    if isinstance(item, Deferred):
        return item.num_bytes
    if isinstance(item, Image):
        return int(item.data.nbytes)
    return int(item.points.nbytes) if isinstance(item, PointCloud) else 0
