"""What somebody asked for, and what one camera makes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mm_perception.samples import (
    Command,
    Image,
    Intent,
    Masks,
    Prompt,
    PromptState,
)
from mm_perception.samples.sample import Array
from mm_perception.selecting.candidates import candidates_of
from mm_perception.selecting.choosing import Choice, Place, choose, meaning_of
from mm_perception.selecting.pointing import Sight, Votes, pointed_shares
from mm_perception.text.selection import Selection
from mm_perception.text.words import COLOUR_WORDS


@dataclass(frozen=True, eq=False)
class Wish:
    """A command or a prompt that asks for masks.

    Attributes:
        name: For the status: the id of a prompt, or the words of a command.
        command: As it was said.
        selection: What its target picks.
        place: How that lies to other things.
        nouns: What a tracker has to look for.
        max_frames: It holds for so many pictures; 0 means until it is stopped.
    """

    name: str
    command: Command
    selection: Selection
    place: Place
    nouns: tuple[str, ...]
    max_frames: int = 0


def command_of(prompt: Prompt, stamp_ns: int) -> Command:
    """A text prompt as a command to track what it names.

    Args:
        prompt: With a text.
        stamp_ns: Its moment, if it has none of its own.
    """
    moment = prompt.stamp_ns or stamp_ns
    return Command(
        stamp_ns=moment, end_ns=moment, intent=Intent.TRACK, text=prompt.text, target=prompt.text
    )


def wish_of(command: Command, noun_before: str, name: str = '', max_frames: int = 0) -> Wish:
    """A command understood.

    Args:
        command: To track, segment or select something; to segment is for one picture.
        noun_before: What was spoken of before; "the left one" is one of those.
        name: For the status; empty for the words of the command.
        max_frames: It holds for so many pictures; 0 means until it is stopped.
    """
    selection, place = meaning_of(command)
    if command.intent is Intent.SEGMENT:
        max_frames = 1
    looked_for = selection.noun
    is_mere_colour = all(word in COLOUR_WORDS for word in selection.noun.split())
    if is_mere_colour and selection.count != 0 and not command.is_deictic and noun_before:
        kind = ' '.join(word for word in noun_before.split() if word not in COLOUR_WORDS)
        looked_for = noun_before
        if selection.noun:  # "the red one" after "the car", or after "the blue car"
            selection = replace(selection, noun=f'{selection.noun} {kind}'.strip())
            looked_for = noun_before if kind == noun_before else selection.noun
        else:
            selection = replace(selection, noun=noun_before)
    nouns = (looked_for, *(anchor.noun for anchor in place.anchors))
    found = tuple(dict.fromkeys(noun for noun in nouns if noun))
    return Wish(name or command.text, command, selection, place, found, max_frames)


@dataclass(frozen=True)
class Rules:
    """Numbers of the policy, see `SamPromptConfig`."""

    patience_s: float
    settle_s: float
    lost_after_s: float
    memory_s: float
    click_px: float
    click_before_s: float
    click_after_s: float
    centre_error: float
    aims_at_centre: bool
    min_share: float


@dataclass(frozen=True)
class Verdict:
    """What became of a wish in one camera."""

    wish: Wish
    state: PromptState
    ids: tuple[int, ...] = ()
    score: float = 0.0
    message: str = ''


@dataclass
class _Open:
    """A wish that is not decided yet; `since_ns` is the first picture after it."""

    wish: Wish
    since_ns: int = -1


@dataclass
class _Held:
    """What was chosen for a wish, when each of it was last seen, and in how many pictures."""

    wish: Wish
    seen_ns: dict[int, int]
    num_frames: int = 1

    @property
    def is_over(self) -> bool:
        return 0 < self.wish.max_frames <= self.num_frames


@dataclass
class View:
    """One camera: what it saw lately, what is open and what is chosen.

    Attributes:
        rules: Numbers.
        settled_ns: From when on what a tracker finds for a noun is complete; None for not yet.
    """

    rules: Rules
    settled_ns: Callable[[str], int | None]
    _open: list[_Open] = field(default_factory=list)
    _held: list[_Held] = field(default_factory=list)
    _pictures: deque[tuple[Masks, Image | None]] = field(default_factory=deque)
    _clicks: list[tuple[int, Array]] = field(default_factory=list)
    _centre: Votes | None = None

    def ask(self, wish: Wish) -> None:
        """Take a wish; to track adds to what is chosen, to select or segment replaces it."""
        if wish.command.intent is not Intent.TRACK:
            self._held.clear()
        self._open.append(_Open(wish))

    def click(self, stamp_ns: int, pixel: Array) -> None:
        """Somebody clicked at a pixel (2,) of the picture of that stamp; 0 means the newest."""
        newest = self._pictures[-1][0].stamp_ns if self._pictures else 0
        self._clicks.append((stamp_ns or newest, pixel))

    def stop(self, noun: str) -> None:
        """Let go of what a noun names; the empty noun names all."""

        def goes(wish: Wish) -> bool:
            return not noun or set(noun.split()) <= set(wish.selection.noun.split())

        self._open = [item for item in self._open if not goes(item.wish)]
        self._held = [item for item in self._held if not goes(item.wish)]

    def drop(self, name: str) -> None:
        """Let go of what is called so."""
        self._open = [item for item in self._open if item.wish.name != name]
        self._held = [item for item in self._held if item.wish.name != name]

    def forget_seen(self) -> None:
        """Time was set back: pictures and what was chosen are gone, what is asked for is open."""
        self._open += [_Open(item.wish) for item in self._held]
        for item in self._open:
            item.since_ns = -1
        self._held.clear()
        self._pictures.clear()
        self._clicks.clear()
        self._centre = None

    @property
    def nouns(self) -> list[str]:
        """What has to be looked for."""
        wishes = [item.wish for item in self._open] + [item.wish for item in self._held]
        return [noun for wish in wishes for noun in wish.nouns]

    def see(self, masks: Masks, image: Image | None) -> tuple[tuple[int, ...], list[Verdict]]:
        """Take a picture; what is chosen in it, and what became of the wishes."""
        now_ns = masks.stamp_ns
        self._pictures.append((masks, image))
        while now_ns - self._pictures[0][0].stamp_ns > self.rules.memory_s * 1e9:
            self._pictures.popleft()
        if self.rules.aims_at_centre:
            self._look_at_centre(masks)
        verdicts = self._follow(masks)
        chosen = [number for item in self._held for number in item.seen_ns]
        still_open = []
        for item in self._open:
            item.since_ns = now_ns if item.since_ns < 0 else item.since_ns
            choice = self._decide(item, now_ns, chosen)
            if choice is None:
                still_open.append(item)
                continue
            verdicts.append(_verdict(item.wish, choice, masks))
            if choice.ids:
                self._held.append(_Held(item.wish, dict.fromkeys(choice.ids, now_ns)))
            chosen += choice.ids
        self._open = still_open
        self._held = [item for item in self._held if not item.is_over]
        return tuple(dict.fromkeys(chosen)), verdicts

    def _look_at_centre(self, masks: Masks) -> None:
        height, width = masks.id_map.shape
        sight = Sight(
            np.array([(width - 1) / 2, (height - 1) / 2]), self.rules.centre_error * width
        )
        self._centre = self._centre or Votes(self.rules.memory_s)
        self._centre.add(masks.stamp_ns, pointed_shares(masks, [sight]))

    def _follow(self, masks: Masks) -> list[Verdict]:
        """Note what is still seen; what is hidden for too long is lost."""
        visible = {i for i, seen in zip(masks.ids, masks.visible, strict=True) if seen}
        verdicts = []
        for item in self._held:
            item.num_frames += 1
            for number, last_ns in list(item.seen_ns.items()):
                if number in visible:
                    item.seen_ns[number] = masks.stamp_ns
                elif masks.stamp_ns - last_ns > self.rules.lost_after_s * 1e9:
                    del item.seen_ns[number]
                    message = f'lost {item.wish.command.target or "it"} (#{number})'
                    verdicts.append(
                        Verdict(item.wish, PromptState.NOT_FOUND, (number,), 0.0, message)
                    )
        self._held = [item for item in self._held if item.seen_ns]
        return verdicts

    def _decide(self, item: _Open, now_ns: int, chosen: Sequence[int]) -> Choice | None:
        """What a wish means; None while that may still change."""
        wish, command = item.wish, item.wish.command
        is_over = now_ns - item.since_ns > self.rules.patience_s * 1e9
        settled = [self.settled_ns(noun) for noun in wish.nouns]
        if any(moment is None or moment > now_ns for moment in settled) and not is_over:
            return None
        if command.is_deictic:
            return self._pointed(wish, now_ns)
        pictures = [self._pictures[-1]]
        # What was seen when it was said counts, if what is asked for was already tracked then.
        if all(moment is not None and moment <= command.end_ns for moment in settled):
            pictures.insert(0, self._picture_at(command.end_ns))
        for masks, image in pictures:
            height, width = masks.id_map.shape
            choice = choose(
                wish.selection, candidates_of(masks, image), (width, height), place=wish.place,
                chosen=chosen,
            )  # fmt: skip
            if choice.ids or choice.is_ambiguous:
                return choice
        return choice if is_over else None

    def _pointed(self, wish: Wish, now_ns: int) -> Choice | None:
        """What was clicked at, or aimed at, while "that one" was said."""
        command, rules = wish.command, self.rules
        first = command.stamp_ns - rules.click_before_s * 1e9
        last = command.end_ns + rules.click_after_s * 1e9
        clicks = [click for click in self._clicks if first <= click[0] <= last]
        if clicks:
            stamp_ns, pixel = min(clicks, key=lambda click: abs(click[0] - command.end_ns))
            masks, image = self._picture_at(stamp_ns)
            votes = Votes(rules.memory_s)
            votes.add(stamp_ns, pointed_shares(masks, [Sight(pixel, rules.click_px)]))
            moment = stamp_ns, stamp_ns
        elif self._centre is not None:
            masks, image = self._picture_at(command.end_ns)
            votes, moment = self._centre, (command.stamp_ns, command.end_ns)
        elif now_ns <= last:
            return None
        else:
            return Choice((), (), 'nothing says which one is meant: click at it')
        things = candidates_of(masks, image)
        among = [thing.number for thing in things if thing.fits(wish.selection.noun)]
        found = votes.winner(*moment, rules.min_share, among)
        if found is None:
            return Choice((), tuple(among), 'there is nothing where it was pointed at')
        return Choice((found[0],), tuple(among))

    def _picture_at(self, stamp_ns: int) -> tuple[Masks, Image | None]:
        return min(self._pictures, key=lambda pair: abs(pair[0].stamp_ns - stamp_ns))


def _verdict(wish: Wish, choice: Choice, masks: Masks) -> Verdict:
    if not choice.ids:
        state = PromptState.REJECTED if choice.fitting else PromptState.NOT_FOUND
        said = wish.command.target or wish.command.text
        return Verdict(wish, state, choice.fitting, 0.0, f'"{said}": {choice.problem}')
    scores = [s for i, s in zip(masks.ids, masks.scores, strict=True) if i in choice.ids]
    names = [f'{masks.labels[masks.ids.index(i)]} #{i}' for i in choice.ids if i in masks.ids]
    score = float(max(scores, default=0.0))
    return Verdict(wish, PromptState.FOUND, choice.ids, score, f'chosen: {", ".join(names)}')
