"""JPEG and PNG, with the size and the end of the file checked before a decoder sees them.

A decoder allocates what the header claims: 60 bytes can claim 4 gigapixels. And some versions of
OpenCV return the upper half of a truncated JPEG over grey, as if nothing had happened.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.sample import Array

#: Claims beyond this are refused: 100 megapixels, 300 MB of RGB.
MAX_PIXELS = 100_000_000
_PNG = b'\x89PNG\r\n\x1a\n'
_JPEG = b'\xff\xd8'
_START_OF_SCAN = 0xDA


def decode_picture(data: Array) -> Array:
    """The picture in a JPEG or PNG file.

    Args:
        data: (N,) uint8, the bytes of the file.

    Returns:
        (H, W) uint8 or uint16, (H, W, 3) or (H, W, 4) RGB(A) uint8 or uint16; the orientation
        tag of EXIF is not applied, because calibration knows the sensor's rows and columns.

    Raises:
        ShapeError: Neither JPEG nor PNG, cut off, damaged, or larger than `MAX_PIXELS`.
    """
    height, width = claimed_size(data)
    if height * width > MAX_PIXELS or height == 0 or width == 0:
        raise ShapeError(
            'compressed picture', f'1 to {MAX_PIXELS} pixels', f'a claim of {width}x{height}'
        )
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ShapeError('compressed picture', 'a readable file', str(error).strip()) from error
    if picture is None:
        raise ShapeError('compressed picture', 'a readable file', f'{data.size} damaged bytes')
    if picture.ndim == 2:
        return picture
    code = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.cvtColor(picture, code)


def encode_jpeg(picture: Array, quality: int = 90) -> Array:
    """A picture as a JPEG file.

    Args:
        picture: (H, W, 3) uint8 RGB.
        quality: 1 to 100.

    Returns:
        (N,) uint8, the bytes of the file.
    """
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode('.jpg', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)
    return np.asarray(encoded, np.uint8).reshape(-1)


def claimed_size(data: Array) -> tuple[int, int]:
    """Height and width as the file's header says, after a look at the file's end.

    Raises:
        ShapeError: Neither JPEG nor PNG, or cut off.
    """
    file = data.tobytes()
    if file.startswith(_PNG):
        if len(file) < 33 or file[12:16] != b'IHDR' or b'IEND' not in file[-64:]:
            raise ShapeError('PNG', 'IHDR first and IEND last', f'{len(file)} cut off bytes')
        return int.from_bytes(file[20:24], 'big'), int.from_bytes(file[16:20], 'big')
    if file.startswith(_JPEG):
        return _jpeg_size(file)
    raise ShapeError('compressed picture', 'JPEG or PNG', f'bytes {file[:4].hex(" ") or "none"}')


def _jpeg_size(file: bytes) -> tuple[int, int]:
    """Walk the segments of a JPEG from the start to the scan (ITU-T T.81, B.1.1)."""
    size = None
    position = 2
    while position + 4 <= len(file) and file[position] == 0xFF:
        marker = file[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        length = int.from_bytes(file[position + 2 : position + 4], 'big')
        if marker == _START_OF_SCAN:
            if size is not None and file.rfind(b'\xff\xd9', position) > 0:
                return size
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and size is None:
            frame = file[position + 5 : position + 9]
            size = int.from_bytes(frame[:2], 'big'), int.from_bytes(frame[2:], 'big')
        position += 2 + max(length, 2)
    raise ShapeError('JPEG', 'a frame, a scan and an end', f'{len(file)} cut off bytes')
