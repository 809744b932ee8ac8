"""Robots with one fault each, each a process: `python faulty_robot.py FAULT=DOMAIN ...`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.time import Duration, Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
#: Slow: twenty robots share two cores.
PERIOD_S = 0.2
IMAGE_RAW = '/camera/image_raw'
CAMERA, LIDAR = 'camera_optical', 'lidar'


def stamp(node: Node, lag_s: float = 0.0):
    return (node.get_clock().now() - Duration(seconds=lag_s)).to_msg()


def camera(
    node: Node, topic=IMAGE_RAW, *, qos=qos_profile_sensor_data, width=6, height=4,
    encoding='rgb8', d=(), k=400.0, lag_s=0.0,
):  # fmt: skip
    """Pictures, and a CameraInfo beside them."""
    pictures = node.create_publisher(Image, topic, qos)
    infos = node.create_publisher(CameraInfo, f'{topic.rsplit("/", 1)[0]}/camera_info', RELIABLE)
    picture = Image(height=height, width=width, step=3 * width, encoding=encoding)
    picture.data = bytes(3 * width * height)
    info = CameraInfo(height=height, width=width, distortion_model='plumb_bob', d=list(d))
    info.k = [k, 0.0, width / 2, 0.0, k, height / 2, 0.0, 0.0, 1.0 if k else 0.0]

    def send() -> None:
        for message, publisher in ((picture, pictures), (info, infos)):
            message.header.frame_id = CAMERA
            message.header.stamp = stamp(node, lag_s)
            publisher.publish(message)

    node.create_timer(PERIOD_S, send)


def lidar(node: Node, lag_s: float = 0.0) -> None:
    publisher = node.create_publisher(PointCloud2, '/lidar/points', 5)

    def send() -> None:
        message = PointCloud2()
        message.header.frame_id, message.header.stamp = LIDAR, stamp(node, lag_s)
        publisher.publish(message)

    node.create_timer(PERIOD_S, send)


def transforms(node: Node, *children: str) -> None:
    publisher = node.create_publisher(TFMessage, '/tf', 10)
    edges = [TransformStamped(child_frame_id=child) for child in children]

    def send() -> None:
        for edge in edges:
            edge.header.frame_id, edge.header.stamp = 'base_link', stamp(node)
        publisher.publish(TFMessage(transforms=edges))

    node.create_timer(PERIOD_S, send)


def another(name: str) -> Node:
    node = rclpy.create_node(name)
    rclpy.get_global_executor().add_node(node)
    return node


def viewer(qos=RELIABLE, topic: str = IMAGE_RAW) -> Node:
    node = another('viewer')
    node.create_subscription(Image, topic, lambda m: None, qos)
    return node


def plugin_node(**parameters: object) -> None:
    """A node of this package that cannot be configured."""
    from mm_perception.channel import Bus
    from mm_perception.graph import NodeSpec
    from mm_perception.ros.node import PluginNode
    from mm_perception.ros.tf_listener import TfListener
    from mm_perception.ros.transport import RosTransport

    bus = Bus()
    transport = RosTransport(bus, rclpy.get_default_context())
    spec = NodeSpec('segmenter', 'sam2', {'image': {'': IMAGE_RAW}}, {}, parameters)
    node = PluginNode(spec, bus, transport, TfListener())
    rclpy.get_global_executor().add_node(node)
    node.trigger_configure()


def good_robot(node: Node, topic: str = IMAGE_RAW) -> None:
    camera(node, topic, width=640, height=480, d=(-0.3, 0.1, 0.0, 0.0, 0.0))
    lidar(node)
    transforms(node, CAMERA, LIDAR)


def healthy(node: Node) -> None:
    good_robot(node, '/rear/image_raw')
    viewer(qos_profile_sensor_data, '/rear/image_raw')


def no_publisher(node: Node) -> None:
    camera(node, '/front/image_color')
    transforms(node, CAMERA)
    viewer(topic='/front/image_raw')


def qos_mismatch(node: Node) -> None:
    camera(node)
    transforms(node, CAMERA)
    viewer(RELIABLE)


def large_best_effort(node: Node) -> None:
    camera(node, width=1920, height=1080)
    transforms(node, CAMERA)
    viewer(qos_profile_sensor_data)


def unrectified(node: Node) -> None:
    camera(node, '/camera/image_rect', width=320, height=240, d=(-0.3, 0.1, 0.0, 0.0, 0.0))
    transforms(node, CAMERA)


def with_camera_in_tf(**faults: object) -> Callable[[Node], None]:
    def robot(node: Node) -> None:
        camera(node, **faults)
        transforms(node, CAMERA)

    return robot


def frame_missing(node: Node) -> None:
    camera(node)
    transforms(node, LIDAR)


def no_clock(node: Node) -> None:
    camera(node)
    transforms(node, CAMERA)
    viewer(qos_profile_sensor_data).set_parameters([Parameter('use_sim_time', value=True)])


def wall_time(node: Node) -> None:
    """A simulator whose stamps come from /clock, and a viewer on wall time."""
    simulator, now = another('simulator'), Time(seconds=1000.0)
    clock = simulator.create_publisher(Clock, '/clock', RELIABLE)

    def tick() -> None:
        nonlocal now
        now += Duration(seconds=PERIOD_S)
        clock.publish(Clock(clock=now.to_msg()))

    simulator.create_timer(PERIOD_S, tick)
    node.set_parameters([Parameter('use_sim_time', value=True)])
    camera(node)
    transforms(node, CAMERA)
    viewer(qos_profile_sensor_data)


def stamp_skew(node: Node) -> None:
    camera(node, lag_s=2.0)
    lidar(node)
    transforms(node, CAMERA, LIDAR)


def sensor_skew(node: Node) -> None:
    camera(node)
    lidar(node, lag_s=0.4)
    transforms(node, CAMERA, LIDAR)


def model_missing(node: Node) -> None:
    with_camera_in_tf()(node)
    plugin_node(weights='nobody/segments-all', device='cpu')


def device_missing(node: Node) -> None:
    with_camera_in_tf()(node)
    plugin_node(device='cuda:7')


def node_inactive(node: Node) -> None:
    with_camera_in_tf()(node)
    rclpy.get_global_executor().add_node(LifecycleNode('segmenter'))


def listener_only(node: Node) -> None:
    viewer()


def talker(node: Node) -> None:
    publisher = node.create_publisher(String, '/chatter', 5)
    node.create_timer(PERIOD_S, lambda: publisher.publish(String(data='x')))


FAULTS: dict[str, Callable[[Node], None]] = {
    'healthy': healthy,
    'no_publisher': no_publisher,
    'qos_mismatch': qos_mismatch,
    'large_best_effort': large_best_effort,
    'unsupported_encoding': with_camera_in_tf(encoding='nv61'),
    'unrectified': unrectified,
    'uncalibrated': with_camera_in_tf(k=0.0),
    'frame_missing': frame_missing,
    'no_clock': no_clock,
    'wall_time': wall_time,
    'other_clock': with_camera_in_tf(lag_s=3 * 86_400.0),
    'stamp_skew': stamp_skew,
    'sensor_skew': sensor_skew,
    'wrong_domain': listener_only,
    'good_robot': good_robot,
    'model_missing': model_missing,
    'device_missing': device_missing,
    'node_inactive': node_inactive,
    'talker': talker,
}


def run(fault: str, domain: int) -> None:
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    if fault == 'healthy':
        from mm_perception.ros import dds

        dds.prepare()
    rclpy.init()
    node = rclpy.create_node('driver')
    executor = rclpy.get_global_executor()
    FAULTS[fault](node)
    executor.add_node(node)
    os.write(1, f'{fault} ready\n'.encode())
    with suppress(KeyboardInterrupt, ExternalShutdownException, RCLError):
        executor.spin()


def main(arguments: list[str]) -> None:
    if {'model_missing', 'device_missing'} & {a.split('=')[0] for a in arguments}:
        import torch

        from mm_perception.nets import sam2
        from mm_perception.ros import node

        del torch, sam2, node  # imported once for both of them
    for argument in arguments:
        fault, _, domain = argument.partition('=')
        if os.fork() == 0:
            run(fault, int(domain))
            os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it goes to the whole group
    for _ in arguments:
        os.wait()


if __name__ == '__main__':
    main(sys.argv[1:])
