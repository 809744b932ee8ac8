"""Casting rays: what is left out for speed must not change what is met."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.rays import BUNDLE, Bundles
from mm_perception.world.room import make_room
from mm_perception.world.scene import Part, Scene, Solid, Stage, Thing
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.variety import Dice
from test.unit.world.scenes import GREY, stage_of, thing


@pytest.fixture(scope='module')
def street() -> Stage:
    stage = Stage(make_street(5))
    stage.set_time(1.3)
    return stage


@pytest.fixture(scope='module')
def room() -> Stage:
    stage = Stage(make_room(3))
    stage.set_time(0.7)
    return stage


def camera_rays() -> np.ndarray:
    return Camera('camera', 60, 34, 40.0).rays() @ (turn_about(2, 0.4) @ OPTICAL).T


def all_around() -> np.ndarray:
    """No two neighbours look the same way, so that bundles are as wide as can be."""
    rays = np.random.default_rng(2).standard_normal((1500, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.parametrize('rays', [camera_rays, all_around])
@pytest.mark.parametrize(
    ('place', 'origin'),
    [
        ('street', (0, -1.7, 1.5)), ('street', (10, 4.0, 0.1)), ('street', (0, 0, 60.0)),
        ('street', (3, 2, 0.35)), ('room', (-1.5, 1.0, 1.2)), ('room', (0.5, 0.3, 2.4)),
    ],
)  # fmt: skip
def test_bundles_leave_out_nothing(place, origin, rays, request, monkeypatch) -> None:
    stage, directions = request.getfixturevalue(place), rays()
    at = np.array(origin, np.float64)
    culled = stage.cast(at, directions)
    monkeypatch.setattr(
        Bundles, 'near',
        lambda self, bounds, _: [np.arange(len(self.rays))] * len(bounds.radius),
    )  # fmt: skip
    brute = stage.cast(at, directions)
    assert (brute.geom >= 0).sum() > 300
    np.testing.assert_array_equal(culled.geom, brute.geom)
    np.testing.assert_array_equal(culled.distance, brute.distance)
    np.testing.assert_array_equal(culled.normal, brute.normal)


def test_bundles_do_leave_out_much(street) -> None:
    rays = Camera('camera', 320, 180, 200.0).rays() @ OPTICAL.T
    near = Bundles(rays).near(street._bounds, np.array([0, -1.7, 1.5]))
    cast = BUNDLE * sum(len(chosen) for chosen in near)
    assert cast < 0.1 * len(near) * len(rays)


def test_in_a_room_most_rays_are_cast_at_one_wall_only(room) -> None:
    rays = Camera('camera', 64, 64, 60.0).rays().reshape(8, 8, 8, 8, 3).swapaxes(1, 2)
    rays = rays.reshape(-1, 3) @ (turn_about(2, 0.4) @ OPTICAL).T
    near = Bundles(rays).near(room._bounds, np.array([-1.5, 1.0, 1.2]))
    shell = [index for index, block in enumerate(room._blocks)
             if room.kinds[block.own.start] in ('wall', 'floor', 'ceiling')]  # fmt: skip
    assert len(shell) == 6
    bundles = len(rays) / BUNDLE
    assert bundles <= sum(len(near[index]) for index in shell) < 1.7 * bundles


@pytest.mark.parametrize('kind', ['car', 'truck', 'barrier', 'cyclist', 'table'])
def test_what_is_turned_and_moved_is_met_where_mujoco_says(kind) -> None:
    """Against single rays, which MuJoCo casts without any bounds of its own."""
    turn = turn_about(2, 0.8) @ turn_about(1, 0.5) @ turn_about(0, -0.3)
    at, rng = np.array([2.0, -1.0, 0.5]), np.random.default_rng(4)
    made = MAKERS[kind](Dice(2), 'red', lambda time_s: (at + time_s, turn))
    stage = Stage(Scene([made]))
    stage.set_time(1.0)
    origin = np.array([-3.0, 2.0, 1.0])
    aims = rng.normal(0, 0.7, (600, 3)) + at + 1 + turn @ [0, 0, 0.5]
    rays = (aims - origin) / np.linalg.norm(aims - origin, axis=1)[:, None]
    hits = stage.cast(origin, rays)
    assert np.isfinite(hits.distance).sum() > 30
    for ray, distance in zip(rays, hits.distance, strict=True):
        each = [
            mujoco.mj_ray(block.model, block.data, origin, ray, None, 1, -1, np.zeros(1, np.int32))
            for block in stage._blocks
        ]
        met = [float(found) for found in each if found >= 0]
        assert distance == pytest.approx(min(met, default=np.inf))


def test_normals_point_outwards_in_the_world() -> None:
    turned = thing('crate', Solid('box', (1, 1, 1), (0, 0, 0), GREY), standing(5, 0, np.pi / 4))
    hits = stage_of(turned).cast(np.zeros(3), np.array([[1.0, 0.1, 0.0]]) / np.sqrt(1.01))
    np.testing.assert_allclose(hits.normal[0], [-np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-6)


def test_parts_move_with_time() -> None:
    stage = stage_of(
        thing('ball', Solid('sphere', (0.5,), (0, 0, 0), GREY), straight((5, 0, 0), 0.0, 2.0))
    )
    ahead = np.array([[1.0, 0.0, 0.0]])
    for time_s, distance in ((0.0, 4.5), (1.5, 7.5)):
        stage.set_time(time_s)
        assert stage.cast(np.zeros(3), ahead).distance[0] == pytest.approx(distance)
        np.testing.assert_allclose(stage.geom_at[0], [distance + 0.5, 0, 0])


def test_every_solid_knows_its_thing() -> None:
    two = [Solid('sphere', (0.2,), (0, y, 0), GREY) for y in (-1, 1)]
    things = [Thing('pair', 'red', (1, 1, 1), [Part(two)]), thing('one', two[0])]
    stage = Stage(Scene(things, [('floor', Solid('plane', (9, 9, 1), (0, 0, -1), GREY))]))
    assert stage.kinds == ['floor', 'pair', 'pair', 'one']
    assert stage.instances.tolist() == [0, 1, 1, 2]


def test_nothing_there_is_met_nowhere() -> None:
    hits = Stage(Scene()).cast(np.zeros(3), np.array([[0.0, 0.0, 1.0]]))
    assert hits.geom.tolist() == [-1]
    assert np.isinf(hits.distance).all()
