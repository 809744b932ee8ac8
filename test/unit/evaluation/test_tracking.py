"""HOTA, IDF1 and MOTA on sequences whose scores follow from their definitions."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mm_perception.errors import MissingDependencyError, ShapeError
from mm_perception.evaluation import tracking
from mm_perception.evaluation.tracking import TrackScores, score_tracks, together
from test.unit.evaluation.shapes import nothing, square

STILL = [square(1, 5)] * 10


def check(scores: TrackScores, **expected: float) -> None:
    for name, value in expected.items():
        assert getattr(scores, name) == pytest.approx(value, abs=1e-9), name


def test_the_truth_itself_is_perfect_under_any_numbers() -> None:
    truth = [square(2, 40, ids=square(1, t)) for t in range(6)]
    found = [square(70, 40, ids=square(9, t)) for t in range(6)]
    scores = score_tracks(truth, found)
    check(scores, hota=1, det_a=1, ass_a=1, idf1=1, mota=1, id_switches=0)
    assert (scores.num_truth, scores.num_found) == (12, 12)


def test_one_switch_in_the_middle() -> None:
    """Every mask is right, half of them belong to each of two ids: HOTA is the root of a half."""
    found = [square(3, 5)] * 5 + [square(4, 5)] * 5
    scores = score_tracks(STILL, found)
    check(scores, hota=0.5**0.5, det_a=1, ass_a=0.5, idf1=0.5, mota=0.9, id_switches=1)


def test_half_of_the_frames_missed() -> None:
    """Ten masks in the truth, five found, all right: every Jaccard index is a half."""
    scores = score_tracks(STILL, [square(3, 5)] * 5 + [nothing()] * 5)
    check(scores, hota=0.5, det_a=0.5, ass_a=0.5, idf1=2 / 3, mota=0.5, id_switches=0)


def test_a_false_track_beside_the_right_one() -> None:
    found = [square(8, 40, ids=square(3, 5))] * 10
    scores = score_tracks(STILL, found)
    check(scores, hota=0.5**0.5, det_a=0.5, ass_a=1, idf1=2 / 3, mota=0)


def test_likeness_counts_by_threshold() -> None:
    """An overlap of 1/3 is right at 6 of the 19 thresholds of HOTA, and wrong at a half."""
    scores = score_tracks([square(1, 10)] * 4, [square(1, 16)] * 4)
    check(scores, hota=6 / 19, det_a=6 / 19, ass_a=6 / 19, idf1=0, mota=-1)


def test_two_tracks_that_swap() -> None:
    """Each truth is split evenly over both tracks: 3 of 9 frames of a pair are shared twice."""
    one, other = square(2, 30, ids=square(1, 5)), square(1, 30, ids=square(2, 5))
    scores = score_tracks([one] * 6, [one] * 3 + [other] * 3)
    check(scores, det_a=1, ass_a=1 / 3, hota=3**-0.5, idf1=0.5, id_switches=2, mota=1 - 2 / 12)


def test_sequences_together_count_every_mask_alike() -> None:
    good = score_tracks(STILL, STILL)
    bad = score_tracks(STILL, [nothing()] * 10)
    check(bad, hota=0, idf1=0, mota=0)
    scores = together([good, bad])
    check(scores, det_a=0.5, ass_a=1, hota=0.5**0.5, idf1=2 / 3, mota=0.5)
    assert (scores.num_truth, scores.num_found) == (20, 10)
    check(together([good]), hota=1, mota=1)


def test_nothing_at_all_scores_zero_and_says_so() -> None:
    for frames in (0, 3):
        scores = score_tracks([nothing()] * frames, [nothing()] * frames)
        check(scores, hota=0, idf1=0, mota=0, num_truth=0, num_found=0)
    with pytest.raises(ValueError, match='no sequence'):
        together([])


def test_numbers_are_plain() -> None:
    numbers = score_tracks(STILL, STILL).numbers()
    assert numbers['hota'] == 1.0
    assert {type(value) for value in numbers.values()} == {int, float}


def test_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match='expected 10'):
        score_tracks(STILL, STILL[:9])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tracking._metrics.cache_clear()
    hidden: Any = None
    monkeypatch.setitem(sys.modules, 'trackeval', hidden)
    with pytest.raises(MissingDependencyError, match='pip install --no-deps trackeval'):
        tracking.require_trackeval()
    tracking._metrics.cache_clear()
