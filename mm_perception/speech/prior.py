"""What words of commands seldom follow one another: the sound alone does not tell.

A bigram of word classes (Brown et al., Class-based n-gram models of natural language,
Computational Linguistics 1992), set by hand: there are no recordings to count in. A grammar has
"the yellow man" and "the yellow van", "big cone" and "the cone" side by side, and a network that
hears one letter wrong takes the first. A cost is what the letters must make good, so that rare
words are still heard where they are clear.
"""

from __future__ import annotations

from mm_perception.speech.grammar import THINGS
from mm_perception.text.words import COLOUR_WORDS, NOUNS

_ARTICLES = frozenset(('the', 'a', 'an', 'my', 'all', 'that', 'this'))
_SIZES = frozenset(('big', 'small', 'nearest', 'tall', 'other'))
_COLOURS = frozenset(COLOUR_WORDS)
#: They wear colours, but nobody calls them by one.
_PEOPLE = frozenset(('man', 'woman', 'child', 'person', 'pedestrian', 'cyclist'))
_KNOWN = frozenset(word for noun in (*NOUNS, 't v') for word in noun.split())
_NOUNS = frozenset(word for noun in THINGS for word in noun.split())
#: A noun phrase goes on after these; "in red" and "to red" name no thing.
_INSIDE = _ARTICLES | _SIZES | _COLOURS | _NOUNS | {'in', 'wearing', 'to'}
#: Nats. Chosen on voices and sentences that the bench does not have.
_SELDOM, _RARER = 3.0, 1.5


def cost_of(before: str, word: str) -> float:
    """What a word costs after another one, nats.

    Args:
        before: The word before; empty at the beginning.
        word: In lower case.

    Convention:
        "van" after "yellow" costs nothing, "person" 3, "man" 4.5; "my" costs 1.5.
    """
    cost = 0.0
    if word in _SIZES and before in _ARTICLES:
        cost += _SELDOM
    if word in ('a', 'my', 'all'):
        cost += _RARER
    if word in _SIZES | _COLOURS | _NOUNS and before not in _INSIDE:
        cost += _SELDOM
    if before in _COLOURS and (word == 'one' or word in _PEOPLE):
        cost += _SELDOM
    if word in _NOUNS - _KNOWN:
        cost += _RARER
    return cost
