"""A ROS context with one node, for commands that live outside of `ros/`."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from mm_perception.ros import dds

#: Signals take the context away at any moment: a call that they cut short is no mistake.
_CUT_SHORT = (RCLError, InvalidHandle, ExternalShutdownException)


class Session:
    """Context manager: ROS is up inside of it, on our transport profile.

    Ctrl-C comes at any moment, also while C code makes a message, which would take the exception
    for a broken one. So the first ends ROS, as SIGTERM does: `is_up` turns false, and loops that
    look at it end. A second one is raised at once.

    Args:
        name: Name of the node.
        local_only: Bind 127.0.0.1 and nothing else; False leaves it to the environment.
    """

    def __init__(self, name: str, *, local_only: bool) -> None:
        dds.prepare(local_only=True if local_only else None)
        #: Ctrl-C was pressed.
        self.was_interrupted = False
        # Before rclpy, whose own handler calls the one that it finds.
        self._before: Any = signal.signal(signal.SIGINT, self._on_interrupt)
        rclpy.init()
        self.node = Node(name)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        was_stopped = isinstance(error, _CUT_SHORT) and not rclpy.ok()
        self.node.destroy_node()
        rclpy.try_shutdown()
        signal.signal(signal.SIGINT, self._before)
        return was_stopped

    @property
    def is_up(self) -> bool:
        """False after Ctrl-C and SIGTERM."""
        return not self.was_interrupted and bool(rclpy.ok())

    def serve(self, timeout_s: float) -> None:
        """Wait for a callback and run it.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        try:
            rclpy.spin_once(self.node, timeout_sec=timeout_s)
        except _CUT_SHORT:
            if not self.was_interrupted:
                raise
        if self.was_interrupted:
            raise KeyboardInterrupt

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        is_first, self.was_interrupted = not self.was_interrupted, True
        if not is_first:
            raise KeyboardInterrupt
