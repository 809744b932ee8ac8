"""Recognisers of transformers: when letters are a command, and when they are nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import WeightsError
from mm_perception.nets.hearing import decide, shared_recogniser
from mm_perception.nets.hearing_nano import LETTERS
from mm_perception.speech.decoding import Alphabet

ALPHABET = Alphabet(LETTERS, 0, 2)


def logs_of(text: str, sure: float) -> np.ndarray:
    frames = '-' + ''.join(c + '-' for c in text.replace(' ', '|'))
    values = np.zeros((len(frames), len(LETTERS)))
    columns = [0 if c == '-' else LETTERS.index(c) for c in frames]
    values[np.arange(len(columns)), columns] = sure
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize(
    ('letters', 'sure', 'text'),
    [
        ('track the red car', 9.0, 'track the red car'),
        ('track the red caa', 4.0, 'track the red car'),
        ('ask not what your country', 9.0, 'ask not what your country'),
        ('qwx zzk', 1.0, ''),
        ('', 9.0, ''),
    ],
    ids=['command', 'misheard', 'others', 'noise', 'silence'],
)
def test_a_command_is_mended_and_other_words_are_left(
    letters: str, sure: float, text: str
) -> None:
    assert decide(logs_of(letters, sure), ALPHABET, 0.03).text == text


@pytest.mark.parametrize(
    ('letters', 'called', 'text'),
    [
        ('rosie track the red caa', 'rosie', 'rosie track the red car'),
        ('hey rosie track the red car', 'rosie', 'hey rosie track the red car'),
        ('track the red car', 'rosie', 'track the red car'),
        ('rosie', 'rosie', 'rosie'),
        ('track the red car', '', 'track the red car'),
    ],
)
def test_a_command_may_begin_with_the_name_of_the_robot(
    letters: str, called: str, text: str
) -> None:
    assert decide(logs_of(letters, 6.0), ALPHABET, 0.03, called).text == text


def test_without_a_name_it_is_taken_for_other_words() -> None:
    heard = decide(logs_of('rosie track the red caa', 6.0), ALPHABET, 0.03)
    assert heard.text != 'rosie track the red car'


def test_a_command_is_no_surer_than_its_rivals_allow() -> None:
    clear = decide(logs_of('track the red car', 9.0), ALPHABET, 0.03)
    logs = logs_of('track the red car', 9.0)
    last = int(np.flatnonzero(logs.argmax(axis=1) == LETTERS.index('r'))[-1])
    logs[last, LETTERS.index('t')] = logs[last, LETTERS.index('r')] - 0.1
    doubtful = decide(logs, ALPHABET, 0.03)
    assert clear.text == doubtful.text == 'track the red car'
    assert clear.confidence > 0.9
    assert 0.4 < doubtful.confidence < 0.85


def test_a_television_is_written_in_one_word() -> None:
    found = decide(logs_of('turn on the t v', 9.0), ALPHABET, 0.03)
    assert found.text == 'turn on the tv'


def test_sound_too_short_for_a_word_is_nothing() -> None:
    shared = shared_recogniser('random', 'cpu', 'en')
    assert shared.model.recognise(np.zeros(1000, np.float32)).text == ''
    shared.release()


def test_weights_that_are_not_there_are_refused() -> None:
    with pytest.raises(WeightsError, match='mmp fetch'):
        shared_recogniser('nobody/no-such-recogniser', 'cpu', 'en')
