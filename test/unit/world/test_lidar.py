"""Scans: where surfaces are, and how a turn smears what moves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.lidar import POINT, Lidar
from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.scene import Array, Motion, Solid
from test.unit.world.scenes import GREY, see, stage_of, thing, wall

LIDAR = Lidar(channels=9, columns=480, noise=0.0, dropout=0.0, at=np.zeros(3))
HERE = standing(0, 0)


def xyz(points: np.ndarray) -> Array:
    return np.stack([points[axis] for axis in 'xyz'], 1).astype(np.float64)


def in_world(points: np.ndarray, body: Motion, start_s: float) -> Array:
    """Compensated: every point by the pose at its own time."""
    out = np.empty((len(points), 3))
    for index, point in enumerate(xyz(points)):
        at, turn = body(start_s + float(points['time'][index]))
        out[index] = at + turn @ (LIDAR.at + point)
    return out


def turning(time_s: float) -> tuple[Array, Array]:
    """10 m/s ahead and 0.6 rad/s to the left."""
    return np.array([10.0 * time_s, 0.0, 0.0]), turn_about(2, 0.6 * time_s)


@pytest.mark.parametrize('body', [straight((0, 0, 0), 0.0, 10.0), turning])
def test_a_wall_is_straight_only_when_the_motion_is_compensated(body) -> None:
    start_s = 0.4
    points = LIDAR.scan(stage_of(thing('wall', wall(25.0))), body, start_s, rng())
    assert len(points) > 300
    at, turn = body(start_s)
    as_if_at_rest = at + (LIDAR.at + xyz(points)) @ turn.T
    moved = 10.0 * points['time'].astype(np.float64)
    assert np.ptp(as_if_at_rest[:, 0]) > 0.15
    if body is not turning:
        np.testing.assert_allclose(as_if_at_rest[:, 0], 25.0 - moved, atol=1e-4)
    np.testing.assert_allclose(in_world(points, body, start_s)[:, 0], 25.0, atol=1e-4)


def test_things_that_move_are_where_they_are_at_the_time_of_each_point() -> None:
    motion = straight((12, -3, 0), np.pi / 2, 15.0)
    stage = stage_of(thing('ball', Solid('sphere', (1.5,), (0, 0, 0), GREY), motion))
    points = LIDAR.scan(stage, HERE, 0.1, rng())
    assert len(np.unique(points['time'])) > 1
    centres = np.array([motion(0.1 + float(t))[0] for t in points['time']])
    np.testing.assert_allclose(np.linalg.norm(xyz(points) - centres, axis=1), 1.5, atol=1e-4)


def test_a_turn_goes_clockwise_from_behind_within_its_period() -> None:
    shell = Solid('cylinder', (10.0, 20.0), (0, 0, 0), GREY)
    points = LIDAR.scan(stage_of(thing('shell', shell)), HERE, 0.0, rng())
    assert len(points) == LIDAR.channels * LIDAR.columns
    assert (np.diff(points['time']) >= 0).all()
    assert len(np.unique(points['time'])) == LIDAR.sectors
    due_s = np.mod(np.pi - np.arctan2(points['y'], points['x']), 2 * np.pi) / (2 * np.pi) / 10
    due_s[due_s > 0.1 - 1e-6] = 0.0  # straight behind is where a turn begins, not ends
    late_s = due_s - points['time']
    assert late_s.min() > -1e-5
    assert late_s.max() < 0.1 / LIDAR.sectors
    assert (np.unique(points['ring']) == np.arange(9)).all()
    elevation = np.arcsin(points['z'] / np.linalg.norm(xyz(points), axis=1))
    assert elevation[points['ring'] == 0] == pytest.approx(LIDAR.lowest, abs=1e-5)
    assert elevation[points['ring'] == 8] == pytest.approx(LIDAR.highest, abs=1e-5)


def test_ranges_agree_with_the_depth_of_a_camera_at_the_same_place() -> None:
    camera = Camera('camera', 160, 120, 120.0)
    slanted = thing('wall', wall(12.0), standing(0, 0, 0.5))
    box = thing('crate', Solid('box', (0.5, 1.0, 1.0), (6, 1, -0.5), GREY))
    stage = stage_of(slanted, box)
    view = see(stage, camera)
    points = LIDAR.scan(stage, HERE, 0.0, rng())
    optical = xyz(points) @ OPTICAL
    optical, points = optical[optical[:, 2] > 1], points[optical[:, 2] > 1]
    u, v = ((camera.matrix @ optical.T)[:2] / optical[:, 2]).astype(np.float32)
    # 1 / depth is linear in the pixels of a plane, so that interpolation is exact.
    nearness = cv2.remap(1 / view.depth, u, v, cv2.INTER_LINEAR).reshape(-1)
    inside = (u > 1) & (u < 158) & (v > 1) & (v < 118)
    u, v, points, depth = u[inside], v[inside], points[inside], optical[inside, 2]
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    around = np.stack([view.ids[top + dv, left + du] for dv in (0, 1) for du in (0, 1)])
    same = (around == points['instance']).all(0)
    assert {1, 2} <= set(points['instance'][same].tolist())
    assert same.sum() > 300
    error_m = np.abs(1 / nearness[inside][same] - depth[same])
    assert np.median(error_m) < 1e-3
    assert (error_m < 5e-3).mean() > 0.97  # the rest lies across an edge of the box


def test_noise_and_lost_points_are_as_many_as_said() -> None:
    stage = stage_of(thing('shell', Solid('cylinder', (10.0, 20.0), (0, 0, 0), GREY)))
    flat = replace(LIDAR, channels=2, lowest=0.0, highest=0.0)
    noisy = replace(flat, noise=0.05, dropout=0.25).scan(stage, HERE, 0.0, rng())
    assert len(noisy) == pytest.approx(0.75 * 960, abs=50)
    assert np.linalg.norm(xyz(noisy), axis=1).std() == pytest.approx(0.05, rel=0.15)
    near = replace(flat, reach=9.0).scan(stage, HERE, 0.0, rng())
    assert len(near) == 0
    assert near.dtype == POINT


def test_intensity_falls_with_the_angle_of_the_beam() -> None:
    points = LIDAR.scan(stage_of(thing('wall', wall(5.0))), HERE, 0.0, rng())
    straight_on = np.abs(points['y']) < 0.3
    aside = np.abs(points['y']) > 8
    assert points['intensity'][straight_on].min() > 1.5 * points['intensity'][aside].max()
    assert points['intensity'].max() <= 255


def test_equal_seeds_give_equal_scans() -> None:
    lidar, stage = replace(LIDAR, noise=0.02, dropout=0.1), stage_of(thing('wall', wall(5.0)))
    first, second, other = (
        lidar.scan(stage, HERE, 0.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.tobytes() == second.tobytes() != other.tobytes()


def rng() -> np.random.Generator:
    return np.random.default_rng(0)
