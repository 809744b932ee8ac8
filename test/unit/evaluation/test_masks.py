"""Overlap and outline of masks, against counts by hand and against the code of DAVIS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.evaluation.masks import (
    boundary_accuracy,
    instance_ious,
    mask_iou,
    mean_iou,
    outline,
    pair_ious,
    score_object,
    score_objects,
)
from test.unit.evaluation.shapes import nothing, square


def ellipse(x: float, y: float, width: float, height: float) -> Any:
    rows, columns = np.mgrid[:96, :128]
    return ((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 <= 1


EMPTY = np.zeros((96, 128), bool)
TRUTH = [ellipse(40 + 5 * t, 50, 20, 14) for t in range(5)]
TRUTH += [ellipse(120, 90, 20, 14), EMPTY, ellipse(60, 40, 30, 30)]
FOUND = [ellipse(42 + 5 * t, 49, 19 + t, 14 - t) for t in range(5)]
FOUND += [ellipse(118, 88, 20, 15), EMPTY, EMPTY]
# JAndF._compute_j and _compute_f of TrackEval 1.3.0 (adapted from davis2017-evaluation) on the
# masks above, with bound_th=0.008 and scikit-image 0.26.
DAVIS_J = [0.850488, 0.838428, 0.804772, 0.758621, 0.699039, 0.803082, 1.0, 0.0]
DAVIS_F = [0.847659, 0.8694, 0.724558, 0.637704, 0.485504, 0.350554, 1.0, 0.0]


@pytest.mark.parametrize(
    ('left', 'iou'), [(10, 1.0), (16, 72 / 216), (22, 0.0)], ids=['same', 'half', 'apart']
)
def test_iou_of_shifted_squares(left: int, iou: float) -> None:
    assert mask_iou(square(1, 10) > 0, square(1, left) > 0) == pytest.approx(iou)


def test_two_empty_masks_agree_and_one_does_not() -> None:
    assert mask_iou(nothing() > 0, nothing() > 0) == 1.0
    assert mask_iou(nothing() > 0, square(1, 3) > 0) == 0.0
    assert boundary_accuracy(nothing() > 0, nothing() > 0) == 1.0
    assert boundary_accuracy(nothing() > 0, square(1, 3) > 0) == 0.0


def test_pairs_are_compared_whatever_their_numbers() -> None:
    truth = square(7, 30, ids=square(3, 2))
    found = square(900, 36, ids=square(65535, 2))
    truth_ids, found_ids, ious = pair_ious(truth, found)
    assert (truth_ids.tolist(), found_ids.tolist()) == ([3, 7], [900, 65535])
    np.testing.assert_allclose(ious, [[0, 1], [72 / 216, 0]])


def test_pairs_of_an_empty_map_have_no_rows() -> None:
    assert pair_ious(nothing(), square(4, 2))[2].shape == (0, 1)
    assert pair_ious(nothing(), nothing())[2].shape == (0, 0)


def test_mean_over_instances_of_the_truth() -> None:
    truth = square(7, 30, ids=square(3, 2))
    found = square(9, 30, ids=square(3, 2))
    assert instance_ious(truth, found) == {3: 1.0, 7: 0.0}
    assert mean_iou(truth, found) == 0.5
    assert np.isnan(mean_iou(nothing(), found))


def test_outline_is_that_of_davis() -> None:
    mask = np.zeros((6, 6), bool)
    mask[2:4, 2:4] = True
    rows, columns = np.nonzero(outline(mask))
    pixels = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert pixels == {(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3)}


def test_region_and_boundary_are_those_of_davis() -> None:
    score = score_object(TRUTH, FOUND, skip=(0, 0))
    np.testing.assert_allclose(score.region, DAVIS_J, atol=1e-6)
    np.testing.assert_allclose(score.boundary, DAVIS_F, atol=1e-6)
    assert score.j == pytest.approx(np.mean(DAVIS_J), abs=1e-6)
    assert score.j_and_f == pytest.approx(np.mean(DAVIS_J + DAVIS_F), abs=1e-6)


def test_first_and_last_frame_do_not_count() -> None:
    score = score_object(TRUTH, FOUND)
    np.testing.assert_allclose(score.region, DAVIS_J[1:-1], atol=1e-6)


def test_an_outline_may_be_off_by_the_tolerance() -> None:
    truth, found = square(1, 10) > 0, square(1, 11) > 0
    assert boundary_accuracy(truth, found) == 1.0  # 0.008 of the diagonal is one pixel here
    assert boundary_accuracy(truth, square(1, 13) > 0) < 0.8
    assert boundary_accuracy(truth, square(1, 13) > 0, tolerance=0.04) == 1.0


def test_objects_of_a_video_are_scored_one_by_one() -> None:
    truth = [square(2, 40, ids=square(1, t)) for t in range(4)]
    found = [square(1, t) for t in range(4)]
    scores = score_objects(truth, found)
    assert {number: score.j for number, score in scores.items()} == {1: 1.0, 2: 0.0}


@pytest.mark.parametrize(
    ('truth', 'found', 'named'),
    [
        ([EMPTY] * 3, [EMPTY] * 2, 'frames found: expected 3'),
        ([EMPTY] * 2, [EMPTY] * 2, 'more than 2 frames'),
        ([EMPTY] * 3, [EMPTY[:4]] * 3, r'\(96, 128\), got \(4, 128\)'),
    ],
)
def test_what_cannot_be_compared_is_refused(truth: Any, found: Any, named: str) -> None:
    with pytest.raises(ShapeError, match=named):
        score_object(truth, found)
