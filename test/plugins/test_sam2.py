"""What `sam2` does with prompts: apply, refuse, remove, and lose none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import PromptError, ShapeError
from mm_perception.plugin import Context
from mm_perception.plugins.sam2 import Sam2, Sam2Config
from mm_perception.samples import Image, Masks, Prompt, PromptAction, PromptState, PromptStatus
from test.plugins.samples import SECOND_NS, box_prompt, inputs_for, picture

pytestmark = pytest.mark.usefixtures('one_thread')

CAMERAS = ('left', 'right')


class Rig:
    """The plugin with two cameras and a clock."""

    def __init__(self, **settings: Any) -> None:
        context = Context(
            streams={'image': CAMERAS}, is_wanted=lambda port, stream: port != 'overlay'
        )
        self.plugin = Sam2(
            Sam2Config(**{'weights': 'random', 'min_iou': 0.0, **settings}), context
        )
        self.plugin.load('cpu')
        self.stamp_ns = 0

    def see(
        self, *prompts: Prompt, camera: str = 'left', image: Image | None = None
    ) -> tuple[Masks, list[PromptStatus]]:
        self.stamp_ns += SECOND_NS
        shown = image or picture(self.stamp_ns)
        samples = {'image': shown, 'prompt': prompts}
        inputs = inputs_for(Sam2, self.stamp_ns, stream=camera, samples=samples)
        outputs: Any = self.plugin.infer(inputs)
        return outputs['masks'], list(outputs['status'])

    def session_ids(self, camera: str = 'left') -> list[int]:
        return self.plugin._cameras[camera].session.object_ids


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.plugin.close()


def states(told: list[PromptStatus]) -> list[tuple[PromptState, tuple[str, ...]]]:
    return [(status.state, status.track_ids) for status in told]


def left(**changes: Any) -> Prompt:
    return box_prompt(stream='left', **changes)


def test_an_object_keeps_its_id_label_and_mask_over_pictures(rig: Rig) -> None:
    masks, told = rig.see(left(prompt_id='cup'))
    assert states(told) == [(PromptState.FOUND, ('1',))]
    assert (told[0].prompt_id, told[0].stream, told[0].stamp_ns) == ('cup', 'left', SECOND_NS)
    assert (masks.ids, masks.labels) == ((1,), ('cup',))
    assert 0 < np.count_nonzero(masks.mask(1)) < masks.id_map.size
    later, told = rig.see()
    assert later.ids == (1,)
    assert told == []


def test_the_mask_is_the_session_s_own(rig: Rig) -> None:
    from mm_perception.nets.sam2 import ObjectPrompt

    session = rig.plugin._shared.model.open_session()
    result = session.step(picture().data, [ObjectPrompt(1, box=(8, 8, 40, 30))])
    masks, _ = rig.see(left())
    assert np.array_equal(masks.mask(1), result.masks()[0])


@pytest.mark.parametrize(
    'prompt',
    [
        left(points=np.array([[20, 20]], np.float32), point_labels=np.ones(1, np.int8), box=None),
        left(box=None, mask=picture().data[..., 0] > 128),
    ],
    ids=['points', 'mask'],
)
def test_points_and_masks_make_objects_too(rig: Rig, prompt: Prompt) -> None:
    masks, told = rig.see(prompt)
    assert states(told) == [(PromptState.FOUND, ('1',))]
    assert masks.mask(1).any()


def test_a_prompt_without_a_camera_is_for_every_camera(rig: Rig) -> None:
    masks, told = rig.see(box_prompt(), camera='left')
    assert masks.ids == (1,)
    assert [status.stream for status in told] == ['left']
    masks, told = rig.see(camera='right')
    assert masks.ids == (2,), 'ids are unique over the cameras of a node'
    assert [status.stream for status in told] == ['right']


def test_a_prompt_for_another_camera_waits_for_its_picture(rig: Rig) -> None:
    masks, told = rig.see(box_prompt(stream='right'), camera='left')
    assert (masks.ids, told) == ((), [])
    masks, _ = rig.see(camera='right')
    assert masks.ids == (1,)


def test_an_unknown_camera_is_told_and_keeps_no_memory(rig: Rig) -> None:
    _, told = rig.see(box_prompt(stream='rear', prompt_id='x'))
    assert [(s.prompt_id, s.state) for s in told] == [('x', PromptState.REJECTED)]
    assert 'left, right' in told[0].message
    assert set(rig.plugin._cameras) == {'left'}
    with pytest.raises(PromptError, match='no such camera'):
        rig.plugin.answer('set_prompt', box_prompt(stream='rear'))


BAD = {
    'text': Prompt(stream='left', text='a cup'),
    'outside': left(box=np.array([8, 8, 400, 30], np.float32)),
    'mask of another size': left(box=None, mask=np.ones((5, 5), bool)),
    'empty mask': left(box=None, mask=np.zeros((48, 64), bool)),
    'mask and box': left(mask=np.ones((48, 64), bool)),
    'unknown track': left(action=PromptAction.REFINE, track_id='77'),
    'removes nothing': Prompt(stream='left', action=PromptAction.REMOVE),
    'too old': left(stamp_ns=1),
}


@pytest.mark.parametrize('bad', BAD.values(), ids=BAD)
def test_a_bad_prompt_is_rejected_and_harms_no_other(rig: Rig, bad: Prompt) -> None:
    for _ in range(4):  # so that stamp 1 is more than two seconds ago
        rig.see()
    masks, told = rig.see(left(prompt_id='a'), bad, left(prompt_id='b'))
    assert [s.state for s in told] == [
        PromptState.FOUND, PromptState.REJECTED, PromptState.FOUND
    ]  # fmt: skip
    assert told[1].message
    assert masks.labels == ('a', 'b')


def test_a_fresh_stamp_is_accepted(rig: Rig) -> None:
    rig.see()
    _, told = rig.see(left(stamp_ns=SECOND_NS))
    assert told[0].state is PromptState.FOUND


def test_a_thin_mask_is_judged_at_the_size_of_the_network(rig: Rig) -> None:
    """Random weights work at 128 px: one row of 96 survives there, but not at a smaller size."""
    tall = picture(height=96)
    mask = np.zeros((96, 64), bool)
    mask[40] = True
    masks, told = rig.see(left(box=None, mask=mask), image=tall)
    assert states(told) == [(PromptState.FOUND, ('1',))]
    assert masks.ids == (1,)


def test_refining_keeps_the_id_and_changes_the_mask(rig: Rig) -> None:
    before, _ = rig.see(left())
    click = Prompt(
        stream='left', action=PromptAction.REFINE, track_id='1',
        points=np.array([[60, 44]], np.float32), point_labels=np.zeros(1, np.int8),
    )  # fmt: skip
    after, told = rig.see(click)
    assert states(told) == [(PromptState.FOUND, ('1',))]
    assert (after.ids, after.labels) == (before.ids, before.labels)
    assert not np.array_equal(after.id_map, before.id_map)


def test_two_refinements_between_two_pictures_are_both_applied(rig: Rig) -> None:
    rig.see(left())
    click = Prompt(
        stream='left', action=PromptAction.REFINE, track_id='1', prompt_id='click',
        points=np.array([[20, 20]], np.float32), point_labels=np.ones(1, np.int8),
    )  # fmt: skip
    _, first = rig.see(click, click)
    _, second = rig.see()
    assert states(first) == states(second) == [(PromptState.FOUND, ('1',))]


def remove(**which: str) -> Prompt:
    return Prompt(stream='left', action=PromptAction.REMOVE, **which)


@pytest.mark.parametrize(
    ('prompt', 'stay'),
    [
        (remove(track_id='1'), (2, 3)),
        (remove(prompt_id='a'), (2,)),
        (Prompt(stream='left', action=PromptAction.CLEAR), ()),
    ],
    ids=['track', 'prompt', 'clear'],
)
def test_removal(rig: Rig, prompt: Prompt, stay: tuple[int, ...]) -> None:
    rig.see(left(prompt_id='a'), left(prompt_id='b'), left(prompt_id='a'))
    masks, told = rig.see(prompt)
    gone = {i: owner for i, owner in {1: 'a', 2: 'b', 3: 'a'}.items() if i not in stay}
    assert states(told)[0] == (PromptState.REMOVED, tuple(str(i) for i in gone))
    told_to = {s.prompt_id: [int(i) for i in s.track_ids] for s in told[1:]}
    assert told_to == {
        owner: [i for i in gone if gone[i] == owner]
        for owner in set(gone.values()) - {prompt.prompt_id}
    }, 'every other prompt that lost a track hears of it'
    assert masks.ids == stay
    assert rig.session_ids() == list(stay)


@pytest.mark.parametrize('prompt', [remove(prompt_id='p'), Prompt(action=PromptAction.CLEAR)])
def test_added_and_removed_between_two_pictures_leaves_nothing(rig: Rig, prompt: Prompt) -> None:
    masks, told = rig.see(left(), prompt)
    assert [s.state for s in told][:2] == [PromptState.FOUND, PromptState.REMOVED]
    assert all(s.state is PromptState.REMOVED for s in told[1:])
    assert masks.ids == ()
    assert rig.session_ids() == []


def test_more_objects_than_allowed_are_rejected() -> None:
    rig = Rig(max_objects=2)
    masks, told = rig.see(left(), left(), left())
    assert [s.state for s in told] == [PromptState.FOUND] * 2 + [PromptState.REJECTED]
    assert 'max_objects' in told[2].message
    assert masks.ids == (1, 2)
    masks, told = rig.see(remove(track_id='1'), left())
    assert [s.state for s in told] == [PromptState.REMOVED] * 2 + [PromptState.FOUND]
    assert len(masks.ids) == 2
    rig.plugin.close()


def test_time_set_back_removes_objects_and_says_so_but_keeps_waiting_prompts(rig: Rig) -> None:
    rig.see(left(prompt_id='old'))
    rig.plugin.answer('set_prompt', left(prompt_id='waiting'))
    rig.plugin.rewind('left')
    masks, told = rig.see()
    assert [(s.prompt_id, s.state) for s in told] == [
        ('old', PromptState.REMOVED), ('waiting', PromptState.FOUND)
    ]  # fmt: skip
    assert 'time was set back' in told[0].message
    assert masks.labels == ('waiting',)


def test_time_set_back_on_one_camera_leaves_the_other(rig: Rig) -> None:
    rig.see(box_prompt(), camera='left')
    rig.see(camera='right')
    rig.plugin.rewind('left')
    assert rig.see(camera='right')[0].ids == (2,)
    assert rig.see(camera='left')[0].ids == ()


def test_a_camera_may_change_its_resolution(rig: Rig) -> None:
    rig.see(left())
    masks, told = rig.see(image=picture(height=96))
    assert states(told) == [(PromptState.REMOVED, ('1',))]
    assert 'size' in told[0].message
    assert masks.id_map.shape == (96, 64)
    assert rig.see(left(), image=picture(height=96))[0].ids == (2,)


def test_a_picture_that_fails_changes_nothing_and_rejects_its_prompts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.see(left(prompt_id='a'))
    session = rig.plugin._cameras['left'].session

    def fail(*_: object) -> None:
        raise MemoryError('made to fail')

    with monkeypatch.context() as patch:
        patch.setattr(session, 'step', fail)
        with pytest.raises(MemoryError):
            rig.see(left(prompt_id='b'))
    masks, told = rig.see()
    assert [(s.prompt_id, s.state) for s in told] == [('b', PromptState.REJECTED)]
    assert 'made to fail' in told[0].message
    assert masks.labels == ('a',)


def test_prompts_outlive_a_picture_without_colour(rig: Rig) -> None:
    depth = Image(
        stamp_ns=1, frame_id='camera', encoding='16UC1', data=np.ones((48, 64), np.uint16)
    )
    with pytest.raises(ShapeError):
        rig.see(left(), image=depth)
    assert rig.see()[0].ids == (1,)


@pytest.mark.parametrize('limits', [{'min_iou': 0.0, 'min_visible': 1.0}, {'min_iou': 1.0}])
def test_hidden_objects_keep_their_id_and_own_no_pixel(rig: Rig, limits: dict[str, float]) -> None:
    rig.see(left())
    rig.plugin.reconfigure(Sam2Config(weights='random', **limits))
    masks, _ = rig.see()
    assert (masks.ids, masks.visible) == ((1,), (False,))
    assert not masks.id_map.any()


def test_two_plugins_share_one_model() -> None:
    a, b = Rig(), Rig()
    assert a.plugin._shared.model is b.plugin._shared.model
    a.plugin.close()
    assert b.see(left())[0].ids == (1,)
    b.plugin.close()


def test_half_precision_runs() -> None:
    rig = Rig(dtype='bfloat16')
    masks, _ = rig.see(left())
    assert masks.mask(1).any()
    rig.plugin.close()
