"""Measures of boxes and tracks in space, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.evaluation.boxes3d import (
    average_precision,
    detection_score,
    score_boxes,
    size_iou,
)
from mm_perception.evaluation.tracks3d import Counts, score_tracks3d
from mm_perception.samples import Boxes3D, quats_of_yaws


def boxes(*rows: tuple[float, float], **more) -> Boxes3D:
    """Boxes at x with a score each; more: ids, labels, yaw, speed, size."""
    num = len(rows)
    xs, scores = np.array(rows, np.float64).reshape(-1, 2).T
    centres = np.zeros((num, 3))
    centres[:, 0] = xs
    velocities = np.zeros((num, 3))
    velocities[:, 0] = more.get('speed', 0.0)
    return Boxes3D(
        stamp_ns=0, frame_id='map', centres=centres,
        sizes=np.tile(more.get('size', (4.0, 2.0, 1.5)), (num, 1)),
        quats_xyzw=quats_of_yaws(np.full(num, more.get('yaw', 0.0))),
        scores=scores.astype(np.float32), labels=more.get('labels', ('car',) * num),
        track_ids=more.get('ids', tuple(map(str, range(num)))), velocities=velocities,
    )  # fmt: skip


def test_average_precision_by_hand() -> None:
    # Two of two found, the surer first: 1 at every recall.
    assert average_precision(np.array([True, True]), 2) == pytest.approx(1.0)
    # One of two found: precision 1 up to the recall 0.5, then 0. Recalls 0.11 ... 0.50 are 40 of
    # the 90 above 0.1.
    assert average_precision(np.array([True]), 2) == pytest.approx(40 / 90)
    assert average_precision(np.array([False, False]), 2) == 0
    assert average_precision(np.array([], bool), 2) == 0
    # A false box before the only true one: recall 0 with precision 0, recall 1 with 1/2; between
    # them precision rises with recall: r / 2. Mean of max(0, r / 2 - 0.1) over 0.11 ... 1.
    recalls = np.arange(11, 101) / 100
    expected = np.maximum(recalls / 2 - 0.1, 0).mean() / 0.9
    assert average_precision(np.array([False, True]), 1) == pytest.approx(expected)


def test_perfect_boxes() -> None:
    truth = boxes((0, 1), (10, 1), speed=3.0)
    scores = score_boxes([(truth, truth)] * 3)
    assert (scores.mean_ap, scores.nds) == (pytest.approx(1), pytest.approx(1))
    assert set(scores.errors.values()) == {0.0}


def test_a_box_counts_only_where_it_is_near_enough() -> None:
    truth = boxes((0, 1))
    scores = score_boxes([(truth, boxes((1.5, 0.9)))]).classes['car']
    assert scores.ap == {0.5: 0.0, 1.0: 0.0, 2.0: pytest.approx(1), 4.0: pytest.approx(1)}
    assert scores.errors['translation'] == pytest.approx(1.5)


def test_errors_by_hand() -> None:
    truth = boxes((0, 1), speed=3.0)
    found = boxes((0.5, 1), speed=1.0, yaw=0.25, size=(2.0, 2.0, 1.5))
    scores = score_boxes([(truth, found)])
    assert scores.errors == {
        'translation': pytest.approx(0.5), 'scale': pytest.approx(0.5),
        'orientation': pytest.approx(0.25), 'velocity': pytest.approx(2.0),
    }  # fmt: skip
    # At 0.5 m it is not below the distance, so AP is 0 there: mAP 3/4. Velocity counts 1 at most.
    assert scores.mean_ap == pytest.approx(0.75)
    assert scores.nds == pytest.approx((5 * 0.75 + 0.5 + 0.5 + 0.75 + 0) / 9)


def test_errors_are_running_means_over_falling_scores() -> None:
    """Two are found, at 0 m and at 1 m: the mean is 0 up to recall 0.5, then rises to 0.5."""
    truth = boxes((0, 1), (10, 1))
    found = boxes((0, 0.8), (11, 0.4))
    error = score_boxes([(truth, found)]).errors['translation']
    recalls = np.arange(11, 101) / 100
    expected = np.interp(recalls, [0.5, 1.0], [0, 0.5]).mean()
    assert error == pytest.approx(expected, abs=1e-6)


def test_each_truth_is_found_once_by_the_surest() -> None:
    scores = score_boxes([(boxes((0, 1)), boxes((0.1, 0.9), (0, 0.8)))])
    # Precision 1 at 0.11 ... 0.99; at 1.00 the second box counts as false: 1 of 2.
    assert scores.mean_ap == pytest.approx((89 * 0.9 + 0.4) / 90 / 0.9)
    assert scores.errors['translation'] == pytest.approx(0.1)


def test_nothing_found_is_the_worst() -> None:
    scores = score_boxes([(boxes((0, 1)), boxes())])
    assert (scores.mean_ap, scores.nds) == (0, 0)
    assert set(scores.errors.values()) == {1.0}


def test_other_classes_do_not_help_and_extra_classes_do_not_count() -> None:
    scores = score_boxes([(boxes((0, 1)), boxes((0, 1), labels=('bus',)))])
    assert scores.mean_ap == 0
    assert set(scores.classes) == {'car'}


def test_official_weights_with_five_errors() -> None:
    """NDS of the published table: mAP 0.416 and five errors of BEVFormer-base give 0.517."""
    errors = {'ate': 0.673, 'ase': 0.274, 'aoe': 0.372, 'ave': 0.394, 'aae': 0.198}
    assert detection_score(0.416, errors) == pytest.approx(0.517, abs=5e-4)


def test_size_iou_by_hand() -> None:
    assert size_iou(np.array([4.0, 2, 1]), np.array([2.0, 2, 2])) == pytest.approx(4 / 12)
    assert size_iou(np.zeros(3), np.zeros(3)) == 0


def test_truth_without_velocity_is_refused() -> None:
    with pytest.raises(ShapeError, match='velocities'):
        score_boxes([(replace(boxes((0, 1)), velocities=None), boxes())])
    with pytest.raises(ShapeError, match='at least one'):
        score_boxes([(boxes(), boxes((0, 1)))])


def test_motar_by_hand() -> None:
    # 10 in the truth, 8 matched, 1 of them switched, 2 false: 1 - (1 + 2 + 2 - 2) / 8.
    counts = Counts(10, 8, 2, 2, 1, 4.0, 0.0)
    assert counts.motar == pytest.approx(1 - 3 / 8)
    assert counts.mota == pytest.approx(1 - 5 / 10)
    assert Counts(10, 1, 30, 9, 0, 0.0, 0.0).motar == 0


def test_perfect_tracks() -> None:
    drive = [(boxes((i, 1), (50 - i, 1)), boxes((i, 0.9), (50 - i, 0.7))) for i in range(10)]
    scores = score_tracks3d([drive])
    assert (scores.amota, scores.amotp, scores.mota) == (pytest.approx(1), pytest.approx(0), 1)
    assert (scores.switches, scores.false, scores.misses) == (0, 0, 0)


def test_recalls_that_are_never_reached_count_as_the_worst() -> None:
    """Half of the truth is found, 0.5 m off: recalls 0.1 ... 0.5 are 18 of 40."""
    drive = [(boxes((0, 1), (50, 1)), boxes((0.5, 0.9))) for _ in range(10)]
    scores = score_tracks3d([drive])
    reached = int((np.linspace(0.1, 1, 40) <= 0.5 + 1e-9).sum())
    assert reached == 18
    assert scores.amota == pytest.approx(reached / 40)
    assert scores.amotp == pytest.approx((reached * 0.5 + (40 - reached) * 2.0) / 40)
    assert scores.recall == pytest.approx(0.5)


def test_switches_are_counted_and_cost() -> None:
    def track(i: int) -> str:
        return '7' if i < 5 else '8'

    drive = [(boxes((0, 1)), boxes((0, 0.9), ids=(track(i),))) for i in range(10)]
    scores = score_tracks3d([drive])
    assert scores.switches == 1
    assert scores.mota == pytest.approx(0.9)
    assert scores.amota < 1


def test_false_tracks_cost_only_where_they_are_let_in() -> None:
    """A false track that is less sure than the true one: at no recall is it needed."""
    less = [(boxes((0, 1)), boxes((0, 0.9), (30, 0.2))) for _ in range(10)]
    more = [(boxes((0, 1)), boxes((0, 0.9), (30, 0.95))) for _ in range(10)]
    assert score_tracks3d([less]).amota == pytest.approx(1)
    assert score_tracks3d([more]).amota == 0  # one false box per true one: 1 - 10 / 10
    assert score_tracks3d([more]).false == 10


def test_a_pair_goes_on_even_if_another_comes_nearer() -> None:
    drive = [
        (boxes((0, 1)), boxes((0.1, 0.9), ids=('a',))),
        (boxes((0, 1)), boxes((0.5, 0.9), (0.0, 0.9), ids=('a', 'b'))),
    ]
    assert score_tracks3d([drive]).switches == 0


def test_velocity_error_is_a_mean_over_what_is_matched() -> None:
    drive = [(boxes((0, 1), speed=5.0), boxes((0, 0.9), speed=4.5)) for _ in range(4)]
    assert score_tracks3d([drive]).speed_error_mps == pytest.approx(0.5)


def test_names_of_one_drive_are_not_those_of_another() -> None:
    first = [(boxes((0, 1)), boxes((0, 0.9), ids=('1',)))]
    second = [(boxes((0, 1)), boxes((0, 0.9), ids=('2',)))]
    assert score_tracks3d([first, second]).switches == 0
