"""3D boxes of the things in a scene at a moment: just as large as the solids that they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Solid, Stage, Thing

#: Half step of the derivative of a motion.
_STEP_S = 5e-3


@dataclass(frozen=True, eq=False)
class Box:
    """One instance in a frame whose z axis is up.

    Attributes:
        instance: Its number, as in the masks.
        kind: Class name.
        colour: Named colour; empty if it has none.
        words: Further adjectives, such as parked.
        centre: (3,) metres.
        size: (3,) length along its heading, width and height, metres. Of a body with limbs it is
            that of the moment.
        yaw: Heading about z from x towards y, radians.
        velocity: (3,) over ground along the axes of the frame, m/s.
    """

    instance: int
    kind: str
    colour: str
    words: tuple[str, ...]
    centre: Array
    size: Array
    yaw: float
    velocity: Array

    @property
    def name(self) -> str:
        """Such as 'red car'."""
        return f'{self.colour} {self.kind}'.strip()

    def seen_from(self, at: Array, turn: Array) -> Box:
        """The same box in another frame; the velocity is still over ground.

        Args:
            at: (3,) place of that frame in this one, metres.
            turn: (3, 3) rotation from that frame to this one, about z.

        Convention:
            From a frame at (10, 0, 0) that is turned left by 90 degrees, a box at (10, 5, 0) with
            yaw 0 is at (5, 0, 0) with yaw -90 degrees.
        """
        swing = float(np.arctan2(turn[1, 0], turn[0, 0]))
        return replace(
            self, centre=turn.T @ (self.centre - at), velocity=turn.T @ self.velocity,
            yaw=float((self.yaw - swing + np.pi) % (2 * np.pi) - np.pi),
        )  # fmt: skip

    def corners(self) -> Array:
        """(8, 3) metres in the frame of the box's centre."""
        signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing='ij')).reshape(3, -1).T
        turned: Array = signs * self.size @ turn_about(2, self.yaw).T
        return turned + self.centre

    def distance(self, xy: Array) -> float:
        """Metres on the ground from a place (2,) to the outline; 0 inside of it."""
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        away = np.array([[cosine, sine], [-sine, cosine]]) @ (xy - self.centre[:2])
        return float(np.linalg.norm(np.maximum(np.abs(away) - self.size[:2] / 2, 0)))


def boxes_of(stage: Stage, time_s: float) -> list[Box]:
    """Boxes of all things in the world, in order of their instance numbers.

    Args:
        stage: It is left at that time.
        time_s: When.
    """
    stage.set_time(time_s)
    return [box_around(stage, thing, time_s) for thing in stage.scene.things]


def box_around(stage: Stage, thing: Thing, time_s: float, below: float = np.inf) -> Box:
    """The box of one thing.

    Args:
        stage: The scene at that time.
        thing: Of that scene.
        time_s: When.
        below: Only the solids that reach below that height, metres; all if none does.
    """
    yaw = _yaw(thing, time_s)
    heading = turn_about(2, yaw)
    low, high = _span(stage, np.flatnonzero(stage.instances == thing.instance), heading, below)
    before, after = (thing.pose(time_s + step)[0] for step in (-_STEP_S, _STEP_S))
    return Box(
        thing.instance, thing.kind, thing.colour, thing.words, heading @ (low + high) / 2,
        high - low, yaw, (after - before) / (2 * _STEP_S),
    )  # fmt: skip


def _yaw(thing: Thing, time_s: float) -> float:
    turn = thing.pose(time_s)[1]
    return float(np.arctan2(turn[1, 0], turn[0, 0]))


def _span(
    stage: Stage, own: np.ndarray[tuple[int, ...], np.dtype[np.intp]], heading: Array, below: float
) -> tuple[Array, Array]:
    """Least and greatest coordinates (3,) of some solids along the axes of a heading."""
    centres = stage.geom_at[own] @ heading
    halves = np.array(
        [half_extent(stage.solids[index], heading.T @ stage.geom_turn[index]) for index in own]
    )
    low, high = centres - halves, centres + halves
    chosen = low[:, 2] < max(below, float(low[:, 2].min()) + 1e-9)
    return low[chosen].min(0), high[chosen].max(0)


def half_extent(solid: Solid, turn: Array) -> Array:
    """How far a solid reaches from its centre along each axis, (3,) metres.

    Args:
        solid: What.
        turn: (3, 3) rotation from its own axes.

    Convention:
        A box of half lengths (2, 1, 1) turned by 90 degrees about z reaches (1, 2, 1).
    """
    size = np.array(solid.size)
    if solid.shape == 'box':
        reach = np.abs(turn) @ size
    elif solid.shape == 'ellipsoid':
        reach = np.linalg.norm(turn * size, axis=1)
    elif solid.shape == 'sphere':
        reach = np.full(3, size[0])
    elif solid.shape == 'plane':
        reach = np.full(3, np.inf)
    else:  # a cylinder or a capsule along its own z
        along = np.abs(turn[:, 2])
        round_ends = solid.shape == 'capsule'
        rim = 1.0 if round_ends else np.sqrt(np.clip(1 - along**2, 0, None))
        reach = along * size[1] + size[0] * rim
    return np.asarray(reach, np.float64)
