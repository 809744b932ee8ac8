"""Skeletons: what they are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.samples import KEYPOINTS, LIMBS, Skeletons


def people(count: int = 2, **changes: object) -> Skeletons:
    fields = {
        'stamp_ns': 7, 'frame_id': 'camera', 'width': 64, 'height': 48,
        'ids': tuple(range(1, count + 1)),
        'points': np.full((count, 17, 2), 5, np.float32),
        'scores': np.full((count, 17), 0.5, np.float32),
    }  # fmt: skip
    return Skeletons(**{**fields, **changes})


def test_the_keypoints_are_those_of_coco() -> None:
    assert len(KEYPOINTS) == len(set(KEYPOINTS)) == 17
    assert (KEYPOINTS[0], KEYPOINTS[5], KEYPOINTS[10]) == ('nose', 'left_shoulder', 'right_wrist')


def test_limbs_join_neighbours_and_reach_every_joint_below_the_head() -> None:
    names = {frozenset((KEYPOINTS[a], KEYPOINTS[b])) for a, b in LIMBS}
    assert len(names) == len(LIMBS)
    assert frozenset(('right_elbow', 'right_wrist')) in names
    assert {index for pair in LIMBS for index in pair} == set(range(17))


def test_nobody_is_an_answer() -> None:
    assert len(people(0)) == 0


def test_known_are_joints_with_a_place() -> None:
    points = np.full((1, 17, 2), 5, np.float32)
    points[0, 9] = np.nan
    known = people(1, points=points).known()
    assert not known[0, 9]
    assert known.sum() == 16


def test_arrays_cannot_be_written() -> None:
    with pytest.raises(ValueError, match='read-only'):
        people().points[0, 0, 0] = 1


def half_nan() -> np.ndarray:
    points = np.full((1, 17, 2), 5, np.float32)
    points[0, 3, 1] = np.nan
    return points


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('width', 0, 'Skeletons.width.*at least 1 pixel.*0'),
        ('height', 4.5, 'Skeletons.height.*4.5'),
        ('ids', (1, 2), 'Skeletons.ids.*1 entries.*2'),
        ('ids', (0,), r'Skeletons.ids.*1\.\.65535.*0'),
        ('points', np.zeros((1, 18, 2), np.float32), r'Skeletons.points.*17, 2.*18'),
        ('points', np.zeros((1, 17, 2)), 'Skeletons.points.*float32.*float64'),
        ('points', half_nan(), 'Skeletons.points.*two NaN.*nan'),
        ('points', np.full((1, 17, 2), np.inf, np.float32), 'Skeletons.points.*finite.*inf'),
        ('scores', np.zeros((2, 17), np.float32), 'Skeletons.scores.*1 entries.*2'),
        ('scores', np.full((1, 17), 1.5, np.float32), r'Skeletons.scores.*0\.\.1.*1.5'),
        ('scores', np.full((1, 17), np.nan, np.float32), r'Skeletons.scores.*0\.\.1.*nan'),
    ],
)
def test_what_is_wrong_is_named(field: str, value: object, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        people(1, **{field: value})


def test_two_people_with_one_id_are_refused() -> None:
    with pytest.raises(ShapeError, match=r'unique ids.*\(3, 3\)'):
        people(2, ids=(3, 3))
