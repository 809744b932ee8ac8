"""What the shipped stacks publish, worked out of their files: a graph without ROS nodes."""

from __future__ import annotations

from collections.abc import Iterable

from mm_perception.diagnosis.snapshot import Edge, Endpoint, Snapshot, Topic
from mm_perception.graph import load_stack
from mm_perception.layouts.offered import resolved, with_stack
from mm_perception.samples import AudioClip, CameraInfo, Image, Odometry, PointCloud

#: What a drive of the demo sends, and what becomes of it.
DRIVE = {
    '/camera_front/image_raw': ('sensor_msgs/msg/Image', Image),
    '/camera_front/camera_info': ('sensor_msgs/msg/CameraInfo', CameraInfo),
    '/lidar/points': ('sensor_msgs/msg/PointCloud2', PointCloud),
    '/microphone/audio': ('mm_perception_msgs/msg/AudioChunk', AudioClip),
    '/odom': ('nav_msgs/msg/Odometry', Odometry),
}
TREE = (
    Edge('map', 'odom'), Edge('odom', 'base_link'), Edge('base_link', 'lidar', is_static=True),
    Edge('base_link', 'camera_front_optical', is_static=True),
)  # fmt: skip


def offered_by(stacks: Iterable[str]) -> Snapshot:
    """The graph while a drive is played into these stacks, on one camera."""
    drive = {
        topic: Topic(topic, (Endpoint('/player', kind),)) for topic, (kind, _) in DRIVE.items()
    }
    seen = Snapshot(topics=drive, edges=TREE)
    rig = seen
    for name in stacks:
        seen = with_stack(seen, resolved(load_stack(name), rig))
    return seen
