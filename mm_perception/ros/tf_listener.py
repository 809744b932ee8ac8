"""/tf and /tf_static of this process, heard only once somebody asks for a transform."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from mm_perception.errors import TransformUnavailableError
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import message_class

_WAIT_S = 0.2


class TfListener:
    """A transform buffer that fills itself from the ROS graph.

    Args:
        wait_s: How long a lookup waits for a transform that is not there yet.
    """

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        self._buffer = TransformBuffer()
        self._wait_s = wait_s
        self._node: Node | None = None
        self._subscriptions: list[Any] = []
        self._arrived = threading.Condition()

    @property
    def failures(self) -> int:
        """Lookups that found nothing."""
        return self._buffer.failures

    def attach(self, node: Node) -> None:
        """Subscribe through this node; it must be spun in another thread than lookups run in."""
        if self._node is not None:
            return
        self._node = node
        tf_message = message_class('tf2_msgs/msg/TFMessage')
        for topic, is_static in (('/tf', False), ('/tf_static', True)):
            qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
            if is_static:
                qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            else:
                qos.reliability = ReliabilityPolicy.BEST_EFFORT
            self._subscriptions.append(
                node.create_subscription(
                    tf_message, topic, lambda m, static=is_static: self._take(m, static), qos
                )
            )

    def _take(self, message: Any, is_static: bool) -> None:
        for transform in message.transforms:
            self._buffer.add(transform, is_static=is_static)
        with self._arrived:
            self._arrived.notify_all()

    def lookup(self, target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
        """`target_from_source` at the stamp; waits a little for what is on its way.

        Raises:
            TransformUnavailableError: It did not come.
        """
        deadline_s = time.monotonic() + self._wait_s
        while True:
            try:
                return self._buffer.lookup(target, source, stamp_ns)
            except TransformUnavailableError:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise
                self._buffer.failures -= 1
                with self._arrived:
                    self._arrived.wait(left_s)

    def clear(self) -> None:
        """Time was set back."""
        self._buffer.clear()
