"""Read an MCAP file from front to back: one without metadata.yaml, or one that was cut off.

A recorder that was killed leaves a file without its index; every whole chunk in it is good.
The records are those of the MCAP specification (mcap.dev/spec).
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from mm_perception.bag.reader import Record, Topic
from mm_perception.errors import BagError

MAGIC = b'\x89MCAP0\r\n'
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 3, 4, 5, 6, 15
#: Larger records are taken for damage; rosbag2 writes chunks of about 1 MB.
_LARGEST = 512 << 20


class _DamageError(Exception):
    """The file cannot be read from here on."""


@dataclass
class _Channel:
    topic: Topic
    encoding: str


@dataclass
class McapScan:
    """What one pass over the file found.

    Attributes:
        topics: With the number of messages that can be read.
        damage: Why the file ends early; empty if it does not.
    """

    topics: dict[str, Topic] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0
    num_messages: int = 0
    damage: str = ''


class McapFile:
    """One .mcap file, read in order; memory is bounded by its largest chunk.

    Args:
        path: The file.

    Raises:
        BagError: It is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open('rb') as file:
                head = file.read(len(MAGIC))
        except OSError as error:
            raise BagError(str(path), f'cannot be opened: {error}', 'check the path') from error
        if head != MAGIC:
            raise BagError(str(path), 'is no MCAP file', 'give a rosbag2 folder or .mcap file')
        self.scan = self._scan()

    def records(self, topics: Collection[str] | None, start_ns: int | None) -> Iterator[Record]:
        """Messages in order of time, as far as neighbouring chunks overlap; then the damage.

        Raises:
            BagError: The file is damaged from here on.
        """
        done = 0
        chunks = self._chunks()
        waiting: list[tuple[int, int, Record]] = []
        while True:
            try:
                records = next(chunks, None)
            except _DamageError as error:
                yield from (item[2] for item in sorted(waiting, key=lambda item: item[:2]))
                raise BagError(
                    str(self._path), f'damaged after {done} messages: {error}',
                    'the messages before that are good',
                ) from error  # fmt: skip
            if records is None:
                yield from (item[2] for item in sorted(waiting, key=lambda item: item[:2]))
                return
            first_ns = min((r.log_time_ns for r in records), default=0)
            while waiting and waiting[0][0] < first_ns:
                yield heapq.heappop(waiting)[2]
            for record in records:
                done += 1
                is_wanted = topics is None or record.topic in topics
                if is_wanted and (start_ns is None or record.log_time_ns >= start_ns):
                    heapq.heappush(waiting, (record.log_time_ns, done, record))

    def _scan(self) -> McapScan:
        scan = McapScan()
        self._channels: dict[int, _Channel] = {}
        counts: dict[str, int] = {}
        times: list[int] = []
        try:
            for records in self._chunks():
                for record in records:
                    counts[record.topic] = counts.get(record.topic, 0) + 1
                    times = [
                        min([record.log_time_ns, *times[:1]]),
                        max([record.log_time_ns, *times[1:]]),
                    ]
        except _DamageError as error:
            scan.damage = str(error)
        scan.topics = {
            c.topic.name: replace(c.topic, count=counts.get(c.topic.name, 0))
            for c in self._channels.values()
        }
        scan.num_messages = sum(counts.values())
        scan.start_ns, scan.end_ns = times or (0, 0)
        return scan

    def _chunks(self) -> Iterator[list[Record]]:
        """Messages of one chunk after the other; those outside of chunks one by one."""
        schemas: dict[int, str] = {}
        with self._path.open('rb') as file:
            file.seek(len(MAGIC))
            while True:
                code, body = _next_record(file)
                if code == _DATA_END:
                    return
                if code == _CHUNK:
                    yield self._read_chunk(body, schemas)
                else:
                    records = self._take(code, body, schemas)
                    if records:
                        yield records

    def _read_chunk(self, body: bytes, schemas: dict[int, str]) -> list[Record]:
        content = BytesIO(_decompress(body))
        records: list[Record] = []
        size = len(content.getbuffer())
        while content.tell() < size:
            records += self._take(*_next_record(content), schemas)
        return records

    def _take(self, code: int, body: bytes, schemas: dict[int, str]) -> list[Record]:
        try:
            return self._understand(code, body, schemas)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise _DamageError(f'a record cannot be read: {error}') from error

    def _understand(self, code: int, body: bytes, schemas: dict[int, str]) -> list[Record]:
        if code == _SCHEMA:
            (number,) = struct.unpack_from('<H', body)
            schemas[number] = _text(body, 2)[0]
        elif code == _CHANNEL:
            number, schema = struct.unpack_from('<HH', body)
            name, place = _text(body, 4)
            encoding, place = _text(body, place)
            is_latched, is_reliable, type_hash = _qos(_mapping(body, place))
            topic = Topic(name, schemas[schema], 0, type_hash, is_latched, is_reliable)
            self._channels[number] = _Channel(topic, encoding)
        elif code == _MESSAGE:
            number, _, log_time_ns = struct.unpack_from('<HIQ', body)
            channel = self._channels[number].topic
            return [Record(channel.name, channel.type_name, log_time_ns, body[22:])]
        return []


def _next_record(file: BinaryIO | BytesIO) -> tuple[int, bytes]:
    place = file.tell()
    head = file.read(9)
    if len(head) < 9:
        raise _DamageError(f'the file ends at byte {place}')
    code, size = struct.unpack('<BQ', head)
    if size > _LARGEST or not code:
        raise _DamageError(f'no record at byte {place}')
    body = file.read(size)
    if len(body) < size:
        raise _DamageError(f'the file ends within the record at byte {place}')
    return code, body


def _decompress(body: bytes) -> bytes:
    """Content of a chunk record."""
    from rosbags.rosbag2.storage_mcap import decompress

    try:
        size, crc = struct.unpack_from('<QI', body, 16)
        compression, place = _text(body, 28)
        (length,) = struct.unpack_from('<Q', body, place)
        if size > _LARGEST:
            raise _DamageError(f'a chunk claims {size} bytes')
        return bytes(decompress(body[place + 8 : place + 8 + length], compression, size, crc))
    except _DamageError:
        raise
    except Exception as error:  # each compressor has errors of its own
        raise _DamageError(f'a chunk cannot be unpacked: {error}') from error


def _text(body: bytes, place: int) -> tuple[str, int]:
    (length,) = struct.unpack_from('<I', body, place)
    end = place + 4 + length
    if end > len(body):
        raise _DamageError(f'a text of {length} bytes in a record of {len(body)}')
    return body[place + 4 : end].decode(), end


def _mapping(body: bytes, place: int) -> dict[str, str]:
    (length,) = struct.unpack_from('<I', body, place)
    place, end = place + 4, place + 4 + length
    found = {}
    while place < end:
        key, place = _text(body, place)
        found[key], place = _text(body, place)
    return found


def _qos(metadata: dict[str, str]) -> tuple[bool, bool, str]:
    from rosbags.rosbag2.metadata import parse_qos

    try:
        profiles: list[Any] = parse_qos(metadata.get('offered_qos_profiles', '') or '[]')
    except Exception as error:  # YAML of strangers fails in many ways
        raise _DamageError(f'QoS cannot be read: {error}') from error
    is_latched = any(p.durability.name == 'TRANSIENT_LOCAL' for p in profiles)
    is_reliable = all(p.reliability.name != 'BEST_EFFORT' for p in profiles)
    return is_latched, is_reliable, metadata.get('topic_type_hash', '')
