"""How the robot itself moves, and what it is advised to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples.boxes3d import is_covariance
from mm_perception.samples.sample import Array, Sample

_UNIT_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Odometry(Sample):
    """Pose and velocity of a body, as in nav_msgs/Odometry.

    Attributes:
        child_frame_id: Frame of the body; velocities are along its axes.
        position: (3,) float64, metres in `frame_id`.
        quat_xyzw: (4,) float64 unit quaternion: rotation from the body to `frame_id`.
        linear: (3,) float64, m/s in `child_frame_id`.
        angular: (3,) float64, rad/s in `child_frame_id`.
        pose_covariance: (6, 6) float64 of position (m^2) and rotation about the fixed axes
            (rad^2); zeros where unknown, as ROS has it.
        twist_covariance: (6, 6) float64 of linear (m^2/s^2) and angular (rad^2/s^2) velocity.
    """

    child_frame_id: str
    position: Array
    quat_xyzw: Array
    linear: Array
    angular: Array
    pose_covariance: Array
    twist_covariance: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, shape in (
            ('position', (3,)), ('quat_xyzw', (4,)), ('linear', (3,)), ('angular', (3,)),
            ('pose_covariance', (6, 6)), ('twist_covariance', (6, 6)),
        ):  # fmt: skip
            if not np.isfinite(self._freeze(name, shape, [np.float64])).all():
                raise ShapeError(f'Odometry.{name}', 'finite numbers', 'NaN or infinity')
        norm = float(np.linalg.norm(self.quat_xyzw))
        if abs(norm - 1) > _UNIT_TOLERANCE:
            raise ShapeError('Odometry.quat_xyzw', 'a unit quaternion', f'norm {norm}')
        for name in ('pose_covariance', 'twist_covariance'):
            if not is_covariance(getattr(self, name)[None]):
                raise ShapeError(f'Odometry.{name}', 'a covariance matrix', 'another')


class Action(IntEnum):
    """What to do, the more cautious the higher."""

    GO = 0
    SLOW = 1
    YIELD = 2
    STOP = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Advice(Sample):
    """What a driver or planner is advised to do. It commands nothing.

    Attributes:
        action: The most cautious that any rule asks for.
        speed_limit_mps: Drive no faster than this, m/s; 0 where the advice is to stop.
        rules: Names of the rules that spoke, the most cautious first; empty for go.
        reason: Why, in words, with the ids of the tracks.
        track_ids: Of whom it speaks.
    """

    action: Action
    speed_limit_mps: float
    rules: tuple[str, ...] = ()
    reason: str
    track_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.speed_limit_mps < np.inf):
            raise ShapeError('Advice.speed_limit_mps', 'm/s from 0 on', f'{self.speed_limit_mps}')

    def sentence(self) -> str:
        """The whole in one line for people."""
        return (
            f'{self.action.name.lower()}, at most {self.speed_limit_mps:.1f} m/s: {self.reason} '
            '(advisory only)'
        )
