"""Poses on the wire."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros import convert, wire
from mm_perception.samples import Pose
from test.unit.ros_convert.messages import STAMP_NS


def pose() -> Pose:
    return Pose(
        stamp_ns=STAMP_NS, frame_id='head', position=np.array([1.0, -2, 3]),
        quat_xyzw=np.array([0.5, -0.5, 0.5, 0.5]),
    )  # fmt: skip


def test_poses_come_through_whole() -> None:
    (message,) = convert.to_msgs(pose()).values()
    again = wire.deserialize(wire.serialize(message), wire.type_name_of(message))
    found = convert.from_msg(again, Pose)
    assert isinstance(found, Pose)
    assert (found.stamp_ns, found.frame_id) == (STAMP_NS, 'head')
    np.testing.assert_array_equal(found.position, [1, -2, 3])
    np.testing.assert_allclose(found.quat_xyzw, [0.5, -0.5, 0.5, 0.5])


def test_what_is_no_pose_is_refused() -> None:
    (message,) = convert.to_msgs(pose()).values()
    message.pose.orientation.w = 0.0
    with pytest.raises(MalformedMessageError, match='quaternions have the lengths'):
        convert.from_msg(message, Pose)
    (message,) = convert.to_msgs(pose()).values()
    message.pose.position.x = np.inf
    with pytest.raises(MalformedMessageError, match='finite numbers'):
        convert.from_msg(message, Pose)
    with pytest.raises(ShapeError, match='unit quaternion'):
        Pose(stamp_ns=0, position=np.zeros(3), quat_xyzw=np.ones(4))
