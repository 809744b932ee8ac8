"""The service `~/set_prompt` waits for the first picture that answers its prompt.

A plugin takes a prompt and applies it to the next picture: what it said of it then, by way of its
`status` output, is the reply. NOT_FOUND, and REJECTED on every camera, are no success.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future

from mm_perception.channel import Bus, Deferred
from mm_perception.runner import Runner
from mm_perception.samples import Prompt, PromptReply, PromptState, PromptStatus, Sample

#: Without a picture for so long the reply is only that the prompt was taken.
_PATIENCE_S = 5.0
_UNDECIDED = (PromptState.PENDING, PromptState.SEARCHING)


@dataclass
class _Waiting:
    """A prompt whose reply is awaited; `refused` has the cameras on which it was not used."""

    prompt: Prompt
    cameras: tuple[str, ...]
    reply: Future[PromptReply]
    deadline_s: float
    refused: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """By which statuses may name the prompt."""
        return {self.prompt.prompt_id, self.prompt.prompt_id or self.prompt.text}

    def finish(self, reply: PromptReply) -> None:
        """Give the reply, unless there is one."""
        if not self.reply.done():
            self.reply.set_result(reply)


class PromptReplies:
    """Replies to prompts that came as requests.

    Args:
        node: Whose executor waits.
        runner: What the prompts go to.
        bus: Where its statuses come from.
    """

    def __init__(self, node: LifecycleNode, runner: Runner, bus: Bus) -> None:
        self._node = node
        outputs: Mapping[str, Mapping[str, str]] = runner.wiring.outputs
        self._cameras = tuple(outputs['masks'])
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._subscriptions = [
            bus.channel(topic, PromptStatus).subscribe(self._on_status, self._is_awaited)
            for topic in outputs['status'].values()
        ]

    def expect(self, prompt: Prompt) -> _Waiting:
        """Listen for what becomes of a prompt; call it before the prompt is given."""
        cameras = (prompt.stream,) if prompt.stream else self._cameras
        future: Future[PromptReply] = Future(executor=self._node.executor)
        waiting = _Waiting(prompt, cameras, future, time.monotonic() + _PATIENCE_S)
        with self._lock:
            self._waiting.append(waiting)
        return waiting

    def forget(self, waiting: _Waiting) -> None:
        """Listen no more."""
        with self._lock:
            self._waiting.remove(waiting)

    def look(self) -> None:
        """Let nobody wait too long; called a few times a second."""
        for waiting in list(self._waiting):
            if time.monotonic() > waiting.deadline_s:
                message = f'no picture within {_PATIENCE_S:.0f} s; it applies to the next one'
                waiting.finish(PromptReply(stamp_ns=0, message=message))

    def stop(self) -> None:
        """The node goes out of service."""
        for waiting in list(self._waiting):
            message = 'the node was deactivated'
            waiting.finish(PromptReply(stamp_ns=0, message=message, success=False))

    def close(self) -> None:
        """Hear nothing any more."""
        self.stop()
        for subscription in self._subscriptions:
            subscription.close()

    def _is_awaited(self) -> bool:
        return bool(self._waiting)

    def _on_status(self, item: Sample | Deferred) -> None:
        status = item.resolve() if isinstance(item, Deferred) else item
        if not isinstance(status, PromptStatus) or status.state in _UNDECIDED:
            return
        for waiting in [w for w in list(self._waiting) if status.prompt_id in w.names]:
            if status.state is PromptState.REJECTED:
                waiting.refused.add(status.stream)
                if set(waiting.cameras) - waiting.refused:
                    continue
            waiting.finish(
                PromptReply(
                    stamp_ns=status.stamp_ns, frame_id=status.frame_id,
                    track_ids=status.track_ids, message=status.message,
                    success=status.state in (PromptState.FOUND, PromptState.REMOVED),
                )
            )  # fmt: skip
