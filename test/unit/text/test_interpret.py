"""Slips, sounds and the nearest example."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.samples import Intent
from mm_perception.text.interpret import Interpreter
from mm_perception.text.likeness import Guesser, NGrams
from mm_perception.text.reading import Question
from mm_perception.text.spelling import Speller, is_one_slip, load_speller, slips


@pytest.fixture(scope='module')
def speller() -> Speller:
    return load_speller()


def test_convention_slips() -> None:
    assert [is_one_slip(w, 'track') for w in ('trakc', 'trac', 'trackk', 'trxck')] == [True] * 4
    assert not is_one_slip('track', 'track')
    assert not is_one_slip('tr', 'track')
    assert [slips('cat', 'cart'), slips('cat', 'dog'), slips('', 'ab')] == [1, 3, 2]


@pytest.mark.parametrize(
    ('said', 'expected'),
    [
        ('trakc the rde car', 'track the red car'),
        ('track the read car', 'track the red car'),
        ('follow a blew van', 'follow a blue van'),
        ('hyde teh table', 'hide the table'),
        ('watch the cat', 'watch the cat'),
        ('find the saxophone', 'find the saxophone'),
        ('i mean a bus', 'i mean a bus'),
    ],
)
def test_convention_words_are_mended_where_it_is_clear(
    speller: Speller, said: str, expected: str
) -> None:
    assert speller.corrected(said) == expected


def test_convention_verbs_by_sound(speller: Speller) -> None:
    assert speller.with_verbs('trek the red car') == ['track the red car']
    assert speller.unknown('the xqzvj lamp') == ['xqzvj']


def test_a_verb_that_sounds_right_is_less_sure(speller: Speller) -> None:
    found = Interpreter(speller).interpret('trek the read car')
    assert isinstance(found, list)
    assert (found[0].intent, found[0].target) == (Intent.TRACK, 'the red car')
    assert found[0].confidence < 1


def test_names_that_no_dictionary_has_are_asked_back(speller: Speller) -> None:
    found = Interpreter(speller).interpret('track the xqzvj')
    assert isinstance(found, Question)
    assert (found.lacks, found.about and found.about.target) == ('yes', 'the xqzvj')


def test_the_nearest_example_gives_intent_and_phrase() -> None:
    guess = Guesser().guess('keep the brown dog in view')
    assert guess is not None
    assert (guess.reading.intent, guess.reading.target) == (Intent.TRACK, 'the brown dog')
    assert guess.reading.confidence == pytest.approx(1.0)
    assert guess.margin > 0.3


def test_what_is_only_alike_is_asked_back() -> None:
    found = Interpreter(guesser=Guesser()).interpret('we are quite done with the blue van')
    assert isinstance(found, Question)
    assert found.text == 'Did you mean: stop tracking the blue van?'
    assert Interpreter(guesser=Guesser()).interpret('good morning') is None


def test_ngrams_are_alike_as_their_letters_are() -> None:
    grams = NGrams(['track THING', 'where is THING'])
    vectors = grams(['track THING', 'tracks THING', 'zzzz'])
    assert vectors.shape[0] == 3
    likeness = vectors @ vectors[0]
    assert likeness[0] == pytest.approx(1.0)
    assert 0.3 < likeness[1] < 1.0
    assert np.count_nonzero(vectors[2]) == 0
