"""sensor_msgs/PointCloud2, any field layout."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.image import byte_array
from mm_perception.ros.wire import message_class
from mm_perception.samples import PointCloud
from mm_perception.samples.sample import Array

CLOUD = 'sensor_msgs/msg/PointCloud2'
#: sensor_msgs/PointField datatype to NumPy.
_DATATYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
_NUMBERS = {np.dtype(name): number for number, name in _DATATYPES.items()}
#: Bytes of one point; more is taken for a lie (NumPy itself ends at 2 GiB).
_MAX_POINT_STEP = 1 << 20


def cloud_from(message: Any, received_ns: int) -> PointCloud:
    """sensor_msgs/PointCloud2 to PointCloud.

    A view of the message's bytes with the driver's offsets, padding and overlaps, (N,) for one
    row and (H, W) for more. Only a foreign byte order is copied, field by field, without padding.

    Raises:
        MalformedMessageError: Fields, steps and data contradict each other.
    """
    height, width, size = message.height, message.width, len(message.data)
    row = width * message.point_step
    claim = f'{width}x{height} points of {message.point_step} bytes, row_step {message.row_step}'
    step = message.row_step if height > 1 else row
    num_points = height * width
    if message.point_step > _MAX_POINT_STEP:
        raise MalformedMessageError(CLOUD, f'a point has more than {_MAX_POINT_STEP} B: {claim}')
    if num_points and step < row:
        raise MalformedMessageError(CLOUD, f'a row needs {row} bytes: {claim}')
    if num_points and size < step * (height - 1) + row:
        raise MalformedMessageError(CLOUD, f'only {size} bytes of data: {claim}')
    dtype = _record(message)
    if num_points and not dtype.names:
        raise MalformedMessageError(CLOUD, f'no fields: {claim}')
    if num_points == 0:
        points: Array = np.zeros(0, dtype)
    else:
        buffer = np.frombuffer(message.data, np.uint8)
        shape = (height, width) if height > 1 else (width,)
        strides = (step, message.point_step) if height > 1 else (message.point_step,)
        points = np.ndarray(shape, dtype, buffer, strides=strides)
    if bool(message.is_bigendian) == (sys.byteorder == 'little'):
        points = _in_native_order(points)
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
        if not item.name or item.name in names:
            raise MalformedMessageError(CLOUD, f'two fields or none are named {item.name!r}')
        kind = np.dtype(order + _DATATYPES[item.datatype])
        count = max(item.count, 1)  # 0 is how some drivers say 1
        if item.offset + kind.itemsize * count > message.point_step:
            raise MalformedMessageError(
                CLOUD,
                f'field {item.name!r}, {count} x {kind.name} at {item.offset}, '
                f'exceeds point_step {message.point_step}',
            )
        names.append(item.name)
        formats.append((kind, (count,)) if count > 1 else kind)
        offsets.append(item.offset)
    layout: Any = {
        'names': names, 'formats': formats, 'offsets': offsets, 'itemsize': message.point_step,
    }  # fmt: skip
    record: np.dtype[Any] = np.dtype(layout)
    return record


def _in_native_order(points: Array) -> Array:
    """A packed copy; field by field, because overlapping fields differ in how they swap."""
    fields = [(name, points.dtype[name].newbyteorder('=')) for name in points.dtype.names or ()]
    copy: Array = np.zeros(points.shape, np.dtype(fields))
    for name, _ in fields:
        copy[name] = points[name]
    return copy


def cloud_to(sample: PointCloud) -> Any:
    """PointCloud to sensor_msgs/PointCloud2, in the byte order of this machine.

    Raises:
        ShapeError: A field has a type that PointField cannot name (bool, int64, float16, nested).
    """
    points = sample.points
    if any(not points.dtype[name].base.isnative for name in sample.fields):
        points = _in_native_order(points)
    elif not points.flags.c_contiguous:
        packed = np.zeros(points.shape, points.dtype)  # zeros: padding is the same every time
        packed[...] = points
        points = packed
    message = message_class(CLOUD)()
    message.header = header_of(sample)
    message.height = points.shape[0] if points.ndim == 2 else 1
    message.width = points.shape[-1]
    layout: Any = points.dtype.fields or {}
    message.fields = [_field(name, *layout[name]) for name in sample.fields]
    message.point_step = points.dtype.itemsize
    message.row_step = message.point_step * message.width
    message.is_bigendian = sys.byteorder == 'big'
    message.is_dense = sample.is_dense
    if points.nbytes:
        message.data = byte_array(points.view(np.uint8))
    return message


def _field(name: str, kind: np.dtype[Any], offset: int, *_: object) -> Any:
    if kind.base not in _NUMBERS:
        known = ', '.join(str(known) for known in _NUMBERS)
        raise ShapeError(f'field {name!r} of a PointCloud2', f'one of {known}', str(kind.base))
    count = int(np.prod(kind.shape)) if kind.shape else 1
    return message_class('sensor_msgs/msg/PointField')(
        name=name, offset=int(offset), datatype=_NUMBERS[kind.base], count=count
    )
