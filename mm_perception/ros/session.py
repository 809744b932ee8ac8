"""A ROS context with one node, for commands that live outside of `ros/`."""

from __future__ import annotations

from types import TracebackType

import rclpy
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from mm_perception.ros import dds


class Session:
    """Context manager: ROS is up inside of it, on our transport profile.

    Args:
        name: Name of the node.
        local_only: Bind 127.0.0.1 and nothing else; False leaves it to the environment.
    """

    def __init__(self, name: str, *, local_only: bool) -> None:
        dds.prepare(local_only=True if local_only else None)
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
        # SIGTERM takes the context away at any moment: a call that it cuts short is no mistake.
        cut_short = (RCLError, InvalidHandle, ExternalShutdownException)
        was_stopped = isinstance(error, cut_short) and not rclpy.ok()
        self.node.destroy_node()
        rclpy.try_shutdown()
        return was_stopped

    @property
    def is_up(self) -> bool:
        """False after SIGTERM."""
        return bool(rclpy.ok())

    def serve(self, timeout_s: float) -> None:
        """Wait for a callback and run it."""
        rclpy.spin_once(self.node, timeout_sec=timeout_s)
