"""Casting rays: what is left out for speed must not change what is met."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world import scene
from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.scene import Part, Scene, Solid, Stage, Thing
from mm_perception.world.street import make_street
from test.unit.world.scenes import GREY, stage_of, thing


@pytest.fixture(scope='module')
def street() -> Stage:
    stage = Stage(make_street(5))
    stage.set_time(1.3)
    return stage


def camera_rays() -> np.ndarray:
    return Camera('camera', 60, 34, 40.0).rays() @ (turn_about(2, 0.4) @ OPTICAL).T


def all_around() -> np.ndarray:
    """No two neighbours look the same way, so that bundles are as wide as can be."""
    rays = np.random.default_rng(2).standard_normal((1500, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.parametrize('rays', [camera_rays, all_around])
@pytest.mark.parametrize('origin', [(0, -1.7, 1.5), (10, 4.0, 0.1), (0, 0, 60.0), (3, 2, 0.35)])
def test_bundles_leave_out_nothing(street, rays, origin, monkeypatch) -> None:
    directions, at = rays(), np.array(origin, np.float64)
    culled = street.cast(at, directions)
    monkeypatch.setattr(
        scene._Bundles, 'near', lambda self, block, origin: np.arange(len(directions))
    )
    brute = street.cast(at, directions)
    assert (brute.geom >= 0).sum() > 300
    np.testing.assert_array_equal(culled.geom, brute.geom)
    np.testing.assert_array_equal(culled.distance, brute.distance)
    np.testing.assert_array_equal(culled.normal, brute.normal)


def test_bundles_do_leave_out_much(street) -> None:
    rays = Camera('camera', 320, 180, 200.0).rays() @ OPTICAL.T
    bundles, origin = scene._Bundles(rays), np.array([0, -1.7, 1.5])
    cast = sum(len(bundles.near(block, origin)) for block in street._blocks)
    assert cast < 0.2 * len(street._blocks) * len(rays)


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
