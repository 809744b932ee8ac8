"""For how long prompts hold, and whose a track is: in `sam2` and in `text_tracker` alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception.samples import Prompt, PromptAction, PromptState
from test.plugins.samples import box_prompt, picture
from test.plugins.test_sam2 import Rig as Sam2Rig
from test.plugins.test_text_tracker import Rig as TextRig

pytestmark = pytest.mark.usefixtures('one_thread')

FOUND, NOT_FOUND, REMOVED = PromptState.FOUND, PromptState.NOT_FOUND, PromptState.REMOVED
REJECTED, SEARCHING = PromptState.REJECTED, PromptState.SEARCHING
RIGS: dict[str, Any] = {'sam2': Sam2Rig, 'text_tracker': TextRig}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = RIGS[request.param]()
    yield made
    made.plugin.close()


@pytest.fixture
def texts() -> Iterator[TextRig]:
    made = TextRig()
    yield made
    made.plugin.close()


def told_of(told: Any) -> list[tuple[str, PromptState, tuple[str, ...]]]:
    return [(status.prompt_id, status.state, status.track_ids) for status in told]


def box(**changes: Any) -> Prompt:
    return box_prompt(**{'stream': 'left', **changes})


def text(words: str, **changes: Any) -> Prompt:
    return Prompt(text=words, stream='left', **changes)


@pytest.mark.parametrize('max_frames', [1, 3])
def test_an_object_ends_after_so_many_pictures_with_a_mask(rig: Any, max_frames: int) -> None:
    masks, told = rig.see(box(max_frames=max_frames), box(prompt_id='stays'))
    assert told_of(told) == [('p', FOUND, ('1',)), ('stays', FOUND, ('2',))]
    for _ in range(max_frames - 1):
        assert masks.ids == (1, 2)
        masks, told = rig.see()
        assert told == []
    assert masks.ids == (1, 2)
    masks, told = rig.see()
    assert masks.ids == (2,)
    assert told_of(told) == [('p', REMOVED, ('1',))]
    assert told[0].stamp_ns == rig.stamp_ns
    assert f'after {max_frames} pictures' in told[0].message


def test_each_camera_counts_its_own_pictures(rig: Any) -> None:
    prompt = box(stream='', max_frames=2)
    assert rig.see(prompt, camera='left')[0].ids == (1,)
    assert rig.see(camera='left')[0].ids == (1,)
    assert rig.see(camera='right')[0].ids == (2,)
    masks, told = rig.see(camera='left')
    assert (masks.ids, told_of(told), told[0].stream) == ((), [('p', REMOVED, ('1',))], 'left')
    assert rig.see(camera='right')[0].ids == (2,)
    assert rig.see(camera='right')[0].ids == ()


def test_a_picture_that_fails_does_not_count(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.see(box(max_frames=2))
    session = rig.plugin._cameras['left'].session

    def fail(*_: object) -> None:
        raise MemoryError('made to fail')

    with monkeypatch.context() as patch:
        patch.setattr(session, 'step', fail)
        with pytest.raises(MemoryError):
            rig.see()
    assert rig.see()[0].ids == (1,)
    assert rig.see()[0].ids == ()


def test_refining_may_count_anew(rig: Any) -> None:
    click = {'points': np.array([[20, 20]], np.float32), 'point_labels': np.ones(1, np.int8)}
    refine = Prompt(stream='left', action=PromptAction.REFINE, track_id='1', **click)
    rig.see(box(max_frames=2))
    rig.see(refine)
    assert rig.see()[0].ids == (), 'without a number nothing changes'
    rig.see(box(max_frames=2))
    more = Prompt(
        stream='left', action=PromptAction.REFINE, track_id='2', max_frames=2, **click
    )  # fmt: skip
    rig.see(more)
    assert rig.see()[0].ids == (2,)
    assert rig.see()[0].ids == ()


def test_a_found_object_has_the_score_of_its_mask(rig: Any) -> None:
    masks, told = rig.see(box())
    assert told[0].score == pytest.approx(float(masks.scores[0]))
    assert 0 < told[0].score < 1


def test_a_track_is_taken_over_by_a_prompt_that_names_it(rig: Any) -> None:
    rig.see(box(prompt_id='first', max_frames=2))
    follow = Prompt(prompt_id='mine', track_id='1')
    masks, told = rig.see(follow)
    assert told_of(told) == [('first', REMOVED, ('1',)), ('mine', FOUND, ('1',))]
    assert told[1].score == pytest.approx(float(masks.scores[0]))
    for _ in range(3):
        assert rig.see()[0].ids == (1,), 'it ends no more with the prompt it was made for'
    masks, told = rig.see(Prompt(action=PromptAction.REMOVE, prompt_id='mine', stream='left'))
    assert masks.ids == ()
    assert told_of(told) == [('mine', REMOVED, ('1',))]


def test_a_prompt_that_names_a_track_is_for_the_camera_that_has_it(rig: Any) -> None:
    rig.see(box(stream='left'), camera='left')
    rig.see(box(stream='right'), camera='right')
    _, told = rig.see(Prompt(prompt_id='mine', track_id='2'), camera='left')
    assert told == []
    _, told = rig.see(camera='right')
    assert [s.prompt_id for s in told if s.state is FOUND] == ['mine']
    rig.see(Prompt(action=PromptAction.REMOVE, track_id='2'), camera='left')
    assert rig.see(camera='left')[0].ids == (1,)
    assert rig.see(camera='right')[0].ids == ()


def test_a_track_that_is_gone_or_named_with_pixels_is_refused(rig: Any) -> None:
    rig.see(box())
    rig.see(Prompt(action=PromptAction.REMOVE, track_id='1'))
    _, told = rig.see(Prompt(track_id='1', stream='left'))
    assert told_of(told) == [('', REJECTED, ())]
    assert 'no such track' in told[0].message
    rig.see(box())
    _, told = rig.see(box(track_id='2'))
    assert [s.state for s in told] == [REJECTED]
    assert 'REFINE' in told[0].message


def test_a_text_counts_from_the_picture_that_decides_it(texts: TextRig) -> None:
    texts.plugin.close()
    rig = TextRig(confirm_births=True)
    rig.grounder.put('cup', 10)
    masks, told = rig.see(text('cup', max_frames=1))
    assert (masks.ids, told_of(told)) == ((), [('cup', SEARCHING, ())]), 'seen once, not yet sure'
    masks, told = rig.see()
    assert (masks.ids, told_of(told)) == ((1,), [('cup', FOUND, ('1',))])
    masks, told = rig.see()
    assert (masks.ids, told_of(told)) == ((), [('cup', REMOVED, ('1',))])
    asked = len(rig.grounder.asked)
    assert rig.see(after_s=5)[1] == []
    assert len(rig.grounder.asked) == asked, 'it is no more searched for'
    rig.plugin.close()


def test_a_text_that_is_not_there_ends_too(texts: TextRig) -> None:
    _, told = texts.see(text('dog', max_frames=2))
    assert told_of(told)[-1] == ('dog', NOT_FOUND, ())
    assert texts.see()[1] == []
    assert told_of(texts.see()[1]) == [('dog', REMOVED, ())]


def test_time_set_back_gives_no_text_more_pictures(texts: TextRig) -> None:
    texts.grounder.put('cup', 10)
    texts.see(text('cup', max_frames=2))
    texts.plugin.rewind('left')
    assert texts.see()[0].ids == (2,)
    masks, told = texts.see()
    assert (masks.ids, told_of(told)) == ((), [('cup', REMOVED, ('2',))])


def test_a_track_of_a_text_that_is_taken_over_outlives_the_text(texts: TextRig) -> None:
    texts.grounder.put('cup', 10)
    texts.see(text('cup', max_frames=2))
    _, told = texts.see(Prompt(prompt_id='that one', track_id='1'))
    assert told_of(told) == [('that one', FOUND, ('1',))], 'the text goes on'
    masks, told = texts.see()
    assert (masks.ids, masks.labels) == ((1,), ('cup',))
    assert [s.state for s in told if s.prompt_id == 'cup'] == [REMOVED]


def test_what_was_not_accepted_is_reported_with_its_score(texts: TextRig) -> None:
    texts.grounder.put('cup', 10, score=0.2)
    masks, told = texts.see(text('cup'))
    assert masks.ids == ()
    assert told_of(told)[-1] == ('cup', NOT_FOUND, ())
    assert told[-1].score == pytest.approx(0.2)


def test_clearing_tells_every_prompt(texts: TextRig) -> None:
    texts.grounder.put('cup', 10)
    texts.see(text('cup'), text('dog'), box(prompt_id='drawn'))
    _, told = texts.see(Prompt(action=PromptAction.CLEAR, prompt_id='all', stream='left'))
    removed = {s.prompt_id: set(s.track_ids) for s in told}
    assert all(s.state is REMOVED for s in told)
    assert removed.keys() == {'all', 'cup', 'dog', 'drawn'}
    assert removed['all'] == removed['cup'] | removed['drawn']
    assert removed['dog'] == set()


def test_one_track_of_a_text_less_does_not_end_the_text(texts: TextRig) -> None:
    texts.grounder.put('cup', 10)
    texts.see(text('cup'))
    _, told = texts.see(Prompt(action=PromptAction.REMOVE, track_id='1', prompt_id='me'))
    assert told_of(told) == [('me', REMOVED, ('1',))]
    assert texts.see(image=picture(), after_s=2)[0].ids == (2,)
