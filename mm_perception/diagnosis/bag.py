"""Look at a bag the way `ros.observer` looks at a live graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag2 import ReaderError
from rosbags.typesys import Stores, get_typestore

from mm_perception.bag.kinds import refuse_other_kinds
from mm_perception.diagnosis.snapshot import Calibration, Clock, Endpoint, Qos, Snapshot, Topic
from mm_perception.diagnosis.tally import TopicTally, TransformTally, read_calibration
from mm_perception.errors import BagError

_STORE = Stores.ROS2_KILTED


def observe_bag(path: Path) -> Snapshot:
    """Read every message once; only headers, TF and calibrations are decoded.

    Args:
        path: Folder of a rosbag2, or an .mcap or .db3 file.

    Raises:
        BagError: It cannot be opened or read.
    """
    refuse_other_kinds(path)
    try:
        with AnyReader([path], default_typestore=get_typestore(_STORE)) as reader:
            return _Gatherer(reader, path).snapshot()
    except (AnyReaderError, ReaderError, OSError) as error:
        fix = 'give the folder that holds metadata.yaml; try ros2 bag reindex'
        raise BagError(str(path), str(error), fix) from error


class _Gatherer:
    def __init__(self, reader: AnyReader, path: Path) -> None:
        self._reader = reader
        self._path = path
        self._transforms = TransformTally()
        self._calibrations: dict[str, Calibration] = {}
        self._clock = Clock()
        self._tallies: dict[str, TopicTally] = {}

    def snapshot(self) -> Snapshot:
        for connection in self._reader.connections:
            tally = TopicTally(connection.msgtype, self._has_header(connection.msgtype))
            self._tallies.setdefault(connection.topic, tally)
        for connection, logged_ns, raw in self._reader.messages():
            self._tallies[connection.topic].add(logged_ns, bytes(raw))
            self._look_inside(connection.topic, connection.msgtype, raw)
        hashes = _own_hashes({c.msgtype for c in self._reader.connections})
        return Snapshot(
            source=str(self._path),
            # Without messages the library's duration is the whole range of an int64.
            duration_s=self._reader.duration / 1e9 if self._reader.message_count else 0.0,
            topics={c.topic: self._topic(c.topic) for c in self._reader.connections},
            calibrations=tuple(self._calibrations.values()),
            edges=self._transforms.edges(),
            clock=self._clock,
            hashes_here=hashes,
        )

    def _has_header(self, kind: str) -> bool:
        fields: Any
        _, fields = self._reader.typestore.fielddefs.get(kind, ((), ()))
        return bool(fields) and fields[0][1][1] == 'std_msgs/msg/Header'

    def _look_inside(self, topic: str, kind: str, raw: Any) -> None:
        if kind == 'tf2_msgs/msg/TFMessage':
            message = self._reader.deserialize(raw, kind)
            self._transforms.add(message, is_static=topic.endswith('tf_static'))
        elif kind == 'sensor_msgs/msg/CameraInfo' and topic not in self._calibrations:
            message = self._reader.deserialize(raw, kind)
            self._calibrations[topic] = read_calibration(topic, message)
        elif topic == '/clock':
            now: Any = self._reader.deserialize(raw, kind)
            stamp = now.clock
            self._clock = Clock(self._clock.count + 1, stamp.sec * 10**9 + stamp.nanosec)

    def _topic(self, name: str) -> Topic:
        publishers = [
            Endpoint(self._path.name, c.msgtype, _qos(c), c.digest)
            for c in self._reader.connections
            if c.topic == name
        ]
        return Topic(name, tuple(publishers), (), self._tallies[name].traffic())


def _qos(connection: Any) -> Qos:
    profiles = getattr(connection.ext, 'offered_qos_profiles', None) or []
    if not profiles:
        return Qos()
    profile = profiles[0]
    return Qos(
        reliability=profile.reliability.name.lower(),
        durability=profile.durability.name.lower(),
        depth=profile.depth,
    )


def _own_hashes(kinds: set[str]) -> dict[str, str]:
    store = get_typestore(_STORE)
    return {kind: store.hash_rihs01(kind) for kind in kinds if kind in store.fielddefs}
