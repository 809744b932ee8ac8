"""Edges of scans and of pictures, and the rotation that brings them together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mm_perception.geometry.alignment import Glimpse, fit_rotation, picture_edges, scan_edges
from mm_perception.geometry.cameras import project
from mm_perception.samples import PointCloud
from mm_perception.world.camera import Camera

INFO = Camera('c', 640, 360, 420.0).info(0)


def ring_scan(*, has_ring: bool = True) -> PointCloud:
    """Four rings at 20 m with a post at 5 m ahead, from -2 to 2 degrees."""
    azimuth = np.radians(np.arange(-180, 180, 0.5))
    rows = []
    for ring, elevation in enumerate(np.radians([-6.0, -2.0, 2.0, 6.0])):
        distance = np.where(np.abs(azimuth) < np.radians(2.1), 5.0, 20.0)
        x, y = distance * np.cos(azimuth), distance * np.sin(azimuth)
        z = distance * np.tan(elevation)
        rows += list(zip(x, y, z, np.full(len(x), ring), strict=True))
    names = ['x', 'y', 'z', 'ring' if has_ring else 'intensity']
    points = np.array(rows, dtype=[(name, 'f4') for name in names])
    return PointCloud(stamp_ns=0, frame_id='lidar', points=points)


@pytest.mark.parametrize('has_ring', [True, False])
def test_edges_of_a_scan_are_the_near_sides_of_jumps(has_ring: bool) -> None:
    cloud = ring_scan(has_ring=has_ring)
    numbers, weights = scan_edges(cloud)
    assert len(numbers) == 8  # both sides of the post in four rings
    assert np.abs(np.degrees(np.arctan2(*cloud.xyz()[numbers, 1::-1].T))).max() < 2.1
    np.testing.assert_allclose(np.linalg.norm(cloud.xyz()[numbers, :2], axis=1), 5, atol=0.01)
    assert (weights > 3).all()


def test_edges_of_a_picture_are_where_it_changes() -> None:
    rgb = np.zeros((360, 640, 3), np.uint8)
    rgb[:, 300:] = 200
    edges = picture_edges(rgb)
    assert edges[180, 298:302].min() > 0.6
    assert 0 < edges[180, 294] < edges[180, 297]
    assert edges[180, 100] == 0


def posts(turn: np.ndarray) -> Glimpse:
    """A picture of bright posts and boards, and their borders as a scan turned by `turn` has."""
    rng = np.random.default_rng(1)
    rgb = np.full((360, 640, 3), 40, np.uint8)
    points = []
    for _ in range(14):
        x, y = rng.uniform(30, 570), rng.uniform(30, 250)
        width, height = rng.uniform(15, 60), rng.uniform(30, 90)
        rgb[int(y) : int(y + height), int(x) : int(x + width)] = rng.integers(120, 255)
        depth = rng.uniform(5, 30)
        border = [(u, v) for u in (x, x + width) for v in np.arange(y, y + height, 4)]
        border += [(u, v) for u in np.arange(x, x + width, 4) for v in (y, y + height)]
        points += [
            [(u - 319.5) / 420 * depth, (v - 179.5) / 420 * depth, depth] for u, v in border
        ]
    wrong = np.array(points) @ turn.T
    return Glimpse(INFO, picture_edges(rgb), wrong, np.ones(len(points)))


def test_a_right_mount_fits_best_as_it_is() -> None:
    found = fit_rotation([posts(np.eye(3))])
    assert found is not None
    assert found.angle_deg < 0.6
    assert found.better < 0.02
    assert found.num_points > 200


@pytest.mark.parametrize('wrong_deg', [(1.5, 0.0, 0.0), (0.0, -2.0, 0.0), (1.0, 1.2, -1.0)])
def test_a_wrong_mount_is_found_with_what_would_mend_it(wrong_deg: tuple[float, ...]) -> None:
    turn = Rotation.from_rotvec(np.radians(wrong_deg)).as_matrix()
    found = fit_rotation([posts(turn)])
    assert found is not None
    np.testing.assert_allclose(found.rotation_deg[:2], -np.array(wrong_deg[:2]), atol=0.4)
    assert found.rotation_deg[2] == pytest.approx(-wrong_deg[2], abs=1.0)
    assert found.better > 0.02  # as it is right: none
    assert found.gain > 1


def test_too_few_points_tell_nothing() -> None:
    glimpse = posts(np.eye(3))
    few = Glimpse(INFO, glimpse.edges, glimpse.points[:20], glimpse.weights[:20])
    assert fit_rotation([few]) is None
    assert np.isfinite(project(INFO, few.points)).all()
