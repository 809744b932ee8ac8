"""From letters to words: the best path, and the best sentence of a grammar."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mm_perception.speech.decoding import Alphabet, GrammarSearch, Path, best_path
from mm_perception.speech.grammar import command_graph, draw, graph_of
from mm_perception.speech.recogniser import HeardWord

LETTERS = ('<pad>', '<unk>', '|', "'", *'abcdefghijklmnopqrstuvwxyz')
ALPHABET = Alphabet(LETTERS, 0, 2)
RNG = np.random.default_rng(0)


def logs_of(frames: str, noise: float = 0.0, sure: float = 8.0) -> np.ndarray:
    """One letter per frame; a dash is a blank."""
    columns = [0 if c == '-' else LETTERS.index(c) for c in frames]
    values = noise * RNG.standard_normal((len(columns), len(LETTERS)))
    values[np.arange(len(columns)), columns] += sure
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


def spelled(text: str) -> str:
    return '--' + ''.join(c + '-' for c in text.replace(' ', '|')) + '-'


def test_convention_best_path() -> None:
    found = best_path(logs_of('cc-ar||a'), ALPHABET, 0.1)
    assert [w.text for w in found.words] == ['car', 'a']
    car = found.words[0]
    assert (car.start_s, car.end_s) == (0.0, pytest.approx(0.5))
    assert found.words[1].start_s == pytest.approx(0.7)
    assert car.confidence > 0.9


@pytest.mark.parametrize(
    ('frames', 'text'), [('l-l', 'll'), ('ll', 'l'), ('---', ''), ('|a|', 'a'), ('a|-|b', 'a b')]
)
def test_repetitions_and_blanks(frames: str, text: str) -> None:
    assert ' '.join(w.text for w in best_path(logs_of(frames), ALPHABET, 0.1).words) == text


def brute_force(logs: np.ndarray, sentences: list[str]) -> tuple[str, float]:
    """The best sentence by trying all ways through few frames."""
    best = ('', -np.inf)
    columns = sorted({0, *(LETTERS.index(c) for s in sentences for c in s.replace(' ', '|'))})
    for path in itertools.product(columns, repeat=len(logs)):
        merged = [c for c, before in zip(path, (-1, *path), strict=False) if c != before and c]
        text = ''.join(LETTERS[c] for c in merged).replace('|', ' ')
        if text in sentences:
            score = float(logs[np.arange(len(logs)), list(path)].mean())
            best = max(best, (text, score), key=lambda pair: pair[1])
    return best


@pytest.mark.parametrize('seed', range(6))
def test_the_search_finds_what_trying_everything_finds(seed: int) -> None:
    graph = graph_of({'a': 'a [b] aa | bb a'}, 'a')
    sentences = ['a aa', 'a b aa', 'bb a']
    values = np.random.default_rng(seed).standard_normal((6, len(LETTERS)))
    logs = (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)
    found = GrammarSearch(graph, ALPHABET).find(logs, 0.1)
    text, score = brute_force(logs, sentences)
    assert found is not None
    assert found.score == pytest.approx(score, abs=1e-5)
    assert ' '.join(w.text for w in found.words) == text


def test_commands_are_found_in_noise() -> None:
    search, rng = GrammarSearch(command_graph(), ALPHABET), np.random.default_rng(1)
    for _ in range(5):
        text = draw(rng)
        found = search.find(logs_of(spelled(text), noise=1.8, sure=6.0), 0.03)
        assert found is not None
        assert ' '.join(w.text for w in found.words) == text
        starts = [w.start_s for w in found.words]
        assert starts == sorted(starts)
        assert all(w.start_s < w.end_s for w in found.words)


def test_a_wrong_letter_is_mended_by_the_grammar() -> None:
    frames = spelled('track the rad cur')
    found = GrammarSearch(command_graph(), ALPHABET).find(logs_of(frames, sure=4.0), 0.03)
    assert found is not None
    assert ' '.join(w.text for w in found.words) == 'track the red car'


def test_too_few_frames_are_no_sentence() -> None:
    graph = graph_of({'a': 'left | right'}, 'a')
    assert GrammarSearch(graph, ALPHABET).find(logs_of('l-'), 0.1) is None


def test_an_alphabet_without_the_letters_has_no_sentence() -> None:
    graph = graph_of({'a': 'left | ab'}, 'a')
    few = Alphabet(('<pad>', '|', 'a', 'b'), 0, 1)
    logs = np.log(np.full((8, 4), 0.25, np.float32))
    found = GrammarSearch(graph, few).find(logs, 0.1)
    assert found is not None
    assert [w.text for w in found.words] == ['ab']


def dear(before: str, word: str) -> float:
    return 2.0 if word == 'fan' else 0.0


def test_what_is_seldom_said_has_to_fit_better() -> None:
    graph = graph_of({'a': 'the (van | fan)'}, 'a')
    logs = logs_of(spelled('the van'))
    at = int((logs[:, LETTERS.index('v')]).argmax())
    logs[at, LETTERS.index('f')] = logs[at, LETTERS.index('v')] + 1.0
    texts = []
    for search in (GrammarSearch(graph, ALPHABET), GrammarSearch(graph, ALPHABET, dear)):
        found = search.find(logs, 0.03)
        assert found is not None
        texts.append(found.words[-1].text)
    assert texts == ['fan', 'van']


def test_the_score_of_a_path_is_that_of_its_letters_alone() -> None:
    graph, logs = graph_of({'a': 'the fan'}, 'a'), logs_of(spelled('the fan'))
    cheap = GrammarSearch(graph, ALPHABET).find(logs, 0.03)
    costly = GrammarSearch(graph, ALPHABET, dear).find(logs, 0.03)
    assert cheap is not None
    assert costly is not None
    assert costly.score == pytest.approx(cheap.score, abs=1e-5)


def test_convention_share() -> None:
    search = GrammarSearch(graph_of({'a': 'ab | ac'}, 'a'), ALPHABET)
    logs = logs_of('-a-b-')
    logs[3, LETTERS.index('c')] = logs[3, LETTERS.index('b')]
    found = search.find(logs, 0.1)
    assert found is not None
    assert search.share(found, logs) == pytest.approx(0.5, abs=1e-3)


def test_what_is_said_clearly_has_nearly_all_of_the_share() -> None:
    search, rng = GrammarSearch(command_graph(), ALPHABET), np.random.default_rng(2)
    for _ in range(5):
        logs = logs_of(spelled(draw(rng)), sure=12.0)
        found = search.find(logs, 0.03)
        assert found is not None
        assert search.share(found, logs) > 0.95


@pytest.mark.parametrize('seed', range(4))
def test_the_shares_of_all_sentences_add_up_to_one(seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((9, len(LETTERS)))
    logs = (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)
    search = GrammarSearch(graph_of({'a': 'a [b] aa | bb a'}, 'a'), ALPHABET, dear)
    sentences = ['a aa', 'a b aa', 'bb a']
    paths = [Path(tuple(HeardWord(w, 0, 0) for w in s.split()), 0.0) for s in sentences]
    assert sum(search.share(path, logs) for path in paths) == pytest.approx(1.0, abs=1e-6)
