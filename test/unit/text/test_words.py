"""Rivals of a text: the same with another colour, the same with another thing."""

from __future__ import annotations

from mm_perception.samples import LAYERS
from mm_perception.text.words import (
    COLOUR_WORDS,
    LAYER_WORDS,
    NOUNS,
    layer_named,
    names_thing,
    rivals_of,
    singular,
)
from mm_perception.world.language import WORDS
from mm_perception.world.materials import COLOURS


def test_a_text_with_colour_and_thing_has_rivals_of_both() -> None:
    colours, things = rivals_of('the Red  lorry')
    assert colours.texts == tuple(f'the {word} lorry' for word in COLOUR_WORDS)
    assert [colours.texts[i] for i in colours.own] == ['the red lorry']
    assert 'the red sofa' in things.texts
    assert {things.texts[i] for i in things.own} == {
        'the red truck', 'the red lorry', 'the red vehicle'
    }  # fmt: skip


def test_the_longest_name_counts_and_parts_of_words_do_not() -> None:
    (things,) = rivals_of('a traffic cone')
    assert 'a car' in things.texts
    assert {things.texts[i] for i in things.own} == {'a cone', 'a traffic cone'}
    (things,) = rivals_of('a scarred carpet')  # neither red nor a car
    assert things.texts[0] == 'a scarred carpet'
    assert things.own == (0,)
    assert 'a car' in things.texts


def test_the_words_are_those_of_the_world() -> None:
    assert tuple(COLOURS) == COLOUR_WORDS
    assert {word for noun in NOUNS for word in noun.split()} <= set(WORDS)


def test_convention_layer_named() -> None:
    assert layer_named('where can I drive') == 'drivable'
    assert layer_named('the road markings') == 'lane'
    assert layer_named('a red car on the road') == ''
    assert layer_named('something else') == ''
    assert set(LAYER_WORDS) <= set(LAYERS)


def test_convention_singular() -> None:
    assert singular('Where are the traffic cones?') == 'the traffic cone'
    assert singular('two lorries and people') == 'two lorry and person'
    assert singular('grass') == 'grass'
    assert singular('a bus') == 'a bus'


def test_things_are_known_by_their_nouns() -> None:
    assert names_thing('red cars')
    assert not names_thing('a building')
