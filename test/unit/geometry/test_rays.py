"""Rays, pictures and what they hit."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.geometry.rays import (
    Ray,
    depth_in_metres,
    error_in_pixels,
    hit_on_depth,
    hit_on_points,
    path_of,
    pose_along,
    ray_of,
    ray_through,
)
from mm_perception.samples import CameraInfo, Image, Pose

SECOND_NS = 10**9


def info(focal: float = 400.0) -> CameraInfo:
    k = np.array([[focal, 0, 159.5], [0, focal, 119.5], [0, 0, 1]])
    return CameraInfo(
        stamp_ns=SECOND_NS, width=320, height=240, d=np.zeros(5), k=k, r=np.eye(3),
        p=np.hstack([k, np.zeros((3, 1))]),
    )  # fmt: skip


def wall_with_post() -> np.ndarray:
    """A wall at 5 m; a post at 2 m in columns 150 to 170."""
    depth = np.full((240, 320), 5.0)
    depth[:, 150:171] = 2.0
    return depth


@pytest.mark.parametrize(
    ('axis', 'along'), [('x', (1, 0, 0)), ('z', (0, 0, 1)), ('-z', (0, 0, -1))]
)
def test_convention_axes(axis: str, along: tuple[int, int, int]) -> None:
    pose = Pose(stamp_ns=0, position=np.arange(3.0), quat_xyzw=np.array([0, 0, 0, 1.0]))
    ray = ray_of(pose, axis)
    np.testing.assert_allclose(ray.origin, [0, 1, 2])
    np.testing.assert_allclose(ray.direction, along)


def test_a_turned_pose_points_where_it_is_turned() -> None:
    left = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    pose = Pose(stamp_ns=0, position=np.zeros(3), quat_xyzw=left)
    np.testing.assert_allclose(ray_of(pose, 'x').direction, [0, 1, 0], atol=1e-12)


def test_a_ray_through_two_points() -> None:
    ray = ray_through(np.array([1.0, 1, 1]), np.array([1.0, 1, 3]))
    np.testing.assert_allclose(ray.direction, [0, 0, 1])
    with pytest.raises(ShapeError, match='two finite points apart'):
        ray_through(np.ones(3), np.ones(3))


def test_a_moved_ray_turns_and_shifts() -> None:
    transform = np.eye(4)
    transform[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    transform[:3, 3] = [5, 0, 0]
    ray = Ray(np.array([1.0, 0, 0]), np.array([1.0, 0, 0])).moved(transform)
    np.testing.assert_allclose(ray.origin, [5, 1, 0])
    np.testing.assert_allclose(ray.direction, [0, 1, 0])


def test_a_gaze_hits_what_its_pixel_shows() -> None:
    ray = ray_through(np.zeros(3), np.array([0.3, 0.2, 1.0]))
    distance = hit_on_depth(ray, wall_with_post(), info())
    assert distance is not None
    assert ray.at(np.array([distance]))[0, 2] == pytest.approx(5.0, abs=0.01)


def test_a_ray_from_the_side_hits_the_post_or_passes_it() -> None:
    side = np.array([1.0, 0, 0.5])
    at_post = ray_through(side, np.array([0.0, 0, 2.0]))
    distance = hit_on_depth(at_post, wall_with_post(), info())
    assert distance == pytest.approx(np.hypot(1.0, 1.5), abs=0.02)
    # Behind the post, where the camera cannot see, and then on to the wall.
    behind = ray_through(side, np.array([0.0, 0, 3.0]))
    distance = hit_on_depth(behind, wall_with_post(), info())
    assert distance is not None
    assert behind.at(np.array([distance]))[0, 2] == pytest.approx(5.0, abs=0.02)


def test_what_nobody_sees_is_not_hit() -> None:
    away = ray_through(np.zeros(3), np.array([0.0, 0, -1]))
    assert hit_on_depth(away, wall_with_post(), info()) is None
    unknown = np.full((240, 320), np.nan)
    assert hit_on_depth(ray_through(np.zeros(3), np.array([0, 0, 1.0])), unknown, info()) is None


def test_of_points_the_nearest_within_the_angle_is_hit() -> None:
    ray = Ray(np.zeros(3), np.array([0.0, 0, 1]))
    points = np.array([[0, 0.01, 4.0], [0, 0.02, 3.0], [0, 0.5, 2.0], [0, 0, -1.0]])
    assert hit_on_points(ray, points, np.radians(1)) == pytest.approx(3.0)
    assert hit_on_points(ray, points[2:], np.radians(1)) is None
    assert hit_on_points(ray, points[:0], np.radians(1)) is None


def test_convention_error_in_pixels() -> None:
    own = Ray(np.zeros(3), np.array([0.0, 0, 1]))
    assert error_in_pixels(own, 2.0, info(), np.radians(1)) == pytest.approx(6.98, abs=0.01)
    nearer = Ray(np.array([0.0, 0, 1]), np.array([0.0, 0, 1]))
    assert error_in_pixels(nearer, 1.0, info(), np.radians(1)) == pytest.approx(3.49, abs=0.01)


def test_the_path_of_a_gaze_is_one_pixel_and_that_of_a_hand_is_not() -> None:
    gaze, _ = path_of(ray_through(np.zeros(3), np.array([0.1, 0, 1.0])), info())
    assert np.ptp(gaze, axis=0).max() < 1e-6
    hand, distances = path_of(ray_through(np.array([0.3, 0.3, 0]), np.array([0, 0, 3.0])), info())
    assert np.ptp(hand[:, 0]) > 50
    assert (np.diff(distances) > 0).all()


def test_depth_in_metres() -> None:
    millimetres = Image(stamp_ns=0, data=np.array([[1500]], np.uint16), encoding='16UC1')
    assert depth_in_metres(millimetres)[0, 0] == pytest.approx(1.5)


@pytest.mark.parametrize('towards', [(1, 2, 3), (0, 1, 0), (0, 0, 1), (0, 0, -2), (-1, 0, 0.1)])
def test_a_pose_along_a_ray_points_where_the_ray_does(towards: tuple[float, ...]) -> None:
    ray = ray_through(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]) + towards)
    pose = pose_along(ray, 7, 'room')
    assert (pose.stamp_ns, pose.frame_id) == (7, 'room')
    again = ray_of(pose, 'x')
    np.testing.assert_allclose(again.origin, ray.origin)
    np.testing.assert_allclose(again.direction, ray.direction, atol=1e-9)


def test_a_pose_along_a_ray_is_upright() -> None:
    pose = pose_along(Ray(np.zeros(3), np.array([0.0, 1.0, 0.0])), 0, 'room')
    np.testing.assert_allclose(pose.quat_xyzw, [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-9)
