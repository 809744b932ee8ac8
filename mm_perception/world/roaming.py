"""How a body roams a street: from anywhere on the road, any way, and not only along its lane.

A network that has only seen drives along a street may learn the street by heart instead of
looking at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Scene
from mm_perception.world.street import LANE_M, PARKING_M
from mm_perception.world.truth import Box
from mm_perception.world.variety import Dice

#: Room around the middle of the body: to the kerb, and to the outline of things, metres.
_TO_KERB_M, _TO_THINGS_M = 0.4, 1.4
#: Steps of a way at which it must be clear.
_STEPS = 9
#: Along the street there are things and buildings that far, metres.
_STREET_X = (-50.0, 80.0)


@dataclass(frozen=True)
class Way:
    """A way on the ground at a constant speed and a constant yaw rate.

    Attributes:
        start: x and y at time 0, metres.
        yaw: At time 0, radians.
        speed: Forwards, m/s.
        yaw_rate: To the left, rad/s.
    """

    start: tuple[float, float]
    yaw: float
    speed: float
    yaw_rate: float

    def pose(self, time_s: float) -> tuple[float, float, float]:
        """Place x and y in metres and yaw in radians, from -pi to pi, in the world.

        Convention:
            From (0, 0) with yaw 0, pi/2 m/s and pi/2 rad/s are a quarter of a circle of radius 1
            in one second: it is then at (1, 1) with yaw pi/2.
        """
        half = self.yaw_rate * time_s / 2
        chord = self.speed * time_s * float(np.sinc(half / np.pi))
        x = self.start[0] + chord * np.cos(self.yaw + half)
        y = self.start[1] + chord * np.sin(self.yaw + half)
        yaw = (self.yaw + 2 * half + np.pi) % (2 * np.pi) - np.pi
        return float(x), float(y), float(yaw)

    def body(self, time_s: float) -> tuple[Array, Array]:
        """Place (3,) in metres and rotation (3, 3) of base_link in the world; a `Motion`."""
        x, y, yaw = self.pose(time_s)
        return np.array([x, y, 0.0]), turn_about(2, yaw)


def roam(
    dice: Dice, scene: Scene, boxes: Sequence[Box], kinds: Sequence[Sequence[str]], seconds: float
) -> Way:
    """A way along which the body stays on the road and meets nothing.

    Args:
        dice: What decides.
        scene: A street.
        boxes: Of its things at time 0; they go on as they move then.
        kinds: Groups of classes; it passes near something of a group, each as often as another.
        seconds: Length; the way is clear from time 0 until then.
    """
    times = np.linspace(0, seconds, _STEPS)
    # Decided once: what crosses the road is clear less often, and would else be rare.
    is_along = dice.chance(0.7)
    while True:
        way = _way(dice, _where(dice, scene, boxes, kinds), is_along)
        if _is_clear(way, boxes, times):
            return way


def _where(
    dice: Dice, scene: Scene, boxes: Sequence[Box], kinds: Sequence[Sequence[str]]
) -> float:
    """Place along the street, metres: near a crossing or near a thing."""
    crossing = [solid.at[0] for kind, solid in scene.ground if kind == 'crossing']
    if crossing and dice.chance(0.15):
        return crossing[0] + dice.uniform(-3, 3)
    group = dice.one_of(kinds)
    near = [b.centre[0] for b in boxes if b.kind in group and _is_in_street(b.centre[0])]
    x = dice.one_of(near) if near else dice.uniform(*_STREET_X)
    return float(np.clip(x + dice.uniform(-25, 25), *_STREET_X))


def _is_in_street(x: float) -> bool:
    return _STREET_X[0] <= x <= _STREET_X[1]


def _way(dice: Dice, x: float, is_along: bool) -> Way:
    side = dice.one_of((-1, 1))
    if dice.chance(0.75):
        y = side * LANE_M / 2 + dice.uniform(-0.8, 0.8)
    elif dice.chance(0.5):
        y = side * (LANE_M + PARKING_M / 2) + dice.uniform(-0.5, 0.5)
    else:
        y = side * dice.uniform(0, LANE_M + PARKING_M)
    # One keeps to the right, mostly.
    along = 0.0 if (side < 0) == dice.chance(0.8) else np.pi
    yaw = along + dice.uniform(-0.4, 0.4) if is_along else dice.uniform(-np.pi, np.pi)
    speed = 0.0 if dice.chance(0.1) else dice.uniform(0, 9)
    return Way((x, y), yaw, speed, dice.uniform(-0.35, 0.35))


def _is_clear(way: Way, boxes: Sequence[Box], times: Array) -> bool:
    for time_s in times:
        xy = np.array(way.pose(float(time_s))[:2])
        if abs(xy[1]) > LANE_M + PARKING_M - _TO_KERB_M:
            return False
        if any(b.distance(xy - b.velocity[:2] * time_s) < _TO_THINGS_M for b in boxes):
            return False
    return True
