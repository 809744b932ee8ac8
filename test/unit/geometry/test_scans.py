"""Scans whose points have times of their own, and what may be called depth."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ShapeError, TransformUnavailableError
from mm_perception.geometry.scans import points_at, points_of_depth
from mm_perception.samples import Image, PointCloud
from test.unit.geometry.boxes import INFO

STAMP_NS = 5_000_000_000
SPEED = 10.0  # m/s of the scanner along x in odom


def lookup(target: str, source: str, stamp_ns: int) -> np.ndarray:
    matrix = np.eye(4)
    driven = SPEED * (stamp_ns - STAMP_NS) / 1e9
    matrix[0, 3] = driven if target == 'odom' else -driven
    return matrix


def scan(times: list[float]) -> PointCloud:
    rows = np.zeros(len(times), [(name, 'f4') for name in ('x', 'y', 'z', 'time')])
    rows['x'], rows['time'] = 10.0, times
    return PointCloud(stamp_ns=STAMP_NS, frame_id='lidar', points=rows)


@pytest.mark.parametrize(
    ('times', 'expected'),
    [
        ([0.0, 0.05, 0.1], [10.0, 10.5, 11.0]),
        ([-0.1, -0.05, 0.0], [9.0, 9.5, 10.0]),  # stamped at its end, as by velodyne_driver
        ([-0.1, -0.05, -0.001], [9.0, 9.5, 9.99]),  # and its last points saw nothing
        ([-0.1, 0.0, 0.0013], [9.0, 10.0, 10.013]),
        ([0.0, np.nan, 0.1], [10.0, 10.0, 11.0]),
    ],
)
def test_convention_times_of_points_count_from_the_stamp(times, expected) -> None:
    found = points_at(scan(times), 'lidar', STAMP_NS, 'odom', lookup)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-4)


def test_times_beyond_what_tf_knows_are_taken_for_the_stamp() -> None:
    def short(target: str, source: str, stamp_ns: int) -> np.ndarray:
        if stamp_ns < STAMP_NS:
            raise TransformUnavailableError(target, source, stamp_ns, 'too old')
        return lookup(target, source, stamp_ns)

    found = points_at(scan([-0.1, 0.1]), 'lidar', STAMP_NS, 'odom', short)
    np.testing.assert_allclose(found[:, 0], [10.0, 11.0], atol=1e-4)


@pytest.mark.parametrize('encoding', ['16UC1', 'mono16'])
def test_numbers_of_16_bits_are_millimetres(encoding) -> None:
    data = np.full((360, 640), 2500, np.uint16)
    depth = Image(stamp_ns=1, data=data, encoding=encoding)
    points = points_of_depth(depth, INFO, np.ones((360, 640), bool))
    np.testing.assert_allclose(points[:, 2], 2.5)


@pytest.mark.parametrize(('encoding', 'shape'), [('mono8', (360, 640)), ('rgb8', (360, 640, 3))])
def test_brightness_is_no_depth(encoding, shape) -> None:
    picture = Image(stamp_ns=1, data=np.full(shape, 9, np.uint8), encoding=encoding)
    with pytest.raises(ShapeError, match=rf'encoding of depth.*got {encoding}'):
        points_of_depth(picture, INFO, np.ones((360, 640), bool))
