"""Write topics to a bag as they come, as bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from mm_perception.bag.definition import message_definition
from mm_perception.errors import ConfigError, MissingDependencyError
from mm_perception.ros.names import name_for
from mm_perception.ros.wire import message_class, type_hash

_DEPTH = 100
#: Logs and settings of every node: nobody replays them, unless asked for by name.
CHATTER = ('/rosout', '/parameter_events')


class Sink(Protocol):
    """What takes the messages: a bag, for one."""

    def add_topic(
        self, topic: str, type_name: str, *, latched: bool = False, reliable: bool = True
    ) -> None:
        """Messages of that topic and type will come."""

    def write(self, topic: str, log_time_ns: int, data: bytes, /) -> None:
        """One has come, as CDR bytes."""


class Recorder:
    """Subscribes to topics when they appear and writes what comes.

    Args:
        node: Owner of the subscriptions.
        writer: The bag, or whatever takes messages; the caller closes it.
        wants: Tells of a topic whether it is to be recorded.
        now_ns: Log time of a message that comes now.
    """

    def __init__(
        self,
        node: Node,
        writer: Sink,
        wants: Callable[[str], bool],
        now_ns: Callable[[], int],
    ) -> None:
        self._node, self._writer = node, writer
        self._wants, self._now_ns = wants, now_ns
        #: Held while the bag is written.
        self.lock = threading.Lock()
        #: Messages by topic, also of those on which nothing has come yet.
        self.counts: dict[str, int] = {}
        #: Topics that cannot be recorded, with the reason.
        self.left_out: dict[str, str] = {}

    def look(self) -> None:
        """Subscribe to wanted topics that somebody publishes now."""
        for topic, types in self._node.get_topic_names_and_types():
            is_new = topic not in self.counts and topic not in self.left_out
            if not is_new or not self._wants(topic) or not self._node.count_publishers(topic):
                continue
            if len(types) > 1:
                self.left_out[topic] = f'is published with several types: {", ".join(types)}'
                continue
            try:
                self._subscribe(topic, types[0])
            except (MissingDependencyError, ConfigError) as error:
                self.left_out[topic] = str(error)

    def _subscribe(self, topic: str, type_name: str) -> None:
        """Reliable and latched as far as all publishers are."""
        cls = message_class(type_name)
        message_definition(type_name)
        type_hash(type_name)
        name = name_for(self._node, topic)
        profiles = [i.qos_profile for i in self._node.get_publishers_info_by_topic(name)]
        latched = [p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles]
        is_latched = bool(latched) and all(latched)
        is_reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
        with self.lock:
            self._writer.add_topic(topic, type_name, latched=is_latched, reliable=is_reliable)
            self.counts[topic] = 0
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE
            if is_reliable
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL
            if is_latched
            else DurabilityPolicy.VOLATILE,
        )
        self._node.create_subscription(cls, name, partial(self._take, topic), qos, raw=True)

    def _take(self, topic: str, data: bytes) -> None:
        with self.lock:
            self._writer.write(topic, self._now_ns(), data)
            self.counts[topic] += 1
