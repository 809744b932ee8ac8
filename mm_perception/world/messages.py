"""ROS messages about motion and truth: transforms, odometry, IMU, 3D boxes, maps."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from mm_perception.ros.convert.header import time_message
from mm_perception.ros.wire import message_class
from mm_perception.world.inertial import ImuReadings, Odometry
from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array
from mm_perception.world.truth import Box, Grid

TF = 'tf2_msgs/msg/TFMessage'
ODOMETRY = 'nav_msgs/msg/Odometry'
IMU = 'sensor_msgs/msg/Imu'
BOXES = 'vision_msgs/msg/Detection3DArray'
GRID = 'nav_msgs/msg/OccupancyGrid'


def tf(*transforms: Any) -> Any:
    """tf2_msgs/TFMessage of some transforms."""
    return message_class(TF)(transforms=list(transforms))


def transform(parent: str, child: str, at: Array, turn: Array, stamp_ns: int) -> Any:
    """geometry_msgs/TransformStamped: the pose of a child frame in its parent.

    Args:
        parent: Frame.
        child: Frame.
        at: (3,) metres.
        turn: (3, 3) rotation from child to parent.
        stamp_ns: When.
    """
    message = message_class('geometry_msgs/msg/TransformStamped')()
    message.header.stamp, message.header.frame_id = time_message(stamp_ns), parent
    message.child_frame_id = child
    _set_vector(message.transform.translation, at)
    _set_rotation(message.transform.rotation, turn)
    return message


def odometry(said: Odometry, index: int, frame_id: str, stamp_ns: int) -> Any:
    """nav_msgs/Odometry: one pose of base_link in a frame, velocities in base_link."""
    message = message_class(ODOMETRY)()
    message.header.stamp, message.header.frame_id = time_message(stamp_ns), frame_id
    message.child_frame_id = 'base_link'
    _set_vector(message.pose.pose.position, said.at[index])
    _set_rotation(message.pose.pose.orientation, said.turn[index])
    _set_vector(message.twist.twist.linear, said.velocity[index])
    _set_vector(message.twist.twist.angular, said.rate[index])
    message.pose.covariance = np.diag(said.pose_variance[index]).reshape(-1)
    message.twist.covariance = np.diag(said.twist_variance[index]).reshape(-1)
    return message


def imu(said: ImuReadings, index: int, frame_id: str, stamp_ns: int) -> Any:
    """sensor_msgs/Imu: one reading in the frame of the IMU."""
    message = message_class(IMU)()
    message.header.stamp, message.header.frame_id = time_message(stamp_ns), frame_id
    _set_rotation(message.orientation, said.turn[index])
    _set_vector(message.angular_velocity, said.rate[index])
    _set_vector(message.linear_acceleration, said.force[index])
    message.orientation_covariance = (np.eye(3) * said.turn_variance[index]).reshape(-1)
    message.linear_acceleration_covariance = (np.eye(3) * said.force_variance).reshape(-1)
    message.angular_velocity_covariance = (np.eye(3) * said.rate_variance).reshape(-1)
    return message


def boxes(found: Iterable[Box], frame_id: str, stamp_ns: int) -> Any:
    """vision_msgs/Detection3DArray: the name in class_id, the instance in id, all scores 1."""
    message = message_class(BOXES)()
    message.header.stamp, message.header.frame_id = time_message(stamp_ns), frame_id
    detection_class = message_class('vision_msgs/msg/Detection3D')
    result_class = message_class('vision_msgs/msg/ObjectHypothesisWithPose')
    for box in found:
        detection = detection_class(header=message.header, id=str(box.instance))
        _set_vector(detection.bbox.center.position, box.centre)
        _set_rotation(detection.bbox.center.orientation, turn_about(2, box.yaw))
        _set_vector(detection.bbox.size, box.size)
        result = result_class()
        result.hypothesis.class_id, result.hypothesis.score = box.name, 1.0
        result.pose.pose = detection.bbox.center
        detection.results = [result]
        message.detections.append(detection)
    return message


def grid(cells: npt.NDArray[np.int8], layout: Grid, frame_id: str, stamp_ns: int) -> Any:
    """nav_msgs/OccupancyGrid of cells (H, W), rows along y, around a body in its frame."""
    message = message_class(GRID)()
    message.header.stamp, message.header.frame_id = time_message(stamp_ns), frame_id
    message.info.map_load_time, message.info.resolution = message.header.stamp, layout.resolution
    message.info.height, message.info.width = cells.shape
    message.info.origin.position.x, message.info.origin.position.y = layout.origin
    message.data = array('b', np.ascontiguousarray(cells, np.int8).tobytes())
    return message


def _set_vector(target: Any, xyz: Array) -> None:
    target.x, target.y, target.z = (float(value) for value in xyz)


def _set_rotation(target: Any, turn: Array) -> None:
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(turn).reshape(-1))
    target.w, target.x, target.y, target.z = (float(value) for value in quaternion)
