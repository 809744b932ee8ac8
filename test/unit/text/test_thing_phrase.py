"""Phrases are taken apart into noun, colour, side and number."""

from __future__ import annotations

import pytest

from mm_perception.text.selection import Order
from mm_perception.text.thing_phrase import read_thing_phrase


@pytest.mark.parametrize(
    ('text', 'noun', 'colour', 'side', 'is_all'),
    [
        ('the left red lamp', 'lamp', 'red', Order.LEFT, False),
        ('all lights', 'lamp', '', None, True),
        ('the lamps', 'lamp', '', None, True),
        ('The TV', 'tv', '', None, False),
        ('the blue toaster', 'toaster', 'blue', None, False),
        ('the gray one', '', 'grey', None, False),
        ('traffic cone', 'traffic cone', '', None, False),
        ('that one', '', '', None, False),
    ],
)
def test_convention_parts(text, noun, colour, side, is_all) -> None:
    found = read_thing_phrase(text)
    assert (found.noun, found.colour, found.side, found.is_all) == (noun, colour, side, is_all)


def test_synonyms_mean_the_same_and_colours_must_not_differ() -> None:
    assert read_thing_phrase('the telly').can_mean(read_thing_phrase('a television'))
    assert read_thing_phrase('the red lamp').can_mean(read_thing_phrase('a lamp'))
    assert not read_thing_phrase('the red lamp').can_mean(read_thing_phrase('a blue lamp'))
    assert not read_thing_phrase('the lamp').can_mean(read_thing_phrase('a sofa'))
    assert read_thing_phrase('that one').can_mean(read_thing_phrase('a sofa'))
