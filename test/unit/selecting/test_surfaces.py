"""Seen sides of things."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.selecting.surfaces import points_by_id, surface_of, thickest_pixel
from test.unit.geometry.test_rays import info


def board(tilt: float, spacing: float, noise_m: float = 0.0) -> np.ndarray:
    """Points of a board around (0, 0, 2), turned about its upright axis."""
    x, y = np.meshgrid(np.arange(-0.4, 0.4, spacing), np.arange(-0.3, 0.3, spacing))
    rng = np.random.default_rng(1)
    z = 2 + x * np.tan(tilt) + rng.normal(0, noise_m, x.shape)
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def mask() -> np.ndarray:
    found = np.zeros((240, 320), bool)
    found[60:180, 80:240] = True
    return found


@pytest.mark.parametrize('tilt', [0.0, 0.5, -0.9])
def test_the_middle_is_on_the_plane_and_the_normal_comes_back(tilt: float) -> None:
    surface = surface_of(mask(), board(tilt, 0.02), info())
    assert surface is not None
    np.testing.assert_allclose(surface.middle, [0, 0, 2], atol=0.01)
    np.testing.assert_allclose(surface.normal, [np.sin(tilt), 0, -np.cos(tilt)], atol=1e-3)


def test_noise_and_things_behind_do_not_carry_it_away() -> None:
    points = board(0.3, 0.02, noise_m=0.02)
    points[::7, 2] += 2.0  # seen past the edge of a mask that is too wide
    surface = surface_of(mask(), points, info())
    assert surface is not None
    np.testing.assert_allclose(surface.middle, [0, 0, 2], atol=0.01)


def test_a_few_points_of_a_scan_are_enough() -> None:
    surface = surface_of(mask(), board(0.4, 0.15), info())
    assert surface is not None
    np.testing.assert_allclose(surface.middle, [0, 0, 2], atol=0.01)
    assert surface_of(mask(), board(0.4, 0.15)[:2], info()) is None
    assert surface_of(np.zeros((240, 320), bool), board(0.4, 0.15), info()) is None


def test_points_belong_to_the_mask_that_they_fall_on() -> None:
    id_map = np.zeros((240, 320), np.uint16)
    id_map[:, 100:200] = 7
    points = np.array([[0, 0, 2.0], [1.5, 0, 2.0], [0, 0, -1.0], [0.6, 0, 2.0]])
    found = points_by_id(points, info(), id_map)
    assert found.keys() == {7}
    np.testing.assert_allclose(found[7], points[:1])


def test_convention_thickest_pixel() -> None:
    found = np.zeros((50, 90), bool)
    found[20:24, 5:80] = True  # a long handle
    found[10:31, 10:31] = True
    np.testing.assert_allclose(thickest_pixel(found), [20, 20], atol=1.5)


def test_a_moved_surface_turns() -> None:
    surface = surface_of(mask(), board(0.0, 0.02), info())
    assert surface is not None
    turn = np.eye(4)
    turn[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # optical to body axes
    moved = surface.moved(turn)
    np.testing.assert_allclose(moved.middle, [2, 0, 0], atol=0.02)
    np.testing.assert_allclose(moved.normal, [-1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(moved.size, surface.size[[2, 0, 1]])
