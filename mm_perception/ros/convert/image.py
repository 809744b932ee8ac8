"""sensor_msgs/Image.

OpenCV decodes everything, with or without cv_bridge: the same pixels on every installation.
"""

from __future__ import annotations

import array
import re
import sys
from typing import Any, Literal

import cv2
import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError, UnsupportedEncodingError
from mm_perception.imaging.colour import demosaic, rgb_from_yuv420, rgb_from_yuv422
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Image
from mm_perception.samples.sample import Array

IMAGE = 'sensor_msgs/msg/Image'

_U8, _U16, _F32 = np.dtype('u1'), np.dtype('u2'), np.dtype('f4')
#: ROS encoding to (channels, dtype, our encoding); our encoding is rgb8 where pixels are decoded.
_LAYOUTS: dict[str, tuple[int, np.dtype[Any], str]] = {
    'rgb8': (3, _U8, 'rgb8'),
    'bgr8': (3, _U8, 'rgb8'),
    'rgba8': (4, _U8, 'rgba8'),
    'bgra8': (4, _U8, 'rgba8'),
    'mono8': (1, _U8, 'mono8'),
    'mono16': (1, _U16, 'mono16'),
    '16UC1': (1, _U16, '16UC1'),
    '32FC1': (1, _F32, '32FC1'),
    '8UC1': (1, _U8, 'mono8'),
    '8UC3': (3, _U8, 'rgb8'),  # no order is declared; nodes that send it send OpenCV's, BGR
    **{f'bayer_{p}8': (1, _U8, 'rgb8') for p in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **{f'bayer_{p}16': (1, _U16, 'rgb8') for p in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **dict.fromkeys(('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'), (2, _U8, 'rgb8')),
    **dict.fromkeys(('nv12', 'nv21'), (1, _U8, 'rgb8')),
}
_YUV422 = {'yuv422': 'uyvy', 'uyvy': 'uyvy', 'yuv422_yuy2': 'yuyv', 'yuyv': 'yuyv'}
_BGR = {
    'bgr8': cv2.COLOR_BGR2RGB,
    '8UC3': cv2.COLOR_BGR2RGB,
    'bgra8': cv2.COLOR_BGRA2RGBA,
}
_BAYER = re.compile('bayer_(rggb|bggr|gbrg|grbg)(8|16)')
ENCODINGS = tuple(_LAYOUTS)


def image_from(message: Any, received_ns: int) -> Image:
    """sensor_msgs/Image to Image.

    A view of the message's bytes, padded rows or not, for rgb8, rgba8, mono8, mono16, 16UC1 and
    32FC1 in the byte order of this machine; otherwise decoded (YUV by BT.601, Bayer bilinear,
    16-bit Bayer by its upper 8 bits).

    Raises:
        UnsupportedEncodingError: No such encoding.
        MalformedMessageError: Size, step and data contradict each other.
    """
    if message.encoding not in _LAYOUTS:
        raise UnsupportedEncodingError(IMAGE, message.encoding, _LAYOUTS)
    _, _, encoding = _LAYOUTS[message.encoding]
    pixels = _pixels(message)
    try:
        picture = _decoded(pixels, message.encoding)
    except ShapeError as error:
        raise MalformedMessageError(IMAGE, str(error)) from error
    return Image(**fields_of(message, received_ns), data=picture, encoding=encoding)


def _pixels(message: Any) -> Array:
    """The message's bytes as (rows, W) or (rows, W, C) in the byte order of this machine."""
    channels, dtype, _ = _LAYOUTS[message.encoding]
    height, width, step = message.height, message.width, message.step
    size, row = len(message.data), width * channels * dtype.itemsize
    claim = f'{width}x{height} {message.encoding}, step {step}, {size} bytes of data'
    if height == 0 or width == 0:
        raise MalformedMessageError(IMAGE, f'no pixels: {claim}')
    if message.encoding in ('nv12', 'nv21'):
        if height % 2:
            raise MalformedMessageError(IMAGE, f'4:2:0 pictures have an even height: {claim}')
        height = height * 3 // 2  # luma, and below it rows of colour
    if step < row:
        raise MalformedMessageError(IMAGE, f'a row needs {row} bytes: {claim}')
    if size < step * (height - 1) + row:
        raise MalformedMessageError(IMAGE, f'{step * height} bytes are needed: {claim}')
    order: Literal['<', '>'] = '>' if message.is_bigendian else '<'
    shape = (height, width, channels) if channels > 1 else (height, width)
    inner = (dtype.itemsize * channels, dtype.itemsize) if channels > 1 else (dtype.itemsize,)
    buffer = np.frombuffer(message.data, np.uint8)
    pixels: Array = np.ndarray(shape, dtype.newbyteorder(order), buffer, strides=(step, *inner))
    is_native = dtype.itemsize == 1 or (order == '<') == (sys.byteorder == 'little')
    # torch refuses rows that begin in the middle of a number: copy those.
    if is_native and pixels.flags.aligned:
        return pixels.view(dtype)
    return pixels.astype(dtype)


def _decoded(pixels: Array, encoding: str) -> Array:
    if encoding in _BGR:
        return cv2.cvtColor(np.ascontiguousarray(pixels), _BGR[encoding])
    if encoding in _YUV422:
        return rgb_from_yuv422(pixels, _YUV422[encoding])
    if encoding in ('nv12', 'nv21'):
        return rgb_from_yuv420(pixels, encoding)
    rgb = colours_of_bayer(pixels, encoding)
    return pixels if rgb is None else rgb


def colours_of_bayer(mosaic: Array, encoding: str) -> Array | None:
    """(H, W, 3) uint8 RGB of a Bayer mosaic (H, W); None where the encoding names no mosaic.

    Of 16 bits the upper 8 count.

    Raises:
        ShapeError: It is smaller than 3 x 3.
    """
    bayer = _BAYER.fullmatch(encoding)
    if bayer is None:
        return None
    rgb = demosaic(mosaic, bayer[1])
    return rgb if rgb.dtype == _U8 else (rgb >> 8).astype(_U8)


def image_to(sample: Image) -> Any:
    """Image to sensor_msgs/Image, rows without padding, in the byte order of this machine."""
    message = message_class(IMAGE)()
    message.header = header_of(sample)
    message.height, message.width = sample.height, sample.width
    message.encoding = sample.encoding
    message.step = sample.data.nbytes // sample.height
    message.is_bigendian = int(sys.byteorder == 'big')
    message.data = byte_array(sample.data)
    return message


def byte_array(values: Array) -> array.array[int]:
    """Bytes in the one type that rclpy takes over without looking at every element."""
    data = array.array('B')
    if values.size:
        data.frombytes(np.ascontiguousarray(values).data.cast('B'))
    return data
