"""sensor_msgs/Image and CompressedImage."""

from __future__ import annotations

import array
import sys
from typing import Any

import cv2
import numpy as np

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Image
from mm_perception.samples.sample import Array, Sample

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
#: A picture larger than this is taken for a lie of its header.
MAX_PIXELS = 200_000_000

_U8, _U16, _F32 = np.uint8, np.uint16, np.float32
#: ROS encoding to (channels, dtype, our encoding, OpenCV conversion or None).
_LAYOUTS: dict[str, tuple[int, type, str, int | None]] = {
    'rgb8': (3, _U8, 'rgb8', None),
    '8UC3': (3, _U8, 'rgb8', cv2.COLOR_BGR2RGB),  # OpenCV's order, as cv_bridge takes it
    'bgr8': (3, _U8, 'rgb8', cv2.COLOR_BGR2RGB),
    'rgba8': (4, _U8, 'rgba8', None),
    'bgra8': (4, _U8, 'rgba8', cv2.COLOR_BGRA2RGBA),
    'mono8': (1, _U8, 'mono8', None),
    '8UC1': (1, _U8, 'mono8', None),
    'mono16': (1, _U16, 'mono16', None),
    '16UC1': (1, _U16, '16UC1', None),
    '32FC1': (1, _F32, '32FC1', None),
    # OpenCV names the pattern by its second row: ROS rggb is OpenCV BG.
    'bayer_rggb8': (1, _U8, 'rgb8', cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': (1, _U8, 'rgb8', cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (1, _U8, 'rgb8', cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (1, _U8, 'rgb8', cv2.COLOR_BayerGB2RGB),
    'yuv422': (2, _U8, 'rgb8', cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (2, _U8, 'rgb8', cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (2, _U8, 'rgb8', cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': (2, _U8, 'rgb8', cv2.COLOR_YUV2RGB_YUY2),
}
ENCODINGS = tuple(_LAYOUTS)
FORMATS = ('jpeg', 'png')


def image_from(message: Any, received_ns: int) -> Sample:
    """sensor_msgs/Image to Image; without a copy where layout and order allow.

    Raises:
        UnsupportedEncodingError: No such encoding.
        MalformedMessageError: Size, step and data contradict each other.
    """
    if message.encoding not in _LAYOUTS:
        raise UnsupportedEncodingError(IMAGE, message.encoding, _LAYOUTS)
    channels, dtype, encoding, conversion = _LAYOUTS[message.encoding]
    pixels = _pixels(message, channels, np.dtype(dtype))
    if conversion is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), conversion)
    return Image(**fields_of(message, received_ns), data=pixels, encoding=encoding)


def _pixels(message: Any, channels: int, dtype: np.dtype[Any]) -> Array:
    """A view of the message's bytes as (H, W) or (H, W, C)."""
    height, width, step = message.height, message.width, message.step
    row = width * channels * dtype.itemsize
    size = len(message.data)
    claim = f'{width}x{height} {message.encoding}, step {step}, {size} bytes of data'
    if height == 0 or width == 0:
        raise MalformedMessageError(IMAGE, f'no pixels: {claim}')
    if step < row:
        raise MalformedMessageError(IMAGE, f'a row needs {row} bytes: {claim}')
    if size < step * (height - 1) + row:
        raise MalformedMessageError(IMAGE, f'{step * height} bytes are needed: {claim}')
    if 'yuv' in message.encoding and width % 2:
        raise MalformedMessageError(IMAGE, f'4:2:2 pictures have an even width: {claim}')
    order = '>' if message.is_bigendian else '<'
    shape = (height, width, channels) if channels > 1 else (height, width)
    inner = (dtype.itemsize * channels, dtype.itemsize) if channels > 1 else (dtype.itemsize,)
    buffer = np.frombuffer(message.data, np.uint8)
    pixels: Array = np.ndarray(shape, dtype.newbyteorder(order), buffer, strides=(step, *inner))
    is_native = dtype.itemsize == 1 or (order == '<') == (sys.byteorder == 'little')
    return pixels.view(dtype) if is_native else pixels.astype(dtype)


def compressed_from(message: Any, received_ns: int) -> Sample:
    """sensor_msgs/CompressedImage (JPEG, PNG) to Image, RGB or mono.

    Raises:
        MalformedMessageError: The data is no picture.
        UnsupportedEncodingError: compressedDepth or another format.
    """
    if 'compresseddepth' in message.format.lower():
        raise UnsupportedEncodingError(COMPRESSED, message.format, FORMATS)
    data = np.frombuffer(message.data, np.uint8)
    num_pixels = _claimed_pixels(data)
    if num_pixels is None:
        raise UnsupportedEncodingError(COMPRESSED, message.format or 'unknown', FORMATS)
    if num_pixels > MAX_PIXELS:
        raise MalformedMessageError(COMPRESSED, f'claims {num_pixels} pixels in {data.size} bytes')
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MalformedMessageError(COMPRESSED, f'cannot be decoded: {error}') from error
    if picture is None:
        raise MalformedMessageError(
            COMPRESSED, f'{data.size} bytes are no {message.format} picture'
        )
    fields = fields_of(message, received_ns)
    if picture.ndim == 2:
        encoding = 'mono8' if picture.dtype == np.uint8 else '16UC1'
        return Image(**fields, data=picture, encoding=encoding)
    if picture.dtype != np.uint8:
        raise UnsupportedEncodingError(COMPRESSED, f'{picture.dtype} colour', FORMATS)
    code = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    encoding = 'rgb8' if picture.shape[2] == 3 else 'rgba8'
    return Image(**fields, data=cv2.cvtColor(picture, code), encoding=encoding)


def _claimed_pixels(data: Array) -> int | None:
    """Width times height as the file's header says; None if it is neither JPEG nor PNG."""
    head = data[:32].tobytes()
    if head.startswith(b'\x89PNG\r\n\x1a\n') and len(head) >= 24:
        return int.from_bytes(head[16:20], 'big') * int.from_bytes(head[20:24], 'big')
    if head.startswith(b'\xff\xd8'):
        return _jpeg_pixels(data)
    return None


def _jpeg_pixels(data: Array) -> int:
    """Follow JPEG segments to the start-of-frame; 0 where there is none (then decoding fails)."""
    position = 2
    while position + 9 < data.size:
        if data[position] != 0xFF:
            return 0
        marker = int(data[position + 1])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int(data[position + 5]) << 8 | int(data[position + 6])
            width = int(data[position + 7]) << 8 | int(data[position + 8])
            return height * width
        position += 2 + (int(data[position + 2]) << 8 | int(data[position + 3]))
    return 0


def image_to(sample: Image) -> Any:
    """Image to sensor_msgs/Image."""
    message = message_class(IMAGE)()
    message.header = header_of(sample)
    message.height, message.width = sample.height, sample.width
    message.encoding = sample.encoding
    message.step = sample.width * sample.data.itemsize * int(np.prod(sample.data.shape[2:]))
    message.is_bigendian = int(sys.byteorder == 'big')
    message.data = byte_array(sample.data)
    return message


def byte_array(values: Array) -> array.array[int]:
    """Bytes in the one type that rclpy takes over without looking at every element."""
    data = array.array('B')
    data.frombytes(memoryview(np.ascontiguousarray(values)).cast('B'))
    return data
