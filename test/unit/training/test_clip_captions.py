"""False captions: wrong in one respect, and only in what training shows to be otherwise."""

from __future__ import annotations

import numpy as np

from mm_perception.training.clip_captions import nearly_true, turned_round
from mm_perception.training.clip_sights import number_of
from mm_perception.world.clips import ThingTruth
from mm_perception.world.language import RELATIONS, Scenery

THINGS = (
    ThingTruth(1, 'car', 'red'), ThingTruth(2, 'bus', 'blue'), ThingTruth(3, 'ball', 'green'),
)  # fmt: skip
CENTRES = np.array([(20.0, 50.0), (150.0, 50.0), (160.0, 60.0)])
SCENE = Scenery(THINGS, CENTRES, np.array([4.0, 9.0, 6.0]), 'street')
#: What is there, a green crate and a white car; never a red ball.
ELSEWHERE = (ThingTruth(0, 'crate', 'green'), ThingTruth(0, 'car', 'white'))
SHOWN = frozenset(number_of(thing) for thing in (*THINGS, *ELSEWHERE))
OPPOSITE = {
    'left of': 'right of', 'right of': 'left of', 'in front of': 'behind', 'behind': 'in front of'
}  # fmt: skip


def relation_in(text: str) -> str:
    (found,) = [word for word in RELATIONS if f' {word} ' in text]
    return found


def test_a_relation_is_turned_round_and_nothing_else() -> None:
    rng, seen = np.random.default_rng(0), set()
    for _ in range(60):
        doubt = turned_round(rng, SCENE)
        assert doubt is not None
        word = relation_in(doubt.true)
        assert doubt.false == doubt.true.replace(word, OPPOSITE[word])
        seen.add(word)
    assert seen == set(RELATIONS)


def test_what_is_said_to_be_so_is_so() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        doubt = turned_round(rng, SCENE)
        if doubt is not None and doubt.true.startswith('a red') and ' green ' not in doubt.true:
            assert relation_in(doubt.true) == 'left of'


def test_what_has_no_clear_relation_has_none_to_turn_round() -> None:
    alike = Scenery(THINGS[:2], CENTRES[1:], np.array([4.0, 4.5]), 'street')
    assert turned_round(np.random.default_rng(0), alike) is None


def test_one_thing_is_changed_to_what_training_shows_elsewhere() -> None:
    rng, changes = np.random.default_rng(2), set()
    for _ in range(400):
        doubt = nearly_true(rng, SCENE, SHOWN)
        if doubt is None:
            continue
        true, false = set(doubt.true.split()), set(doubt.false.split())
        if not false & {'left', 'right'} - true:
            assert 'vehicle' not in false, 'a bus is a vehicle as a car is'
        if len(true - false) == len(false - true) == 1:
            changes.add((*(true - false), *(false - true)))
    assert {('left', 'right'), ('right', 'left')} < changes
    assert ('red', 'white') in changes  # there are white cars
    assert ('ball', 'crate') in changes  # there are green crates
    assert ('green', 'red') not in changes  # red balls are never shown, so not said to be absent
