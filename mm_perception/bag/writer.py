"""Write a rosbag2 folder with MCAP: the same messages give the same bytes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from mm_perception.bag.definition import message_definition
from mm_perception.errors import BagError
from mm_perception.ros.wire import type_hash


class BagWriter:
    """A new bag; use it as a context manager.

    While it is written it lies in `<path>.incomplete/`: what has the final name is whole.

    Args:
        path: Folder to make; an empty one may be there.

    Raises:
        BagError: Something is there already, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

        is_empty = path.is_dir() and path.name and not any(path.iterdir())
        if path.exists() and not is_empty:
            raise BagError(str(path), 'exists already', 'give another folder, or remove it')
        self.path = path
        self._draft = path.with_name(f'{path.name}.incomplete') / path.name
        if self._draft.exists():
            raise BagError(
                str(self._draft), 'is left over from a run that was killed',
                'remove it, or give another folder',
            )  # fmt: skip
        try:
            self._bag = Writer(self._draft, version=9, storage_plugin=StoragePlugin.MCAP)
            self._bag.open()
        except (WriterError, OSError) as error:
            raise BagError(str(path), f'cannot be written: {error}', 'check the disk') from error
        self._is_open = True
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish the bag and give it its name; closing twice is fine."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._bag.close()
            self._draft.rename(self.path)
            self._draft.parent.rmdir()
        except OSError as error:
            raise BagError(
                str(self.path), f'cannot be written: {error}', 'check the disk'
            ) from error

    def add_topic(
        self, topic: str, type_name: str, *, latched: bool = False, reliable: bool = True
    ) -> None:
        """Declare a topic; the order of declarations is part of the file."""
        if topic not in self._connections:
            self._connections[topic] = self._bag.add_connection(
                topic,
                type_name,
                msgdef=message_definition(type_name),
                rihs01=type_hash(type_name),
                offered_qos_profiles=[_qos(latched=latched, reliable=reliable)],
            )

    def write(self, topic: str, log_time_ns: int, data: bytes) -> None:
        """Append CDR bytes to a declared topic."""
        self._bag.write(self._connections[topic], log_time_ns, data)


def _qos(*, latched: bool, reliable: bool) -> Any:
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    forever = QosTime(sec=2147483647, nsec=4294967295)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
