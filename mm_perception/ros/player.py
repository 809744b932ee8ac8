"""Publish a bag on its topics: the recorded bytes, with the recorded QoS."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from mm_perception.bag.definition import definition_problem
from mm_perception.bag.pacing import Pacer
from mm_perception.bag.reader import BagReader, Record, Topic
from mm_perception.errors import BagError
from mm_perception.ros.convert.header import time_message
from mm_perception.ros.wire import message_class

_CLOCK_PERIOD_S = 0.01
_IDLE_S = 0.1
_DEPTH = 10
_MOST_LATCHED = 100


class Player:
    """Publishes one bag from a node.

    Args:
        node: Owner of the publishers.
        reader: The bag; the caller closes it.
        topics: Only these; None means all. Types that are unknown or defined otherwise here are
            left out, see `left_out`.
        publishes_clock: Publish bag time on /clock.
        latched: Topics to latch besides those that were recorded so.
        outgoing: What is published of a record; its bytes as they are, unless said otherwise.

    Raises:
        BagError: Nothing in the bag can be published.
    """

    def __init__(
        self,
        node: Node,
        reader: BagReader,
        *,
        topics: Collection[str] | None = None,
        publishes_clock: bool = False,
        latched: Collection[str] = ('/tf_static',),
        outgoing: Callable[[Record], bytes] = lambda record: record.data,
    ) -> None:
        self._node, self._reader, self._outgoing = node, reader, outgoing
        #: Topics that are not published, with the reason.
        self.left_out: dict[str, str] = {}
        #: By topic.
        self.publishers: dict[str, Any] = {}
        #: Messages published so far.
        self.sent = 0
        self._latched: set[str] = set()
        for topic in reader.topics.values():
            if topic.count and (topics is None or topic.name in topics):
                self._offer(topic, is_latched=topic.latched or topic.name in latched)
        if not self.publishers:
            reasons = '; '.join(f'{t}: {problem}' for t, problem in self.left_out.items())
            raise BagError(str(reader.path), 'has nothing to publish', reasons or 'see --topics')
        self._clock = node.create_publisher(Clock, '/clock', 1) if publishes_clock else None

    def play(
        self,
        pacer: Pacer,
        *,
        start_ns: int = 0,
        progress: Callable[[int], None] = lambda done: None,
        on_sent: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """Publish the bag once, or until ROS shuts down.

        Args:
            pacer: Says when.
            start_ns: Skip what was logged before; what is latched is sent all the same.
            progress: Called with the number of messages sent.
            on_sent: Called with every message.
        """
        for record in self._reader.records(self.publishers.keys()):
            if record.log_time_ns < start_ns and record.topic not in self._latched:
                continue
            if not self._wait(pacer, record.log_time_ns):
                return
            if not self._publish(record):
                return
            self.sent += 1
            on_sent(record)
            progress(self.sent)

    def send_clock(self, now_ns: int) -> None:
        """Publish a time on /clock, if that was asked for."""
        if self._clock is not None:
            self._clock.publish(Clock(clock=time_message(max(now_ns, 0))))

    def _offer(self, topic: Topic, *, is_latched: bool) -> None:
        problem = definition_problem(topic)
        if problem:
            self.left_out[topic.name] = problem
            return
        if is_latched:
            self._latched.add(topic.name)
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            # A recording joins several latched publishers (one /tf_static per driver): keep all.
            depth=min(topic.count, _MOST_LATCHED) if is_latched else _DEPTH,
            reliability=ReliabilityPolicy.RELIABLE
            if topic.is_reliable
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL
            if is_latched
            else DurabilityPolicy.VOLATILE,
        )
        cls = message_class(topic.type_name)
        self.publishers[topic.name] = self._node.create_publisher(cls, topic.name, qos)

    def _wait(self, pacer: Pacer, log_time_ns: int) -> bool:
        longest_s = _CLOCK_PERIOD_S if self._clock else _IDLE_S
        while rclpy.ok():
            delay_s = pacer.delay_s(log_time_ns)
            if delay_s == 0:
                self.send_clock(log_time_ns)
                return True
            self.send_clock(pacer.now_ns())
            time.sleep(min(delay_s, longest_s))
        return False

    def _publish(self, record: Record) -> bool:
        try:
            self.publishers[record.topic].publish(self._outgoing(record))
        except RuntimeError:  # RCLError: SIGTERM has invalidated the context under us
            if rclpy.ok():
                raise
            return False
        return True
