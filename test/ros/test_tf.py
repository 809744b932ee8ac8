"""Transforms: conventions with worked numbers, interpolation, reasons, time set back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from geometry_msgs.msg import TransformStamped

from mm_perception.errors import TransformUnavailableError
from mm_perception.ros.tf import TransformBuffer

S = 1_000_000_000
HALF = 0.5**0.5


def moved(
    parent: str,
    child: str,
    xyz: tuple[float, float, float],
    quat_xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
    at_s: float = 0.0,
) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(int(at_s * S), S)
    move, turn = message.transform.translation, message.transform.rotation
    move.x, move.y, move.z = xyz
    turn.x, turn.y, turn.z, turn.w = quat_xyzw
    return message


@pytest.fixture
def buffer() -> TransformBuffer:
    """A camera 1 m above base_link that looks left; base_link drives 1 m/s along x in odom."""
    made = TransformBuffer()
    made.add(moved('base_link', 'camera', (0, 0, 1), (0, 0, HALF, HALF)), is_static=True)
    for second in range(1, 5):
        made.add(moved('odom', 'base_link', (second, 0, 0), at_s=second), is_static=False)
    return made


def test_convention_target_from_source(buffer: TransformBuffer) -> None:
    base_from_camera = buffer.lookup('base_link', 'camera', 2 * S)
    assert base_from_camera.dtype == np.float64
    # 2 m ahead of a camera turned 90 degrees to the left is 2 m to the left of the base (+y).
    np.testing.assert_allclose(base_from_camera @ [2, 0, 0, 1], [0, 2, 1, 1], atol=1e-12)
    camera_from_base = buffer.lookup('camera', 'base_link', 2 * S)
    np.testing.assert_allclose(camera_from_base @ [0, 2, 1, 1], [2, 0, 0, 1], atol=1e-12)


def test_chain_of_three_frames_at_the_stamp(buffer: TransformBuffer) -> None:
    odom_from_camera = buffer.lookup('odom', 'camera', 3 * S)
    np.testing.assert_allclose(odom_from_camera @ [2, 0, 0, 1], [3, 2, 1, 1], atol=1e-12)


def test_moments_between_samples_are_interpolated(buffer: TransformBuffer) -> None:
    odom_from_base = buffer.lookup('odom', 'base_link', int(2.25 * S))
    np.testing.assert_allclose(odom_from_base[:3, 3], [2.25, 0, 0], atol=1e-9)


@pytest.mark.parametrize('sign', [1, -1])
def test_rotation_takes_the_short_way_whatever_the_sign(sign: int) -> None:
    buffer = TransformBuffer()
    buffer.add(moved('a', 'b', (0, 0, 0), at_s=1), is_static=False)
    turned = (0.0, 0.0, sign * HALF, sign * HALF)  # 90 degrees about z, either sign is the same
    buffer.add(moved('a', 'b', (0, 0, 0), turned, at_s=2), is_static=False)
    a_from_b = buffer.lookup('a', 'b', int(1.5 * S))
    np.testing.assert_allclose(a_from_b @ [1, 0, 0, 1], [HALF, HALF, 0, 1], atol=1e-9)


@pytest.mark.parametrize(
    ('target', 'source', 'at_s', 'reason'),
    [
        ('map', 'camera', 2, "frame 'map' is unknown; known are: base_link, camera, odom"),
        ('odom', 'camera', 5, 'odom -> base_link is known from 1.000 to 4.000 s only'),
        ('odom', 'camera', 0.5, 'odom -> base_link is known from 1.000 to 4.000 s only'),
    ],
)
def test_never_the_latest_but_the_reason(
    buffer: TransformBuffer, target: str, source: str, at_s: float, reason: str
) -> None:
    with pytest.raises(TransformUnavailableError, match=reason):
        buffer.lookup(target, source, int(at_s * S))
    assert buffer.failures == 1


def test_frames_that_nothing_connects(buffer: TransformBuffer) -> None:
    buffer.add(moved('moon', 'crater', (0, 0, 0)), is_static=True)
    with pytest.raises(TransformUnavailableError, match='not connected'):
        buffer.lookup('crater', 'camera', 2 * S)


def test_time_set_back_forgets_what_moves_and_keeps_what_is_fixed(buffer: TransformBuffer) -> None:
    buffer.clear()
    assert buffer.lookup('base_link', 'camera', 0)[2, 3] == 1
    with pytest.raises(TransformUnavailableError):
        buffer.lookup('odom', 'base_link', 2 * S)


def test_bag_that_loops_without_a_clock_starts_anew(buffer: TransformBuffer) -> None:
    buffer.add(moved('odom', 'base_link', (100, 0, 0), at_s=30), is_static=False)
    buffer.add(moved('odom', 'base_link', (7, 0, 0), at_s=1), is_static=False)
    buffer.add(moved('odom', 'base_link', (8, 0, 0), at_s=2), is_static=False)
    assert buffer.lookup('odom', 'base_link', int(1.5 * S))[0, 3] == pytest.approx(7.5)


def test_history_is_bounded() -> None:
    buffer = TransformBuffer(duration_s=10.0)
    for step in range(100):
        buffer.add(moved('a', 'b', (step, 0, 0), at_s=step), is_static=False)
    assert buffer.lookup('a', 'b', 90 * S)[0, 3] == 90
    with pytest.raises(TransformUnavailableError, match='known from 90'):
        buffer.lookup('a', 'b', 88 * S)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_transforms_that_are_no_numbers_are_not_taken(buffer: TransformBuffer, bad: float) -> None:
    buffer.add(moved('odom', 'base_link', (bad, 0, 0), at_s=2.5), is_static=False)
    odom_from_base = buffer.lookup('odom', 'base_link', int(2.5 * S))
    np.testing.assert_allclose(odom_from_base[:3, 3], [2.5, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ('parent', 'child', 'quat', 'reason'),
    [
        ('odom', 'base_link', (0.0, 0.0, 0.0, 0.0), 'its quaternion has the length 0, not 1'),
        ('odom', 'base_link', (0.0, 0.0, 3.0, 4.0), 'its quaternion has the length 5, not 1'),
        ('base_link', 'base_link', (0.0, 0.0, 0.0, 1.0), "'base_link' is its own parent"),
        ('', 'base_link', (0.0, 0.0, 0.0, 1.0), "frame_id '' and child_frame_id 'base_link' may"),
    ],
)
def test_transforms_that_cannot_be_change_nothing_and_are_named(
    buffer: TransformBuffer, parent: str, child: str, quat: Any, reason: str
) -> None:
    for second in (2.5, 5.0):
        buffer.add(moved(parent, child, (9, 0, 0), quat, at_s=second), is_static=False)
    odom_from_base = buffer.lookup('odom', 'base_link', int(2.5 * S))
    np.testing.assert_allclose(odom_from_base[:3, 3], [2.5, 0, 0], atol=1e-9)
    with pytest.raises(
        TransformUnavailableError, match=re.escape(f'{child!r} was refused: {reason}')
    ):
        buffer.lookup('odom', 'camera', 5 * S)
    buffer.add(moved('odom', 'base_link', (5, 0, 0), at_s=5), is_static=False)
    with pytest.raises(TransformUnavailableError) as caught:
        buffer.lookup('odom', 'camera', 6 * S)
    assert 'refused' not in str(caught.value), 'that is over'


def test_frame_whose_only_transform_was_refused_is_not_just_unknown() -> None:
    buffer = TransformBuffer()
    buffer.add(moved('odom', 'base_link', (0, 0, 0), (0.0,) * 4), is_static=False)
    with pytest.raises(TransformUnavailableError, match=r"'odom' is unknown.*'base_link' was ref"):
        buffer.lookup('odom', 'base_link', S)


def test_one_transform_that_comes_very_late_costs_nothing(buffer: TransformBuffer) -> None:
    buffer.add(moved('odom', 'base_link', (20, 0, 0), at_s=20), is_static=False)
    buffer.add(moved('odom', 'base_link', (21, 0, 0), at_s=21), is_static=False)
    for second in (21.5, 22.0):
        buffer.add(moved('odom', 'base_link', (5, 0, 0), at_s=5), is_static=False)
        buffer.add(moved('odom', 'base_link', (second, 0, 0), at_s=second), is_static=False)
    assert buffer.lookup('odom', 'base_link', int(20.5 * S))[0, 3] == pytest.approx(20.5)
    assert buffer.lookup('odom', 'base_link', int(21.75 * S))[0, 3] == pytest.approx(21.75)


def test_frames_named_after_tracks_neither_pile_up_nor_fill_the_message() -> None:
    buffer = TransformBuffer()
    buffer.add(moved('base_link', 'camera', (0, 0, 1)), is_static=True)
    for step in range(3000):
        for frame in ('base_link', f'face_{step}'):
            buffer.add(moved('odom', frame, (step, 0, 0), at_s=step / 10), is_static=False)
    assert len(buffer._edges) <= 1001
    assert buffer.lookup('odom', 'camera', 299 * S)[0, 3] == 2990
    with pytest.raises(TransformUnavailableError) as caught:
        buffer.lookup('odom', 'camera', 400 * S)
    assert len(str(caught.value)) < 400
    with pytest.raises(TransformUnavailableError, match=r'and \d+ more') as caught:
        buffer.lookup('odom', 'gripper', 299 * S)
    assert len(str(caught.value)) < 1500


def test_frames_beside_the_way_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = TransformBuffer()
    for frame in ('base_link', *(f'joint_{i}' for i in range(30))):
        for second in (1, 2):
            buffer.add(moved('odom', frame, (second, 0, 0), at_s=second), is_static=False)
    turns: list[float] = []

    def slerp(a: Any, b: Any, share: float, **_: Any) -> Any:
        turns.append(share)
        return a

    monkeypatch.setattr('mm_perception.ros.tf.quaternion_slerp', slerp)
    buffer.lookup('odom', 'base_link', int(1.5 * S))
    assert turns == [0.5], 'a robot of 30 joints took 20 ms for every lookup'
