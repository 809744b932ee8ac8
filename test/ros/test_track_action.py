"""The action ~/track: prompt as goal, tracks as feedback; its end removes the prompt."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from action_msgs.msg import GoalStatus
from mm_perception_msgs.action import Track
from mm_perception_msgs.msg import PromptStatus
from rclpy.action import ActionClient
from rclpy.task import Future

from mm_perception.ros import track_action
from mm_perception.samples import Masks, Prompt, PromptState
from mm_perception.samples import PromptStatus as Status
from test.ros.rig import Rig

pytestmark = pytest.mark.ros
EYE = {'eye': {'plugin': 'pointer', 'inputs': {'image': '/camera/image'}}}


def goal_of(cameras: tuple[str, ...]) -> tuple[Any, Any]:
    """An action with one goal under way, and the goal."""
    action = object.__new__(track_action.TrackAction)
    goal = track_action._Goal(Mock(), Prompt(text='cup', prompt_id='cup'), Future(), cameras)
    action._goals = {'cup': goal}
    return action, goal


def masks(stamp_ns: int) -> Masks:
    return Masks(
        stamp_ns=stamp_ns, frame_id='front', id_map=np.zeros((2, 2), np.uint16), ids=(),
        labels=(), scores=np.zeros(0, np.float32),
    )  # fmt: skip


def status(camera: str, state: PromptState, message: str = '') -> Status:
    return Status(stamp_ns=1, prompt_id='cup', stream=camera, state=state, message=message)


def test_frames_after_the_end_do_not_count() -> None:
    """They come while the executor has not yet told the client that it is over."""
    action, goal = goal_of(('',))
    for stamp_ns in range(1, 5):
        if stamp_ns == 3:
            action._on_status('', status('', PromptState.REMOVED))
        action._on_masks('', masks(stamp_ns))
    assert goal.ended.done()
    assert goal.frames == goal.handle.publish_feedback.call_count == 2


def test_a_goal_is_over_when_it_is_over_on_every_camera() -> None:
    action, goal = goal_of(('left', 'right'))
    action._on_masks('other', masks(1))
    assert goal.frames == 0, 'the goal is for two cameras of three'
    action._on_status('', status('left', PromptState.REJECTED, 'too small'))
    assert not goal.ended.done()
    action._on_masks('right', masks(2))
    action._on_status('', status('right', PromptState.REMOVED))
    assert goal.ended.result() == '', 'it was refused on one only'
    assert goal.frames == 1
    for message in ('too small', 'too large'):
        action, goal = goal_of(('left', 'right'))
        action._on_status('', status('left', PromptState.REJECTED, message))
        action._on_status('', status('right', PromptState.REJECTED, 'it too'))
        assert goal.ended.result() == message


def test_a_dead_camera_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(track_action.time, 'monotonic', lambda: now[0])
    action, goal = goal_of(('left', 'right'))
    goal.handle.is_cancel_requested = False
    action._on_masks('left', masks(1))
    action._on_status('', status('left', PromptState.REMOVED))
    now[0] += 1.0
    action.look()
    assert not goal.ended.done()
    now[0] += 2.0
    action.look()
    assert goal.ended.result() == ''
    action, goal = goal_of(('left', 'right'))
    goal.handle.is_cancel_requested = False
    action._on_masks('right', masks(1))
    action._on_status('', status('left', PromptState.REMOVED))
    now[0] += 3.0
    action.look()
    assert not goal.ended.done(), 'the other one lives'


def send(rig: Rig, camera: Any, text: str, max_frames: int = 0) -> tuple[Any, list[Any]]:
    """Send a goal; its handle and its feedback."""
    client = ActionClient(rig.node, Track, '/eye/track')
    rig.until(client.server_is_ready, 'the action server')
    feedback: list[Any] = []
    goal = Track.Goal(max_frames=max_frames)
    goal.prompt.text = text
    sent = client.send_goal_async(goal, feedback_callback=lambda m: feedback.append(m.feedback))
    rig.until(sent.done, 'an answer to the goal')
    return sent.result(), feedback


def test_goals_end_by_frames_by_cancel_and_by_rejection(rig: Rig) -> None:
    rig.start(EYE)
    camera = rig.camera()
    rig.wait_active('eye')
    handle, feedback = send(rig, camera, 'the cup', max_frames=4)
    assert handle.accepted
    # rclpy throws away feedback that it takes after the result: ask for that later.
    rig.feed(camera, lambda: len(feedback) >= 4, 'feedback of four frames')
    result = handle.get_result_async()
    rig.feed(camera, result.done, 'the end after four frames')
    assert result.result().status == GoalStatus.STATUS_SUCCEEDED
    assert result.result().result.success
    assert list(result.result().result.track_ids) == ['1']
    assert result.result().result.frames == 4
    assert [f.frames for f in feedback] == [1, 2, 3, 4]
    assert list(feedback[-1].track_ids) == ['1']
    assert list(feedback[-1].scores) == [0.75]

    told = rig.hear(PromptStatus, '/eye/output/status')
    handle, feedback = send(rig, camera, 'the plate')
    rig.feed(camera, lambda: len(feedback) > 1, 'feedback of the second goal')
    cancelled = handle.cancel_goal_async()
    result = handle.get_result_async()
    rig.feed(camera, lambda: cancelled.done() and result.done(), 'the end after cancelling')
    assert result.result().status == GoalStatus.STATUS_CANCELED
    rig.feed(camera, lambda: any(t.state == PromptStatus.REMOVED for t in told), 'removal')

    handle, _ = send(rig, camera, 'nonsense')
    result = handle.get_result_async()
    rig.feed(camera, result.done, 'the rejection')
    assert result.result().status == GoalStatus.STATUS_ABORTED
    assert result.result().result.message == 'that is nonsense'

    handle, _ = send(rig, camera, 'the fork')
    result = handle.get_result_async()
    assert rig.change('eye', 'deactivate')
    rig.until(result.done, 'the end at deactivation')
    assert result.result().status == GoalStatus.STATUS_ABORTED
    assert 'deactivated' in result.result().result.message
    handle, _ = send(rig, camera, 'the knife')
    assert not handle.accepted
    assert 'Traceback' not in rig.log
