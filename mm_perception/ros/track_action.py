"""The action `~/track`: a prompt as a goal, its tracks as feedback, frame by frame.

The `max_frames` of the goal is that of the prompt: the plugin counts, on each camera alone, and
the goal is over when the prompt is over on every camera. A goal that ends otherwise (cancelled,
node deactivated) takes its prompt back.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
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
#: A camera that has shown nothing for so long after the prompt was over on another is not waited
#: for.
_SILENCE_S = 2.0


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
    """One prompt under way; `ended` carries why it is over, '' for its own good end.

    Attributes:
        cameras: That it is for.
        over: Cameras on which it is over, and why it was refused there, '' if it was not.
        over_since_s: Since when it is over on one.
    """

    handle: ServerGoalHandle
    prompt: Prompt
    ended: Future[str]
    cameras: tuple[str, ...] = ('',)
    tracks: list[str] = field(default_factory=list)
    frames: int = 0
    seen: set[str] = field(default_factory=set)
    over: dict[str, str] = field(default_factory=dict)
    over_since_s: float = 0.0

    def end_on(self, camera: str, refusal: str) -> None:
        """The prompt is over on a camera."""
        self.over_since_s = self.over_since_s or time.monotonic()
        self.over[camera] = refusal
        if not set(self.cameras) - self.over.keys():
            self.finish()

    def finish(self) -> None:
        """It is over wherever it is waited for; an error only if it was refused everywhere."""
        refusals = list(self.over.values())
        _end(self, refusals[0] if all(refusals) else '')


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
        self._subscriptions = [
            bus.channel(topic, runner.plugin.outputs[port].sample_type).subscribe(
                partial(listener, camera), self._has_goals
            )
            for port, listener in (('masks', self._on_masks), ('status', self._on_status))
            for camera, topic in runner.wiring.outputs[port].items()
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
            asked,
            prompt_id=f'{asked.prompt_id or asked.text}#{uuid.uuid4().hex[:8]}',
            max_frames=handle.request.max_frames or asked.max_frames,
        )
        cameras = tuple(self._runner.wiring.outputs['masks'])
        ended: Future[str] = Future(executor=self._node.executor)
        goal = _Goal(handle, prompt, ended, (prompt.stream,) if prompt.stream else cameras)
        with self._lock:
            self._goals[prompt.prompt_id] = goal
        self._runner.matcher.push('prompt', '', prompt)
        problem = await goal.ended
        with self._lock:
            del self._goals[prompt.prompt_id]
        self._take_back(goal)
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

    def _take_back(self, goal: _Goal) -> None:
        """Remove the prompt from the cameras on which it is not over."""
        remove = Prompt(action=PromptAction.REMOVE, prompt_id=goal.prompt.prompt_id)
        for camera in goal.cameras:
            if camera not in goal.over:
                self._runner.matcher.push('prompt', '', replace(remove, stream=camera))

    def look(self) -> None:
        """End goals whose client took them back, or that wait for dead cameras only.

        Called a few times a second.
        """
        for goal in list(self._goals.values()):
            if goal.handle.is_cancel_requested:
                _end(goal, 'cancelled')
            is_late = goal.over and time.monotonic() - goal.over_since_s > _SILENCE_S
            if is_late and not goal.seen - goal.over.keys():
                goal.finish()

    def _on_status(self, _: str, item: Sample | Deferred) -> None:
        status = item.resolve() if isinstance(item, Deferred) else item
        if not isinstance(status, PromptStatus):
            return
        goal = self._goals.get(status.prompt_id)
        if goal is None:  # not asked for by an action, or over
            return
        goal.seen.add(status.stream)
        goal.tracks += [track for track in status.track_ids if track not in goal.tracks]
        if status.state is PromptState.REJECTED:
            goal.end_on(status.stream, status.message or 'the prompt was refused')
        elif status.state is PromptState.REMOVED:
            goal.end_on(status.stream, '')

    def _on_masks(self, camera: str, item: Sample | Deferred) -> None:
        masks = item.resolve() if isinstance(item, Deferred) else item
        if not isinstance(masks, Masks):
            return
        scores = {str(i): float(s) for i, s in zip(masks.ids, masks.scores, strict=True)}
        for goal in list(self._goals.values()):
            if goal.ended.done() or camera not in goal.cameras or camera in goal.over:
                continue
            goal.seen.add(camera)
            goal.frames += 1
            seen = [track for track in goal.tracks if track in scores]
            feedback = message_class(TRACK).Feedback(frames=goal.frames, track_ids=seen)
            feedback.stamp = time_message(masks.stamp_ns)
            feedback.scores = [scores[track] for track in seen]
            goal.handle.publish_feedback(feedback)


def _end(goal: _Goal, problem: str) -> None:
    if not goal.ended.done():
        goal.ended.set_result(problem)
