"""What somebody likes: statements with weights that one can read, explain and forget.

There is nothing hidden in it: no vector, no history. Each liking says what it is about, how strong
it is, and whether it was said or learned from clicks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mm_perception.plugins.ad_segment.catalogue import Attribute, Offer
from mm_perception.text.thing_phrase import read_thing_phrase
from mm_perception.text.words import NOUNS

#: By how much a statement moves a liking, and a click or a dismissal that could not surprise more.
SAID, _STEP = 1.0, 0.5
_MOST = 3.0
#: Of a liking for red cups, what is only red or only a cup gets this share of the weight.
_PARTIAL = 0.25
_NEGATIVE = re.compile(r"\b(not|never|no|hate|dislike|dont|don't|doesn't|without)\b")
_SMALL_WORDS = (
    "i i'd i'm like love prefer want would really do does don't dont not never no hate dislike "
    'please me my to the a an some any something anything things thing stuff in of for more less '
    'only always ones one forget about with without everything all what you know it this that them'
)
_NO_THING = frozenset(_SMALL_WORDS.split())
_PRICES = {
    'cheap': 'low', 'cheaper': 'low', 'inexpensive': 'low', 'expensive': 'high', 'luxury': 'high'
}  # fmt: skip


@dataclass(frozen=True)
class Liking:
    """One thing that somebody likes, or with a negative weight does not.

    Attributes:
        attributes: All that has to be true of what is liked.
        weight: -3 to 3.
        source: said, clicked or dismissed: what moved it last.
        times: How often it was moved.
    """

    attributes: tuple[Attribute, ...]
    weight: float
    source: str
    times: int = 1

    def words(self) -> str:
        """Such as "red cup" or "low price"."""
        values = dict(self.attributes)
        price = f'{values["price"]} price' if 'price' in values else ''
        parts = (price, values.get('word', ''), values.get('colour', ''), values.get('class', ''))
        return ' '.join(filter(None, parts))


class Profile:
    """The likings of one person."""

    def __init__(self, likings: Sequence[Liking] = ()) -> None:
        self._likings = {liking.attributes: liking for liking in likings}

    @property
    def likings(self) -> list[Liking]:
        """All of them, the strongest first."""
        return sorted(self._likings.values(), key=lambda li: (-abs(li.weight), li.attributes))

    def learn(self, attributes: Sequence[Attribute], change: float, source: str) -> None:
        """Move a liking."""
        key = tuple(sorted(attributes))
        if not key:
            return
        old = self._likings.get(key)
        weight = max(-_MOST, min(_MOST, change + (old.weight if old else 0.0)))
        self._likings[key] = Liking(key, weight, source, 1 + (old.times if old else 0))

    def feedback(self, offer: Offer, is_clicked: bool) -> None:
        """A click speaks for the class and the colour of an offer, each on its own.

        The more it was to be expected, the less it says: a step of logistic regression, so that
        a liking for red explains clicks on red cups, and cups gain little by them.

        Convention:
            The first click moves both by 0.25, the first dismissal by -0.25.
        """
        expected = 1 / (1 + math.exp(-2 * self.strength(offer)[0]))
        change = _STEP * (float(is_clicked) - expected)
        for fact in offer.facts():
            self.learn([fact], change, 'clicked' if is_clicked else 'dismissed')

    def forget(self, about: Sequence[Attribute] = ()) -> int:
        """Forget likings that name all of some attributes; without any, all.

        Returns:
            How many were forgotten.
        """
        gone = [key for key in self._likings if set(about) <= set(key)]
        for key in gone:
            del self._likings[key]
        return len(gone)

    def strength(self, offer: Offer) -> tuple[float, list[str]]:
        """How much an offer is liked, and why, the strongest reason first.

        Convention:
            Who said "I like red cups" likes a red cup by 1, a red ball by 0.25 * 1 / 2.
        """
        total, reasons = 0.0, []
        for liking in self.likings:
            held = sum(offer.holds(attribute) for attribute in liking.attributes)
            share = held / len(liking.attributes)
            worth = liking.weight * (1.0 if share == 1 else _PARTIAL * share)
            if worth:
                total += worth
                verb = 'like' if liking.weight > 0 else 'do not like'
                reasons.append(f'you {verb} {liking.words()} ({liking.source}, {worth:+.2f})')
        return total, reasons

    def as_json(self) -> list[dict[str, object]]:
        """For a file, or for people to read."""
        return [
            {
                'attributes': dict(li.attributes), 'weight': round(li.weight, 3),
                'source': li.source, 'times': li.times,
            }
            for li in self.likings
        ]  # fmt: skip

    @classmethod
    def from_json(cls, content: Sequence[dict[str, object]]) -> Profile:
        """What `as_json` gave."""
        likings = []
        for row in content:
            attributes = row['attributes']
            if not isinstance(attributes, dict):
                raise TypeError(f'attributes: {attributes!r}')
            key = tuple(sorted((str(k), str(v)) for k, v in attributes.items()))
            likings.append(
                Liking(key, float(str(row['weight'])), str(row['source']), int(str(row['times'])))
            )
        return cls(likings)


def attributes_of(words: str) -> list[Attribute]:
    """What a phrase says of things: colour, class, price, or a word of which nothing is known."""
    rest = ' '.join(w for w in re.findall(r"[a-z0-9'-]+", words.lower()) if w not in _NO_THING)
    found: list[Attribute] = [('price', _PRICES[w]) for w in rest.split() if w in _PRICES]
    phrase = read_thing_phrase(' '.join(w for w in rest.split() if w not in _PRICES))
    if phrase.colour:
        found.append(('colour', phrase.colour))
    if phrase.noun:
        found.append(('class' if phrase.noun in NOUNS else 'word', phrase.noun))
    return found


def read_preference(text: str) -> list[tuple[list[Attribute], bool]]:
    """What a sentence says that somebody likes: attributes of each clause, and whether it does.

    Convention:
        "I like red cups but not pink" gives red and cup, liked, and pink, not liked; "and" goes
        on as the clause before.
    """
    found, is_liked = [], True
    for sentence in re.split(r'\bbut\b|[.;!?]', text.lower()):
        is_liked = not _NEGATIVE.search(sentence)
        for clause in re.split(r'\band\b|\bor\b|,', sentence):
            attributes = attributes_of(clause)
            if attributes:
                found.append((attributes, is_liked))
    return found
