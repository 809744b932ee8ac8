"""Read a rosbag2: topics, and raw messages in order of time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mm_perception.errors import BagError


@dataclass(frozen=True)
class Topic:
    """One topic of a bag.

    Attributes:
        type_name: ROS type, such as sensor_msgs/msg/Image.
        count: Number of messages.
        type_hash: RIHS01 hash of the definition it was recorded with; empty if the bag has none.
        latched: Recorded from a transient-local publisher.
        is_reliable: Recorded from reliable publishers only, or the bag does not say.
    """

    name: str
    type_name: str
    count: int
    type_hash: str = ''
    latched: bool = False
    is_reliable: bool = True


@dataclass(frozen=True)
class Record:
    """One message: CDR bytes and the time it was recorded."""

    topic: str
    type_name: str
    log_time_ns: int
    data: bytes


class BagReader:
    """A bag: a rosbag2 folder (MCAP or SQLite), or a single .mcap file.

    Args:
        path: The folder or file.

    Raises:
        BagError: It is not there, or no bag, or damaged at its head.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise BagError(str(path), 'does not exist', 'check the path')
        self._bag = self._open()
        self.topics = {c.topic: _topic(c) for c in self._bag.connections}
        self.start_ns, self.end_ns = int(self._bag.start_time), int(self._bag.end_time)
        self.num_messages = int(self._bag.message_count)

    def _open(self) -> Any:
        from rosbags.rosbag2 import Reader, ReaderError

        folder = self.path
        if folder.is_file():
            folder = folder.parent
        try:
            bag = Reader(folder)
            bag.open()
        except (ReaderError, OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise BagError(
                str(self.path), f'cannot be opened: {error}',
                'give a rosbag2 folder with metadata.yaml (ros2 bag reindex makes one)',
            ) from error  # fmt: skip
        except Exception as error:
            raise BagError(
                str(self.path), f'is damaged: {type(error).__name__}: {error}', 'record it again'
            ) from error
        return bag

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bag.close()

    def records(
        self, topics: Collection[str] | None = None, *, start_ns: int | None = None
    ) -> Iterator[Record]:
        """Messages in order of their log time.

        Args:
            topics: Only these; None means all.
            start_ns: Skip what was logged before.

        Raises:
            BagError: The file is damaged from here on; what came before was good.
        """
        chosen = [c for c in self._bag.connections if topics is None or c.topic in topics]
        if not chosen:
            return
        messages = self._bag.messages(connections=chosen, start=start_ns)
        done = 0
        while True:
            try:
                connection, time_ns, data = next(messages)
            except StopIteration:
                return
            except Exception as error:
                raise BagError(
                    str(self.path), f'damaged after {done} messages: {error}',
                    'the messages before that are good',
                ) from error  # fmt: skip
            done += 1
            yield Record(connection.topic, connection.msgtype, int(time_ns), bytes(data))


def _topic(connection: Any) -> Topic:
    profiles = getattr(connection.ext, 'offered_qos_profiles', [])
    latched = any(getattr(p.durability, 'name', '') == 'TRANSIENT_LOCAL' for p in profiles)
    is_best_effort = any(getattr(p.reliability, 'name', '') == 'BEST_EFFORT' for p in profiles)
    return Topic(
        connection.topic, connection.msgtype, int(connection.msgcount), connection.digest, latched,
        not is_best_effort,
    )  # fmt: skip
