"""Rigs: cameras around a body and a LiDAR on it, drawn at random or as a car commonly has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from mm_perception.world.camera import OPTICAL, Camera
from mm_perception.world.drive import ring_of_cameras
from mm_perception.world.lidar import Lidar
from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array

#: Width and height of all pictures, pixels.
SIZE = (320, 180)
_STREAM = 31
#: Moments per turn of a LiDAR. A turn is rendered faster with fewer; each point has its moment.
_SECTORS = 12
_MOST_FROM_MIDDLE_M = 1.0

_Range = tuple[float, float]


class RigSplit(str, Enum):
    """Which rigs are made.

    Attributes:
        STANDARD: Always the same: six cameras in a ring, a LiDAR of 32 beams.
        TRAIN: For training: 4 to 7 cameras, mostly 6, each where chance puts it.
        HELD_OUT: For tests of what was trained: another number of cameras, lower or higher ones,
            longer or shorter lenses and another number of beams than training sees, all at once.
    """

    STANDARD = 'standard'
    TRAIN = 'train'
    HELD_OUT = 'held_out'


@dataclass(frozen=True)
class Rig:
    """What a body carries.

    Attributes:
        cameras: All of one size and without distortion.
        lidar: Its axes are those of the body.
    """

    cameras: tuple[Camera, ...]
    lidar: Lidar


@dataclass(frozen=True)
class _Choices:
    """Ranges that a rig is drawn from; of several ranges one is drawn first."""

    num_cameras: tuple[int, ...]
    heights: tuple[_Range, ...]  # metres
    focals: tuple[_Range, ...]  # widths of a picture
    channels: tuple[int, ...]


_CHOICES = {
    RigSplit.TRAIN: _Choices((4, 5, 6, 6, 6, 6, 6, 7), ((1.2, 2.2),), ((0.5, 0.8),), (32,)),
    RigSplit.HELD_OUT: _Choices(
        (3, 5, 8), ((0.8, 1.1), (2.3, 2.8)), ((0.42, 0.48), (0.85, 1.0)), (16, 64)
    ),
}


def make_rig(seed: int, split: RigSplit) -> Rig:
    """A rig.

    Cameras look outwards, evenly spread but for up to 0.2 rad, within 1 m of the vertical through
    the middle of the body; they pitch and roll a little.

    Args:
        seed: Decides everything, but for the standard rig.
        split: What may be drawn.

    Convention:
        The first camera of the standard rig looks straight ahead: 10 m ahead of the body at its
        own height is in the middle of its picture, (159.5, 89.5).
    """
    if split is RigSplit.STANDARD:
        return Rig(ring_of_cameras(*SIZE), Lidar(sectors=_SECTORS))
    rng = np.random.default_rng((seed, _STREAM, list(RigSplit).index(split)))
    choices = _CHOICES[split]
    num = int(rng.choice(choices.num_cameras))
    heights = choices.heights[rng.integers(len(choices.heights))]
    focals = choices.focals[rng.integers(len(choices.focals))]
    height, focal, first = rng.uniform(*heights), rng.uniform(*focals), rng.uniform(0, 2 * np.pi)
    cameras = []
    for index in range(num):
        yaw = first + index * 2 * np.pi / num + rng.uniform(-0.2, 0.2)
        up = np.clip(height + rng.uniform(-0.15, 0.15), *heights)
        wide = np.clip(focal * rng.uniform(0.9, 1.1), *focals) * SIZE[0]
        turn = turn_about(2, yaw) @ turn_about(1, rng.uniform(-0.06, 0.1))
        turn = turn @ turn_about(0, rng.uniform(-0.03, 0.03)) @ OPTICAL
        at = _place(rng, yaw, up)
        cameras.append(Camera(f'camera_{index}', *SIZE, float(wide), at=at, turn=turn))
    return Rig(tuple(cameras), _lidar(rng, int(rng.choice(choices.channels))))


def _place(rng: np.random.Generator, yaw: float, up: float) -> Array:
    """(3,) of a camera on the body, metres: mostly on the side to which it looks."""
    out, aside = rng.uniform(0.1, 0.9), rng.uniform(-0.3, 0.3)
    place = turn_about(2, yaw)[:, :2] @ np.array([out, aside])
    place *= min(1.0, _MOST_FROM_MIDDLE_M / float(np.hypot(out, aside)))
    return np.array([place[0], place[1], up])


def _lidar(rng: np.random.Generator, channels: int) -> Lidar:
    return Lidar(
        channels=channels, sectors=_SECTORS,
        lowest=-0.45 + rng.uniform(-0.08, 0.08), highest=0.18 + rng.uniform(-0.08, 0.08),
        at=np.array([*rng.uniform(-0.4, 0.4, 2), rng.uniform(1.6, 2.2)]),
    )  # fmt: skip
