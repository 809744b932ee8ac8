"""From a text to a track: with a grounder made by hand, and once with every network in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError
from mm_perception.nets.grounders import load_grounder
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Prompt, PromptAction, PromptState
from test.plugins.samples import SECOND_NS, box_prompt, inputs_for, picture
from test.plugins.text_tracker_rig import RANDOM, Rig, states, text

pytestmark = pytest.mark.usefixtures('one_thread')

FOUND, NOT_FOUND, REMOVED = PromptState.FOUND, PromptState.NOT_FOUND, PromptState.REMOVED
REJECTED, SEARCHING = PromptState.REJECTED, PromptState.SEARCHING


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.plugin.close()


def test_a_text_becomes_a_track_where_the_grounder_says(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    masks, told = rig.see(text(prompt_id='mine'))
    assert states(told) == [('mine', SEARCHING, ()), ('mine', FOUND, ('1',))]
    assert told[1].score == pytest.approx(0.9)
    assert (masks.ids, masks.labels) == ((1,), ('cup',))
    x0, _, x1, _ = masks.detections().xyxy[0]
    assert (x0, x1) == pytest.approx((10, 30), abs=2)
    for _ in range(3):
        masks, told = rig.see()
        assert (masks.ids, told) == ((1,), [])


def test_what_is_not_there_is_not_found_and_nothing_is_masked(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    masks, told = rig.see(text('dog'))
    assert states(told) == [('dog', SEARCHING, ()), ('dog', NOT_FOUND, ())]
    assert 'dog' in told[1].message
    assert (masks.ids, masks.id_map.any()) == ((), False)
    assert rig.see(after_s=2)[1] == [], 'said once, not with every search'


def test_what_appears_later_is_found_at_the_next_search(rig: Rig) -> None:
    rig.see(text())
    rig.grounder.put('cup', 10)
    assert rig.see()[0].ids == (), 'it is not time to search yet'
    masks, told = rig.see(after_s=1.0)
    assert (masks.ids, states(told)) == ((1,), [('cup', FOUND, ('1',))])


def test_searches_are_as_rare_as_the_user_says(rig: Rig) -> None:
    rig.see(text())
    for _ in range(19):
        rig.see()
    assert len(rig.grounder.asked) == 3  # at 0.1 s, there twice to tell how unsure it is; at 1.1 s


def test_texts_of_the_settings_are_searched_on_every_camera() -> None:
    rig = Rig(prompts=('cup', 'dog'))
    rig.grounder.put('cup', 10)
    _, told = rig.see()
    assert states(told) == [('cup', FOUND, ('1',)), ('dog', NOT_FOUND, ())]
    assert rig.see(camera='right')[0].ids == (2,)
    rig.plugin.close()


def test_texts_can_be_changed_while_running(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    rig.grounder.put('dog', 40)
    rig.see()
    rig.plugin.reconfigure(TextTrackerConfig(**RANDOM, prompts=('cup',)))
    assert rig.see()[0].labels == ('cup',)
    rig.plugin.reconfigure(TextTrackerConfig(**RANDOM, prompts=('dog',)))
    masks, told = rig.see()
    assert states(told) == [('cup', REMOVED, ('1',)), ('dog', FOUND, ('2',))]
    assert masks.labels == ('dog',)


def test_a_text_of_the_settings_can_be_cleared_by_prompt() -> None:
    rig = Rig(prompts=('cup',))
    rig.grounder.put('cup', 10)
    rig.see()
    _, told = rig.see(Prompt(action=PromptAction.CLEAR))
    assert states(told) == [('', REMOVED, ('1',)), ('cup', REMOVED, ('1',))]
    assert rig.see(after_s=5)[0].ids == ()
    rig.plugin.close()


def test_asked_again_after_removal_it_is_answered_again(rig: Rig) -> None:
    rig.see(text('dog'))
    _, told = rig.see(Prompt(action=PromptAction.REMOVE, text='dog'))
    assert states(told) == [('dog', REMOVED, ())]
    _, told = rig.see(text('dog'))
    assert states(told) == [('dog', SEARCHING, ()), ('dog', NOT_FOUND, ())]


def test_a_lost_object_keeps_its_id_when_it_comes_back(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    rig.see(text())
    rig.grounder.scene.clear()
    rig.plugin.reconfigure(TextTrackerConfig(min_visible=1.0, **RANDOM))  # SAM: it is hidden
    masks, _ = rig.see()
    assert (masks.ids, masks.visible) == ((1,), (False,))
    rig.plugin.reconfigure(TextTrackerConfig(**RANDOM))
    rig.plugin._cameras['left'].book.tracks[1].is_visible = False
    rig.grounder.put('cup', 35)
    masks, _ = rig.see(after_s=1.0)
    assert masks.ids == (1,)
    assert masks.mask(1)[:, 35:].any(), 'it is where the grounder saw it come back'


def test_hidden_for_too_long_is_given_up_and_told(rig: Rig) -> None:
    rig = Rig(min_visible=1.0, death_after_s=2.0)
    rig.grounder.put('cup', 10)
    rig.see(text(), box_prompt(stream='left', prompt_id='box'))
    rig.grounder.scene.clear()
    seen = [rig.see(after_s=0.5) for _ in range(6)]
    told = [state for _, statuses in seen for state in states(statuses)]
    assert ('cup', NOT_FOUND, ()) in told
    assert [(p, s) for p, s, _ in told if p == 'box'] == [('box', REMOVED)]
    assert seen[-1][0].ids == ()
    rig.plugin.close()


def test_a_visible_track_that_the_grounder_misses_again_and_again_is_given_up() -> None:
    rig = Rig(max_misses=1)
    rig.grounder.put('cup', 10)
    rig.see(text())
    rig.grounder.scene.clear()
    assert rig.see(after_s=1)[0].ids == (1,)
    masks, told = rig.see(after_s=1)
    assert (masks.ids, states(told)) == ((), [('cup', NOT_FOUND, ())])
    rig.plugin.close()


def test_two_texts_for_one_object_share_its_track(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    rig.grounder.put('mug', 10)
    masks, told = rig.see(text('cup'), text('mug'))
    assert masks.ids == (1,)
    assert states(told)[2:] == [('cup', FOUND, ('1',)), ('mug', FOUND, ('1',))]


def test_geometry_is_tracked_beside_texts_and_never_dropped_by_a_search(rig: Rig) -> None:
    masks, told = rig.see(box_prompt(stream='left', prompt_id='b', text='my box'), text('dog'))
    assert ('b', FOUND, ('1',)) in states(told)
    assert masks.labels == ('my box',)
    for _ in range(6):
        masks, _ = rig.see(after_s=1)
    assert masks.ids == (1,)


BAD = {
    'mask of another size': box_prompt(stream='left', box=None, mask=np.ones((5, 5), bool)),
    'outside': box_prompt(stream='left', box=np.array([8, 8, 400, 30], np.float32)),
    'unknown track': Prompt(
        stream='left', action=PromptAction.REFINE, track_id='9', box=np.array([1, 1, 9, 9], 'f')
    ),
    'unknown name': Prompt(stream='left', action=PromptAction.REMOVE, prompt_id='nobody'),
    'no name': Prompt(stream='left', action=PromptAction.REMOVE),
    'unknown camera': Prompt(stream='rear', text='cup'),
}


@pytest.mark.parametrize('bad', BAD.values(), ids=BAD)
def test_a_bad_prompt_is_rejected_and_harms_no_other(rig: Rig, bad: Prompt) -> None:
    rig.grounder.put('cup', 30)
    masks, told = rig.see(bad, text())
    assert [s.state for s in told if s.message] == [REJECTED]
    assert masks.labels == ('cup',)


def test_refining_twice_and_searching_in_one_picture(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    rig.see(text())
    click = Prompt(
        stream='left', action=PromptAction.REFINE, track_id='1',
        points=np.array([[20, 20]], np.float32), point_labels=np.ones(1, np.int8),
    )  # fmt: skip
    masks, told = rig.see(click, click, after_s=1)
    assert states(told) == [('', FOUND, ('1',))]
    assert states(rig.see()[1]) == [('', FOUND, ('1',))]
    assert masks.ids == (1,)


def test_time_set_back_drops_tracks_and_searches_the_texts_again(rig: Rig) -> None:
    rig.grounder.put('cup', 10)
    rig.see(text(), box_prompt(stream='left', prompt_id='b', box=np.array([40, 8, 60, 28], 'f')))
    rig.plugin.answer('set_prompt', text('dog'))
    rig.plugin.rewind('left')
    rig.stamp_ns = 0
    masks, told = rig.see()
    assert states(told) == [
        ('b', REMOVED, ('1',)),
        ('dog', SEARCHING, ()),
        ('cup', FOUND, ('3',)),
        ('dog', NOT_FOUND, ()),
    ]
    assert masks.labels == ('cup',)


def test_a_camera_may_change_its_resolution(rig: Rig) -> None:
    rig.see(box_prompt(stream='left'))
    masks, told = rig.see(image=picture(height=96))
    assert [s.state for s in told] == [REMOVED]
    assert masks.id_map.shape == (96, 64)


def test_a_grounder_that_fails_leaves_tracks_alone_and_is_asked_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.grounder.put('cup', 10)
    rig.see(text())

    def fail(*_: object) -> None:
        raise MemoryError('made to fail')

    with monkeypatch.context() as patch:
        patch.setattr(rig.grounder, 'ground', fail)
        with pytest.raises(MemoryError):
            rig.see(text('dog', prompt_id='d'), box_prompt(stream='left', prompt_id='b'))
    masks, told = rig.see()
    assert masks.ids == (1,)
    assert ('d', NOT_FOUND, ()) in states(told), 'the text is still wanted'
    assert ('b', REJECTED, ()) in states(told)


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'keep_score is 0\.6; expected at most birth_score'):
        TextTrackerConfig(keep_score=0.6)
    with pytest.raises(ConfigError, match='prompts'):
        TextTrackerConfig(prompts=(' ',))


def test_closing_gives_the_grounder_back(rig: Rig) -> None:
    rig.plugin.close()
    assert not rig.grounder.is_open


def test_unknown_grounders_are_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match='clip_proposals, grounding_dino, owlv2, sam3'):
        load_grounder('magic', GrounderSettings('random', 'cpu'))


def test_every_network_in_place_from_text_to_mask_on_random_weights() -> None:
    """Random weights find nothing sensible; with thresholds at zero every stage still runs."""
    config = TextTrackerConfig(
        **{**RANDOM, 'birth_score': 0.0, 'keep_score': 0.0, 'relative_score': 0.0},
        prompts=('a thing',), grid=4, max_tracks=3, min_proposal_iou=0.5,
        min_proposal_stability=0.5,
    )  # fmt: skip
    plugin = TextTracker(config)
    plugin.load('cpu')
    runs = []
    for _ in range(2):
        seen: list[Any] = [
            plugin.infer(inputs_for(TextTracker, i * SECOND_NS // 10, samples={
                'image': picture(i, shift=i)
            }))
            for i in range(1, 4)
        ]  # fmt: skip
        runs.append(seen)
        plugin.reset()
    first = runs[0][0]
    assert 1 <= len(first['masks']) <= 3
    assert first['masks'].id_map.any()
    assert set(first['masks'].labels) == {'a thing'}
    assert first['status'][0].state is FOUND
    for a, b in zip(*runs, strict=True):
        assert np.array_equal(a['masks'].id_map, b['masks'].id_map)
        assert a['overlay'].data.shape == (48, 64, 3)
    plugin.close()


def test_what_the_verifier_does_not_agree_to_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = {'a cup': 0.6, 'a lamp': 0.05}
    monkeypatch.setattr(
        'mm_perception.nets.clip.likeness.likeness',
        lambda clip, rgb, boxes, texts: np.array([shares[text] for text in texts]),
    )
    rig = Rig(verifier_weights='random')
    for words in shares:
        rig.grounder.put(words, 4)
    assert rig.plugin.model_info()['verifier_weights'] == 'random'
    _, statuses = rig.see(
        *(Prompt(stamp_ns=0, frame_id='', prompt_id=text, text=text) for text in shares)
    )
    told = {status.prompt_id: status.state for status in statuses}
    assert told['a cup'] == FOUND
    assert told['a lamp'] == NOT_FOUND
    rig.plugin.close()
