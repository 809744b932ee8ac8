"""A thread that takes bulky messages, beside the executor.

rclpy's executor looks at every service, timer and parameter of every node for each message, a
millisecond or more in a process of four nodes, and takes with Python's lock held.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation

from mm_perception.ros.rcl_abi import take_bytes

log = logging.getLogger('mm_perception.intake')
_TURN_NS = 500_000_000
_PAUSE_S = 0.1


class NotByExecutor(CallbackGroup):
    """Subscriptions in this group are left to the intake."""

    def can_execute(self, entity: Any) -> bool:
        """No."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """No."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """It never began."""


class Intake:
    """Takes from subscriptions of the group `NotByExecutor`; its thread starts with the first.

    Args:
        context: Of the nodes.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sources: dict[Any, Callable[[memoryview], None]] = {}
        self._lock = threading.Lock()
        self._changed: GuardCondition | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def listen(self, subscription: Any, callback: Callable[[memoryview], None]) -> None:
        """Call back with the bytes of every message, in the thread of the intake."""
        with self._lock:
            self._sources[subscription] = callback
            if self._changed is None:
                self._changed = GuardCondition(None, None, context=self._context)
                self._thread = threading.Thread(target=self._work, name='intake', daemon=True)
                self._thread.start()
        self._changed.trigger()

    def forget(self, subscription: Any) -> None:
        """Take no more from it; it may be destroyed then."""
        with self._lock:
            self._sources.pop(subscription, None)
        if self._changed is not None:
            self._changed.trigger()

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        if self._changed is not None and self._thread is not None:
            self._changed.trigger()
            self._thread.join()
            self._changed.destroy()
            self._changed = self._thread = None

    def _work(self) -> None:
        guard = self._changed
        while guard is not None and not self._is_closed and self._context.ok():
            with self._lock:
                sources = dict(self._sources)
            try:
                for subscription in self._wait(guard, list(sources)):
                    _take(subscription, sources[subscription])
            except RuntimeError:  # a handle went away, or the context was shut down meanwhile
                log.debug('waiting for messages failed', exc_info=True)
            except Exception:  # such as no memory for a message: every camera hangs on this thread
                log.exception('taking messages failed')
                time.sleep(_PAUSE_S)

    def _wait(self, guard: GuardCondition, subscriptions: list[Any]) -> list[Any]:
        """Those with a message; the same calls as in `rclpy.wait_for_message`."""
        with ExitStack() as held:  # so that nothing is destroyed meanwhile
            for used in (self._context, guard, *subscriptions):
                held.enter_context(used.handle)
            handle = self._context.handle
            wait_set = rclpy_implementation.WaitSet(len(subscriptions), 1, 0, 0, 0, 0, handle)
            held.enter_context(wait_set)
            wait_set.clear_entities()
            wait_set.add_guard_condition(guard.handle)
            for subscription in subscriptions:
                wait_set.add_subscription(subscription.handle)
            wait_set.wait(_TURN_NS)
            ready = set(wait_set.get_ready_entities('subscription'))
            return [s for s in subscriptions if s.handle.pointer in ready]


def _take(subscription: Any, callback: Callable[[memoryview], None]) -> None:
    raw = take_bytes(subscription)
    if raw is None:
        return
    try:
        callback(raw)
    except Exception:
        log.exception('a message on %s could not be handed on', subscription.topic_name)
