"""Noun phrases, tokens and values."""

from __future__ import annotations

import pytest

from mm_perception.samples import Relation
from mm_perception.text.phrases import (
    NounPhrase,
    is_named,
    noun_phrase,
    split_at_relation,
    spoken,
)
from mm_perception.text.tokens import plain, with_digits
from mm_perception.text.values import preference_of, value_of


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('the lamp next to the sofa', NounPhrase('the lamp', Relation.NEXT_TO, 'the sofa')),
        ('the car that is parked behind the bus',
         NounPhrase('the car', Relation.BEHIND, 'the bus')),
        ('the second car from the left', NounPhrase('the second car from the left')),
        ('the car on the left', NounPhrase('the car on the left')),
        ('the lamp on the left side', NounPhrase('the lamp on the left side')),
        ('the cup on the left table', NounPhrase('the cup', Relation.ON, 'the left table')),
        ('the car to the left of the bus', NounPhrase('the car', Relation.LEFT_OF, 'the bus')),
        ('the two people on the right', NounPhrase('the two people on the right')),
        ('the car to my left', NounPhrase('the car', Relation.LEFT_OF, 'me')),
        ('that van over there', NounPhrase('the van', is_deictic=True)),
        ('this', NounPhrase('', is_deictic=True)),
        ('it', NounPhrase('', is_deictic=True, is_spoken_of=True)),
        ('the car but not the red one', NounPhrase('the car', excluded='the red one')),
        ('the lamp between the sofa and the table',
         NounPhrase('the lamp', Relation.BETWEEN, 'the sofa and the table')),
        ('to the', None),
    ],
)  # fmt: skip
def test_convention_noun_phrases(said: str, expected: NounPhrase | None) -> None:
    assert noun_phrase(said) == expected


def test_convention_splits_names_and_speech() -> None:
    assert split_at_relation('the cup on the table') == ('the cup', Relation.ON, 'the table')
    assert split_at_relation('behind me') == ('', Relation.BEHIND, 'me')
    assert split_at_relation('the car on the left') is None
    assert [is_named(s) for s in ('the thermostat', 'lights', 'to the', 'turn it')] == [
        True, True, False, False,
    ]  # fmt: skip
    assert spoken('the lamp', Relation.NEXT_TO, 'the sofa') == 'the lamp next to the sofa'


def test_convention_plain_words() -> None:
    assert plain("What's behind me?") == 'what is behind me'
    assert [plain("don't!"), plain('30%')] == ['do not', '30 percent']


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('twenty five percent', '25 percent'),
        ('one hundred percent', '100 percent'),
        ('a hundred and twenty degrees', '120 degrees'),
        ('the left one', 'the left one'),
        ('one percent', '1 percent'),
    ],
)
def test_convention_numbers(said: str, expected: str) -> None:
    assert with_digits(said) == expected


def test_convention_values_and_likings() -> None:
    said = ('thirty percent', 'warm white', 'a bit brighter', 'the sofa')
    assert [value_of(s) for s in said] == ['30 %', 'warm white', 'a bit brighter', '']
    assert preference_of('i prefer cheap red shoes') == ('shoes', 'cheap red')
    assert preference_of('i like blue better') == ('', 'blue')
    assert preference_of('i prefer shoes under 50 euros') == ('shoes', 'under 50 euros')
    assert preference_of('something cheaper') == ('', 'cheaper')
    assert preference_of('the car is red') is None
