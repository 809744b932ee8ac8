"""Count messages as they come: serialized bytes become `Traffic` and TF edges."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

import numpy as np

from mm_perception.cdr import Head, read_head
from mm_perception.diagnosis.snapshot import Calibration, Edge, Traffic

_KEPT = 4096


class TopicTally:
    """Gathers one topic.

    Args:
        kind: Message type.
        has_header: True if its first field is a std_msgs/Header.
    """

    def __init__(self, kind: str, has_header: bool) -> None:
        self.kind = kind
        self.has_header = has_header
        self._count = 0
        self._arrivals_ns: tuple[int, int] = (0, 0)
        self._size = 0
        self._stamps_ns: list[int] = []
        self._previous_ns = 0
        self._backwards = 0
        self._gap_ns = 0
        self._lags_ns: deque[int] = deque(maxlen=_KEPT)
        self._frames: dict[str, None] = {}
        self._encodings: dict[str, None] = {}

    def add(self, arrival_ns: int, raw: bytes) -> None:
        """Count one serialized message."""
        self._count += 1
        first_ns, _ = self._arrivals_ns
        self._arrivals_ns = (first_ns or arrival_ns, arrival_ns)
        self._size = max(self._size, len(raw))
        head = read_head(self.kind, raw) if self.has_header else None
        if head is not None:
            self._add_head(arrival_ns, head)

    def _add_head(self, arrival_ns: int, head: Head) -> None:
        stamp_ns = head.stamp_ns
        if self._lags_ns:
            self._backwards += stamp_ns < self._previous_ns
            self._gap_ns = max(self._gap_ns, stamp_ns - self._previous_ns)
            low_ns, high_ns = self._stamps_ns
            self._stamps_ns = [min(low_ns, stamp_ns), max(high_ns, stamp_ns)]
        else:
            self._stamps_ns = [stamp_ns, stamp_ns]
        self._previous_ns = stamp_ns
        self._lags_ns.append(arrival_ns - stamp_ns)
        self._frames[head.frame_id] = None
        if head.encoding:
            self._encodings[head.encoding] = None

    def traffic(self) -> Traffic:
        """What was counted so far."""
        first_ns, last_ns = self._arrivals_ns
        low_ns, high_ns = self._stamps_ns or (0, 0)
        return Traffic(
            count=self._count,
            span_s=(last_ns - first_ns) / 1e9,
            size_bytes=self._size,
            first_stamp_ns=low_ns,
            last_stamp_ns=high_ns,
            num_backwards=self._backwards,
            longest_gap_s=self._gap_ns / 1e9,
            lag_s=median(self._lags_ns) / 1e9 if self._lags_ns else None,
            frame_ids=tuple(self._frames),
            encodings=tuple(self._encodings),
        )


class TransformTally:
    """Gathers tf2_msgs/TFMessage from /tf and /tf_static."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, str], Edge] = {}

    def add(self, message: Any, is_static: bool) -> None:
        """Count every transform of a message."""
        for transform in message.transforms:
            parent = transform.header.frame_id.lstrip('/')
            child = transform.child_frame_id.lstrip('/')
            stamp = transform.header.stamp
            stamp_ns = stamp.sec * 10**9 + stamp.nanosec
            old = self._edges.get((parent, child))
            if old is None:
                edge = Edge(parent, child, is_static, 1, stamp_ns, stamp_ns)
            else:
                gap_s = (stamp_ns - old.last_stamp_ns) / 1e9
                edge = Edge(
                    parent,
                    child,
                    is_static,
                    old.count + 1,
                    min(old.first_stamp_ns, stamp_ns),
                    max(old.last_stamp_ns, stamp_ns),
                    max(old.longest_gap_s, gap_s),
                )
            self._edges[parent, child] = edge

    def edges(self) -> tuple[Edge, ...]:
        """All transforms seen."""
        return tuple(self._edges.values())


def read_calibration(topic: str, message: Any) -> Calibration:
    """A sensor_msgs/CameraInfo as plain values."""
    return Calibration(
        topic=topic,
        frame_id=message.header.frame_id,
        width=message.width,
        height=message.height,
        model=message.distortion_model,
        k=np.asarray(message.k, np.float64).reshape(3, 3),
        d=np.asarray(message.d, np.float64).reshape(-1),
    )
