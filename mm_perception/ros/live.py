"""A bag as a source that never ends: played again and again, with the stamps of now."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import rclpy
from rclpy.node import Node

from mm_perception.bag.pacing import Pacer
from mm_perception.bag.reader import BagReader, Record
from mm_perception.ros.convert.header import time_message
from mm_perception.ros.player import Player
from mm_perception.ros.wire import deserialize, message_class, serialize

_TIME = 'builtin_interfaces/Time'


class LiveSource:
    """Publishes a bag as if it happened now.

    Every stamp in every message is moved by what lies between the start of the bag and the start
    of its round, so that time goes on when the bag begins again.

    Args:
        node: Owner of the publishers.
        reader: The bag; the caller closes it.
        now_ns: Clock of the stamps.
    """

    def __init__(
        self, node: Node, reader: BagReader, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._reader, self._now_ns, self._offset_ns = reader, now_ns, 0
        self._player = Player(node, reader, outgoing=self._moved)

    @property
    def topics(self) -> list[str]:
        """What is published."""
        return sorted(self._player.publishers)

    def run(self) -> None:
        """Publish at real time until ROS shuts down."""
        while rclpy.ok():
            self._offset_ns = self._now_ns() - self._reader.start_ns
            self._player.play(Pacer(self._reader.start_ns))

    def _moved(self, record: Record) -> bytes:
        return restamped(record.data, record.type_name, self._offset_ns)


def restamped(data: bytes, type_name: str, offset_ns: int) -> bytes:
    """A message with all its stamps moved; a stamp of zero means none, and stays.

    Args:
        data: CDR bytes.
        type_name: ROS type.
        offset_ns: To add.
    """
    if not _stamped_fields(type_name):
        return data
    message = deserialize(data, type_name)
    _move(message, type_name, offset_ns)
    return serialize(message)


def _move(message: Any, type_name: str, offset_ns: int) -> None:
    for name, part_type, is_many in _stamped_fields(type_name):
        value = getattr(message, name)
        if part_type != _TIME:
            for part in value if is_many else (value,):
                _move(part, part_type, offset_ns)
            continue
        moved = [_later(stamp, offset_ns) for stamp in (value if is_many else (value,))]
        setattr(message, name, moved if is_many else moved[0])


def _later(stamp: Any, offset_ns: int) -> Any:
    stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
    return time_message(stamp_ns + offset_ns) if stamp_ns else stamp


@lru_cache(maxsize=256)
def _stamped_fields(type_name: str) -> tuple[tuple[str, str, bool], ...]:
    """Fields that are or hold stamps: name, type, and whether there are many."""
    package, *_, name = type_name.split('/')
    fields = message_class(f'{package}/msg/{name}').get_fields_and_field_types()
    found = []
    for field, text in fields.items():
        is_many = text.startswith('sequence<') or text.endswith(']')
        part_type = text.removeprefix('sequence<').split('>')[0].split(',')[0].split('[')[0]
        is_message = '/' in part_type
        if is_message and (part_type == _TIME or _stamped_fields(part_type)):
            found.append((field, part_type, is_many))
    return tuple(found)
