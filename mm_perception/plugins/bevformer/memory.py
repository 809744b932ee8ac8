"""Which of the frames before is remembered: young ones were not trained with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from mm_perception.nets.bevformer import EgoMotion

#: A sensor of 5 Hz is late or early by that, s.
_SLACK_S = 0.02


@dataclass(frozen=True, eq=False)
class Remembered:
    """What was made of a frame.

    Attributes:
        stamp_ns: Of the frame.
        xy_yaw: Pose of the robot, m and rad, in `fixed_frame`.
        fixed_frame: A frame that does not move.
        bev: (1, rows * columns, C).
    """

    stamp_ns: int
    xy_yaw: tuple[float, float, float]
    fixed_frame: str
    bev: Tensor


class Memory:
    """The last frames, as far back as they are needed.

    Args:
        age_s: The youngest that a network was trained with.
        max_gap_s: The oldest that is of use.
    """

    def __init__(self, age_s: float, max_gap_s: float) -> None:
        self._age_s, self._max_gap_s = age_s, max_gap_s
        self._kept: list[Remembered] = []

    @property
    def newest(self) -> Remembered | None:
        """The last frame."""
        return self._kept[-1] if self._kept else None

    def recall(
        self,
        xy_yaw: tuple[float, float, float],
        fixed_frame: str,
        stamp_ns: int,
        max_speed_mps: float,
    ) -> tuple[Remembered, EgoMotion] | None:
        """The frame to compare with, and the motion since: old enough, or else the oldest.

        None, and all is forgotten, where the clock or the pose has jumped or too much time passed.

        Args:
            xy_yaw: Pose of the robot, m and rad.
            fixed_frame: In which frame.
            stamp_ns: Of the present frame.
            max_speed_mps: What seems to be faster is a jump of the pose.
        """
        from mm_perception.nets.bevformer import EgoMotion

        newest = self.newest
        if newest is None:
            return None
        dt_s = (stamp_ns - newest.stamp_ns) / 1e9
        driven_m = math.dist(newest.xy_yaw[:2], xy_yaw[:2])
        if (
            newest.fixed_frame != fixed_frame
            or not 0 < dt_s <= self._max_gap_s
            or driven_m > max_speed_mps * dt_s
        ):
            self.forget()
            return None
        ages = [(stamp_ns - kept.stamp_ns) / 1e9 for kept in self._kept]
        index = next(
            (i for i in reversed(range(len(ages))) if ages[i] >= self._age_s - _SLACK_S), 0
        )
        chosen = self._kept[index]
        return chosen, EgoMotion.between(chosen.xy_yaw, xy_yaw, ages[index])

    def is_old_enough(self, dt_s: float) -> bool:
        """Whether a network knows what such a time between frames means."""
        return dt_s >= self._age_s - _SLACK_S

    def add(self, frame: Remembered) -> None:
        """Remember a frame; those are dropped that no later one will be compared with."""
        self._kept.append(frame)
        oldest_ns = frame.stamp_ns - round((self._age_s - _SLACK_S) * 1e9)
        while len(self._kept) > 1 and self._kept[1].stamp_ns <= oldest_ns:
            del self._kept[0]

    def forget(self) -> None:
        """All of it."""
        self._kept.clear()
