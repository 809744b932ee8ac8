"""Who waits for the reply to a prompt gets the first that decides it, and never waits for ever."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.channel import Bus
from mm_perception.ros import prompt_replies
from mm_perception.ros.prompt_replies import PromptReplies
from mm_perception.runner import Wiring
from mm_perception.samples import Prompt, PromptState, PromptStatus

CUP = Prompt(prompt_id='cup', text='the cup')


class Rig:
    def __init__(self, *cameras: str) -> None:
        bus, masks = Bus(), {name: f'/masks/{name}' for name in cameras}
        runner = Mock(wiring=Wiring(outputs={'masks': masks, 'status': {'': '/status'}}))
        self.channel = bus.channel('/status', PromptStatus)
        self.replies = PromptReplies(Mock(executor=None), runner, bus)

    def tell(self, state: PromptState, camera: str = '', **fields: Any) -> None:
        values = {'stamp_ns': 7, 'prompt_id': 'cup', 'stream': camera, 'state': state, **fields}
        self.channel.publish(PromptStatus(**values))


def test_the_first_that_decides_is_the_reply() -> None:
    rig = Rig('')
    assert not rig.channel.is_wanted(), 'nobody waits'
    waiting = rig.replies.expect(CUP)
    assert rig.channel.is_wanted(), 'the picture is needed'
    rig.tell(PromptState.SEARCHING)
    rig.tell(PromptState.FOUND, prompt_id='plate')
    assert not waiting.reply.done()
    rig.tell(PromptState.FOUND, track_ids=('3',))
    rig.tell(PromptState.REMOVED)
    reply = waiting.reply.result()
    assert (reply.success, reply.track_ids, reply.stamp_ns) == (True, ('3',), 7)
    rig.replies.forget(waiting)
    assert not rig.channel.is_wanted()


def test_nothing_found_is_no_success() -> None:
    rig = Rig('')
    waiting = rig.replies.expect(CUP)
    rig.tell(PromptState.NOT_FOUND, message='nothing in view')
    assert (waiting.reply.result().success, waiting.reply.result().message) == (
        False, 'nothing in view'
    )  # fmt: skip


def test_it_is_refused_when_every_camera_refuses() -> None:
    rig = Rig('left', 'right')
    first, second = rig.replies.expect(CUP), rig.replies.expect(CUP)
    rig.tell(PromptState.REJECTED, 'left', message='too small')
    assert not first.reply.done()
    rig.tell(PromptState.REJECTED, 'right', message='too large')
    assert not first.reply.result().success
    rig.replies.forget(first)
    rig.replies.forget(second)
    one = rig.replies.expect(Prompt(prompt_id='cup', text='the cup', stream='left'))
    rig.tell(PromptState.REJECTED, 'left', message='too small')
    assert one.reply.result().message == 'too small'


def test_nobody_waits_for_a_dead_camera_or_a_node_that_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(prompt_replies.time, 'monotonic', lambda: now[0])
    rig = Rig('')
    waiting = rig.replies.expect(CUP)
    rig.replies.look()
    assert not waiting.reply.done()
    now[0] += 6.0
    rig.replies.look()
    reply = waiting.reply.result()
    assert (reply.success, reply.stamp_ns) == (True, 0)
    assert 'no picture' in reply.message
    other = rig.replies.expect(CUP)
    rig.replies.close()
    assert not other.reply.result().success
