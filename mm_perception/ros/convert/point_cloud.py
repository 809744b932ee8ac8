"""sensor_msgs/PointCloud2, any field layout."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.image import byte_array
from mm_perception.ros.wire import message_class
from mm_perception.samples import PointCloud
from mm_perception.samples.sample import Array, Sample

CLOUD = 'sensor_msgs/msg/PointCloud2'
#: sensor_msgs/PointField datatype to NumPy.
_DATATYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
_NUMBERS = {np.dtype(name): number for number, name in _DATATYPES.items()}
_MAX_COUNT = 4096


def cloud_from(message: Any, received_ns: int) -> Sample:
    """sensor_msgs/PointCloud2 to PointCloud: a view of the bytes where the byte order allows.

    Raises:
        MalformedMessageError: Fields, steps and data contradict each other.
    """
    dtype = _record(message)
    height, width, size = message.height, message.width, len(message.data)
    row = width * message.point_step
    claim = f'{width}x{height} points of {message.point_step} bytes, row_step {message.row_step}'
    step = message.row_step if height > 1 else row
    if step < row:
        raise MalformedMessageError(CLOUD, f'a row needs {row} bytes: {claim}')
    if height and width and size < step * (height - 1) + row:
        raise MalformedMessageError(CLOUD, f'only {size} bytes of data: {claim}')
    shape = (height, width) if height > 1 else (width * min(height, 1),)
    strides = (step, message.point_step) if height > 1 else (message.point_step,)
    if 0 in shape:
        points: Array = np.zeros(shape, dtype)
    else:
        buffer = np.frombuffer(message.data, np.uint8)
        points = np.ndarray(shape, dtype, buffer, strides=strides)
    if message.is_bigendian == (sys.byteorder == 'little'):
        points = points.astype(dtype.newbyteorder('='))
    return PointCloud(
        **fields_of(message, received_ns), points=points, is_dense=bool(message.is_dense)
    )


def _record(message: Any) -> np.dtype[Any]:
    """The structured dtype that the fields describe."""
    names, formats, offsets = [], [], []
    order = '>' if message.is_bigendian else '<'
    for item in message.fields:
        if item.datatype not in _DATATYPES:
            raise MalformedMessageError(CLOUD, f'field {item.name!r} has datatype {item.datatype}')
        if not item.name or item.name in names or not 0 < max(item.count, 1) <= _MAX_COUNT:
            raise MalformedMessageError(CLOUD, f'field {item.name!r}, count {item.count}')
        kind = np.dtype(order + _DATATYPES[item.datatype])
        count = max(item.count, 1)
        if item.offset + kind.itemsize * count > message.point_step:
            raise MalformedMessageError(
                CLOUD,
                f'field {item.name!r} at {item.offset} exceeds point_step {message.point_step}',
            )
        names.append(item.name)
        formats.append((kind, (count,)) if count > 1 else kind)
        offsets.append(item.offset)
    if not names:
        raise MalformedMessageError(CLOUD, 'no fields')
    layout: Any = {
        'names': names, 'formats': formats, 'offsets': offsets, 'itemsize': message.point_step,
    }  # fmt: skip
    return np.dtype(layout)


def cloud_to(sample: PointCloud) -> Any:
    """PointCloud to sensor_msgs/PointCloud2."""
    message = message_class(CLOUD)()
    points = np.ascontiguousarray(sample.points)
    message.header = header_of(sample)
    message.height = points.shape[0] if points.ndim == 2 else 1
    message.width = points.shape[-1]
    point_field = message_class('sensor_msgs/msg/PointField')
    for name in sample.fields:
        kind, offset = (points.dtype.fields or {})[name][:2]
        item, shape = (kind.base, kind.shape) if kind.subdtype else (kind, ())
        message.fields.append(
            point_field(
                name=name,
                offset=int(offset),
                datatype=_NUMBERS[item.newbyteorder('=')],
                count=int(np.prod(shape)) if shape else 1,
            )
        )
    message.point_step = points.dtype.itemsize
    message.row_step = message.point_step * message.width
    message.is_bigendian = sys.byteorder == 'big'
    message.is_dense = sample.is_dense
    message.data = byte_array(points.view(np.uint8) if points.size else np.zeros(0, np.uint8))
    return message
