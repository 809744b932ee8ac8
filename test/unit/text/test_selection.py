"""Phrases that pick one of several."""

from __future__ import annotations

import pytest

from mm_perception.text.selection import Order, Selection, parse_selection


@pytest.mark.parametrize(
    ('phrase', 'expected'),
    [
        ('the second car from the left', Selection('car', Order.LEFT, rank=1)),
        ('the left one', Selection('', Order.LEFT)),
        ('the lamp on the far left', Selection('lamp', Order.LEFT)),
        ('the car furthest to the right', Selection('car', Order.RIGHT)),
        ('the biggest', Selection('', Order.LARGEST)),
        ('the second biggest car', Selection('car', Order.LARGEST, rank=1)),
        ('the one in the middle', Selection('', Order.MIDDLE)),
        ('the person who is nearest', Selection('person', Order.NEAREST)),
        ('the last chair', Selection('chair', Order.LEFT, rank=-1)),
        ('the third one', Selection('', Order.LEFT, rank=2)),
        ('the red car', Selection('red car')),
        ('the cars', Selection('car', count=0)),
        ('the people', Selection('person', count=0)),
        ('all of the red cars', Selection('red car', count=0)),
        ('both lamps', Selection('lamp', count=2)),
        ('the two left cars', Selection('car', Order.LEFT, count=2)),
        ('the bus', Selection('bus')),
        ('the glass', Selection('glass')),
        ('the traffic cone', Selection('traffic cone')),
        ('the other one', Selection('', is_other=True)),
        ('that one', Selection('')),
        ('', Selection('')),
    ],
)
def test_convention_phrases(phrase: str, expected: Selection) -> None:
    assert parse_selection(phrase) == expected


def test_convention_negation() -> None:
    assert parse_selection('not the red one') == Selection('', excluded=(Selection('red'),))
    assert parse_selection('All cars, but not the left one!') == Selection(
        'car', count=0, excluded=(Selection('', Order.LEFT),)
    )
    assert parse_selection('everything except the lamp and not the sofa').excluded == (
        Selection('lamp'), Selection('sofa'),
    )  # fmt: skip
