"""How a body holds its limbs: angles, what points where, and postures by chance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array
from mm_perception.world.variety import Dice

_DOWN = -np.pi / 2


@dataclass(frozen=True)
class Limb:
    """How an arm or a leg is held, in the frame of the torso (x ahead, y left, z up); radians.

    Attributes:
        azimuth: Where its upper part goes, from ahead to the left; matters unless it hangs.
        elevation: Of its upper part over the horizontal; -pi / 2 hangs.
        bend: Of elbow or knee; 0 is straight. A hanging elbow bends ahead, a knee back.
        twist: About the upper part, from the shortest turn out of hanging: which way it bends.
    """

    azimuth: float = 0.0
    elevation: float = _DOWN
    bend: float = 0.0
    twist: float = 0.0

    @property
    def direction(self) -> Array:
        """(3,) unit vector along the upper part."""
        level = np.cos(self.elevation)
        x, y = level * np.cos(self.azimuth), level * np.sin(self.azimuth)
        return np.array([x, y, np.sin(self.elevation)])

    @property
    def turn(self) -> Array:
        """(3, 3) rotation of the upper part, which hangs along -z where it is the identity."""
        upper: Array = _shortest(self.azimuth, self.elevation) @ turn_about(2, self.twist)
        return upper


@dataclass(frozen=True)
class LimbAngles:
    """How a whole body is held; radians.

    Attributes:
        right_arm: In the frame of the torso, as all limbs.
        left_arm: The other one.
        right_leg: In the frame of the body, which does not lean.
        left_leg: The other one.
        lean: Of the torso ahead.
        tilt: Of the torso to the right.
        twist: Of the torso to the left, over the hips.
    """

    right_arm: Limb = field(default_factory=Limb)
    left_arm: Limb = field(default_factory=Limb)
    right_leg: Limb = field(default_factory=Limb)
    left_leg: Limb = field(default_factory=Limb)
    lean: float = 0.0
    tilt: float = 0.0
    twist: float = 0.0

    @property
    def torso(self) -> Array:
        """(3, 3) rotation of the torso on the body."""
        upper: Array = turn_about(2, self.twist) @ turn_about(0, self.tilt)
        return upper @ turn_about(1, self.lean)


def _shortest(azimuth: float, elevation: float) -> Array:
    """The shortest turn that takes -z to a direction, (3, 3)."""
    around = turn_about(2, azimuth)
    turn: Array = around @ turn_about(1, _DOWN - elevation) @ around.T
    return turn


def _angles_of(direction: Array) -> tuple[float, float]:
    """Azimuth and elevation of a vector (3,)."""
    x, y, z = direction
    return float(np.arctan2(y, x)), float(np.arctan2(z, np.hypot(x, y)))


def arm_towards(
    direction: Array, torso: Array | None = None, bend: float = 0.0, swivel: float = 0.0
) -> Limb:
    """An arm whose line from shoulder to wrist has a direction, however its elbow is bent.

    Args:
        direction: (3,) of that line in the world; any length but 0.
        torso: (3, 3) rotation of the torso in the world; None if they are the same.
        bend: Of the elbow, radians.
        swivel: Of the elbow about that line, radians.

    Convention:
        Ahead with a torso that is not turned is azimuth 0 and elevation 0.
    """
    local = np.asarray(direction, np.float64) @ (np.eye(3) if torso is None else torso)
    # Upper arm and forearm are equally long: the line halves the angle between them.
    turn = _shortest(*_angles_of(local)) @ turn_about(2, swivel) @ turn_about(1, bend / 2)
    azimuth, elevation = _angles_of(-turn[:, 2])
    rest = _shortest(azimuth, elevation).T @ turn
    return Limb(azimuth, elevation, bend, float(np.arctan2(rest[1, 0], rest[0, 0])))


def any_limbs(dice: Dice) -> LimbAngles:
    """A posture by chance: it stands, steps, sits, squats or kneels, and its arms do anything."""
    right_leg, left_leg = _legs(dice)
    bows = dice.chance(0.15)
    return LimbAngles(
        _arm(dice, -1), _arm(dice, 1), right_leg, left_leg,
        lean=dice.uniform(0.3, 1.2) if bows else float(dice.rng.normal(0.05, 0.1)),
        tilt=float(dice.rng.normal(0, 0.09)), twist=float(dice.rng.normal(0, 0.2)),
    )  # fmt: skip


def _arm(dice: Dice, side: int) -> Limb:
    """An arm by chance; angles are drawn as of the left one, outwards is positive."""
    doing = dice.one_of(('hangs', 'hangs', 'anywhere', 'anywhere', 'points', 'raised', 'folded'))
    azimuth, twist = dice.uniform(-0.5, 1.9), float(dice.rng.normal(0, 0.5))
    if doing == 'hangs':
        elevation, bend = _DOWN + abs(float(dice.rng.normal(0, 0.2))), dice.uniform(0, 0.7)
    elif doing == 'points':
        elevation, bend = dice.uniform(-1.0, 0.7), abs(float(dice.rng.normal(0, 0.15)))
    elif doing == 'raised':
        elevation, bend = dice.uniform(0.3, 1.5), dice.uniform(0, 1.6)
    elif doing == 'folded':
        azimuth, elevation = dice.uniform(-0.3, 1.8), dice.uniform(-1.4, -0.7)
        bend, twist = dice.uniform(1.2, 2.4), dice.uniform(-1.6, 0.3)
    else:
        elevation, bend = float(np.arcsin(dice.uniform(-1, 0.95))), dice.uniform(0, 2.3)
    return Limb(side * azimuth, elevation, bend, side * twist)


def _legs(dice: Dice) -> tuple[Limb, Limb]:
    """Legs by chance, right and left."""
    doing = dice.one_of(
        ('stands', 'stands', 'stands', 'steps', 'steps', 'sits', 'squats', 'lifts')
    )
    sides = []
    ahead = dice.uniform(0.1, 0.8)  # of the thigh, from hanging
    for side, way in zip((-1, 1), dice.one_of(((1, -1), (-1, 1))), strict=True):
        spread = abs(float(dice.rng.normal(0, 0.12)))
        if doing == 'stands':
            swing, bend = float(dice.rng.normal(0, 0.08)), abs(float(dice.rng.normal(0, 0.1)))
        elif doing == 'steps':
            swing, bend = way * ahead * (1.0 if way > 0 else 0.6), dice.uniform(0, 0.9)
        elif doing == 'sits':
            swing, bend = dice.uniform(1.2, 1.7), dice.uniform(1.1, 1.9)
        elif doing == 'squats':
            swing, bend, spread = dice.uniform(0.7, 1.9), dice.uniform(1.0, 2.4), 2 * spread
        else:
            swing, bend = (dice.uniform(0.5, 1.7), dice.uniform(0.3, 2.0)) if way > 0 else (0.0, 0)
        direction = np.array([np.sin(swing), side * np.tan(spread), -np.cos(swing)])
        sides.append(
            Limb(*_angles_of(direction), bend, side * abs(float(dice.rng.normal(0, 0.2))))
        )
    return sides[0], sides[1]
