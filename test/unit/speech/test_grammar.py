"""The grammar of commands: graph, JSGF, random sentences."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ConfigError
from mm_perception.speech.grammar import (
    ROOT,
    RULES,
    WordGraph,
    command_graph,
    draw,
    graph_of,
    jsgf,
    merged,
)


def test_convention_graph() -> None:
    graph = graph_of({'a': 'go [far] <b>', 'b': 'left | right'}, 'a')
    assert graph.words == ('go', 'far', 'left', 'right')
    assert (graph.first, graph.last) == ((0,), (2, 3))
    assert graph.follows == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3))


def sentences_of(graph: WordGraph) -> set[str]:
    """All sentences of a small graph."""
    found, ways = set(), [[state] for state in graph.first]
    while ways:
        way = ways.pop()
        if way[-1] in graph.last:
            found.add(' '.join(graph.words[state] for state in way))
        ways += [[*way, b] for a, b in graph.follows if a == way[-1]]
    return found


def test_convention_merged() -> None:
    graph = graph_of({'a': 'on <b> | off <b>', 'b': 'left | right'}, 'a')
    small = merged(graph)
    assert (len(graph.words), len(small.words)) == (6, 4)
    assert sentences_of(small) == {'on left', 'on right', 'off left', 'off right'}


@pytest.mark.parametrize(
    'body',
    ['a [b] c | a c | b [c]', '(a | b) [c] (a | b) | c', 'a b | a c | b c | a', 'a | a b a'],
)
def test_a_merged_graph_has_the_same_sentences(body: str) -> None:
    graph = graph_of({'a': body}, 'a')
    assert sentences_of(merged(graph)) == sentences_of(graph)


def test_the_graph_of_commands_is_less_than_half_of_what_the_rules_make() -> None:
    assert 2 * len(command_graph().words) < len(graph_of(RULES, ROOT).words)


@pytest.mark.parametrize(
    'text',
    [
        'track the red car', 'stop tracking', 'stop tracking the truck', 'that one', 'yes',
        'turn on the lamp next to the sofa', 'what is behind me', 'hide this',
        'find the person in red', 'how many cars are there', 'set the lamp to thirty percent',
        'move the chair next to the table', 'summarise the drive', 'i prefer the red one',
        'put that one on the table', 'turn the television off', 'what do you see',
    ],
)  # fmt: skip
def test_what_people_say_is_in_the_grammar(text: str) -> None:
    assert command_graph().has(text.split())


@pytest.mark.parametrize(
    'text', ['', 'track', 'car red the track', 'blur a curtain on', 'ask not what your country']
)
def test_what_is_no_command_is_not(text: str) -> None:
    assert not command_graph().has(text.split())


def test_what_is_drawn_is_in_the_grammar() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng) for _ in range(200)]
    assert all(command_graph().has(text.split()) for text in drawn)
    assert len(set(drawn)) > 100


def test_jsgf_has_one_public_rule() -> None:
    text = jsgf()
    assert text.startswith('#JSGF V1.0;')
    assert text.count('public ') == 1


@pytest.mark.parametrize('body', ['go (left', 'go <nowhere>', 'go ) left'])
def test_a_body_that_cannot_be_read_is_refused(body: str) -> None:
    with pytest.raises(ConfigError):
        graph_of({'a': body}, 'a')
