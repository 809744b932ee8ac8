"""What is under way: a question that was asked back, and commands whose effect is awaited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_perception.plugins.smart_home.binding import Seen
from mm_perception.plugins.smart_home.devices import Device
from mm_perception.plugins.smart_home.looking import Watch
from mm_perception.samples import Command
from mm_perception.text.thing_phrase import ThingPhrase


@dataclass(frozen=True)
class Question:
    """Several things fit, and it was asked which one is meant.

    Attributes:
        command: What was to be done.
        options: The things.
        words: A word that tells each from the others.
        until_ns: After that nobody waits for an answer.
    """

    command: Command
    options: tuple[Seen, ...]
    words: tuple[str, ...]
    until_ns: int

    def answer(self, said: ThingPhrase) -> Seen | None:
        """The thing that an answer picks; None if it picks none, or several."""
        side = '' if said.side is None else said.side.value
        spoken = {said.colour, side, *said.text.split()} - {''}
        chosen = [t for t, word in zip(self.options, self.words, strict=True) if word in spoken]
        return chosen[0] if len(chosen) == 1 else None


@dataclass(frozen=True)
class Task:
    """A command that was sent.

    Attributes:
        device: To which device.
        name: How people call it, such as "red lamp".
        key: Camera and track where it is seen; None if nobody sees it.
        is_on: Wanted.
        sent_ns: When.
        until_ns: Until when its effect is awaited.
        was_seen: It was seen to be so before already.
    """

    device: Device
    name: str
    key: tuple[str, int] | None
    is_on: bool
    sent_ns: int
    until_ns: int
    was_seen: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a task.

    Attributes:
        kind: confirmed, not_confirmed or cannot_see.
        message: One sentence for people.
        score: How sure.
    """

    kind: str
    message: str
    score: float


def judge(task: Task, watches: Mapping[tuple[str, int], Watch], now_ns: int) -> Verdict | None:
    """Look again: the verdict, or None while it is too early for one.

    A change to what is wanted after the command confirms it, and so does one that was seen before
    it. Where the device only looks that way, as before, it is not confirmed: brightness alone is a
    guess, and people rarely ask for what is so already.
    """
    watch = watches.get(task.key) if task.key is not None else None
    state, name = 'on' if task.is_on else 'off', f'the {task.name}'
    if watch is not None and watch.changed_ns > task.sent_ns and watch.is_on == task.is_on:
        return Verdict('confirmed', f'{name} is {state}', 0.95)
    if task.was_seen and watch is not None and watch.is_on == task.is_on:
        return Verdict('confirmed', f'{name} was {state} already', 0.9)
    if now_ns < task.until_ns:
        return None
    if watch is None or watch.seen_ns <= task.sent_ns:
        return Verdict('cannot_see', f'I told {name} to be {state}, but I cannot see it', 0.5)
    if watch.changed_ns <= task.sent_ns and watch.is_on == task.is_on and not watch.is_sure:
        message = f'{name} looks {state}, but I saw no change when I told it so'
        return Verdict('not_confirmed', message, 0.5)
    return Verdict('not_confirmed', f'I told {name} to be {state}, but it does not look so', 0.8)
