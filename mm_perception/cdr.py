"""Serialized messages without ROS: the header that most begin with, and whole pictures.

Layout (OMG CDR, XCDR1): 4 bytes of encapsulation, then fields in order, each aligned to its size
counted from byte 4; a string is a uint32 length with its closing zero, a sequence a uint32 length.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from mm_perception.errors import MalformedMessageError

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
_NATIVE = b'\0\1\0\0' if sys.byteorder == 'little' else b'\0\0\0\0'


@dataclass(frozen=True)
class Head:
    """The beginning of a message that starts with a std_msgs/Header."""

    stamp_ns: int
    frame_id: str
    encoding: str = ''


class ImageView:
    """A serialized sensor_msgs/Image with the fields of the message; `data` is a view, not a copy.

    Args:
        raw: Serialized message with its encapsulation.

    Raises:
        MalformedMessageError: The bytes end too early, or a name is no text.
    """

    def __init__(self, raw: bytes | memoryview) -> None:
        order = _order(raw)
        try:
            self._sec, self._nanosec = struct.unpack_from(order + 'iI', raw, 4)
            self._frame_id, at = _read_string(order, raw, 12)
            self.height, self.width = struct.unpack_from(order + 'II', raw, at)
            self.encoding, at = _read_string(order, raw, at + 8, pad=1)
            self.is_bigendian = raw[at]
            at += 1 + (-(at + 1)) % 4
            self.step, length = struct.unpack_from(order + 'II', raw, at)
        except (struct.error, UnicodeDecodeError, IndexError) as error:
            raise MalformedMessageError(
                IMAGE, f'{len(raw)} bytes end too early: {error}'
            ) from error
        self.data = memoryview(raw)[at + 8 : at + 8 + length]
        if len(self.data) != length:
            raise MalformedMessageError(
                IMAGE, f'claims {length} bytes of data, {len(self.data)} follow'
            )

    @cached_property
    def header(self) -> Any:
        """As in the message: header.stamp.sec, header.stamp.nanosec, header.frame_id."""
        stamp = SimpleNamespace(sec=self._sec, nanosec=self._nanosec)
        return SimpleNamespace(stamp=stamp, frame_id=self._frame_id)


def read_head(kind: str, raw: bytes | memoryview) -> Head | None:
    """Read stamp, frame and encoding; None if the bytes are cut short or no text.

    Args:
        kind: Message type; only Image and CompressedImage have an encoding.
        raw: Serialized message with its encapsulation.
    """
    order = _order(raw)
    try:
        sec, nanosec = struct.unpack_from(order + 'iI', raw, 4)
        frame_id, at = _read_string(order, raw, 12)
        encoding = ''
        if kind == IMAGE:
            encoding, _ = _read_string(order, raw, at + 8)
        elif kind == COMPRESSED:
            encoding, _ = _read_string(order, raw, at)
    except (struct.error, UnicodeDecodeError, IndexError):
        return None
    return Head(sec * 10**9 + nanosec, frame_id, encoding)


def image_head(
    stamp_ns: int, frame_id: str, size: tuple[int, int], encoding: str, nbytes: int
) -> bytes:
    """Serialize a sensor_msgs/Image up to its pixels, in the byte order of this machine.

    Args:
        stamp_ns: Stamp.
        frame_id: Frame.
        size: Height and width.
        encoding: ROS name of the encoding.
        nbytes: Of the pixels, which follow in rows without padding.
    """
    height, width = size
    head = bytearray(_NATIVE + struct.pack('=iI', *divmod(stamp_ns, 10**9)))
    _append_string(head, frame_id)
    head += struct.pack('=II', height, width)
    _append_string(head, encoding, pad=1)
    head.append(int(sys.byteorder == 'big'))
    head += bytes(-len(head) % 4)
    head += struct.pack('=II', nbytes // max(height, 1), nbytes)
    return bytes(head)


def _order(raw: bytes | memoryview) -> str:
    return '<' if len(raw) > 1 and raw[1] & 1 else '>'


def _read_string(order: str, raw: bytes | memoryview, at: int, pad: int = 4) -> tuple[str, int]:
    """A string and the position of what follows, aligned to `pad`."""
    (length,) = struct.unpack_from(order + 'I', raw, at)
    end = at + 4 + length
    if end > len(raw):
        raise IndexError(f'a text of {length} bytes')
    text = bytes(raw[at + 4 : end]).rstrip(b'\0').decode()
    return text, end + -end % pad


def _append_string(head: bytearray, text: str, pad: int = 4) -> None:
    encoded = text.encode() + b'\0'
    head += struct.pack('=I', len(encoded)) + encoded
    head += bytes(-len(head) % pad)
