"""Commands that people speak to a robot, as a grammar in JSGF.

One text serves three purposes: pocketsphinx reads it, the decoder of CTC networks searches its
graph (`mm_perception.speech.decoding`), and the training of the nano network draws sentences.

JSGF: Java Speech Grammar Format, W3C note of 5 June 2000. Used here: words, rules in angle
brackets, alternatives, groups and optional groups; no repetition and no recursion.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mm_perception.errors import ConfigError
from mm_perception.text.words import COLOUR_WORDS, NOUNS

ROOT = 'command'
_AT_HOME = (
    'light', 'door', 'window', 'curtain', 'heater', 'fan', 'radio', 'speaker', 'oven', 'kettle',
    'screen', 'bed', 'desk', 'shelf',
)  # fmt: skip
_MORE_THINGS = (
    'man', 'woman', 'child', 'dog', 'cat', 'bicycle', 'motorcycle', 'taxi', 'sign', 'bottle',
    'book', 'bag', 'phone', 'picture', 'robot',
)  # fmt: skip
#: All nouns of the grammar, in the singular, one or two words each; "tv" is spoken "t v".
THINGS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [*(n for n in NOUNS if n != 'tv'), 't v', *_AT_HOME, *_MORE_THINGS]
    )
)  # fmt: skip
_MANY = (
    'cars', 'vans', 'trucks', 'buses', 'people', 'pedestrians', 'cyclists', 'cones', 'balls',
    'boxes', 'chairs', 'cups', 'lamps', 'lights', 'plants', 'trees', 'vehicles', 'things',
)  # fmt: skip
_TENS = ('ten', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety')
#: Rule name to what it expands to.
RULES: dict[str, str] = {
    'command': '[please] <action> [please] | <question> | <reply>',
    'action': '<on_thing> | <stop> | <switch> | <move> | <set> | <prefer> | <summarise>',
    'on_thing': '<verb> <target>',
    'verb': 'track | follow | watch | keep an eye on | segment | cut out | outline | mask | '
    'select | choose | pick | hide | remove | show | show me | find | find me | look for | '
    'search for | highlight | where is | what is | blur',
    'stop': 'stop | stop it | (stop tracking | stop following | forget | lose) [<target>] | '
    'stop that',
    'switch': '(turn | switch) (on | off) <target> | (turn | switch) <target> (on | off) | '
    'dim <target>',
    'move': '(move | put | bring) <target> <relation> <anchor> | (move | put) <target> (here | '
    'there)',
    'set': 'set <target> to <value>',
    'value': f'({" | ".join(_TENS)} | one hundred) [percent | degrees] | <colour> | maximum | '
    'minimum | half',
    'prefer': 'i (prefer | like | want) <target> | show me something <taste>',
    'taste': '<colour> | cheap | cheaper | small | smaller | large | larger | new',
    'summarise': 'summarise [the (drive | day | video)] | give me a summary | what happened',
    'question': 'what (is | do you see) <beside> | who is <beside> | what do you see | '
    'how many <things> are there | how many <things> do you see | what is that | '
    'is there <thing_a> <beside> | where can i (drive | walk)',
    'reply': 'yes | yes please | no | no thanks | okay | confirm | cancel | never mind | '
    'the other one | that one | this one | the <colour> one',
    'target': '<thing> [<where>] | <pointed> | everything',
    'pointed': 'that one | this one | that | this | it | that <noun> | this <noun>',
    'where': '<relation> <anchor> | between the <noun> and the <noun>',
    'beside': '<relation> <anchor>',
    'anchor': '<thing> | me | us | you | that',
    'relation': 'next to | beside | near | left of | right of | to the left of | to the right of '
    '| behind | in front of | on | under | on the left of | on the right of',
    'thing': '[the | a | my | all] [<size>] [<colour>] <noun> [<worn>] | the <colour> one',
    'thing_a': '(a | an) [<colour>] <noun>',
    'size': 'big | small | nearest | tall | other',
    'worn': '(in | wearing) <colour> | on the (left | right)',
    'noun': ' | '.join(THINGS),
    'things': ' | '.join(_MANY),
    'colour': ' | '.join(COLOUR_WORDS),
}


def jsgf() -> str:
    """The grammar as the text of a JSGF file."""
    lines = ['#JSGF V1.0;', 'grammar commands;']
    for name, body in RULES.items():
        lines.append(f'{"public " if name == ROOT else ""}<{name}> = {body};')
    return '\n'.join(lines) + '\n'


@dataclass(frozen=True)
class _Node:
    """A part of a rule: a word, or a sequence, choice or option of parts."""

    kind: str
    word: str = ''
    parts: tuple[_Node, ...] = ()


@dataclass(frozen=True)
class WordGraph:
    """A grammar whose rules are all put in: every path from a first to a last word is a sentence.

    Glushkov's automaton: one state for each place of a word (The abstract theory of automata,
    1961), so that no step is without a word.

    Attributes:
        words: (N,) of each state.
        first: States that can begin a sentence.
        last: States that can end one.
        follows: Pairs of states, one after the other.
    """

    words: tuple[str, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    follows: tuple[tuple[int, int], ...]

    def has(self, words: Sequence[str]) -> bool:
        """Whether a sentence is one of the grammar."""
        if not words:
            return False
        states = {s for s in self.first if self.words[s] == words[0]}
        for word in words[1:]:
            states = {b for a in states for b in self._after(a) if self.words[b] == word}
        return bool(states & set(self.last))

    def _after(self, state: int) -> tuple[int, ...]:
        low, high = bisect_left(self.follows, (state,)), bisect_left(self.follows, (state + 1,))
        return tuple(b for _, b in self.follows[low:high])


@lru_cache(maxsize=8)
def command_graph(name: str = '') -> WordGraph:
    """The graph of the commands.

    Args:
        name: How the robot is called: each may begin with that, and it may be all that is said;
            empty: it has no name.
    """
    if not name:
        return merged(graph_of(RULES, ROOT))
    called = f'[[hey] {name}] <{ROOT}> | [hey] {name}'
    return merged(graph_of({**RULES, 'called': called}, 'called'))


def merged(graph: WordGraph) -> WordGraph:
    """The same sentences with fewer states: those that only repeat others are put together.

    States of one word that are followed by the same, or follow the same, are one. A rule that is
    used in ten places leaves ten copies of its words; most of them go.

    Args:
        graph: Without circles, as `graph_of` makes it.

    Convention:
        'on <b> | off <b>' with b 'left | right' has six states; four are left.
    """
    while True:
        smaller = _without_twins(_without_twins(graph, is_forward=True), is_forward=False)
        if len(smaller.words) == len(graph.words):
            return graph
        graph = smaller


def _without_twins(graph: WordGraph, *, is_forward: bool) -> WordGraph:
    """Put states together that lead to the same; backward, that come from the same."""
    nexts: dict[int, list[int]] = {state: [] for state in range(len(graph.words))}
    for a, b in graph.follows:
        nexts[a if is_forward else b].append(b if is_forward else a)
    edge = set(graph.last if is_forward else graph.first)
    kinds: dict[tuple[str, bool, frozenset[int]], int] = {}
    kind_of: dict[int, int] = {}

    def visit(state: int) -> int:
        if state not in kind_of:
            key = (graph.words[state], state in edge, frozenset(map(visit, nexts[state])))
            kind_of[state] = kinds.setdefault(key, len(kinds))
        return kind_of[state]

    for state in nexts:
        visit(state)
    return WordGraph(
        tuple(word for word, _, _ in kinds),
        tuple(sorted({kind_of[state] for state in graph.first})),
        tuple(sorted({kind_of[state] for state in graph.last})),
        _sorted({(kind_of[a], kind_of[b]) for a, b in graph.follows}),
    )


def graph_of(rules: Mapping[str, str], root: str) -> WordGraph:
    """The word graph of a grammar.

    Args:
        rules: Rule name to body in JSGF.
        root: The rule that sentences come from.

    Raises:
        ConfigError: A body cannot be read, or names a rule that is not there.

    Convention:
        {'a': 'go [far] <b>', 'b': 'left | right'} has the words go, far, left, right; the first
        is 0, the last are 2 and 3, and 0 is followed by 1, 2 and 3.
    """
    parsed = {name: _parsed(body) for name, body in rules.items()}
    words: list[str] = []
    follows: set[tuple[int, int]] = set()

    def visit(node: _Node) -> tuple[bool, tuple[int, ...], tuple[int, ...]]:
        """Whether a part can be empty, its first states and its last ones."""
        if node.kind == 'word':
            words.append(node.word)
            own = (len(words) - 1,)
            return False, own, own
        if node.kind == 'rule':
            if node.word not in parsed:
                raise ConfigError('grammar', f'<{node.word}>', 'a rule that is defined')
            return visit(parsed[node.word])
        found = [visit(part) for part in node.parts]
        if node.kind == 'choice':
            first = tuple(state for part in found for state in part[1])
            last = tuple(state for part in found for state in part[2])
            return any(f[0] for f in found), first, last
        if node.kind == 'option':
            return True, found[0][1], found[0][2]
        return _joined(found, follows)

    _, first, last = visit(parsed[root])
    return WordGraph(tuple(words), tuple(sorted(first)), tuple(sorted(last)), _sorted(follows))


def _sorted(pairs: set[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(pairs))


def _joined(
    found: list[tuple[bool, tuple[int, ...], tuple[int, ...]]], follows: set[tuple[int, int]]
) -> tuple[bool, tuple[int, ...], tuple[int, ...]]:
    """A sequence of parts: the last states of what came before lead to the first of the next."""
    empty = True
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    for is_option, starts, ends in found:
        follows.update((a, b) for a in last for b in starts)
        first = first + starts if empty else first
        last = last + ends if is_option else ends
        empty = empty and is_option
    return empty, first, last


def _parsed(body: str) -> _Node:
    tokens = re.findall(r'<\w+>|[()\[\]|]|[\w\']+', body)
    node, rest = _choice(tokens)
    if rest:
        raise ConfigError('grammar', body, f'a body without {rest[0]!r} there')
    return node


def _choice(tokens: list[str]) -> tuple[_Node, list[str]]:
    options = []
    while True:
        node, tokens = _sequence(tokens)
        options.append(node)
        if not tokens or tokens[0] != '|':
            break
        tokens = tokens[1:]
    return (options[0] if len(options) == 1 else _Node('choice', parts=tuple(options))), tokens


def _sequence(tokens: list[str]) -> tuple[_Node, list[str]]:
    parts = []
    while tokens and tokens[0] not in ('|', ')', ']'):
        head, tokens = tokens[0], tokens[1:]
        if head in ('(', '['):
            node, tokens = _choice(tokens)
            if not tokens or tokens[0] != {'(': ')', '[': ']'}[head]:
                raise ConfigError('grammar', head, 'closed brackets')
            tokens = tokens[1:]
            parts.append(_Node('option', parts=(node,)) if head == '[' else node)
        elif head.startswith('<'):
            parts.append(_Node('rule', head[1:-1]))
        else:
            parts.append(_Node('word', head))
    return _Node('sequence', parts=tuple(parts)), tokens


@lru_cache(maxsize=1)
def _nodes() -> dict[str, _Node]:
    return {name: _parsed(body) for name, body in RULES.items()}


def draw(rng: np.random.Generator, root: str = ROOT) -> str:
    """A random sentence of the grammar; options are taken two times in five."""
    return ' '.join(_drawn(rng, _Node('rule', root)))


def _drawn(rng: np.random.Generator, node: _Node) -> list[str]:
    if node.kind == 'word':
        return [node.word]
    if node.kind == 'rule':
        return _drawn(rng, _nodes()[node.word])
    if node.kind == 'choice':
        return _drawn(rng, node.parts[int(rng.integers(len(node.parts)))])
    if node.kind == 'option':
        return _drawn(rng, node.parts[0]) if rng.random() < 0.4 else []
    return [word for part in node.parts for word in _drawn(rng, part)]
