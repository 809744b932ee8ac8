"""geometry_msgs/PoseStamped."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.boxes3d import unit_quats
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Pose

POSE = 'geometry_msgs/msg/PoseStamped'


def pose_from(message: Any, received_ns: int) -> Pose:
    """geometry_msgs/PoseStamped to Pose.

    Raises:
        MalformedMessageError: A number that is not finite, or a quaternion that is no rotation.
    """
    place, turn = message.pose.position, message.pose.orientation
    try:
        return Pose(
            **fields_of(message, received_ns),
            position=np.array([place.x, place.y, place.z], np.float64),
            quat_xyzw=unit_quats(POSE, np.array([[turn.x, turn.y, turn.z, turn.w]]))[0],
        )
    except ShapeError as error:
        raise MalformedMessageError(POSE, str(error), 'check the tracking') from error


def pose_to(sample: Pose) -> Any:
    """Pose to geometry_msgs/PoseStamped."""
    message = message_class(POSE)(header=header_of(sample))
    place, turn = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = sample.position.tolist()
    turn.x, turn.y, turn.z, turn.w = sample.quat_xyzw.tolist()
    return message
