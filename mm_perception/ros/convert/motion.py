"""Places and motion: PointStamped, nav_msgs/Odometry, and advice as text and diagnostic_msgs."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.faults import Level
from mm_perception.ros.convert.boxes3d import unit_quats
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.text import TEXT
from mm_perception.ros.wire import message_class
from mm_perception.samples import Action, Advice, Odometry, Point3D
from mm_perception.samples.sample import Array

ODOMETRY = 'nav_msgs/msg/Odometry'
POINT = 'geometry_msgs/msg/PointStamped'
DETAILS = 'diagnostic_msgs/msg/DiagnosticArray'
_LEVELS = {
    Action.GO: Level.OK, Action.SLOW: Level.WARN, Action.YIELD: Level.WARN,
    Action.STOP: Level.ERROR,
}  # fmt: skip


def odometry_from(message: Any, received_ns: int) -> Odometry:
    """nav_msgs/Odometry to Odometry.

    Raises:
        MalformedMessageError: A number that is not finite, a quaternion that is no rotation, or a
            matrix that is no covariance.
    """
    pose, twist = message.pose.pose, message.twist.twist
    turn = pose.orientation
    try:
        return Odometry(
            **fields_of(message, received_ns),
            child_frame_id=message.child_frame_id,
            position=_vector(pose.position),
            quat_xyzw=unit_quats(ODOMETRY, np.array([[turn.x, turn.y, turn.z, turn.w]]))[0],
            linear=_vector(twist.linear),
            angular=_vector(twist.angular),
            pose_covariance=np.array(message.pose.covariance, np.float64).reshape(6, 6),
            twist_covariance=np.array(message.twist.covariance, np.float64).reshape(6, 6),
        )
    except ShapeError as error:
        raise MalformedMessageError(ODOMETRY, str(error), 'check the odometry') from error


def odometry_to(sample: Odometry) -> Any:
    """Odometry to nav_msgs/Odometry."""
    message = message_class(ODOMETRY)(header=header_of(sample))
    message.child_frame_id = sample.child_frame_id
    pose, twist = message.pose.pose, message.twist.twist
    for target, values in (
        (pose.position, sample.position), (twist.linear, sample.linear),
        (twist.angular, sample.angular),
    ):  # fmt: skip
        target.x, target.y, target.z = values.tolist()
    turn = pose.orientation
    turn.x, turn.y, turn.z, turn.w = sample.quat_xyzw.tolist()
    message.pose.covariance = sample.pose_covariance.reshape(-1)
    message.twist.covariance = sample.twist_covariance.reshape(-1)
    return message


def point3d_from(message: Any, received_ns: int) -> Point3D:
    """geometry_msgs/PointStamped to Point3D: metres in its frame.

    On a port for prompts the same type is a click in a picture: `prompt.point_prompt_from`.

    Raises:
        MalformedMessageError: A number that is not finite, or no frame.
    """
    if not message.header.frame_id:
        raise MalformedMessageError(POINT, 'frame_id is empty', 'name the frame of the point')
    try:
        return Point3D(**fields_of(message, received_ns), position=_vector(message.point))
    except ShapeError as error:
        raise MalformedMessageError(POINT, str(error), 'check the viewer') from error


def point3d_to(sample: Point3D) -> Any:
    """Point3D to geometry_msgs/PointStamped."""
    message = message_class(POINT)(header=header_of(sample))
    message.point.x, message.point.y, message.point.z = sample.position.tolist()
    return message


def advice_to(sample: Advice) -> dict[str, Any]:
    """Advice to one line of text, and on `/details` to values that a program can read.

    No message here is one that a vehicle would drive by.
    """
    line = message_class(TEXT)(header=header_of(sample), text=sample.sentence(), language='en')
    values = {
        'action': sample.action.name.lower(),
        'speed_limit_mps': f'{sample.speed_limit_mps:.3f}',
        'rules': ','.join(sample.rules),
        'reason': sample.reason,
        'track_ids': ','.join(sample.track_ids),
        'is_advisory': 'true',
    }
    pair = message_class('diagnostic_msgs/msg/KeyValue')
    status = message_class('diagnostic_msgs/msg/DiagnosticStatus')(
        level=bytes([_LEVELS[sample.action]]), name='drive advice', message=sample.sentence(),
        values=[pair(key=key, value=value) for key, value in values.items()],
    )  # fmt: skip
    return {
        '': line,
        '/details': message_class(DETAILS)(header=header_of(sample), status=[status]),
    }


def advice_from(message: Any, received_ns: int) -> Advice:
    """The values on `/details` to Advice.

    Raises:
        MalformedMessageError: They are not the values of an advice.
    """
    values = {pair.key: pair.value for status in message.status for pair in status.values}
    try:
        return Advice(
            **fields_of(message, received_ns),
            action=Action[values['action'].upper()],
            speed_limit_mps=float(values['speed_limit_mps']),
            rules=_names(values['rules']),
            reason=values['reason'],
            track_ids=_names(values['track_ids']),
        )
    except (KeyError, ValueError, ShapeError) as error:
        raise MalformedMessageError(
            DETAILS, f'no advice: {error}', 'give the topic of an advisor, with /details'
        ) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(',')) if text else ()


def _vector(point: Any) -> Array:
    return np.array([point.x, point.y, point.z], np.float64)
