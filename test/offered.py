"""What the shipped stacks publish, worked out of their files: a graph without ROS nodes."""

from __future__ import annotations

from collections.abc import Iterable

from mm_perception.bag.offline import full_topic, full_wiring
from mm_perception.diagnosis.snapshot import Edge, Endpoint, Qos, Snapshot, Topic
from mm_perception.graph import load_stack, resolve_auto
from mm_perception.ros import convert
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
    types = {topic: type_name for topic, (type_name, _) in DRIVE.items()}
    ends = {topic: Endpoint('/player', type_name) for topic, type_name in types.items()}
    ends['/diagnostics'] = Endpoint('/any', 'diagnostic_msgs/msg/DiagnosticArray')
    available = {topic: [sample] for topic, (_, sample) in DRIVE.items()}
    for name in stacks:
        above = []
        for spec in load_stack(name).nodes:
            node = resolve_auto(spec, available, above)
            above.append(node)
            timing = full_topic('~/debug/timing', node.name)
            ends[timing] = Endpoint(f'/{node.name}', 'std_msgs/msg/Float64MultiArray')
            for port, streams in full_wiring(node).outputs.items():
                output = node.plugin_class().outputs[port]
                for topic in streams.values():
                    for wire in convert.published(output.sample_type):
                        qos = Qos(
                            'best_effort' if output.is_debug else 'reliable',
                            'transient_local' if wire.latched else 'volatile',
                        )
                        end = Endpoint(f'/{node.name}', wire.type_name, qos)
                        ends[topic + wire.suffix] = end
    topics = {topic: Topic(topic, (end,)) for topic, end in ends.items()}
    return Snapshot(topics=topics, edges=TREE)
