"""Which rectangle is pointed at."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.geometry.rays import ray_through
from mm_perception.selecting.pointing import (
    Sight,
    Votes,
    pointed_shares,
    pointed_shares_in_space,
)
from test.unit.selecting.things import masks_of

WALL = {'sofa': (0, 20, 150, 100), 'cup': (70, 50, 76, 56)}


def shares(x: float, y: float, error: float) -> dict[int, float]:
    return pointed_shares(masks_of(WALL), [Sight(np.array([x, y]), error)])


def test_convention_a_steady_ray_hits_what_is_under_it() -> None:
    assert shares(73, 53, 0.5)[2] > 0.99
    assert shares(20, 60, 0.5)[1] > 0.7
    assert max(shares(190, 5, 2.0).values()) < 1e-3


def test_a_small_thing_is_not_swallowed_by_a_large_one() -> None:
    beside = shares(79, 53, 4.0)  # 3 px off the cup, on the sofa
    assert beside[2] > beside[1]
    assert shares(95, 53, 4.0)[1] > shares(95, 53, 4.0)[2]


def test_only_what_comes_into_question_counts() -> None:
    found = pointed_shares(masks_of(WALL), [Sight(np.array([73.0, 53]), 2.0)], among=[1])
    assert found.keys() == {1}


def test_of_a_path_the_best_pixel_counts() -> None:
    path = [Sight(np.array([float(x), 5]), 1.0) for x in (5, 190)]
    path.append(Sight(np.array([73.0, 53]), 1.0))
    assert pointed_shares(masks_of(WALL), path)[2] > 0.9


def test_a_pixel_outside_of_the_picture_is_survived() -> None:
    assert max(shares(-500, 20, 3.0).values()) == 0.0


def test_votes_are_those_of_the_utterance() -> None:
    votes = Votes(10.0)
    for second, meant in enumerate([1, 1, 2, 2, 2, 1]):
        votes.add(second * 10**9, {meant: 0.9, 3 - meant: 0.05})
    assert votes.winner(2 * 10**9, 4 * 10**9, 0.5) == (2, pytest.approx(0.9))
    assert votes.winner(0, 5 * 10**9, 0.5) is None
    assert votes.winner(0, 5 * 10**9, 0.4) == (1, pytest.approx(0.475))
    assert votes.winner(2 * 10**9, 4 * 10**9, 0.04, among=[1]) == (1, pytest.approx(0.05))


def test_what_is_long_ago_is_forgotten() -> None:
    votes = Votes(1.0)
    votes.add(0, {1: 1.0})
    votes.add(3 * 10**9, {2: 1.0})
    assert votes.winner(0, 10**8, 0.5) == (2, 1.0)  # the nearest that is left
    votes.clear()
    assert votes.winner(0, 10**9, 0.0) is None


def test_in_space_the_angle_at_the_hand_counts() -> None:
    """A hand that just misses a thing in front still means it, not what its ray then meets."""
    grid = np.stack(np.meshgrid(np.arange(-0.1, 0.11, 0.02), np.arange(-0.1, 0.11, 0.02)), -1)
    flat = grid.reshape(-1, 2)
    cup = np.column_stack([flat, np.full(len(flat), 1.0)])
    sofa = np.column_stack([flat * 10 + [2.0, 0], np.full(len(flat), 5.0)])
    ray = ray_through(np.array([-0.3, 0, 0]), np.array([0.12, 0, 1.0]))
    shares = pointed_shares_in_space({1: cup, 2: sofa}, ray, np.radians(2), 1.5)
    assert shares[1] > 0.5 > shares[2]
    at_sofa = ray_through(np.array([-0.3, 0, 0]), np.array([2.0, 0, 5.0]))
    assert pointed_shares_in_space({1: cup, 2: sofa}, at_sofa, np.radians(2), 1.5)[2] > 0.5
    up = ray_through(np.zeros(3), np.array([0.0, -1, 0.2]))
    assert max(pointed_shares_in_space({1: cup, 2: sofa}, up, np.radians(2), 1.5).values()) < 0.01
    assert pointed_shares_in_space({}, up, np.radians(2), 1.5) == {}
