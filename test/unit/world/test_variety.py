"""Training never sees what is held out; held-out worlds show it."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world import clips
from mm_perception.world.materials import COLOURS
from mm_perception.world.room import make_room
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS
from mm_perception.world.variety import Dice, Split, is_novel_pair

SEEDS = range(25)


def pairs(split: Split) -> set[tuple[str, str]]:
    scenes = [make(seed, split) for seed in SEEDS for make in (make_street, make_room)]
    return {(t.colour, t.kind) for scene in scenes for t in scene.things if t.colour}


def test_training_worlds_have_no_novel_pair() -> None:
    seen = pairs(Split.TRAIN)
    assert len(seen) > 60
    assert not [pair for pair in seen if is_novel_pair(*pair)]


def test_held_out_worlds_have_novel_pairs_and_others() -> None:
    seen = pairs(Split.HELD_OUT)
    novel = [pair for pair in seen if is_novel_pair(*pair)]
    assert len(novel) >= 15
    assert len(seen) > 3 * len(novel)


def test_recoloured_worlds_differ_from_those_of_training_in_pairs_alone() -> None:
    seen = pairs(Split.RECOLOURED)
    assert len([pair for pair in seen if is_novel_pair(*pair)]) >= 15
    dice = [Dice(seed, Split.RECOLOURED) for seed in range(200)]
    assert {d.family('a', 'b', 'rare') for d in dice} == {'a', 'b'}
    assert {d.one_of((1, 2, 3), novel=(3,)) for d in dice} == {1, 2}
    assert min(d.within(0, 1, novel_below=0.5) for d in dice) >= 0.5


@pytest.mark.parametrize('kind', MAKERS)
def test_every_class_has_colours_on_both_sides(kind: str) -> None:
    novel = [colour for colour in COLOURS if is_novel_pair(colour, kind)]
    assert 1 <= len(novel) <= 2


def test_families() -> None:
    train = {Dice(seed, Split.TRAIN).family('a', 'b', 'rare') for seed in range(100)}
    held_out = [Dice(seed, Split.HELD_OUT).family('a', 'b', 'rare') for seed in range(400)]
    assert train == {'a', 'b'}
    assert set(held_out) == {'a', 'b', 'rare'}
    assert held_out.count('rare') > 400 / 3


def test_ranges() -> None:
    train = [Dice(seed, Split.TRAIN).within(0, 1, novel_below=0.5) for seed in range(100)]
    held_out = [Dice(seed, Split.HELD_OUT).within(0, 1, novel_below=0.5) for seed in range(100)]
    assert min(train) >= 0.5
    assert min(held_out) < 0.1
    assert max(held_out) > 0.9


def test_light_backgrounds_and_cameras_are_held_out_too() -> None:
    seen = {split: [_look_of(seed, split) for seed in SEEDS] for split in Split}
    lowest_sun, widest_lens = (
        {split: min(look[i] for look in looks) for split, looks in seen.items()} for i in (0, 1)
    )
    assert lowest_sun[Split.TRAIN] >= 0.5 > lowest_sun[Split.HELD_OUT]
    assert widest_lens[Split.TRAIN] >= 0.58 > widest_lens[Split.HELD_OUT]
    novel = {('building', 'tiles'), ('pavement', 'checked'), ('wall', 'bricks')}
    assert not [look for look in seen[Split.TRAIN] if look[2] & novel]
    assert novel <= set().union(*(look[2] for look in seen[Split.HELD_OUT]))


def _look_of(seed: int, split: Split) -> tuple[float, float, set[tuple[str, str]]]:
    """Height of the sun in radians, focal length in widths, and what has which pattern."""
    street, room = make_street(seed, split), make_room(seed, split)
    camera = clips._camera(Dice((seed, 2), split))
    ground = [*street.ground, *room.ground]
    towards = street.lights[0].at
    return (
        float(np.arcsin(towards[2] / np.linalg.norm(towards))),
        camera.focal / max(camera.width, camera.height),
        {(kind, solid.material.pattern) for kind, solid in ground},
    )


def test_splits_of_one_seed_differ() -> None:
    numbers = {Dice(3, split).uniform(0, 1) for split in Split}
    assert len(numbers) == len(Split)


@pytest.mark.parametrize('kind', MAKERS)
@pytest.mark.parametrize('seed', range(6))
def test_a_thing_is_as_large_as_it_says(kind: str, seed: int) -> None:
    """Solids lie within the size that is told, but for handles, leaves and raised arms."""
    from mm_perception.world.motion import standing
    from mm_perception.world.scene import Scene, Stage

    thing = MAKERS[kind](Dice(seed), 'red', standing(0, 0))
    stage = Stage(Scene([thing]))
    low, high = stage.geom_at.min(0), stage.geom_at.max(0)
    assert low[2] >= -0.01
    assert high[2] <= thing.size[2] + 0.3
    assert (high - low)[:2].max() <= max(thing.size[:2]) + 0.6
