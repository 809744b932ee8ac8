"""Everybody whom one camera sees: who begins and ends to point, and who has the ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mm_perception.geometry.joints import HIPS, SHOULDERS
from mm_perception.geometry.rays import Ray
from mm_perception.plugins.pointing.arms import SIDES, Arm, arm_of, may_point
from mm_perception.plugins.pointing.holding import Held, Rule
from mm_perception.samples.sample import Array

#: An arm that points goes on doing so until it is bent or lowered by so much more, degrees.
_SLACK_DEG = 10.0
#: Whose torso is farther away than this from one picture to the next is somebody else, metres.
_JUMP_M = 0.7


@dataclass(frozen=True, eq=False)
class Seen:
    """One person in one picture.

    Attributes:
        keypoints: (17, 2) pixels, NaN where unknown.
        joints: (17, 3) metres in a frame that stands still, z up, NaN where unknown.
    """

    keypoints: Array
    joints: Array


@dataclass(frozen=True)
class News:
    """What happened to an arm.

    Attributes:
        kind: began, ended or refused.
        number: The person.
        side: left or right.
        start_ns: Since when.
        reason: Why it was refused.
    """

    kind: str
    number: int
    side: str
    start_ns: int
    reason: str = ''


@dataclass
class _Person:
    """What is remembered of somebody."""

    arms: dict[str, Held] = field(default_factory=lambda: {side: Held() for side in SIDES})
    place: Array | None = None
    last_ns: int = 0
    #: Since when arms look as if they pointed, but are not known in space; and who was told so.
    unknown_ns: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def has_jumped_to(self, joints: Array) -> bool:
        """Whether it is somebody else who is there now; keeps the place."""
        torso = joints[[*SHOULDERS, *HIPS]]
        known = torso[np.isfinite(torso).all(1)]
        if not len(known):
            return False
        before, self.place = self.place, np.asarray(known.mean(0))
        return before is not None and float(np.linalg.norm(self.place - before)) > _JUMP_M

    def is_refused_now(self, stamp_ns: int, side: str, seen: Seen, rule: Rule) -> bool:
        """Whether an arm that is not known in space looks as if it pointed; True once."""
        if not may_point(seen.keypoints, side, rule.raised_deg):
            return False
        since_ns = self.unknown_ns.setdefault(side, stamp_ns)
        if side in self.refused or stamp_ns - since_ns < rule.dwell_s * 1e9:
            return False
        self.refused.add(side)
        return True

    def measured(self, side: str) -> None:
        """An arm was measured."""
        self.unknown_ns.pop(side, None)
        self.refused.discard(side)


class Watch:
    """The memory for one camera."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}
        self._speaker: tuple[int, str] | None = None
        self._last_ns = 0

    @property
    def has_speaker(self) -> bool:
        """Whether somebody pointed when `chosen` was called last, seen then or not."""
        return self._speaker is not None

    def see(self, stamp_ns: int, found: Mapping[int, Seen], rule: Rule) -> list[News]:
        """Take one picture; who was not seen for the memory of the rule is forgotten.

        Args:
            stamp_ns: When; if that is before the last picture, all is forgotten.
            found: Everybody in it, by id.
            rule: What counts as pointing.
        """
        if stamp_ns < self._last_ns:
            self._people.clear()
        self._last_ns = stamp_ns
        news = []
        for number in sorted({*self._people, *found}):
            news += self._follow(stamp_ns, number, found.get(number), rule)
        self._people = {
            number: person for number, person in self._people.items()
            if stamp_ns - person.last_ns <= rule.memory_s * 1e9
        }  # fmt: skip
        return news

    def chosen(self, stamp_ns: int) -> tuple[Held, Ray] | None:
        """The arm that has the ray, and its line; None where nobody points in this picture.

        Who began first has it until they end.
        """
        pointing = {
            (number, side): held
            for number, person in self._people.items()
            for side, held in person.arms.items()
            if held.pointing_ns is not None
        }
        if self._speaker not in pointing:
            self._speaker = min(
                pointing, key=lambda who: (pointing[who].pointing_ns, who), default=None
            )
        if self._speaker is None:
            return None
        held = pointing[self._speaker]
        line = held.line(stamp_ns)
        return None if line is None else (held, line)

    def _follow(self, stamp_ns: int, number: int, seen: Seen | None, rule: Rule) -> list[News]:
        person = self._people.setdefault(number, _Person())
        news = []
        if seen is not None:
            if person.has_jumped_to(seen.joints):
                news += [
                    News('ended', number, side, held.pointing_ns)
                    for side, held in person.arms.items()
                    if held.pointing_ns is not None
                ]
                person = self._people[number] = _Person()
                person.has_jumped_to(seen.joints)
            person.last_ns = stamp_ns
        for side, held in person.arms.items():
            arm, reason = (
                (None, '')
                if seen is None
                else arm_of(seen.joints, side, needs_head=rule.line == 'head-hand')
            )
            since_ns = held.pointing_ns
            line = None
            if arm is not None:
                steady = held.smoothed(stamp_ns, arm, rule)
                line = _line(steady, rule, is_pointing=since_ns is not None)
            change = held.see(stamp_ns, line, rule, is_known=arm is not None)
            if change is not None:
                kind, start_ns = ('began', stamp_ns) if change else ('ended', since_ns or stamp_ns)
                news.append(News(kind, number, side, start_ns))
            if arm is not None:
                person.measured(side)
            elif seen is not None and person.is_refused_now(stamp_ns, side, seen, rule):
                news.append(News('refused', number, side, stamp_ns, reason))
        return news


def _line(arm: Arm, rule: Rule, *, is_pointing: bool) -> Ray | None:
    slack = _SLACK_DEG if is_pointing else 0.0
    is_held = (
        arm.elbow_deg >= rule.straight_deg - slack and arm.raised_deg >= rule.raised_deg - slack
    )
    return arm.line(rule.line, rule.hand_m) if is_held else None
