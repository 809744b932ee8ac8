"""Read a rosbag2: topics, and raw messages in order of time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mm_perception.bag.kinds import refuse_other_kinds
from mm_perception.errors import BagError

if TYPE_CHECKING:
    from mm_perception.bag.salvage import McapFile


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

    An MCAP file without metadata.yaml or index, as a recorder leaves it that was killed, is read
    from front to back as far as it is good.

    Args:
        path: The folder or file.

    Raises:
        BagError: It is not there, or no bag, or damaged at its head.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        refuse_other_kinds(self.path)
        self._bag: Any = None
        self._file: McapFile | None = None
        #: Why it ends early, where that is known from the start; empty if it does not.
        self.damage = ''
        try:
            self._bag = self._open()
        except BagError:
            self._file = self._salvage()
            if self._file is None:
                raise
        if self._file is not None:
            scan = self._file.scan
            self.topics, self.num_messages, self.damage = (
                scan.topics, scan.num_messages, scan.damage,
            )  # fmt: skip
            self.start_ns, self.end_ns = scan.start_ns, scan.end_ns
            return
        self.topics = {c.topic: _topic(c) for c in self._bag.connections}
        self.num_messages = int(self._bag.message_count)
        # Of a bag without messages the library gives the ends of the range of an int64.
        times = (self._bag.start_time, self._bag.end_time) if self.num_messages else (0, 0)
        self.start_ns, self.end_ns = int(times[0]), int(times[1])

    def _salvage(self) -> McapFile | None:
        """The bag's only MCAP file, if there is anything in it that can be read."""
        from mm_perception.bag.salvage import McapFile

        files = [self.path] if self.path.is_file() else sorted(self.path.glob('*.mcap'))
        if len(files) != 1 or files[0].suffix != '.mcap':
            return None
        try:
            file = McapFile(files[0])
        except BagError:
            return None
        return file if file.scan.num_messages else None

    def _open(self) -> Any:
        from rosbags.rosbag2 import Reader, ReaderError

        folder = self.path.parent if self.path.is_file() else self.path
        if self.path.is_file() and len(list(folder.glob(f'*{self.path.suffix}'))) > 1:
            raise BagError(str(self.path), 'is one file of several', f'give the folder {folder}')
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
        if self._bag is not None:
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
        if self._file is not None:
            yield from self._file.records(topics, start_ns)
            return
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
