"""A small bag for tests: one camera sees a bright square move over a dark ground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mm_perception.bag.canonical import canonical
from mm_perception.bag.writer import BagWriter
from mm_perception.ros.wire import message_class, serialize

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
HEIGHT, WIDTH = 48, 64
CAMERA = '/camera/front'
IMAGE, COMPRESSED = f'{CAMERA}/image_raw', f'{CAMERA}/image_raw/compressed'
INFO = f'{CAMERA}/camera_info'
TOPICS = {
    '/tf_static': 'tf2_msgs/msg/TFMessage',
    '/tf': 'tf2_msgs/msg/TFMessage',
    INFO: 'sensor_msgs/msg/CameraInfo',
    IMAGE: 'sensor_msgs/msg/Image',
    COMPRESSED: 'sensor_msgs/msg/CompressedImage',
}


def picture(index: int) -> Any:
    """(48, 64, 3) uint8 RGB; the square of 16 x 16 starts at column 4 and moves 4 per frame."""
    ground = np.random.default_rng(3).integers(20, 60, (HEIGHT, WIDTH, 3), np.uint8)
    left = 4 + 4 * (index % 10)
    ground[16:32, left : left + 16] = (250, 240, 60)
    return ground


def write_shape_bag(path: Path, num_frames: int = 6, *, loops: int = 1) -> Path:
    """Write the bag.

    Args:
        path: Folder to make.
        num_frames: Pictures, 10 per second, raw and PNG.
        loops: Each further loop has the same stamps again, as a looping publisher sends them.
    """
    with BagWriter(path) as writer:
        for topic, type_name in TOPICS.items():
            writer.add_topic(topic, type_name, latched=topic == '/tf_static')
        log_ns = START_NS
        for loop in range(loops):
            for index in range(num_frames):
                stamp_ns = START_NS + index * PERIOD_NS
                log_ns = stamp_ns + loop * num_frames * PERIOD_NS
                for topic, message in _messages(index, stamp_ns).items():
                    data = canonical(serialize(message), TOPICS[topic])
                    writer.write(topic, log_ns, data)
    return path


def _messages(index: int, stamp_ns: int) -> dict[str, Any]:
    rgb = picture(index)
    image = message_class(TOPICS[IMAGE])()
    image.height, image.width, image.step, image.encoding = HEIGHT, WIDTH, WIDTH * 3, 'rgb8'
    image.data = rgb.tobytes()
    packed = message_class(TOPICS[COMPRESSED])(format='rgb8; png compressed bgr8')
    packed.data = cv2.imencode('.png', rgb[..., ::-1])[1].tobytes()
    info = message_class(TOPICS[INFO])()
    info.height, info.width, info.distortion_model = HEIGHT, WIDTH, 'plumb_bob'
    info.k = [50.0, 0.0, 32.0, 0.0, 50.0, 24.0, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [50.0, 0.0, 32.0, 0.0, 0.0, 50.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    messages = {'/tf': _transform('odom', 'base_link', stamp_ns, 0.1 * index)}
    for topic, message in ((INFO, info), (IMAGE, image), (COMPRESSED, packed)):
        message.header.frame_id = 'camera_front'
        _stamp(message.header.stamp, stamp_ns)
        messages[topic] = message
    if index == 0:
        messages['/tf_static'] = _transform('base_link', 'camera_front', stamp_ns, 1.5)
    return messages


def _transform(parent: str, child: str, stamp_ns: int, x_m: float) -> Any:
    transform = message_class('geometry_msgs/msg/TransformStamped')(child_frame_id=child)
    transform.header.frame_id = parent
    _stamp(transform.header.stamp, stamp_ns)
    transform.transform.translation.x = x_m
    transform.transform.rotation.w = 1.0
    return message_class(TOPICS['/tf'])(transforms=[transform])


def _stamp(stamp: Any, stamp_ns: int) -> None:
    stamp.sec, stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
