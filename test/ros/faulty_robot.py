"""A robot with one fault, as a process of its own: `python faulty_robot.py FAULT`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.time import Duration
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage


def picture(node: Node, *, lag_s: float = 0.0, encoding: str = 'rgb8') -> Image:
    message = Image(height=4, width=6, step=18, encoding=encoding, data=bytes(72))
    message.header.frame_id = 'camera_optical'
    message.header.stamp = (node.get_clock().now() - Duration(seconds=lag_s)).to_msg()
    return message


def camera(node: Node, topic: str = '/camera/image_raw', qos=qos_profile_sensor_data, **faults):
    publisher = node.create_publisher(Image, topic, qos)
    node.create_timer(0.05, lambda: publisher.publish(picture(node, **faults)))


def reliable_viewer(node: Node) -> None:
    profile = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
    viewer = rclpy.create_node('viewer')
    viewer.create_subscription(Image, '/camera/image_raw', lambda m: None, profile)
    rclpy.get_global_executor().add_node(viewer)
    camera(node)


def deaf_listener(node: Node) -> None:
    camera(node, '/camera/image_rect')
    node.create_subscription(Image, '/camera/image_raw', lambda m: None, 5)


def transforms(node: Node) -> None:
    camera(node)
    publisher = node.create_publisher(TFMessage, '/tf', 10)
    edge = TransformStamped(child_frame_id='lidar')
    edge.header.frame_id = 'base_link'

    def send() -> None:
        edge.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(TFMessage(transforms=[edge]))

    node.create_timer(0.05, send)


def late_lidar(node: Node) -> None:
    camera(node)
    publisher = node.create_publisher(PointCloud2, '/lidar/points', 5)

    def send() -> None:
        message = PointCloud2()
        message.header = picture(node, lag_s=0.4).header
        message.header.frame_id = 'lidar'
        publisher.publish(message)

    node.create_timer(0.1, send)


def zero_calibration(node: Node) -> None:
    camera(node)
    publisher = node.create_publisher(CameraInfo, '/camera/camera_info', 5)
    node.create_timer(
        0.1, lambda: publisher.publish(CameraInfo(header=picture(node).header, width=6, height=4))
    )


def simulated_time(node: Node) -> None:
    camera(node)
    node.set_parameters([Parameter('use_sim_time', value=True)])


def sleeping_node(node: Node) -> None:
    camera(node)
    rclpy.get_global_executor().add_node(LifecycleNode('segmenter'))


def talker(node: Node) -> None:
    publisher = node.create_publisher(String, '/chatter', 5)
    node.create_timer(0.05, lambda: publisher.publish(String(data='x')))


FAULTS: dict[str, Callable[[Node], None]] = {
    'qos_mismatch': reliable_viewer,
    'no_publisher': deaf_listener,
    'frame_missing': transforms,
    'sensor_skew': late_lidar,
    'uncalibrated': zero_calibration,
    'unsupported_encoding': lambda node: camera(node, encoding='nv61'),
    'other_clock': lambda node: camera(node, lag_s=3 * 86_400.0),
    'stamp_skew': lambda node: camera(node, lag_s=2.0),
    'no_clock': simulated_time,
    'node_inactive': sleeping_node,
    'talker': talker,
}


def main() -> None:
    rclpy.init()
    node = rclpy.create_node('driver')
    FAULTS[sys.argv[1]](node)
    executor = rclpy.get_global_executor()
    executor.add_node(node)
    sys.stdout.write('ready\n')
    sys.stdout.flush()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()


if __name__ == '__main__':
    main()
