"""Publish pictures: serialized by us, with one copy of the pixels."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from mm_perception.cdr import image_head
from mm_perception.ros.rcl_abi import Bytes, publish_bytes
from mm_perception.samples import Image


class ImagePublisher:
    """Publishes images through a publisher of sensor_msgs/Image.

    Args:
        publisher: Of rclpy; stays the caller's.
    """

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self._buffer: Bytes = np.empty(0, np.uint8)
        self._lock = threading.Lock()

    def publish(self, sample: Image) -> None:
        """Serialize and send.

        Raises:
            RuntimeError: The middleware does not take it.
        """
        pixels = np.ascontiguousarray(sample.data).reshape(-1).view(np.uint8)
        head = image_head(
            sample.stamp_ns, sample.frame_id, (sample.height, sample.width), sample.encoding,
            len(pixels),
        )  # fmt: skip
        length = len(head) + len(pixels)
        with self._lock:
            if len(self._buffer) < length:
                self._buffer = np.empty(length, np.uint8)
            self._buffer[: len(head)] = np.frombuffer(head, np.uint8)
            np.copyto(self._buffer[len(head) : length], pixels)  # without Python's lock
            publish_bytes(self._publisher, self._buffer[:length])
