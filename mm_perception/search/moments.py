"""Hits that lie next to each other in time are one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mm_perception.search.entry import Entry, Found


@dataclass(frozen=True)
class Moment:
    """A span of time in which a camera saw something like what was asked for.

    Attributes:
        best: The hit that is most like it.
        start_ns: Start of the span.
        end_ns: End of the span.
    """

    best: Found
    start_ns: int
    end_ns: int


def moments_of(hits: Sequence[Found], gap_s: float, drop: float, limit: int) -> list[Moment]:
    """Join hits of a camera to spans of time, and take the best spans.

    A span grows from its best hit to both sides as long as the next hit that is worse by no more
    than `drop` is no more than `gap_s` away. What is left over starts spans of its own.

    Args:
        hits: In any order.
        gap_s: Longest time without a hit inside a span, seconds.
        drop: In units of the score.
        limit: How many moments.

    Returns:
        Best first.

    Convention:
        Hits at 0, 1 and 9 s with the scores 0.8, 0.9 and 0.7 and a gap of 2 s are the moments
        0 to 1 s with 0.9, and 9 to 9 s with 0.7.
    """
    found: list[Moment] = []
    ordered = sorted(hits, key=lambda h: (_camera(h.entry), h.entry.stamp_ns, h.entry.track_id))
    for _, of_camera in groupby(ordered, key=lambda h: _camera(h.entry)):
        found += _split(list(of_camera), round(gap_s * 1e9), drop)
    return sorted(found, key=lambda m: (-m.best.score, m.start_ns))[:limit]


def _camera(entry: Entry) -> tuple[str, str, str]:
    return entry.source, entry.topic, entry.stream


def _split(hits: list[Found], gap_ns: int, drop: float) -> list[Moment]:
    """Spans of one camera, the best first; what lies inside of one is part of it."""
    left, found = sorted(hits, key=lambda h: (-h.score, h.entry.stamp_ns)), []
    while left:
        best = left[0]
        like = [h for h in left if h.score >= best.score - drop]
        start_ns, end_ns = _span(best.entry, [h.entry for h in like], gap_ns)
        found.append(Moment(best, start_ns, end_ns))
        left = [h for h in left if h.entry.end_ns < start_ns or h.entry.stamp_ns > end_ns]
    return found


def _span(best: Entry, entries: list[Entry], gap_ns: int) -> tuple[int, int]:
    """From an entry to both sides, over all gaps that are short enough."""
    start_ns, end_ns = best.stamp_ns, best.end_ns
    for entry in sorted(entries, key=lambda e: e.stamp_ns):
        if entry.stamp_ns >= start_ns and entry.stamp_ns - end_ns <= gap_ns:
            end_ns = max(end_ns, entry.end_ns)
    for entry in sorted(entries, key=lambda e: -e.end_ns):
        if entry.end_ns <= end_ns and start_ns - entry.end_ns <= gap_ns:
            start_ns = min(start_ns, entry.stamp_ns)
    return start_ns, end_ns
