"""What phrases mean among rectangles."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.samples import Image, Relation
from mm_perception.selecting.candidates import candidates_of, only_ids
from mm_perception.selecting.choosing import Choice, Place, choose
from mm_perception.text.selection import parse_selection
from test.unit.selecting.things import masks_of

STREET = {
    'red car#1': (0, 50, 30, 70), 'blue car#2': (50, 55, 70, 65), 'red car#3': (90, 60, 130, 90),
    'grey truck#4': (140, 30, 190, 80), 'red cone#5': (135, 85, 139, 95),
}  # fmt: skip


def chosen(phrase: str, place: Place | None = None, before: tuple[int, ...] = ()) -> Choice:
    things = candidates_of(masks_of(STREET), None)
    return choose(parse_selection(phrase), things, (200, 100), place=place, chosen=before)


@pytest.mark.parametrize(
    ('phrase', 'ids'),
    [
        ('the left car', (1,)),
        ('the second car from the left', (2,)),
        ('the last car', (3,)),
        ('the second red car', (3,)),
        ('the biggest', (4,)),
        ('the biggest car', (3,)),
        ('the smallest', (5,)),
        ('the nearest', (5,)),
        ('the farthest car', (2,)),
        ('the middle car', (2,)),
        ('the lorry', (4,)),
        ('the vehicle on the right', (4,)),
        ('the top car', (1,)),
        ('the blue one', (2,)),
        ('the cars on the left', (1, 2)),
        ('all red cars', (1, 3)),
        ('the cars but not the red ones', (2,)),
        ('the cars but not the left one', (2, 3)),
        ('the two biggest cars', (3, 1)),
        ('everything except the cars', (4, 5)),
    ],
)
def test_one_phrase(phrase: str, ids: tuple[int, ...]) -> None:
    assert chosen(phrase).ids == ids


def test_several_that_fit_are_none() -> None:
    choice = chosen('the red car')
    assert (choice.ids, choice.fitting, choice.is_ambiguous) == ((), (1, 3), True)
    assert '2 fit' in choice.problem


@pytest.mark.parametrize(
    ('phrase', 'problem'),
    [('the bus', 'nothing'), ('the fourth car', 'only 3'), ('the green car', 'nothing')],
)
def test_what_may_still_come_is_no_ambiguity(phrase: str, problem: str) -> None:
    choice = chosen(phrase)
    assert not choice.ids
    assert not choice.is_ambiguous
    assert problem in choice.problem


@pytest.mark.parametrize(
    ('phrase', 'relation', 'anchors', 'ids'),
    [
        ('the car', Relation.NEXT_TO, ['the truck'], (3,)),
        ('the car', Relation.LEFT_OF, ['the truck'], (3,)),
        ('the cars', Relation.LEFT_OF, ['the truck'], (3, 2, 1)),
        ('the car', Relation.RIGHT_OF, ['the blue car'], (3,)),
        ('the car', Relation.BETWEEN, ['the left car', 'the last car'], (2,)),
        ('the car', Relation.IN_FRONT_OF, ['the truck'], (3,)),
        ('the cone', Relation.UNDER, ['the truck'], ()),
    ],
)
def test_relations(
    phrase: str, relation: Relation, anchors: list[str], ids: tuple[int, ...]
) -> None:
    place = Place(relation, tuple(map(parse_selection, anchors)))
    assert set(chosen(phrase, place).ids) == set(ids)


def test_an_anchor_that_is_not_there_is_named() -> None:
    choice = chosen('the car', Place(Relation.NEXT_TO, (parse_selection('the bus'),)))
    assert choice.problem == 'there is no bus in view'


def test_the_other_one_is_what_is_not_chosen() -> None:
    assert chosen('the other red car', before=(1,)).ids == (3,)


def test_colours_that_a_label_lacks_are_seen() -> None:
    masks = masks_of({'car#1': (0, 0, 20, 20), 'car#2': (40, 0, 60, 20)})
    rgb = np.full((100, 200, 3), 128, np.uint8)
    rgb[masks.mask(1)], rgb[masks.mask(2)] = (200, 20, 20), (30, 40, 210)
    image = Image(stamp_ns=1, data=rgb)
    things = candidates_of(masks, image)
    assert choose(parse_selection('not the red one'), things, (200, 100)).ids == (2,)
    assert choose(parse_selection('the red car'), things, (200, 100)).ids == (1,)


def test_only_some_masks_are_kept() -> None:
    kept = only_ids(masks_of(STREET), (2, 9))
    assert (kept.ids, kept.labels) == ((2,), ('blue car',))
    assert set(np.unique(kept.id_map)) == {0, 2}
