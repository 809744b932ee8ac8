"""A robot that looks around in a room: inside, beside things, slow and smooth."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.robot import robot_path
from mm_perception.world.room import make_room

TIMES_S = np.arange(-0.5, 40.0, 0.1)


@pytest.mark.parametrize('seed', range(4))
def test_it_stays_where_there_is_space_and_turns_slowly(seed) -> None:
    scene = make_room(seed)
    path = robot_path(scene, seed)
    at = np.array([path(float(time_s))[0] for time_s in TIMES_S])
    turns = np.array([path(float(time_s))[1] for time_s in TIMES_S])
    inside = np.array(scene.ground[0][1].size[:2]) - 0.3
    assert (np.abs(at[:, :2]) < inside).all()
    assert (at[:, 2] == 0).all()
    assert 0.05 < np.ptp(at[:, 0]) < 0.3
    assert np.linalg.norm(np.diff(at, axis=0), axis=1).max() < 0.1 * 0.15
    yaw = np.unwrap(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    assert 0.8 < np.ptp(yaw) < 1.8
    assert np.abs(np.diff(yaw)).max() < 0.1 * 0.35
    for thing in scene.things:
        if not thing.joints:  # who walks may come near
            away = np.linalg.norm(at[:, :2] - thing.pose(0.0)[0][:2], axis=1)
            assert away.min() > 0.3, thing.kind


def test_other_seeds_look_around_otherwise() -> None:
    scene = make_room(3)
    first, again, other = (robot_path(scene, seed)(2.0) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
