"""What was asked to be tracked by words, under which prompt id, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mm_perception.samples import PromptState, PromptStatus

_EMPTY_WORDS = {'the', 'a', 'an', 'all', 'every', 'that', 'this', 'of', 'my', 'your'}


@dataclass
class Asked:
    """A phrase that a tracker was asked for.

    Attributes:
        phrase: Such as "the red car".
        is_kept: It is tracked until it is removed; False for what is segmented once.
        states: What became of it, by camera.
        was_missed: It was said that it cannot be seen.
    """

    phrase: str
    is_kept: bool
    states: dict[str, PromptState] = field(default_factory=dict)
    was_missed: bool = False


class PromptBook:
    """All phrases that were asked for, by prompt id."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}

    @property
    def phrases(self) -> list[str]:
        """What is tracked now."""
        return [asked.phrase for asked in self.asked.values() if asked.is_kept]

    def add(self, prompt_id: str, phrase: str, *, is_kept: bool) -> None:
        """A phrase is asked for."""
        self.asked[prompt_id] = Asked(phrase, is_kept)

    def fitting(self, phrase: str) -> list[str]:
        """Ids of the tracked phrases that fit best what somebody names; several if they tie.

        Convention:
            Of "the red car" and "a blue van", "the car" fits the first and "the van" the second;
            of "the red car" and "the blue car", "the car" fits both; "the bus" fits none.
        """
        shares = {
            prompt_id: _likeness(phrase, asked.phrase)
            for prompt_id, asked in self.asked.items()
            if asked.is_kept
        }
        best = max(shares.values(), default=0.0)
        return [i for i, share in shares.items() if share == best] if best > 0 else []

    def news(self, statuses: Iterable[PromptStatus]) -> list[str]:
        """Take in what became of prompts; returns sentences that are worth saying, once each."""
        told = []
        for status in statuses:
            asked = self.asked.get(status.prompt_id)
            if asked is None:
                continue
            asked.states[status.stream] = status.state
            if status.state is PromptState.REJECTED:
                told.append(f'I cannot look for {asked.phrase}: {status.message}')
                del self.asked[status.prompt_id]
        for asked in self.asked.values():
            states = set(asked.states.values())
            is_missed = PromptState.NOT_FOUND in states and PromptState.FOUND not in states
            if is_missed and not asked.was_missed:
                told.append(f'I cannot see {asked.phrase}.')
                asked.was_missed = True
            elif asked.was_missed and PromptState.FOUND in states:
                told.append(f'Now I see {asked.phrase}.')
                asked.was_missed = False
        return told


def _likeness(phrase: str, other: str) -> float:
    """Share of the words of two phrases that are in both; 0 where their nouns differ."""
    one, two = _words(phrase), _words(other)
    if not one or not two or not ({one[-1]} & set(two) or one[-1] in ('one', 'ones')):
        return 0.0
    return len(set(one) & set(two)) / len(set(one) | set(two))


def _words(phrase: str) -> list[str]:
    words = [word for word in phrase.lower().split() if word not in _EMPTY_WORDS]
    return [word.removesuffix('s') if len(word) > 3 else word for word in words]
