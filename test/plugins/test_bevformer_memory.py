"""What the plugin remembers of frames before, and which of them it compares with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mm_perception.errors import (
    MissingInputError,
)
from mm_perception.geometry import pose_matrix
from mm_perception.nets.bevformer import EgoMotion
from mm_perception.samples import quats_of_yaws
from test.plugins.test_bevformer import (
    LEFT,
    SECOND_NS,
    SPEED,
    STAMP_NS,
    Bench,
    cloud_of,
    mounts_only,
    odometry,
)


def test_motion_is_that_since_the_frame_remembered() -> None:
    bench = Bench()
    bench.look()
    assert not bench.last.had_memory
    assert bench.last.motion == EgoMotion()
    bench.look(STAMP_NS + SECOND_NS // 2)
    assert bench.last.had_memory
    assert bench.last.motion.dx_m == pytest.approx(5.0)
    with pytest.raises(MissingInputError):
        bench.look(STAMP_NS + SECOND_NS, images={})
    bench.look(STAMP_NS + SECOND_NS * 3 // 2)  # one was dropped in between
    assert (bench.last.motion.dx_m, bench.last.motion.dt_s) == pytest.approx((10.0, 1.0))
    assert not bench.reports


def test_a_fast_sensor_is_compared_with_a_frame_that_is_old_enough() -> None:
    """Velocities need 0.2 s between frames, as in training; a younger memory tells none."""
    bench = Bench()
    told, spans = [], []
    for index in range(5):
        outputs = bench.look(STAMP_NS + index * SECOND_NS // 10)
        told.append(outputs['boxes'].velocities is not None)
        spans.append(bench.last.motion.dt_s)
    assert spans == pytest.approx([0, 0.1, 0.2, 0.2, 0.2])
    assert told == [False, False, True, True, True]
    assert bench.last.motion.dx_m == pytest.approx(2.0)
    slow = Bench('tiny')
    for index in range(3):
        slow.look(STAMP_NS + index * SECOND_NS // 10)
    assert slow.last.motion.dt_s == pytest.approx(0.1), 'as published'


def test_odometry_tells_the_motion_where_it_is_connected() -> None:
    bench = Bench(transforms=mounts_only)
    turning = {'angular': np.array([0, 0, 0.5]), 'position': np.zeros(3)}
    before = STAMP_NS - 20_000_000
    bench.look(odometry=odometry(before))
    bench.look(STAMP_NS + SECOND_NS, odometry=odometry(before + SECOND_NS))
    assert bench.last.motion.dx_m == pytest.approx(SPEED)
    bench.look(STAMP_NS + 2 * SECOND_NS, odometry=odometry(before + 2 * SECOND_NS, **turning))
    x_m, yaw = 0.02 * SPEED * math.cos(0.005), 0.01  # carried on for 20 ms
    assert bench.last.motion.dyaw_rad == pytest.approx(yaw)
    start_m = 1.0 * SPEED
    assert bench.last.motion.dx_m == pytest.approx(x_m - start_m, abs=1e-4)
    bench.look(
        STAMP_NS + 2 * SECOND_NS, odometry=odometry(before + 2 * SECOND_NS),
        cloud=cloud_of([[11.0, 0, 0]], STAMP_NS + 2 * SECOND_NS - 100_000_000),
    )  # fmt: skip
    np.testing.assert_allclose(bench.last.points[0, :3], [0, 10, 1.8], atol=1e-5)


def test_odometry_of_another_body_is_carried_over_by_its_mount() -> None:
    bench = Bench(transforms=mounts_only)
    turned = quats_of_yaws(np.array(math.pi / 2))
    bench.look(odometry=odometry(STAMP_NS, child_frame_id='left', quat_xyzw=turned))
    pose = pose_matrix(np.zeros(3), turned) @ np.linalg.inv(LEFT)
    np.testing.assert_allclose(bench.plugin._memory.newest.xy_yaw[:2], pose[:2, 3], atol=1e-9)


def test_without_any_motion_every_frame_stands_alone_and_says_so() -> None:
    bench = Bench(transforms=mounts_only)
    for index in range(2):
        outputs = bench.look(STAMP_NS + index * SECOND_NS // 2, cloud=cloud_of([[10, 0, 0]]))
        assert len(outputs['boxes']) == 1
    assert not bench.last.had_memory
    np.testing.assert_allclose(bench.last.points[0, :3], [0, 10, 1.8], atol=1e-6)
    assert len(bench.reports) == 2
    assert 'connect the input odometry, or publish TF' in str(bench.reports[0])
    assert 'unknown frame odom' in str(bench.reports[0])
    quiet = Bench(transforms=mounts_only, memory=False)
    quiet.look()
    assert not quiet.reports


@pytest.mark.parametrize('how', ['rewind', 'reset', 'pause', 'jump', 'back', 'other_frame', 'off'])
def test_memory_is_dropped(how: str) -> None:
    bench = Bench(memory=how != 'off')
    bench.look(odometry=odometry(STAMP_NS))
    stamp_ns, said = STAMP_NS + SECOND_NS // 10, None
    if how in ('rewind', 'reset'):
        bench.plugin.rewind('front') if how == 'rewind' else bench.plugin.reset()
    elif how == 'pause':
        stamp_ns = STAMP_NS + 3 * SECOND_NS
    elif how == 'back':
        stamp_ns = STAMP_NS - SECOND_NS // 10
    elif how == 'jump':
        said = odometry(stamp_ns, position=np.array([0.0, 30.0, 0.0]))
    elif how == 'other_frame':
        said = odometry(stamp_ns, frame_id='map')
    bench.look(stamp_ns, odometry=said or odometry(stamp_ns))
    assert not bench.last.had_memory
    assert (bench.last.motion.dx_m, bench.last.motion.dt_s) == (0.0, 0.0)
    if how != 'off':
        more = stamp_ns + SECOND_NS // 10
        frame_id = 'map' if how == 'other_frame' else 'odom'
        place = odometry(more, frame_id=frame_id)
        if how == 'jump':
            place = odometry(more, position=np.array([1.0, 30.0, 0.0]))
        bench.look(more, odometry=place)
        assert bench.last.had_memory, 'and begins anew'
