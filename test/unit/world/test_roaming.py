"""Ways: where they lead, and that they are free."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.motion import straight
from mm_perception.world.roaming import Way, roam
from mm_perception.world.scene import Scene, Stage
from mm_perception.world.street import LANE_M, PARKING_M, make_street
from mm_perception.world.truth import Box, boxes_of
from mm_perception.world.variety import Dice, Split

KINDS = (('car', 'van'), ('truck', 'bus'), ('pedestrian',), ('cyclist',), ('cone',))


@pytest.fixture(scope='module')
def street() -> tuple[Scene, list[Box]]:
    scene = make_street(3, Split.TRAIN)
    return scene, boxes_of(Stage(scene), 0.0)


def test_convention_a_quarter_of_a_circle() -> None:
    way = Way((0.0, 0.0), 0.0, np.pi / 2, np.pi / 2)
    np.testing.assert_allclose(way.pose(1.0), (1, 1, np.pi / 2), atol=1e-9)


def test_straight_on_is_the_limit() -> None:
    at, turn = straight((1.0, 2.0, 0.0), 0.6, 4.0)(0.7)
    found_at, found_turn = Way((1.0, 2.0), 0.6, 4.0, 0.0).body(0.7)
    np.testing.assert_allclose(found_at, at, atol=1e-9)
    np.testing.assert_allclose(found_turn, turn, atol=1e-9)


def test_it_moves_where_it_looks_at_its_speed() -> None:
    way = Way((3.0, -1.0), 2.0, 6.0, 0.3)
    before, now, after = (np.array(way.pose(0.5 + step)) for step in (-1e-4, 0, 1e-4))
    velocity, yaw = (after - before)[:2] / 2e-4, float(now[2])
    np.testing.assert_allclose(velocity, 6 * np.array([np.cos(yaw), np.sin(yaw)]), atol=1e-5)
    assert yaw == pytest.approx(2.0 + 0.15)


def test_ways_stay_on_the_road_and_meet_nothing(street) -> None:
    scene, boxes = street
    for seed in range(20):
        way = roam(Dice(seed, Split.TRAIN), scene, boxes, KINDS, 1.0)
        for time_s in (0.0, 0.5, 1.0):
            xy = np.array(way.pose(time_s)[:2])
            assert abs(xy[1]) < LANE_M + PARKING_M
            assert min(b.distance(xy - b.velocity[:2] * time_s) for b in boxes) >= 1.4 - 1e-9


def test_ways_are_not_all_along_the_street(street) -> None:
    ways = [roam(Dice(seed, Split.TRAIN), *street, KINDS, 0.6) for seed in range(80)]
    across = np.mean([abs(np.sin(way.yaw)) > np.sin(0.41) for way in ways])
    back = np.mean([np.cos(way.yaw) < 0 for way in ways])
    assert 0.1 < across < 0.4
    assert 0.25 < back < 0.75
    assert np.std([way.speed for way in ways]) > 1.5
    assert np.std([way.start[1] for way in ways]) > 1.0
