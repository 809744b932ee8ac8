"""How the robot moved since the last frame, and what the public BEVFormer weights want of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mm_perception.errors import ConfigError

CAN_BUS_SIZE = 18
GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class EgoMotion:
    """The pose of the robot in the frame of its own previous pose, from odometry or TF.

    Frames dropped in between need no care: the motion is that since the frame whose BEV is kept.

    Attributes:
        dx_m: Forward, along the previous x axis of base_link (REP 103).
        dy_m: To the left, along the previous y axis.
        dyaw_rad: Counter-clockwise turn.
        dt_s: Time between the frames; 0 for the first one.
        yaw_rad: Present heading in a frame that does not turn (odom, map); 0 where unknown.
    """

    dx_m: float = 0.0
    dy_m: float = 0.0
    dyaw_rad: float = 0.0
    dt_s: float = 0.0
    yaw_rad: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would spoil the memory for good.

        Raises:
            ConfigError: a number that is not finite.
        """
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise ConfigError(name, value, 'a finite number')

    @classmethod
    def between(
        cls,
        previous: tuple[float, float, float],
        current: tuple[float, float, float],
        dt_s: float,
    ) -> EgoMotion:
        """From two poses (x m, y m, yaw rad) in one fixed frame.

        Convention: from (0, 0, pi/2) to (0, 2, pi/2) is two metres forward: `dx_m` 2, `dy_m` 0.
        """
        x, y = current[0] - previous[0], current[1] - previous[1]
        dx, dy = _turned(x, y, -previous[2])
        return cls(dx, dy, _wrapped(current[2] - previous[2]), dt_s, _wrapped(current[2]))

    @property
    def now_xy_m(self) -> tuple[float, float]:
        """The same displacement along the present axes of base_link: forward, left."""
        return _turned(self.dx_m, self.dy_m, -self.dyaw_rad)


def can_bus_vector(motion: EgoMotion) -> NDArray[np.float64]:
    """The 18 numbers that the original takes from nuScenes' CAN bus, from ego motion alone.

    | index  | the original                                    | here                           |
    |--------|-------------------------------------------------|--------------------------------|
    | 0..2   | displacement since the previous frame, m, global| the same, z 0                  |
    | 3..6   | orientation, quaternion w x y z, global         | of `yaw_rad`, no roll, no pitch|
    | 7..9   | acceleration, m/s^2, ego                        | gravity alone                  |
    | 10..12 | rotation rate, rad/s, ego                       | (0, 0, dyaw / dt)              |
    | 13..15 | velocity, m/s, ego                              | displacement / dt, present axes|
    | 16     | heading, rad in [0, 2 pi), global               | of `yaw_rad`                   |
    | 17     | turn since the previous frame, degrees          | of `dyaw_rad`                  |

    Source: `datasets/nuscenes_dataset.py` and the converter `tools/data_converter` of the
    reference. The order 7..15 is that of nuScenes' pose message there; that its acceleration
    includes gravity is from memory. The reference subtracts headings without wrapping, so a turn
    through north reads as almost 360 degrees there; here it is in (-180, 180].

    Returns:
        (18,) float64. Motion of the first frame (`EgoMotion()`) has no displacement and no turn.
    """
    global_x, global_y = _turned(motion.dx_m, motion.dy_m, motion.yaw_rad - motion.dyaw_rad)
    vector = np.zeros(CAN_BUS_SIZE)
    vector[0:2] = global_x, global_y
    vector[3], vector[6] = math.cos(motion.yaw_rad / 2), math.sin(motion.yaw_rad / 2)
    vector[9] = GRAVITY_M_S2
    if motion.dt_s > 0:
        vector[12] = motion.dyaw_rad / motion.dt_s
        forward, left = motion.now_xy_m
        vector[13:15] = forward / motion.dt_s, left / motion.dt_s
    vector[16] = motion.yaw_rad % (2 * math.pi)
    vector[17] = math.degrees(motion.dyaw_rad)
    return vector


def bev_shift(motions: Sequence[EgoMotion], extent_m: Sequence[float]) -> Tensor:
    """How far the content of the previous BEV has moved, as fractions of the grid.

    Args:
        motions: One per sample.
        extent_m: Size of the grid along x (right) and y (forward), m.

    Returns:
        (B, 2) float32 along x and y of the grid, to be added to reference points: what is now at
        p was at p + shift before (paper, section 3.4).

    Convention: one metre forward on a grid of 100 m is (0, 0.01).
    """
    rows = []
    for motion in motions:
        forward, left = motion.now_xy_m
        rows.append((-left / extent_m[0], forward / extent_m[1]))
    return torch.tensor(rows, dtype=torch.float32)


def can_bus_batch(motions: Sequence[EgoMotion]) -> Tensor:
    """(B, 18) float32 of `can_bus_vector`."""
    return torch.from_numpy(np.stack([can_bus_vector(motion) for motion in motions])).float()


def _turned(x: float, y: float, angle_rad: float) -> tuple[float, float]:
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return cos * x - sin * y, sin * x + cos * y


def _wrapped(angle_rad: float) -> float:
    return math.atan2(math.sin(angle_rad), math.cos(angle_rad))
