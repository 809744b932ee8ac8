"""Stamps and frames."""

from __future__ import annotations

from typing import Any

from mm_perception.ros.wire import message_class
from mm_perception.samples import Sample


def stamp_and_frame(message: Any, received_ns: int = 0) -> tuple[int, str]:
    """Stamp (ns) and frame of a message; `received_ns` serves where there is no header."""
    header = getattr(message, 'header', None)
    if header is None:
        return received_ns, ''
    return ns_of(header.stamp), header.frame_id


def fields_of(message: Any, received_ns: int) -> dict[str, Any]:
    """Stamp and frame as keyword arguments of a sample."""
    stamp_ns, frame_id = stamp_and_frame(message, received_ns)
    return {'stamp_ns': stamp_ns, 'frame_id': frame_id}


def ns_of(time: Any) -> int:
    """Stamp of a builtin_interfaces/Time."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def time_message(stamp_ns: int) -> Any:
    """builtin_interfaces/Time of a stamp."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return message_class('builtin_interfaces/msg/Time')(sec=sec, nanosec=nanosec)


def header_of(sample: Sample) -> Any:
    """std_msgs/Header of a sample."""
    header = message_class('std_msgs/msg/Header')()
    header.stamp = time_message(sample.stamp_ns)
    header.frame_id = sample.frame_id
    return header
