"""Prompts on their way to a picture, and ids of tracks."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import PromptError
from mm_perception.prompt_desk import PromptDesk, check_age
from mm_perception.samples import Prompt, PromptState
from mm_perception.track_ids import TrackIds

SECOND_NS = 1_000_000_000


def ask(text: str = 'cup', stream: str = '') -> Prompt:
    return Prompt(text=text, stream=stream)


def test_a_prompt_waits_for_every_camera_it_names() -> None:
    desk = PromptDesk(['left', 'right'])
    desk.accept([ask('a'), ask('b', 'right')])
    assert [p.text for p in desk.take('right')] == ['a', 'b']
    assert [p.text for p in desk.take('left')] == ['a']
    assert desk.take('left') == []


def test_an_unnamed_camera_refuses_names() -> None:
    desk = PromptDesk([''])
    desk.put(ask())
    with pytest.raises(PromptError, match='one without a name'):
        desk.put(ask(stream='left'))


def test_too_many_waiting_prompts_are_told_not_kept() -> None:
    desk = PromptDesk(['left'])
    desk.accept([ask(str(i)) for i in range(300)])
    told = desk.drain(5, 'camera')
    waiting = desk.take('left')
    assert len(waiting) + len(told) == 300
    assert {s.state for s in told} == {PromptState.REJECTED}
    assert (told[0].stamp_ns, told[0].frame_id, told[0].prompt_id) == (5, 'camera', '0')
    assert waiting[-1].text == '299'


def test_a_failed_picture_takes_back_what_was_found_and_rejects_geometry() -> None:
    desk = PromptDesk(['left'])
    desk.tell('before', 'left', PromptState.FOUND, [1])
    mark = desk.mark()
    desk.tell('t', 'left', PromptState.FOUND, [2])
    desk.tell('gone', 'left', PromptState.REMOVED, [3])
    box = Prompt(prompt_id='box', box=np.array([0, 0, 1, 1], np.float32))
    desk.defer(box, 'left')
    desk.fail(mark, [ask(), box], 'left', 'no memory')
    told = [(s.prompt_id, s.state) for s in desk.drain(1, '')]
    assert told == [
        ('before', PromptState.FOUND), ('gone', PromptState.REMOVED), ('box', PromptState.REJECTED)
    ]  # fmt: skip
    assert desk.take('left') == []


@pytest.mark.parametrize(('age_s', 'relation'), [(3, 'older'), (-3, 'newer')])
def test_coordinates_of_another_moment_are_refused(age_s: int, relation: str) -> None:
    box = np.array([0, 0, 1, 1], np.float32)
    now = 10 * SECOND_NS
    with pytest.raises(PromptError, match=f'3.0 s {relation}'):
        check_age(Prompt(box=box, stamp_ns=now - age_s * SECOND_NS), now, 2.0)
    check_age(Prompt(box=box, stamp_ns=now - age_s * SECOND_NS), now, 3.0)
    check_age(Prompt(box=box), now, 0.0)  # the newest, whatever it is
    check_age(Prompt(text='cup', stamp_ns=1), now, 0.0)  # words do not age


def test_ids_go_round_and_leave_the_living_alone() -> None:
    ids = TrackIds()
    assert [ids.take({2}) for _ in range(3)] == [1, 3, 4]
    ids._last = 65535
    assert ids.take({1, 2}) == 3
    with pytest.raises(PromptError, match='no track id is free'):
        ids.take(range(1, 65536))
