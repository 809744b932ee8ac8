"""Messages for the tests, as drivers send them."""

from __future__ import annotations

import array
from typing import Any

import numpy as np

from mm_perception.ros.wire import message_class

STAMP_NS = 1_700_000_000_123_456_789


def stamped(type_name: str, stamp_ns: int = STAMP_NS, frame_id: str = 'camera') -> Any:
    """An empty message with a header."""
    message = message_class(type_name)()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    message.header.frame_id = frame_id
    return message


def as_bytes(data: Any) -> array.array:
    return array.array('B', data if isinstance(data, bytes) else np.asarray(data).tobytes())


def image(
    pixels: Any, encoding: str, *, row_bytes: int | None = None, big: bool = False, **changes: Any
) -> Any:
    """sensor_msgs/Image of (H, W) or (H, W, C), rows padded to `row_bytes`, then changed."""
    pixels = np.asarray(pixels)
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, -1).view(np.uint8)
    row_bytes = row_bytes or rows.shape[1]
    padded = np.full((height, row_bytes), 0xEE, np.uint8)
    padded[:, : rows.shape[1]] = rows
    message = stamped('sensor_msgs/msg/Image')
    message.height, message.width, message.step = height, width, row_bytes
    message.encoding, message.is_bigendian, message.data = encoding, int(big), as_bytes(padded)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def compressed(data: Any, form: str = 'jpeg') -> Any:
    message = stamped('sensor_msgs/msg/CompressedImage')
    message.format, message.data = form, as_bytes(data)
    return message


def point_field(name: str, offset: int, datatype: int, count: int = 1) -> Any:
    cls = message_class('sensor_msgs/msg/PointField')
    return cls(name=name, offset=offset, datatype=datatype, count=count)


def cloud(
    data: bytes, fields: list[Any], step: int, width: int, height: int = 1, **more: Any
) -> Any:
    """sensor_msgs/PointCloud2 with rows of exactly `width` points unless `row_step` is given."""
    message = stamped('sensor_msgs/msg/PointCloud2', frame_id='lidar')
    message.fields, message.point_step, message.width, message.height = fields, step, width, height
    message.row_step, message.data = more.pop('row_step', step * width), as_bytes(data)
    for name, value in more.items():
        setattr(message, name, value)
    return message
