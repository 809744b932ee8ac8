"""Prompts on their way to a picture, and ids of tracks."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import PromptError
from mm_perception.prompt_desk import PromptDesk, Scope, by_owner, check_age
from mm_perception.samples import Masks, Prompt, PromptAction, PromptState
from mm_perception.track_ids import TrackIds

SECOND_NS = 1_000_000_000


def ask(text: str = 'cup', stream: str = '') -> Prompt:
    return Prompt(text=text, stream=stream)


def masks(stamp_ns: int, frame_id: str = '', **scores: float) -> Masks:
    """Scores by track id, as t1=0.5."""
    return Masks(
        stamp_ns=stamp_ns, frame_id=frame_id, id_map=np.zeros((2, 2), np.uint16),
        ids=tuple(int(name[1:]) for name in scores), labels=('',) * len(scores),
        scores=np.array(list(scores.values()), np.float32),
    )  # fmt: skip


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
    told = desk.drain(masks(5, 'camera'))
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
    told = [(s.prompt_id, s.state) for s in desk.drain(masks(1))]
    assert told == [
        ('before', PromptState.FOUND), ('gone', PromptState.REMOVED), ('box', PromptState.REJECTED)
    ]  # fmt: skip
    assert desk.take('left') == []


def test_scores_of_masks_come_with_the_picture() -> None:
    desk = PromptDesk([''])
    desk.tell('box', '', PromptState.FOUND, [1, 2], None)
    desk.tell('text', '', PromptState.FOUND, [2], 0.25)
    told = desk.drain(masks(1, t1=0.5, t2=0.75))
    assert [s.score for s in told] == [0.75, 0.25]


def test_a_removal_is_told_to_who_asked_and_to_who_lost() -> None:
    desk = PromptDesk([''])
    owners = {1: 'a', 2: 'b', 3: 'a', 4: ''}
    remove = Prompt(action=PromptAction.CLEAR, prompt_id='b')
    desk.tell_removed(remove, '', owners, by_owner(owners))
    told = [(s.prompt_id, s.track_ids) for s in desk.drain(masks(1))]
    assert told == [('b', ('1', '2', '3', '4')), ('a', ('1', '3'))]


def test_a_prompt_that_names_a_track_goes_to_the_camera_of_the_track() -> None:
    desk = PromptDesk(['left', 'right'], {'7': 'right'}.get)
    desk.put(Prompt(track_id='7'))
    desk.put(Prompt(track_id='8'))
    assert [p.track_id for p in desk.take('left')] == ['8']
    assert [p.track_id for p in desk.take('right')] == ['7', '8']


def test_convention_once_is_one_picture_and_nothing_is_for_ever() -> None:
    once, always = Scope(1), Scope()
    assert not once.is_over
    once.frames = always.frames = 1
    assert once.is_over
    assert not always.is_over


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
