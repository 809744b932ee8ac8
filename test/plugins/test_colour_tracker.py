"""The colour tracker: right pixels, stable ids, honest refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.plugin import Context
from mm_perception.plugins.colour_tracker import (
    HUES,
    ColourTracker,
    ColourTrackerConfig,
    colour_word,
    find_colours,
)
from mm_perception.samples import Image, Masks, Prompt, PromptAction, PromptState
from test.data.coloured_bag import COLOURS, paint
from test.plugins.samples import SECOND_NS, inputs_for

SIZE = (120, 200)


class Rig:
    def __init__(self, *texts: str, **settings: Any) -> None:
        config = ColourTrackerConfig(prompts=texts, **settings)
        self.plugin = ColourTracker(config, Context(is_wanted=lambda port, stream: False))
        self.plugin.load('cpu')
        self.stamp_ns = 0

    def see(self, rgb: np.ndarray, *prompts: Prompt, seconds: float = 0.1) -> tuple[Masks, list]:
        self.stamp_ns += int(seconds * SECOND_NS)
        image = Image(stamp_ns=self.stamp_ns, frame_id='camera', data=rgb)
        samples = {'image': image, 'prompt': prompts}
        outputs: Any = self.plugin.infer(
            inputs_for(ColourTracker, self.stamp_ns, stream='', samples=samples)
        )
        return outputs['masks'], outputs['status']


def grey() -> np.ndarray:
    return np.full((*SIZE, 3), 110, np.uint8)


def with_square(rgb: np.ndarray, x: int, y: int, colour: str, side: int = 24) -> np.ndarray:
    rgb = rgb.copy()
    rgb[y : y + side, x : x + side] = COLOURS[colour]
    return rgb


@pytest.mark.parametrize('colour', COLOURS)
def test_finds_each_colour_where_it_is(colour) -> None:
    other = 'blue' if colour != 'blue' else 'yellow'
    rgb, ids = paint((f'{colour} ball', f'{other} box'))
    found = find_colours(rgb, {colour: colour}, ColourTrackerConfig())
    truth = ids == 1
    union = np.zeros_like(truth)
    for _, mask, _ in found:
        union |= mask
    assert (union & truth).sum() / (union | truth).sum() > 0.85


@pytest.mark.parametrize(
    ('text', 'word'),
    [('the red car', 'red'), ('Blue, please', 'blue'), ('a car', None), ('', None)],
)
def test_colour_word(text, word) -> None:
    assert colour_word(text) == word


def test_hues_cover_the_circle_once() -> None:
    degrees = [
        d
        for low, high in HUES.values()
        for d in (range(low, high) if low < high else [*range(low, 360), *range(high)])
    ]
    assert sorted(degrees) == list(range(360))


def test_id_follows_the_area_and_survives_a_short_occlusion() -> None:
    rig = Rig('red')
    ids = [rig.see(with_square(grey(), 20 + 4 * k, 40, 'red'))[0].ids for k in range(5)]
    assert set(ids) == {(1,)}
    hidden, _ = rig.see(grey())
    assert (hidden.ids, hidden.visible, hidden.id_map.any()) == ((1,), (False,), False)
    back, _ = rig.see(with_square(grey(), 48, 40, 'red'))
    assert (back.ids, back.visible) == ((1,), (True,))


def test_long_absence_ends_a_track_and_the_status_says_so() -> None:
    rig = Rig('red')
    _, told = rig.see(with_square(grey(), 20, 40, 'red'))
    assert [(s.state, s.track_ids) for s in told] == [(PromptState.FOUND, ('1',))]
    masks, told = rig.see(grey(), seconds=2.0)
    assert masks.ids == ()
    assert [s.state for s in told] == [PromptState.NOT_FOUND]
    masks, _ = rig.see(with_square(grey(), 20, 40, 'red'))
    assert masks.ids == (2,)


def test_absent_colour_masks_nothing() -> None:
    masks, told = Rig('green').see(with_square(grey(), 20, 40, 'red'))
    assert len(masks) == 0
    assert told[0].state is PromptState.NOT_FOUND


def test_two_things_of_one_colour_keep_their_ids() -> None:
    rig = Rig('blue')
    for k in range(6):
        picture = with_square(with_square(grey(), 10 + 5 * k, 20, 'blue'), 150 - 5 * k, 80, 'blue')
        masks, _ = rig.see(picture)
    assert masks.id_map[30, 45] == 1 or masks.id_map[30, 45] == 2
    assert masks.id_map[30, 45] != masks.id_map[90, 135]
    assert set(masks.ids) == {1, 2}


def test_prompts_add_remove_clear_and_are_refused_with_a_reason() -> None:
    rig = Rig()
    picture = with_square(with_square(grey(), 10, 20, 'blue'), 120, 60, 'red')
    masks, told = rig.see(picture, Prompt(text='a dog'), Prompt(text='the red one', prompt_id='r'))
    assert [s.state for s in told] == [PromptState.REJECTED, PromptState.FOUND]
    assert 'no colour word' in told[0].message
    masks, _ = rig.see(picture, Prompt(text='blue'))
    assert set(masks.labels) == {'the red one', 'blue'}
    masks, _ = rig.see(picture, Prompt(action=PromptAction.REMOVE, prompt_id='r'))
    assert set(masks.labels) == {'blue'}
    masks, _ = rig.see(picture, Prompt(action=PromptAction.CLEAR))
    assert len(masks) == 0


def test_rewind_forgets_tracks_and_keeps_texts() -> None:
    rig = Rig()
    picture = with_square(grey(), 120, 60, 'red')
    rig.see(picture, Prompt(text='red'))
    rig.plugin.rewind('')
    masks, _ = rig.see(picture)
    assert masks.ids == (2,)


def test_live_prompts_that_go_take_their_tracks_with_them() -> None:
    rig = Rig('red')
    picture = with_square(grey(), 120, 60, 'red')
    rig.see(picture)
    rig.plugin.reconfigure(ColourTrackerConfig(prompts=('blue',)))
    assert len(rig.see(picture)[0]) == 0


def test_a_text_may_be_looked_for_in_some_pictures_only() -> None:
    rig = Rig()
    picture = with_square(grey(), 120, 60, 'red')
    _, told = rig.see(picture, Prompt(text='red', prompt_id='r', max_frames=2))
    assert 0.5 < told[0].score <= 1
    assert rig.see(picture)[0].ids == (1,)
    masks, told = rig.see(picture, Prompt(text='blue', max_frames=1))
    assert masks.ids == ()
    assert [(s.prompt_id, s.state, s.track_ids) for s in told] == [
        ('r', PromptState.REMOVED, ('1',)), ('blue', PromptState.NOT_FOUND, ())
    ]  # fmt: skip
    assert '2 pictures' in told[0].message
    _, told = rig.see(picture)
    assert [(s.prompt_id, s.state) for s in told] == [('blue', PromptState.REMOVED)]
    assert rig.see(picture)[1] == []


def test_removal_names_prompt_and_tracks() -> None:
    rig = Rig('red')
    picture = with_square(grey(), 120, 60, 'red')
    rig.see(picture, Prompt(text='blue', prompt_id='b'))
    _, told = rig.see(picture, Prompt(action=PromptAction.CLEAR))
    assert [(s.prompt_id, s.state, s.track_ids) for s in told[:2]] == [
        ('b', PromptState.REMOVED, ()), ('red', PromptState.REMOVED, ('1',))
    ]  # fmt: skip


def test_prompts_that_come_with_a_picture_without_colours_are_left_to_the_next() -> None:
    tracker = ColourTracker(ColourTrackerConfig())
    tracker.load('cpu')
    depth = Image(stamp_ns=1, data=np.ones(SIZE, np.uint16), encoding='16UC1')
    samples = {'image': depth, 'prompt': (Prompt(stamp_ns=0, text='red ball'),)}
    inputs = inputs_for(ColourTracker, 1, stream='', samples=samples)
    with pytest.raises(ShapeError, match='16UC1'):
        tracker.infer(inputs)
    assert inputs.read == set()
