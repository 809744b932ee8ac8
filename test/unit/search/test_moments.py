"""Hits to moments."""

from __future__ import annotations

from mm_perception.search.entry import Found
from mm_perception.search.moments import Moment, moments_of
from test.unit.search.entries import SECOND_NS, entry


def hit(second: float, score: float, **changes: object) -> Found:
    return Found(entry(0.0, second, **changes), score)


def spans(moments: list[Moment]) -> list[tuple[float, float, float]]:
    return [(m.start_ns / SECOND_NS, m.end_ns / SECOND_NS, m.best.score) for m in moments]


def test_convention_of_moments() -> None:
    hits = [hit(0, 0.8), hit(1, 0.9), hit(9, 0.7)]
    assert spans(moments_of(hits, 2.0, 0.5, 5)) == [(0, 1, 0.9), (9, 9, 0.7)]


def test_much_worse_hits_do_not_lengthen_a_moment_nor_come_again_inside_of_it() -> None:
    hits = [hit(0, 0.2), hit(1, 0.9), hit(1.5, 0.2), hit(2, 0.85), hit(3, 0.3)]
    found = spans(moments_of(hits, 1.0, 0.1, 9))
    assert found == [(1, 2, 0.9), (3, 3, 0.3), (0, 0, 0.2)]


def test_the_span_of_an_entry_counts() -> None:
    hits = [hit(0, 0.9, end_ns=4 * SECOND_NS), hit(4.5, 0.9, end_ns=6 * SECOND_NS)]
    assert spans(moments_of(hits, 1.0, 0.1, 9)) == [(0, 6, 0.9)]


def test_cameras_and_recordings_are_apart_and_tracks_of_one_are_together() -> None:
    hits = [
        hit(0, 0.9), hit(1, 0.8, stream='back'), hit(1, 0.7, source='other'),
        hit(1, 0.9, track_id='7'),
    ]  # fmt: skip
    assert spans(moments_of(hits, 2.0, 0.5, 9)) == [(0, 1, 0.9), (1, 1, 0.8), (1, 1, 0.7)]


def test_no_more_than_asked_and_none_of_none() -> None:
    assert len(moments_of([hit(10 * i, 0.5) for i in range(9)], 1.0, 0.1, 4)) == 4
    assert moments_of([], 1.0, 0.1, 4) == []
