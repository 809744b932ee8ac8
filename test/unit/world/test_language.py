"""Phrases and captions are true of what they were made for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm_perception.training.vocabulary import UNKNOWN, make_tokenizer
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import (
    NOUNS,
    WORDS,
    absent_phrase,
    caption_of,
    phrase,
    relation,
    scene_caption,
    scenery_of,
)
from mm_perception.world.things import MAKERS

RED_CAR = ThingTruth(1, 'car', 'red')
BLUE_VAN = ThingTruth(2, 'van', 'blue')
WALKER = ThingTruth(3, 'pedestrian', 'orange', ('walking',))


def clip(depths: tuple[float, float] = (8.0, 20.0)) -> Clip:
    """A red car at the left and a blue van at the right."""
    ids = np.zeros((1, 60, 200), np.uint8)
    ids[0, 20:50, 10:60], ids[0, 20:40, 150:180] = 1, 2
    depth = np.array([depths], np.float32)
    rgb, visible = np.zeros((1, 60, 200, 3), np.uint8), np.ones((1, 2), np.float32)
    return Clip(rgb, ids, depth, visible, (RED_CAR, BLUE_VAN), 'street')


@pytest.mark.parametrize('thing', [RED_CAR, BLUE_VAN, WALKER])
def test_a_phrase_means_its_thing(thing: ThingTruth) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        named = phrase(rng, thing.kind, thing.colour)
        assert named.means(thing)
        assert thing.colour in named.text
        assert not named.means(ThingTruth(9, thing.kind, 'green'))
        assert caption_of(rng, thing).means(thing)


def test_what_a_phrase_does_not_mean() -> None:
    rng = np.random.default_rng(0)
    named = {phrase(rng, 'car', '').text for _ in range(60)}
    assert {'car', 'a car', 'the car', 'vehicle'} <= named
    assert not phrase(rng, 'van', 'red').means(WALKER)
    assert phrase(rng, 'van', '').means(BLUE_VAN)


def test_absent_phrases_are_true_of_nothing() -> None:
    rng = np.random.default_rng(0)
    things = [RED_CAR, BLUE_VAN, WALKER]
    found = [absent_phrase(rng, things) for _ in range(200)]
    assert not [p for p in found if any(p.means(t) for t in things)]
    near = [p for p in found if any(t.kind in p.kinds or t.colour == p.colour for t in things)]
    assert len(near) > 80


def test_relations_are_as_the_camera_sees_them() -> None:
    scenery = scenery_of(clip(), 0)
    assert scenery.things == (RED_CAR, BLUE_VAN)  # the larger first
    assert relation(scenery, 0, 1) == 'left of'
    assert relation(scenery, 1, 0) == 'right of'


def test_depth_tells_what_stands_before_what() -> None:
    near = clip((8.0, 20.0))
    ids = near.ids.copy()
    ids[0, :, 100:] = 0
    ids[0, :18, 10:60] = 2
    above = replace(near, ids=ids)
    scenery = scenery_of(above, 0)
    assert relation(scenery, 0, 1) == 'in front of'
    assert relation(scenery, 1, 0) == 'behind'


def test_a_scene_caption_names_what_is_there() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        caption = scene_caption(rng, scenery_of(clip(), 0))
        assert 'red' in caption
        assert 'blue' in caption
        order = 'left of' if caption.index('red') < caption.index('blue') else 'right of'
        assert order in caption


def test_small_things_are_not_spoken_of() -> None:
    assert scenery_of(clip(), 0, smallest_px=1000).things == (RED_CAR,)


def test_all_words_are_in_the_vocabulary() -> None:
    tokenizer = make_tokenizer(32)
    rng = np.random.default_rng(0)
    unknown = tokenizer.convert_tokens_to_ids(UNKNOWN)
    texts = [caption_of(rng, WALKER).text, *NOUNS, 'A photo of the RED car.']
    texts += [scene_caption(rng, scenery_of(clip(), 0)) for _ in range(20)]
    for text in texts:
        assert unknown not in tokenizer(text)['input_ids'], text
    assert unknown in tokenizer('a zebra')['input_ids']


def test_the_end_token_is_the_largest_and_comes_last() -> None:
    tokenizer = make_tokenizer(32)
    ids = tokenizer('a red car', padding='max_length', max_length=8)['input_ids']
    assert max(ids) == tokenizer.eos_token_id == len(tokenizer) - 1 != 2
    assert ids[4] == tokenizer.eos_token_id
    assert ids[5:] == [tokenizer.pad_token_id] * 3


def test_every_class_has_a_noun() -> None:
    assert set(MAKERS) <= {kind for kinds in NOUNS.values() for kind in kinds}
    assert len(WORDS) == len(set(WORDS))
