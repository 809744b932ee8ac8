"""Whether an arm is held still over time, and what its line is without the trembling."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mm_perception.geometry.rays import Ray
from mm_perception.plugins.pointing.arms import Arm, angle_deg
from mm_perception.samples.sample import Array

#: However rare pictures are, what was not seen for longer than this is over, seconds.
LONGEST_GAP_S = 2.0


@dataclass(frozen=True)
class Rule:
    """What counts as pointing.

    Attributes:
        line: One of `arms.LINES`.
        hand_m: The fingertip is so far beyond the wrist.
        straight_deg: Angle at the elbow from which on an arm is stretched.
        raised_deg: Angle from straight down from which on it does not hang.
        dwell_s: So long it has to be held before it points.
        steady_deg: By so much its line may turn meanwhile.
        smooth_s: Joints are the median over so long.
        gap_s: So long it may be missed; one picture always, up to `LONGEST_GAP_S`.
        point_s: Who aims at one place for so long means it.
    """

    line: str
    hand_m: float
    straight_deg: float
    raised_deg: float
    dwell_s: float
    steady_deg: float
    smooth_s: float
    gap_s: float
    point_s: float

    @property
    def memory_s(self) -> float:
        """An arm that was not seen for so long is over, whatever pictures there were."""
        return max(self.gap_s, LONGEST_GAP_S)


class Held:
    """One arm of one person, picture by picture."""

    def __init__(self) -> None:
        self._arms: deque[tuple[int, Arm]] = deque()
        self._lines: deque[tuple[int, Ray]] = deque()
        self._since_ns = 0
        #: Pictures since the last line.
        self._missed = 0
        #: From when on it points; None while it does not.
        self.pointing_ns: int | None = None
        #: Where it aims, since when, and whether a place was told for that.
        self._aim: tuple[Array, int, bool] | None = None

    @property
    def last_ns(self) -> int | None:
        """When a line was seen last."""
        return self._lines[-1][0] if self._lines else None

    def smoothed(self, stamp_ns: int, arm: Arm, rule: Rule) -> Arm:
        """Take what was measured in one picture; the median of the last while, joint by joint."""
        self._arms.append((stamp_ns, arm))
        longest_ns = round((max(rule.dwell_s, rule.smooth_s) + rule.memory_s) * 1e9)
        while stamp_ns - self._arms[0][0] > longest_ns:
            self._arms.popleft()
        arms = [arm for ns, arm in self._arms if stamp_ns - ns <= rule.smooth_s * 1e9]
        return Arm(
            head=np.asarray(np.median([a.head for a in arms], axis=0)),
            shoulder=np.asarray(np.median([a.shoulder for a in arms], axis=0)),
            elbow=np.asarray(np.median([a.elbow for a in arms], axis=0)),
            wrist=np.asarray(np.median([a.wrist for a in arms], axis=0)),
        )

    def see(
        self, stamp_ns: int, line: Ray | None, rule: Rule, *, is_known: bool = True
    ) -> bool | None:
        """Take the line of one picture.

        Args:
            stamp_ns: When; not before that of the picture before.
            line: In a frame that stands still; None where the arm is not stretched, or unknown.
            rule: What counts as pointing.
            is_known: The arm was measured: without a line it is bent or hangs, and who does not
                point yet, such as one who waves, begins anew.

        Returns:
            True if pointing began, False if it ended, else None.
        """
        has_ended = None
        self._missed += line is None
        if self._is_over(stamp_ns, rule):
            has_ended = False if self.pointing_ns is not None else None
            self.clear()
        if line is None:
            if is_known and self.pointing_ns is None:
                self.clear()
            return has_ended
        if not self._lines:
            self._since_ns = stamp_ns
        self._lines.append((stamp_ns, line))
        self._missed = 0
        longest_ns = round((max(rule.dwell_s, rule.point_s) + rule.memory_s) * 1e9)
        while stamp_ns - self._lines[0][0] > longest_ns:
            self._lines.popleft()
        if has_ended is not None or self.pointing_ns is not None:
            return has_ended
        is_long = stamp_ns - self._since_ns >= rule.dwell_s * 1e9
        if is_long and self._turned_deg(stamp_ns, rule.dwell_s) <= rule.steady_deg:
            self.pointing_ns = stamp_ns
            return True
        return None

    def line(self, stamp_ns: int) -> Ray | None:
        """The line of this picture; None where the arm was not seen in it."""
        return self._lines[-1][1] if self.last_ns == stamp_ns else None

    def aim(self, stamp_ns: int, rule: Rule) -> Ray | None:
        """The median line if it aims at one place for long enough, and that was not told yet.

        Args:
            stamp_ns: Of the picture, in which the arm was seen.
            rule: What counts as pointing; what turns by more than is steady aims elsewhere.
        """
        line = self._lines[-1][1]
        if self._aim is None or angle_deg(self._aim[0], line.direction) > rule.steady_deg:
            self._aim = line.direction, stamp_ns, False
        _, since_ns, is_told = self._aim
        if is_told or stamp_ns - since_ns < rule.point_s * 1e9:
            return None
        return _median([ray for ns, ray in self._lines if ns >= since_ns])

    def told(self) -> None:
        """A place was told for where it aims."""
        if self._aim is not None:
            self._aim = (*self._aim[:2], True)

    def clear(self) -> None:
        """It does not point, and nothing is known of before."""
        self._lines.clear()
        self._missed = 0
        self.pointing_ns = self._aim = None

    def _is_over(self, stamp_ns: int, rule: Rule) -> bool:
        """Whether the arm was missed for too long; where pictures are rare, not by one of them."""
        gap_s = 0.0 if self.last_ns is None else (stamp_ns - self.last_ns) / 1e9
        return gap_s > rule.memory_s or (gap_s > rule.gap_s and self._missed > 1)

    def _turned_deg(self, stamp_ns: int, dwell_s: float) -> float:
        """How much the arm turned between the last half of a while and before, degrees.

        By what was measured, which the median of the joints would follow late.
        """
        half_ns = round(dwell_s * 0.5e9)
        ways = [(stamp_ns - ns, arm.wrist - arm.shoulder) for ns, arm in self._arms]
        late = [way for age_ns, way in ways if age_ns <= half_ns]
        older = [(age_ns, way) for age_ns, way in ways if age_ns > half_ns]
        if not older:
            return 180.0 if dwell_s else 0.0
        # Pictures may be rarer than that: then it is the last one before.
        early = [way for age_ns, way in older if age_ns <= 2 * half_ns] or [older[-1][1]]
        return angle_deg(np.median(early, axis=0), np.median(late, axis=0))


def _median(lines: list[Ray]) -> Ray:
    """Axis by axis, so that one wrong depth in a while does not count."""
    direction = np.median([line.direction for line in lines], axis=0)
    origin = np.median([line.origin for line in lines], axis=0)
    return Ray(np.asarray(origin), np.asarray(direction / np.linalg.norm(direction)))
