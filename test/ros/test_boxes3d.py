"""Boxes in space over real DDS: tracks and velocities out, and joined again by who takes them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry as OdometryMessage
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray

from mm_perception.ros import convert
from mm_perception.samples import Boxes3D, Odometry, quats_of_yaws
from test.ros.rig import Rig, stamp_of

pytestmark = pytest.mark.ros
NODES = {
    'tracker3d': {'inputs': {'detections': '/boxes'}},
    'drive_advisor': {
        'inputs': {'odometry': '/odom', 'tracks': '/relayed'}, 'parameters': {'needs_map': False},
    },
}  # fmt: skip
STEP_NS = 100_000_000


def boxes(index: int) -> Any:
    sample = Boxes3D(
        stamp_ns=10**9 + index * STEP_NS, frame_id='odom',
        centres=np.array([[16 + 0.2 * index, 0, 0.8]]), sizes=np.array([[4.0, 1.8, 1.5]]),
        quats_xyzw=quats_of_yaws(np.zeros(1)), scores=np.ones(1, np.float32), labels=('car',),
    )  # fmt: skip
    return convert.to_msgs(sample)['']


def odometry(stamp_ns: int) -> Any:
    sample = Odometry(
        stamp_ns=stamp_ns, frame_id='odom', child_frame_id='base_link', position=np.zeros(3),
        quat_xyzw=np.array([0.0, 0, 0, 1]), linear=np.array([8.0, 0, 0]), angular=np.zeros(3),
        pose_covariance=np.zeros((6, 6)), twist_covariance=np.zeros((6, 6)),
    )  # fmt: skip
    return convert.to_msgs(sample)['']


def test_velocities_find_their_boxes_in_another_process(rig: Rig) -> None:
    """The tracks go out to the robot and back in, so that the advisor has to join the topics."""
    node, details = rig.node, rig.hear(DiagnosticArray, '/drive_advisor/output/advice/details')
    relays = {
        suffix: (cls, node.create_publisher(cls, f'/relayed{suffix}', 10))
        for suffix, cls in (('', Detection3DArray), ('/velocities', PointCloud2))
    }
    tracks: list[Any] = []
    for suffix, (cls, relay) in relays.items():
        node.create_subscription(cls, f'/tracker3d/output/tracks{suffix}', relay.publish, 10)
    node.create_subscription(Detection3DArray, '/tracker3d/output/tracks', tracks.append, 10)
    rig.start(NODES)
    detector = node.create_publisher(Detection3DArray, '/boxes', 10)
    wheels = node.create_publisher(OdometryMessage, '/odom', 10)
    rig.until(lambda: detector.get_subscription_count() and wheels.get_subscription_count(), 'up')
    count, last_s = 0, 0.0

    def advised() -> list[dict[str, str]]:
        nonlocal count, last_s
        if time.monotonic() - last_s > 0.1:
            last_s, count = time.monotonic(), count + 1
            detector.publish(boxes(count))
            if tracks:
                wheels.publish(odometry(stamp_of(tracks[-1])))
        told = [{v.key: v.value for v in m.status[0].values} for m in details]
        return [t for t in told if t['rules'].startswith('time_to_collision')]

    (first, *_) = rig.until(advised, 'advice about the car')
    assert first['track_ids'] == '1'
    assert 'car 1 is' in first['reason']
    assert tracks[-1].header.frame_id == 'odom'
    assert tracks[-1].detections[0].id == '1'
