"""Boxes of known things, from their outline and the points a scanner would get of them."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.geometry.lifting import Lifted, lift, typical_size
from test.unit.geometry.boxes import CAR, INFO, UP, seen_box


def place(found: tuple[Lifted, np.ndarray] | None) -> tuple[np.ndarray, float]:
    """Centre (ahead, left, up) and yaw in the axes of the level camera."""
    assert found is not None
    thing, axes = found
    right, down, ahead = axes.T @ thing.centre
    heading = axes.T @ np.array([np.cos(thing.yaw), np.sin(thing.yaw), 0.0])
    return np.array([ahead, -right, -down]), float(np.arctan2(-heading[0], heading[2]))


def turned_by(a: float, b: float) -> float:
    """Angle between two headings whose front cannot be told from their back, degrees."""
    return float(np.degrees(np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)))


@pytest.mark.parametrize('yaw_deg', [0.0, 25.0, 60.0, 90.0, 135.0])
@pytest.mark.parametrize('left', [-4.0, 0.0, 3.0])
def test_a_car_is_where_it_is_however_it_is_turned(yaw_deg: float, left: float) -> None:
    yaw = np.radians(yaw_deg)
    mask, points = seen_box(14.0, left, yaw, CAR)
    found = lift(mask, INFO, points, UP, CAR)
    centre, heading = place(found)
    np.testing.assert_allclose(centre[:2], [14.0, left], atol=0.25)
    assert centre[2] == pytest.approx(CAR[2] / 2 - 1, abs=0.15)
    assert turned_by(heading, yaw) < 4
    assert found is not None
    np.testing.assert_allclose(found[0].size, CAR, rtol=0.15)


@pytest.mark.parametrize('yaw_deg', [0.0, 30.0, 90.0])
def test_the_covariance_covers_the_error(yaw_deg: float) -> None:
    for size in ((3.9, 1.7, 1.5), (5.2, 2.1, 1.9)):
        for typical in (CAR, None):
            mask, points = seen_box(14.0, 2.0, np.radians(yaw_deg), size)
            found = lift(mask, INFO, points, UP, typical)
            assert found is not None
            thing, axes = found
            error = axes @ np.array([-2.0, 1 - size[2] / 2, 14.0]) - thing.centre
            assert error @ np.linalg.solve(thing.covariance, error) < 7.8  # 95 % of chi square


def test_what_nothing_shows_is_less_sure_without_a_usual_size() -> None:
    mask, points = seen_box(14.0, 0.0, 0.0, CAR)
    known, unknown = (lift(mask, INFO, points, UP, typical) for typical in (CAR, None))
    assert known is not None
    assert unknown is not None
    assert unknown[0].covariance[0, 0] > 2 * known[0].covariance[0, 0]


def test_a_pole_with_few_points_keeps_its_place_and_knows_no_heading() -> None:
    mask, points = seen_box(10.0, 1.0, 0.0, (0.3, 0.3, 1.0), step=0.15)
    found = lift(mask, INFO, points[::2][:6], UP)
    centre, _ = place(found)
    np.testing.assert_allclose(centre[:2], [10.0, 1.0], atol=0.2)
    assert found is not None
    assert found[0].yaw_variance > 0.8


def test_what_is_seen_through_or_behind_it_does_not_count() -> None:
    mask, points = seen_box(14.0, 0.0, np.radians(30), CAR)
    wall = np.array([[x, y, 30.0] for x in np.arange(-4, 4, 0.3) for y in (-0.4, 0.2)])
    alone = place(lift(mask, INFO, points, UP, CAR))[0]
    behind = place(lift(mask, INFO, np.concatenate([points, wall]), UP, CAR))[0]
    np.testing.assert_allclose(behind, alone, atol=0.05)


def test_what_the_border_of_the_picture_cuts_is_less_sure() -> None:
    whole = lift(*_mask_and_points(0.0), UP, CAR)
    cut = lift(*_mask_and_points(9.0), UP, CAR)
    assert whole is not None
    assert cut is not None
    assert cut[0].covariance[1, 1] > 4 * whole[0].covariance[1, 1]


def _mask_and_points(left: float) -> tuple:
    mask, points = seen_box(12.0, left, np.radians(90), CAR)
    return mask, INFO, points


def test_too_few_points_are_no_thing() -> None:
    mask, points = seen_box(14.0, 0.0, 0.0, CAR)
    assert lift(mask, INFO, points[:2], UP) is None
    aside = points + np.array([50.0, 0.0, 0.0])
    assert lift(mask, INFO, aside, UP) is None
    assert lift(mask, INFO, np.zeros((0, 3)), UP) is None


def test_the_last_word_that_names_a_size_counts() -> None:
    assert typical_size('the red car') == CAR
    assert typical_size('a bus driver, a person') == typical_size('pedestrian')
    assert typical_size('traffic_cone') == typical_size('cone')
    assert typical_size('a lamp') is None
