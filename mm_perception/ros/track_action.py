"""The action `~/track`: a prompt as a goal, its tracks as feedback, frame by frame."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future

from mm_perception.channel import Bus, Deferred
from mm_perception.errors import MmPerceptionError
from mm_perception.plugin import Plugin, Queue
from mm_perception.ros.convert.header import time_message
from mm_perception.ros.convert.prompt import prompt_from
from mm_perception.ros.wire import message_class
from mm_perception.runner import Runner
from mm_perception.samples import (
    Masks,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
    Sample,
)

TRACK = 'mm_perception_msgs/action/Track'


def is_trackable(plugin_class: type[Plugin[Any]]) -> bool:
    """True if the plugin takes prompts and tells what became of them."""
    prompt, status = plugin_class.inputs.get('prompt'), plugin_class.outputs.get('status')
    return (
        isinstance(prompt, Queue)
        and prompt.sample_type is Prompt
        and status is not None
        and status.sample_type is PromptStatus
        and getattr(plugin_class.outputs.get('masks'), 'sample_type', None) is Masks
    )


@dataclass
class _Goal:
    """One prompt under way; `ended` carries why it is over, '' for its own good end."""

    handle: ServerGoalHandle
    prompt: Prompt
    max_frames: int
    ended: Future[str]
    tracks: list[str] = field(default_factory=list)
    frames: int = 0


class TrackAction:
    """Offers `~/track` for a configured node; goals are refused unless it is active.

    Args:
        node: The node.
        runner: What the prompts go to.
        bus: Where its results come from.
        is_active: Whether the node takes goals now.
    """

    def __init__(
        self, node: LifecycleNode, runner: Runner, bus: Bus, is_active: Callable[[], bool]
    ) -> None:
        self._node, self._runner, self._is_active = node, runner, is_active
        self._goals: dict[str, _Goal] = {}
        self._lock = threading.Lock()
        listeners: dict[str, Callable[[Any], None]] = {
            'status': self._on_status, 'masks': self._on_masks,
        }  # fmt: skip
        self._subscriptions = [
            bus.channel(topic, runner.plugin.outputs[port].sample_type).subscribe(
                listener, self._has_goals
            )
            for port, listener in listeners.items()
            for topic in runner.wiring.outputs[port].values()
        ]
        self._server = ActionServer(
            node, message_class(TRACK), '~/track', self._execute,
            goal_callback=self._on_goal,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )  # fmt: skip

    def close(self) -> None:
        """Withdraw the offer."""
        self.stop()
        for subscription in self._subscriptions:
            subscription.close()
        self._server.destroy()

    def stop(self) -> None:
        """End every goal: the node goes out of service."""
        for goal in list(self._goals.values()):
            _end(goal, 'the node was deactivated')

    def _on_goal(self, request: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if self._is_active() else GoalResponse.REJECT

    def _has_goals(self) -> bool:
        return bool(self._goals)

    async def _execute(self, handle: ServerGoalHandle) -> Any:
        result = message_class(TRACK).Result()
        try:
            asked = prompt_from(handle.request.prompt, 0)
        except MmPerceptionError as error:
            handle.abort()
            result.message = str(error)
            return result
        prompt = replace(
            asked, prompt_id=f'{asked.prompt_id or asked.text}#{uuid.uuid4().hex[:8]}'
        )
        goal = _Goal(
            handle, prompt, handle.request.max_frames, Future(executor=self._node.executor)
        )
        with self._lock:
            self._goals[prompt.prompt_id] = goal
        self._runner.matcher.push('prompt', '', prompt)
        problem = await goal.ended
        with self._lock:
            del self._goals[prompt.prompt_id]
        remove = Prompt(
            action=PromptAction.REMOVE, prompt_id=prompt.prompt_id, stream=prompt.stream
        )
        self._runner.matcher.push('prompt', '', remove)
        if handle.is_cancel_requested:
            handle.canceled()
        elif problem:
            handle.abort()
        else:
            handle.succeed()
        result.success = not problem and bool(goal.tracks)
        result.message = problem or ('' if goal.tracks else 'nothing in view matched')
        result.track_ids, result.frames = goal.tracks, goal.frames
        return result

    def look(self) -> None:
        """End goals whose client took them back; called a few times a second."""
        for goal in list(self._goals.values()):
            if goal.handle.is_cancel_requested:
                _end(goal, 'cancelled')

    def _on_status(self, item: Sample | Deferred) -> None:
        status = item.resolve() if isinstance(item, Deferred) else item
        if not isinstance(status, PromptStatus):
            return
        goal = self._goals.get(status.prompt_id)
        if goal is None:  # not asked for by an action, or over
            return
        goal.tracks += [track for track in status.track_ids if track not in goal.tracks]
        if status.state is PromptState.REJECTED:
            _end(goal, status.message or 'the prompt was refused')

    def _on_masks(self, item: Sample | Deferred) -> None:
        masks = item.resolve() if isinstance(item, Deferred) else item
        if not isinstance(masks, Masks):
            return
        scores = {str(i): float(s) for i, s in zip(masks.ids, masks.scores, strict=True)}
        for goal in list(self._goals.values()):
            if goal.ended.done():  # the executor has not come to tell it
                continue
            goal.frames += 1
            seen = [track for track in goal.tracks if track in scores]
            feedback = message_class(TRACK).Feedback(frames=goal.frames, track_ids=seen)
            feedback.stamp = time_message(masks.stamp_ns)
            feedback.scores = [scores[track] for track in seen]
            goal.handle.publish_feedback(feedback)
            if goal.max_frames and goal.frames >= goal.max_frames:
                _end(goal, '')


def _end(goal: _Goal, problem: str) -> None:
    if not goal.ended.done():
        goal.ended.set_result(problem)
