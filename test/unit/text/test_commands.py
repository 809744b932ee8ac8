"""The grammar of commands: one row, one sentence."""

from __future__ import annotations

import pytest

from mm_perception.samples import Intent, Relation
from mm_perception.text.commands import core, destination_of, understand, understand_all
from mm_perception.text.reading import Question, Reading


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('Could you track the red car, please?', Reading(Intent.TRACK, 'the red car')),
        ("Don't lose sight of that van!", Reading(Intent.TRACK, 'the van', is_deictic=True)),
        ('segment the cup on the table',
         Reading(Intent.SEGMENT, 'the cup', Relation.ON, 'the table')),
        ('stop', Reading(Intent.STOP)),
        ('stop tracking the truck', Reading(Intent.STOP, 'the truck')),
        ('do not follow the bus any more', Reading(Intent.STOP, 'the bus')),
        ('put the cup next to the plate',
         Reading(Intent.MOVE, 'the cup', Relation.NEXT_TO, 'the plate')),
        ('put the cup over there', Reading(Intent.MOVE, 'the cup', is_deictic=True)),
        ('move it there', Reading(Intent.MOVE, is_deictic=True, is_spoken_of=True)),
        ('make the sofa disappear', Reading(Intent.HIDE, 'the sofa')),
        ('bring back the sofa', Reading(Intent.SHOW, 'the sofa')),
        ('lights on', Reading(Intent.TURN_ON, 'lights')),
        ('turn the tv off', Reading(Intent.TURN_OFF, 'the tv')),
        ('set the lamp to thirty percent', Reading(Intent.SET, 'the lamp', value='30 %')),
        ('make it red',
         Reading(Intent.SET, value='red', is_deictic=True, is_spoken_of=True)),
        ('where is the bus', Reading(Intent.FIND, 'the bus')),
        ("what's behind me", Reading(Intent.ASK, '', Relation.BEHIND, 'me')),
        ('how many cars are there', Reading(Intent.ASK, 'cars')),
        ('how many cars are in front of the house',
         Reading(Intent.ASK, 'cars', Relation.IN_FRONT_OF, 'the house')),
        ('summarise the last minute', Reading(Intent.SUMMARISE, 'the last minute')),
        ('I prefer cheap red shoes', Reading(Intent.PREFER, 'shoes', value='cheap red')),
        ('that one', Reading(Intent.SELECT, is_deictic=True)),
        ('the left one', Reading(Intent.SELECT, 'the left one')),
        ('yes, please', Reading(Intent.CONFIRM)),
        ('no', Reading(Intent.DENY)),
        ('not the red one', Reading(Intent.DENY, 'the red one')),
    ],
)  # fmt: skip
def test_convention_sentences(text: str, expected: Reading) -> None:
    assert understand(text) == expected


@pytest.mark.parametrize(
    ('text', 'lacks', 'question'),
    [
        ('track', 'target', 'What shall I track?'),
        ('the red car', 'intent', 'What shall I do with the red car'),
        ('move the sofa', 'destination', 'Where shall I put the sofa?'),
        ('set the lamp', 'value', 'What shall I set the lamp to?'),
        ('track the car but not the red one', 'target', 'Which one of the car shall I track'),
    ],
)
def test_what_lacks_is_asked(text: str, lacks: str, question: str) -> None:
    found = understand(text)
    assert isinstance(found, Question)
    assert found.lacks == lacks
    assert found.text.startswith(question)


@pytest.mark.parametrize(
    'text',
    ['', 'please', 'good morning', 'watch out for the car', 'come on', 'turn left at the crossing',
     'thank you very much', 'the road is clear', 'paint the wall', 'hold on'],
)  # fmt: skip
def test_what_is_no_command_is_none(text: str) -> None:
    assert understand(text) is None


def test_convention_several_commands() -> None:
    both = understand_all('track the red car and hide the table')
    assert isinstance(both, list)
    assert [r.intent for r in both] == [Intent.TRACK, Intent.HIDE]
    assert understand_all('track the car and the bus') == [
        Reading(Intent.TRACK, 'the car and the bus')
    ]


def test_convention_core_and_destination() -> None:
    assert core('Could you track the red car, please?') == 'track the red car'
    assert destination_of('over to the window') == (Relation.NEXT_TO, 'the window')
    assert destination_of('on the table') == (Relation.ON, 'the table')
    assert destination_of('over there') is None


def test_a_reading_says_itself() -> None:
    lamp = Reading(Intent.TURN_ON, 'the lamp', Relation.NEXT_TO, 'the sofa')
    assert lamp.described == 'turn on the lamp next to the sofa'
    assert Reading(Intent.SET, 'the lamp', value='red').described == 'set the lamp to red'
    assert Reading(Intent.HIDE, is_deictic=True).described == 'hide that'
