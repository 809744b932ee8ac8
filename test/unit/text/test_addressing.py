"""Who a sentence is said to."""

from __future__ import annotations

import pytest

from mm_perception.text.addressing import said_to


@pytest.mark.parametrize(
    ('text', 'rest'),
    [
        ('Hey robot, stop!', 'stop'),
        ('robot', ''),
        ('stop, robot', None),
        ('the robot stops', None),
        ('okay hello robot track the red car', 'track the red car'),
        ('robott track the car', 'track the car'),
        ('robin track the car', None),
        ('hey', None),
        ('', None),
    ],
)
def test_convention_a_name_comes_first(text, rest) -> None:
    assert said_to('robot', text) == rest


def test_names_of_several_words_and_short_ones() -> None:
    assert said_to('Blue Max', 'well blue macks, stop') is None
    assert said_to('Blue Max', 'well blew max, stop') is None
    assert said_to('Blue Max', 'well blu max, stop') == 'stop'
    assert said_to('Okay Car', 'okay car, stop') == 'stop'
    assert said_to('Bo', 'so bo stop') == 'stop'
    assert said_to('Bo', 'go stop') is None
