"""sensor_msgs/CompressedImage: JPEG, PNG, and the depth of compressed_depth_image_transport."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError, UnsupportedEncodingError
from mm_perception.imaging.compressed import decode_picture
from mm_perception.ros.convert.header import fields_of
from mm_perception.ros.convert.image import colours_of_bayer
from mm_perception.samples import Image
from mm_perception.samples.sample import Array

COMPRESSED = 'sensor_msgs/msg/CompressedImage'
#: Words in `format` that can be read, in lower case; `jpg` is understood as well.
FORMATS = ('jpeg', 'png', 'compresseddepth')
#: compressedDepth begins with an enum and two floats A and B (depth_m = A / (value - B)).
_DEPTH_HEADER = struct.Struct('<iff')
_OTHERS = ('rvl', 'tiff', 'jxl', 'jp2', 'webp', 'bmp', 'h264', 'h265', 'hevc', 'av1', 'ffmpeg')


def compressed_from(message: Any, received_ns: int) -> Image:
    """sensor_msgs/CompressedImage to Image: rgb8, rgba8, mono8, mono16, 16UC1 or 32FC1.

    The file's own header decides what it is; `format` only tells depth from other pictures,
    16-bit brightness from 16-bit depth, and a Bayer mosaic, which compressed_image_transport
    compresses as it is, from brightness.

    Raises:
        MalformedMessageError: The data is damaged, cut off, or claims over 100 megapixels.
        UnsupportedEncodingError: Another format.
    """
    data = np.frombuffer(message.data, np.uint8)
    encoding: str | None
    source, _, codec = message.format.partition(';')
    if any(name in codec.lower() or name == source.lower() for name in _OTHERS):
        raise UnsupportedEncodingError(COMPRESSED, message.format, FORMATS)
    try:
        if 'compresseddepth' in codec.lower():
            picture, encoding = _depth(data, source.strip())
        else:
            picture = decode_picture(data)
            if picture.ndim == 2:
                rgb = colours_of_bayer(picture, source.strip())
                picture = picture if rgb is None else rgb
            encoding = _encoding_of(picture, source.strip())
    except ShapeError as error:
        raise MalformedMessageError(COMPRESSED, f'format {message.format!r}: {error}') from error
    if encoding is None:
        raise UnsupportedEncodingError(COMPRESSED, '16-bit colour', FORMATS)
    return Image(**fields_of(message, received_ns), data=picture, encoding=encoding)


def _encoding_of(picture: Array, source: str) -> str | None:
    if picture.ndim == 2:
        if picture.dtype == np.uint8:
            return 'mono8'
        return 'mono16' if source == 'mono16' else '16UC1'
    if picture.dtype != np.uint8:
        return None
    return 'rgb8' if picture.shape[2] == 3 else 'rgba8'


def _depth(data: Array, source: str) -> tuple[Array, str]:
    """Millimetres as they are; metres from inverse depth (0 is invalid)."""
    if data.size < _DEPTH_HEADER.size:
        raise ShapeError('compressedDepth', '12 bytes of header', f'{data.size} bytes')
    _, a, b = _DEPTH_HEADER.unpack(data[: _DEPTH_HEADER.size].tobytes())
    picture = decode_picture(data[_DEPTH_HEADER.size :])
    if picture.ndim != 2 or picture.dtype != np.uint16:
        raise ShapeError('compressedDepth', '(H, W) uint16', f'{picture.shape} {picture.dtype}')
    if source != '32FC1':
        return picture, '16UC1'
    if not np.isfinite([a, b]).all() or a <= 0:
        raise ShapeError('compressedDepth', 'finite A > 0 and B', f'A={a}, B={b}')
    with np.errstate(divide='ignore'):
        metres = np.float32(a) / (picture.astype(np.float32) - np.float32(b))
    metres[(picture == 0) | ~np.isfinite(metres)] = np.nan
    return metres, '32FC1'
