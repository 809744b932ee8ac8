"""3D boxes hold what rays meet, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.motion import pacing, standing, straight, turn_about
from mm_perception.world.scene import Part, Scene, Solid, Stage, Thing
from mm_perception.world.things import MAKERS
from mm_perception.world.truth import Box, box_around, boxes_of
from mm_perception.world.variety import Dice
from test.unit.world.scenes import GREY, stage_of, thing

AWAY_M = 400.0


def box(**changes: object) -> Box:
    values = {
        'instance': 1, 'kind': 'car', 'colour': 'red', 'words': (), 'centre': np.zeros(3),
        'size': np.array([4.0, 2.0, 1.5]), 'yaw': 0.0, 'velocity': np.zeros(3),
    }  # fmt: skip
    return Box(**{**values, **changes})


def met_from_all_sides(stage: Stage, around: Box) -> np.ndarray:
    """Points (N, 3) along the axes of a box, from its centre, of what rays meet near it."""
    heading, points = turn_about(2, around.yaw), []
    reach = np.linspace(-0.65, 0.65, 90)
    for axis in range(3):
        for sign in (-1, 1):
            origin = around.centre + heading[:, axis] * sign * AWAY_M
            offsets = np.zeros((len(reach), len(reach), 3))
            others = [i for i in range(3) if i != axis]
            offsets[..., others[0]] = reach[:, None] * around.size[others[0]]
            offsets[..., others[1]] = reach[None] * around.size[others[1]]
            rays = around.centre + offsets.reshape(-1, 3) @ heading.T - origin
            rays /= np.linalg.norm(rays, axis=1, keepdims=True)
            hits = stage.cast(origin, rays)
            met = np.isfinite(hits.distance)
            found = origin + rays[met] * hits.distance[met, None]
            points.append((found - around.centre) @ heading)
    return np.concatenate(points)


@pytest.mark.parametrize('kind', sorted(MAKERS))
def test_a_box_is_as_large_as_what_rays_meet(kind) -> None:
    made = MAKERS[kind](Dice(7), 'red', straight((3.0, -2.0, 0.1), 0.7, 1.5))
    stage = Stage(Scene([made]))
    (around,) = boxes_of(stage, 0.4)
    points = met_from_all_sides(stage, around)
    assert (np.abs(points) <= around.size / 2 + 0.01).all()
    missing = around.size - (points.max(0) - points.min(0))
    assert (missing < 0.02 + 0.06 * around.size).all()
    assert around.yaw == pytest.approx(0.7)
    assert around.name == f'red {kind}'


def test_only_what_is_low_counts_if_asked() -> None:
    trunk, crown = (
        Solid('cylinder', (0.2, 1.5), (0, 0, 1.5), GREY), Solid('sphere', (1.0,), (0, 0, 4), GREY),
    )  # fmt: skip
    tree = Thing('tree', '', (2, 2, 5), [Part([trunk, crown], standing(1, 1))])
    stage = Stage(Scene([tree]))
    np.testing.assert_allclose(box_around(stage, tree, 0.0).size, [2, 2, 5])
    np.testing.assert_allclose(box_around(stage, tree, 0.0, below=2.0).size, [0.4, 0.4, 3])


def test_velocity_is_that_of_the_motion() -> None:
    ball = Solid('sphere', (0.3,), (0, 0, 0.3), GREY)
    yaw, speed = 0.6, 2.5
    stage = stage_of(
        thing('ball', ball, straight((0, 0, 0), yaw, speed)), thing('ball', ball, standing(5, 5)),
        thing('ball', ball, pacing((0, 9), 0.0, 1.0, 0.8)),
    )  # fmt: skip
    moving, still, paces = boxes_of(stage, 1.0)
    np.testing.assert_allclose(moving.velocity, [speed * np.cos(yaw), speed * np.sin(yaw), 0])
    np.testing.assert_allclose(moving.centre[:2], moving.velocity[:2], atol=1e-9)
    np.testing.assert_array_equal(still.velocity, 0)
    np.testing.assert_allclose(paces.velocity, [0.8, 0, 0], atol=1e-9)


def test_limbs_do_not_shake_the_velocity_of_a_person() -> None:
    walker = MAKERS['cyclist'](Dice(1), 'blue', straight((0, 0, 0), 0.0, 4.0))
    stage = Stage(Scene([walker]))
    for time_s in np.linspace(0, 1, 7):
        np.testing.assert_allclose(boxes_of(stage, time_s)[0].velocity, [4, 0, 0], atol=1e-9)


def test_convention_a_frame_turned_left_sees_the_box_turned_right() -> None:
    here = box(centre=np.array([10.0, 5.0, 0.0]), velocity=np.array([3.0, 0.0, 0.0]))
    seen = here.seen_from(np.array([10.0, 0.0, 0.0]), turn_about(2, np.pi / 2))
    np.testing.assert_allclose(seen.centre, [5, 0, 0], atol=1e-12)
    assert seen.yaw == pytest.approx(-np.pi / 2)
    np.testing.assert_allclose(seen.velocity, [0, -3, 0], atol=1e-12)


def test_corners_and_distance() -> None:
    turned = box(centre=np.array([1.0, 2.0, 3.0]), yaw=np.pi / 2)
    np.testing.assert_allclose(turned.corners().max(0), [2, 4, 3.75])
    np.testing.assert_allclose(turned.corners().min(0), [0, 0, 2.25], atol=1e-9)
    assert turned.distance(np.array([1.5, 3.0])) == 0
    assert turned.distance(np.array([1.0, 9.0])) == pytest.approx(5)
    assert turned.distance(np.array([5.0, 8.0])) == pytest.approx(5)  # 3 and 4 from a corner
