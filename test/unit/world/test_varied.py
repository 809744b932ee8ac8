"""Varied worlds: families of shapes that no other split shows, and nothing that is held out."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.camera import Camera
from mm_perception.world.motion import standing, turn_about
from mm_perception.world.render import look
from mm_perception.world.room import make_room
from mm_perception.world.scene import Array, Light, Scene, Solid, Stage
from mm_perception.world.street import make_street
from mm_perception.world.things import MAKERS, VARIED
from mm_perception.world.things.families import build
from mm_perception.world.variety import Dice, Split, is_novel_pair
from test.unit.world.scenes import IDEAL

FAMILIES = [(kind, name) for kind, families in VARIED.items() for name in families]
PEOPLE = {'cyclist', 'pedestrian', 'person'}


class Noting(Dice):
    """Keeps which families were chosen, and which is the last of those of all splits."""

    chosen: set[str]
    rare: set[str]

    def family(self, *families: str, more: object = ()) -> str:
        name = super().family(*families, more=more)  # type: ignore[arg-type]
        self.chosen.add(name)
        self.rare.add(families[-1])
        return name


def families_of(kind: str, split: Split) -> tuple[set[str], set[str]]:
    chosen: set[str] = set()
    rare: set[str] = set()
    for seed in range(60):
        dice = Noting(seed, split)
        dice.chosen, dice.rare = chosen, rare
        MAKERS[kind](dice, 'red', standing(0.0, 0.0))
    return chosen, rare


def test_every_class_but_people_has_some() -> None:
    assert set(VARIED) == set(MAKERS) - PEOPLE
    assert {len(families) for families in VARIED.values()} <= {3, 4, 5}


@pytest.mark.parametrize('kind', VARIED)
def test_only_varied_worlds_show_them(kind: str) -> None:
    more = set(VARIED[kind])
    for split in set(Split) - {Split.VARIED}:
        assert not more & families_of(kind, split)[0]
    chosen, rare = families_of(kind, Split.VARIED)
    assert more < chosen
    assert not chosen & rare


@pytest.mark.parametrize('split', set(Split) - {Split.VARIED})
def test_further_families_do_not_change_what_other_splits_draw(split: Split) -> None:
    for seed in range(20):
        one, two = Dice(seed, split), Dice(seed, split)
        assert one.family('a', 'b', 'rare') == two.family('a', 'b', 'rare', more=('c', 'd'))
        assert one.uniform(0, 1) == two.uniform(0, 1)


def test_two_things_of_three_are_of_further_families() -> None:
    drawn = [Dice(seed, Split.VARIED).family('a', 'rare', more=('b', 'c')) for seed in range(600)]
    assert set(drawn) == {'a', 'b', 'c'}
    assert drawn.count('a') / 600 == pytest.approx(1 / 3, abs=0.06)


def test_they_show_no_pair_that_is_kept_from_training() -> None:
    scenes = [make(seed, Split.VARIED) for seed in range(20) for make in (make_street, make_room)]
    pairs = {(t.colour, t.kind) for scene in scenes for t in scene.things if t.colour}
    assert len(pairs) > 60
    assert not [pair for pair in pairs if is_novel_pair(*pair)]


def half_extent(solid: Solid) -> Array:
    """Of the box along the axes of the thing around a solid."""
    turn = np.eye(3) if solid.turn is None else solid.turn
    along, size = np.abs(turn[:, 2]), np.array(solid.size)
    if solid.shape == 'box':
        return np.abs(turn) @ size
    if solid.shape in ('sphere', 'ellipsoid'):
        return np.sqrt(turn**2 @ np.broadcast_to(size, 3) ** 2)
    around = np.sqrt(np.clip(1 - along**2, 0, 1)) if solid.shape == 'cylinder' else np.ones(3)
    return size[0] * around + size[1] * along


@pytest.mark.parametrize(('kind', 'name'), FAMILIES)
def test_a_thing_is_as_large_as_it_says(kind: str, name: str) -> None:
    """But for leaves, handles, the arm of a lamp, the poles of a trolleybus, ears of a ball."""
    loose = {'uplighter': 0.3, 'trolley': 1.0, 'ribs': 0.2}.get(name, 0.0)
    loose += {'plant': 0.8, 'cup': 0.06}.get(kind, 0.0)
    for seed in range(20):
        size, solids = VARIED[kind][name](Dice(seed, Split.VARIED), 'green')
        low = np.min([solid.at - half_extent(solid) for solid in solids], axis=0)
        high = np.max([solid.at + half_extent(solid) for solid in solids], axis=0)
        assert -0.02 < low[2] < 0.07
        assert (np.abs(high - low - size) < 0.03 + 0.12 * np.array(size) + loose).all()


@pytest.mark.parametrize(('kind', 'name'), FAMILIES)
def test_a_thing_is_seen(kind: str, name: str) -> None:
    thing = build(kind, VARIED[kind][name], Dice(1, Split.VARIED), 'green', standing(0.0, 0.0))
    sun = Light(np.array([500.0, 300.0, 800.0]), np.ones(3), is_sun=True)
    camera = Camera('camera', 96, 96, 96.0)
    at = np.array([2.0 * float(np.linalg.norm(thing.size)), 0.0, thing.size[2] / 2])
    stage = Stage(Scene([thing], [], [sun]))
    view = look(stage, camera, at, turn_about(2, np.pi), IDEAL, np.random.default_rng(0))
    assert (view.ids == 1).sum() > 40
    assert view.rgb[view.ids == 1].std() > 5
