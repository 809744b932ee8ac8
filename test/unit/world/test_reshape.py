"""Reshaped worlds: the same classes and colours, of other proportions and parts."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from mm_perception.world.clips import ClipPlan, render_clip
from mm_perception.world.materials import COLOURS
from mm_perception.world.motion import standing
from mm_perception.world.reshape import reshape
from mm_perception.world.room import make_room
from mm_perception.world.scene import Solid, Thing
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.variety import Dice, Split, is_novel_pair


def car(seed: int, colour: str = 'red') -> Thing:
    return MAKERS['car'](Dice(seed, Split.TRAIN), colour, standing(0.0, 0.0, 0.0))


def solids(thing: Thing) -> list[Solid]:
    return [solid for part in thing.parts for solid in part.solids]


def test_they_show_nothing_that_is_kept_from_training() -> None:
    scenes = [
        make(seed, Split.RESHAPED) for seed in range(20) for make in (make_street, make_room)
    ]
    pairs = {(t.colour, t.kind) for scene in scenes for t in scene.things if t.colour}
    assert len(pairs) > 60
    assert not [pair for pair in pairs if is_novel_pair(*pair)]


def test_proportions_become_a_range() -> None:
    plain, changed = [], []
    for seed in range(60):
        thing = car(seed)
        plain.append(thing.size[0] / thing.size[2])
        reshape(Dice(seed, Split.RESHAPED), [thing])
        changed.append(thing.size[0] / thing.size[2])
    assert np.std(changed) > 1.5 * np.std(plain)
    assert min(changed) > 0.4 * min(plain)
    assert max(changed) < 2.5 * max(plain)


def test_parts_are_traded_dropped_and_added() -> None:
    shapes, counts = set(), set()
    for seed in range(40):
        thing = car(3)
        body = thing.parts[0].solids[0].material
        reshape(Dice(seed, Split.RESHAPED), [thing])
        shapes |= {solid.shape for solid in solids(thing) if solid.material.first == body.first}
        counts.add(len(solids(thing)))
        assert all(min(solid.size) > 0 for solid in solids(thing))
    assert shapes >= {'box', 'ellipsoid'}
    before = len(solids(car(3)))
    assert min(counts) < before < max(counts)


@pytest.mark.parametrize('colour', [name for name in COLOURS if not is_novel_pair(name, 'car')])
def test_a_colour_keeps_its_name(colour: str) -> None:
    for seed in range(30):
        thing = car(seed, colour)
        body = thing.parts[0].solids[0].material.first
        reshape(Dice(seed, Split.RESHAPED), [thing])
        assert body in {solid.material.first for solid in solids(thing)}
        others = {solid.material.first for solid in solids(thing)} - {body}
        hues = [colorsys.rgb_to_hsv(*np.power(np.array(o), 1 / 2.2)) for o in others]
        # What is neither body nor lamp is grey or nearly black.
        assert all(s < 0.5 or v < 0.25 or v > 0.7 for _, s, v in hues), hues


def test_limbs_stay_together() -> None:
    for seed in range(20):
        person = MAKERS['person'](Dice(seed, Split.TRAIN), 'red', standing(0.0, 0.0, 0.0))
        before = [(solid.shape, solid.at) for solid in solids(person)]
        reshape(Dice(seed, Split.RESHAPED), [person])
        assert [(solid.shape, solid.at) for solid in solids(person)] == before


def test_a_clip_is_a_function_of_its_seed() -> None:
    one, two = (render_clip(ClipPlan(4, Split.RESHAPED, 1)) for _ in range(2))
    other = render_clip(ClipPlan(4, Split.TRAIN, 1))
    assert np.array_equal(one.rgb, two.rgb)
    assert one.things == two.things
    assert not np.array_equal(one.rgb.shape, other.rgb.shape) or (one.rgb != other.rgb).any()
