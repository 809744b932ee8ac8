"""What words of commands seldom follow one another."""

from __future__ import annotations

import pytest

from mm_perception.speech.prior import cost_of


def total(text: str) -> float:
    words = text.split()
    return sum(cost_of(a, b) for a, b in zip(['', *words], words, strict=False))


def test_convention_cost_of() -> None:
    assert cost_of('yellow', 'van') == 0
    assert cost_of('yellow', 'person') == 3
    assert cost_of('yellow', 'man') == 4.5
    assert cost_of('track', 'my') == 1.5


@pytest.mark.parametrize(
    'text',
    ['track the red car', 'find the person in red', 'hide this', 'stop tracking the traffic light',
     'set the lamp to thirty percent', 'turn the t v off', 'yes', 'this one'],
)  # fmt: skip
def test_what_people_say_mostly_costs_nothing(text: str) -> None:
    assert total(text) == 0


@pytest.mark.parametrize(
    ('text', 'likelier'),
    [
        ('track the blue one', 'track the blue cone'),
        ('track big orange lamp', 'track the orange lamp'),
        ('track my red sofa', 'track the red sofa'),
        ('track the red fan', 'track the red van'),
    ],
)
def test_of_two_that_sound_alike_one_costs_more(text: str, likelier: str) -> None:
    assert total(text) > total(likelier)
