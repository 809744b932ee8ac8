"""Transforms at the moment a sample was seen, never the latest.

The buffer is ROS-free but for the shape of TransformStamped messages, so that a live node and the
offline runner share it. pytransform3d finds the path between frames; each edge interpolates its
own samples: linear in position, spherical in rotation, as tf2 does.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt
from pytransform3d.rotations import matrix_from_quaternion, quaternion_slerp
from pytransform3d.transform_manager import TransformManager

from mm_perception.errors import TransformUnavailableError

Matrix = npt.NDArray[np.float64]


class _Edge:
    """Samples of one parent-child pair; `child` has one parent, as in tf2."""

    def __init__(self, parent: str, is_static: bool) -> None:
        self.parent = parent
        self.is_static = is_static
        self.stamps_ns: list[int] = []
        self.poses: list[tuple[Matrix, Matrix]] = []  # position (3,), quaternion w x y z (4,)

    def insert(self, stamp_ns: int, position: Matrix, quat_wxyz: Matrix) -> None:
        if self.is_static:
            self.stamps_ns, self.poses = [0], [(position, quat_wxyz)]
            return
        place = bisect_right(self.stamps_ns, stamp_ns)
        if place and self.stamps_ns[place - 1] == stamp_ns:
            self.poses[place - 1] = (position, quat_wxyz)
            return
        self.stamps_ns.insert(place, stamp_ns)
        self.poses.insert(place, (position, quat_wxyz))

    def trim(self, oldest_ns: int) -> None:
        keep = bisect_right(self.stamps_ns, oldest_ns)
        if not self.is_static and keep:
            del self.stamps_ns[:keep], self.poses[:keep]

    def at(self, stamp_ns: int) -> Matrix | None:
        """`parent_from_child` (4, 4), or None outside of what is known."""
        if self.is_static:
            return _matrix(*self.poses[0])
        place = bisect_right(self.stamps_ns, stamp_ns)
        if place and self.stamps_ns[place - 1] == stamp_ns:
            return _matrix(*self.poses[place - 1])
        if place == 0 or place == len(self.stamps_ns):
            return None
        before, after = self.stamps_ns[place - 1], self.stamps_ns[place]
        share = (stamp_ns - before) / (after - before)
        (position_a, quat_a), (position_b, quat_b) = self.poses[place - 1], self.poses[place]
        position = (1 - share) * position_a + share * position_b
        return _matrix(position, quaternion_slerp(quat_a, quat_b, share, shortest_path=True))


class TransformBuffer:
    """All transforms of the newest `duration_s` seconds; thread-safe.

    Args:
        duration_s: How far back lookups can go; None keeps everything (offline).
    """

    def __init__(self, duration_s: float | None = 10.0) -> None:
        self._duration_ns = None if duration_s is None else int(duration_s * 1e9)
        self._edges: dict[str, _Edge] = {}
        self._lock = threading.Lock()
        #: Lookups that found nothing.
        self.failures = 0

    def add(self, transform: Any, *, is_static: bool) -> None:
        """Take in a geometry_msgs/TransformStamped."""
        stamp = transform.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        move, turn = transform.transform.translation, transform.transform.rotation
        quat = np.array([turn.w, turn.x, turn.y, turn.z])
        position, norm = np.array([move.x, move.y, move.z]), float(np.linalg.norm(quat))
        if not (np.isfinite(position).all() and np.isfinite(norm)):
            return  # as tf2: one broken publisher shall not break every chain through it
        if norm < 1e-6:
            quat, norm = np.array([1.0, 0.0, 0.0, 0.0]), 1.0
        child, parent = transform.child_frame_id.lstrip('/'), transform.header.frame_id.lstrip('/')
        with self._lock:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.is_static != is_static:
                edge = self._edges[child] = _Edge(parent, is_static)
            if self._is_set_back(edge, stamp_ns):  # a bag looped without a clock
                edge = self._edges[child] = _Edge(parent, is_static)
            edge.insert(stamp_ns, position, quat / norm)
            if self._duration_ns is not None and edge.stamps_ns:
                edge.trim(edge.stamps_ns[-1] - self._duration_ns)

    def _is_set_back(self, edge: _Edge, stamp_ns: int) -> bool:
        if self._duration_ns is None or edge.is_static or not edge.stamps_ns:
            return False
        return stamp_ns < edge.stamps_ns[-1] - self._duration_ns

    def clear(self) -> None:
        """Time was set back: forget what moves, keep what is fixed."""
        with self._lock:
            self._edges = {c: e for c, e in self._edges.items() if e.is_static}

    def root_of(self, frame: str) -> str:
        """The frame above all that are above `frame`; itself if nothing is."""
        frame = frame.lstrip('/')
        with self._lock:
            passed = {frame}
            while frame in self._edges and self._edges[frame].parent not in passed:
                frame = self._edges[frame].parent
                passed.add(frame)
        return frame

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        """The transform `target_from_source` at exactly `stamp_ns`.

        Returns:
            (4, 4) float64, so that `points_target = target_from_source @ points_source`.

        Raises:
            TransformUnavailableError: A frame is unknown, there is no path, or the moment is
                before or after what was received.

        Convention:
            A camera 1 m above base_link gives lookup('base_link', 'camera', t)[2, 3] == 1.
        """
        target, source = target.lstrip('/'), source.lstrip('/')
        try:
            return self._lookup(target, source, stamp_ns)
        except TransformUnavailableError:
            self.failures += 1
            raise

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Matrix:
        manager = TransformManager(strict_check=False, check=False)
        outside: list[str] = []
        with self._lock:
            frames = {*self._edges, *(e.parent for e in self._edges.values())}
            for child, edge in self._edges.items():
                pose = edge.at(stamp_ns)
                if pose is None:
                    outside.append(_range(child, edge))
                else:
                    manager.add_transform(child, edge.parent, pose)
        for frame in (target, source):
            if frame not in frames:
                known = ', '.join(sorted(frames)) or 'none'
                raise TransformUnavailableError(
                    target, source, stamp_ns, f'frame {frame!r} is unknown; known are: {known}'
                )
        if target == source:
            return np.eye(4)
        try:
            return np.asarray(manager.get_transform(source, target), np.float64)
        except (KeyError, ValueError):  # no such frame in the graph, or no path
            reason = '; '.join(outside) or 'the frames are not connected'
            raise TransformUnavailableError(target, source, stamp_ns, reason) from None


def _range(child: str, edge: _Edge) -> str:
    first, last = edge.stamps_ns[0] / 1e9, edge.stamps_ns[-1] / 1e9
    return f'{edge.parent} -> {child} is known from {first:.3f} to {last:.3f} s only'


def _matrix(position: Matrix, quat_wxyz: Matrix) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(quat_wxyz)
    matrix[:3, 3] = position
    return matrix
