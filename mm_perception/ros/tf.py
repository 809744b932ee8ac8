"""Transforms at the moment a sample was seen, never the latest.

The buffer is ROS-free but for the shape of TransformStamped messages, so that a live node and the
offline runner share it. Each edge interpolates its own samples: linear in position, spherical in
rotation, as tf2 does. As there, transforms that cannot be are not taken; a lookup that they would
have served names the reason.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt
from pytransform3d.rotations import matrix_from_quaternion, quaternion_slerp

from mm_perception.errors import TransformUnavailableError

Matrix = npt.NDArray[np.float64]

#: How far the square of a quaternion's length may be off, as in tf2.
_NORM_TOLERANCE = 0.01
#: With more frames than this, those that moved and then fell silent are dropped: some nodes name
#: a frame after every track.
_MOST_FRAMES = 1000
_MOST_NAMED = 40  # frames in a message


class _Edge:
    """Samples of one parent-child pair; `child` has one parent, as in tf2."""

    def __init__(self, parent: str, is_static: bool) -> None:
        self.parent = parent
        self.is_static = is_static
        self.stamps_ns: list[int] = []
        self.poses: list[tuple[Matrix, Matrix]] = []  # position (3,), quaternion w x y z (4,)
        #: The last sample, if it was older than all that is kept: stamp, position, quaternion.
        self.behind: tuple[int, Matrix, Matrix] | None = None

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
        #: Frame to why the newest transform to it was not taken.
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()
        #: Lookups that found nothing.
        self.failures = 0

    def add(self, transform: Any, *, is_static: bool) -> None:
        """Take in a geometry_msgs/TransformStamped; of one that cannot be only why is kept."""
        stamp = transform.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        move, turn = transform.transform.translation, transform.transform.rotation
        quat = np.array([turn.w, turn.x, turn.y, turn.z])
        position = np.array([move.x, move.y, move.z])
        child, parent = transform.child_frame_id.lstrip('/'), transform.header.frame_id.lstrip('/')
        problem = _problem(parent, child, position, quat)
        with self._lock:
            if problem:  # one broken publisher shall not break every chain through the frame
                if len(self._refused) < _MOST_FRAMES:
                    self._refused[child] = problem
                return
            self._refused.pop(child, None)
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.is_static != is_static:
                edge = self._edges[child] = _Edge(parent, is_static)
            pose = (position, quat / np.linalg.norm(quat))
            if not self._is_set_back(edge, stamp_ns):
                edge.behind = None
            elif edge.behind is None:  # one that was long under way, or of a second publisher
                edge.behind = (stamp_ns, *pose)
                return
            else:  # and another one: a bag looped without a clock
                before, edge = edge.behind, _Edge(parent, is_static)
                self._edges[child] = edge
                edge.insert(*before)
            edge.insert(stamp_ns, *pose)
            if self._duration_ns is not None and edge.stamps_ns:
                edge.trim(edge.stamps_ns[-1] - self._duration_ns)
            if self._duration_ns is not None and len(self._edges) > _MOST_FRAMES:
                self._drop_silent(self._duration_ns)

    def _drop_silent(self, duration_ns: int) -> None:
        oldest_ns = max(e.stamps_ns[-1] for e in self._edges.values()) - duration_ns
        self._edges = {
            child: edge
            for child, edge in self._edges.items()
            if edge.is_static or edge.stamps_ns[-1] >= oldest_ns
        }

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
        with self._lock:
            return self._up_from(frame.lstrip('/'))[-1]

    def _up_from(self, frame: str) -> list[str]:
        """A frame and all that are above it; a circle ends before it closes."""
        passed = [frame]
        while frame in self._edges and self._edges[frame].parent not in passed:
            frame = self._edges[frame].parent
            passed.append(frame)
        return passed

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
        """Only what lies between the two frames is looked at: robots have dozens of others."""
        with self._lock:
            for frame in (target, source):
                self._check_known(frame, target, source, stamp_ns)
            ups, downs = self._up_from(source), self._up_from(target)
            shared = next((frame for frame in ups if frame in downs), None)
            outside: list[str] = []
            if shared is not None:
                to_source = self._above(ups[: ups.index(shared)], stamp_ns, outside)
                to_target = self._above(downs[: downs.index(shared)], stamp_ns, outside)
                if not outside:
                    return np.asarray(np.linalg.inv(to_target) @ to_source, np.float64)
            reasons = outside or [
                f'the frames are not connected: {target!r} is below {downs[-1]!r}, '
                f'{source!r} below {ups[-1]!r}'
            ]
            reasons += self._refusals({*ups, *downs})
        raise TransformUnavailableError(target, source, stamp_ns, '; '.join(reasons))

    def _check_known(self, frame: str, target: str, source: str, stamp_ns: int) -> None:
        if frame in self._edges or any(e.parent == frame for e in self._edges.values()):
            return
        frames = sorted({*self._edges, *(e.parent for e in self._edges.values())})
        known = ', '.join(frames[:_MOST_NAMED]) or 'none'
        if len(frames) > _MOST_NAMED:
            known += f' and {len(frames) - _MOST_NAMED} more'
        reasons = [
            f'frame {frame!r} is unknown; known are: {known}',
            *self._refusals({target, source}),
        ]
        raise TransformUnavailableError(target, source, stamp_ns, '; '.join(reasons))

    def _refusals(self, frames: set[str]) -> list[str]:
        return [
            f'the last transform to {frame!r} was refused: {self._refused[frame]}'
            for frame in sorted(frames & self._refused.keys())
        ]

    def _above(self, frames: list[str], stamp_ns: int, outside: list[str]) -> Matrix:
        """The transform from the first of a chain of frames to the parent of the last, (4, 4).

        Edges that are not known at the moment are added to `outside`.
        """
        matrix = np.eye(4)
        for child in frames:
            pose = self._edges[child].at(stamp_ns)
            if pose is None:
                outside.append(_range(child, self._edges[child]))
            else:
                matrix = pose @ matrix
        return matrix


def _problem(parent: str, child: str, position: Matrix, quat: Matrix) -> str:
    """Why a transform cannot be; empty if it can."""
    if not (parent and child):
        return f'frame_id {parent!r} and child_frame_id {child!r} may not be empty'
    if parent == child:
        return f'{child!r} is its own parent'
    if not (np.isfinite(position).all() and np.isfinite(quat).all()):
        return 'a number is not finite'
    norm = float(np.linalg.norm(quat))
    if abs(norm**2 - 1) > _NORM_TOLERANCE:
        return f'its quaternion has the length {norm:.3g}, not 1'
    return ''


def _range(child: str, edge: _Edge) -> str:
    first, last = edge.stamps_ns[0] / 1e9, edge.stamps_ns[-1] / 1e9
    return f'{edge.parent} -> {child} is known from {first:.3f} to {last:.3f} s only'


def _matrix(position: Matrix, quat_wxyz: Matrix) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(quat_wxyz)
    matrix[:3, 3] = position
    return matrix
