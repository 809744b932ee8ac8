"""Send a prompt to running nodes, and hear what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from rclpy.node import Node

from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import Point3D, Prompt, PromptState, PromptStatus

_STATUS = 'mm_perception_msgs/msg/PromptStatus'
_DECIDED = (PromptState.FOUND, PromptState.NOT_FOUND, PromptState.REJECTED, PromptState.REMOVED)
#: Discovery: the first message from a running publisher may take 3 s.
_SETTLE_S = 3.5


class Asking:
    """One prompt and its statuses, by node and camera.

    Subscribing to the statuses makes the nodes work: one that nobody hears infers nothing.

    Args:
        node: Owner of the publisher and the subscriptions.
        prompt: What is asked.
        topic: Where nodes take it.
    """

    def __init__(self, node: Node, prompt: Prompt | Point3D, topic: str) -> None:
        self._node, self._prompt, self.topic = node, prompt, topic
        type_name = convert.published(type(prompt))[0].type_name
        self._publisher = node.create_publisher(message_class(type_name), topic, 10)
        self._heard: set[str] = set()
        self._news: list[tuple[str, PromptStatus]] = []
        #: Newest state by status topic and camera.
        self.states: dict[tuple[str, str], PromptState] = {}

    def wait_for_listener(self, serve: Callable[[float], None], seconds: float) -> bool:
        """Whether somebody takes prompts and the way of its statuses is there.

        Args:
            serve: Waits so many seconds for callbacks, and runs them.
            seconds: Longest wait.
        """
        deadline_s, since_s = time.monotonic() + seconds, 0.0
        while time.monotonic() < deadline_s:
            serve(0.1)
            self._subscribe()
            if not self._publisher.get_subscription_count():
                continue
            since_s = since_s or time.monotonic()
            if self._heard or time.monotonic() - since_s > _SETTLE_S:
                return True
        return bool(since_s)

    def ask(self, serve: Callable[[float], None], seconds: float) -> Iterator[tuple[str, Any]]:
        """Send it, and give every change of state as it comes, as (topic, PromptStatus).

        Ends after a second in which every camera that spoke had decided, or after `seconds`.
        """
        self._publisher.publish(convert.to_msgs(self._prompt)[''])
        deadline_s = time.monotonic() + seconds
        quiet_since_s = time.monotonic()
        while time.monotonic() < deadline_s:
            serve(0.1)
            self._subscribe()
            for topic, status in self._news:
                key = topic, status.stream
                if self.states.get(key) is not status.state:
                    self.states[key] = status.state
                    quiet_since_s = time.monotonic()
                    yield topic, status
            self._news.clear()
            is_decided = self.states and all(s in _DECIDED for s in self.states.values())
            if is_decided and time.monotonic() - quiet_since_s > 1.0:
                return

    def _subscribe(self) -> None:
        for topic, types in self._node.get_topic_names_and_types():
            if _STATUS not in types or topic in self._heard:
                continue
            if self._node.count_publishers(topic):
                self._heard.add(topic)
                self._node.create_subscription(
                    message_class(_STATUS), topic, partial(self._take, topic), 10
                )

    def _take(self, topic: str, message: Any) -> None:
        status = convert.from_msg(message, PromptStatus, 0)
        wanted = self._prompt.prompt_id if isinstance(self._prompt, Prompt) else ''
        if isinstance(status, PromptStatus) and status.prompt_id in ('', wanted):
            self._news.append((topic, status))
