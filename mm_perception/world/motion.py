"""How things move: a pose for every moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from mm_perception.world.scene import Array, Motion

#: (T) seconds to (offset in metres, swing about y in radians) of the joints from the root.
Chain = Callable[[float], Sequence[tuple[Array, float]]]
#: (T) seconds to (offset in metres, rotation (3, 3)) of the joints from the root.
Links = Callable[[float], Sequence[tuple[Array, Array]]]


def turn_about(axis: int, angle: float) -> Array:
    """Rotation about x, y or z by an angle in radians, (3, 3)."""
    c, s = np.cos(angle), np.sin(angle)
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    turn = np.eye(3)
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


#: Puts a cylinder's axis along y.
ACROSS = turn_about(0, np.pi / 2)


def standing(x: float, y: float, yaw: float = 0.0, z: float = 0.0) -> Motion:
    """A pose that does not change."""
    at, turn = np.array([x, y, z]), turn_about(2, yaw)
    return lambda time_s: (at, turn)


def straight(start: tuple[float, float, float], yaw: float, speed: float) -> Motion:
    """Straight on at a constant speed in m/s."""
    turn, step = turn_about(2, yaw), speed * np.array([np.cos(yaw), np.sin(yaw), 0.0])
    place = np.array(start)
    return lambda time_s: (place + step * time_s, turn)


def pacing(centre: tuple[float, float], yaw: float, reach: float, speed: float) -> Motion:
    """To and fro along a line of half length `reach`, turning at its ends."""
    period = 4 * reach / speed
    ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0])

    def motion(time_s: float) -> tuple[Array, Array]:
        phase = time_s % period / period
        share, heading = (4 * phase - 1, 0.0) if phase < 0.5 else (3 - 4 * phase, np.pi)
        return np.array([*centre, 0.0]) + ahead * reach * share, turn_about(2, yaw + heading)

    return motion


def jointed(root: Motion, chain: Chain) -> Motion:
    """The frame at the end of a chain of joints."""
    return partial(_jointed, root, chain)


def linked(root: Motion, links: Links) -> Motion:
    """The frame at the end of joints that turn any way."""
    return partial(_linked, root, links)


def carried(root: Motion, offset: Array) -> Motion:
    """A frame that keeps its place (3,) in metres and its axes in another."""
    return partial(_jointed, root, partial(_fixed, offset))


def _fixed(offset: Array, time_s: float) -> list[tuple[Array, float]]:
    return [(offset, 0.0)]


def _jointed(root: Motion, chain: Chain, time_s: float) -> tuple[Array, Array]:
    at, turn = root(time_s)
    for offset, swing in chain(time_s):
        at = at + turn @ offset
        turn = turn @ turn_about(1, swing)
    return at, turn


def _linked(root: Motion, links: Links, time_s: float) -> tuple[Array, Array]:
    at, turn = root(time_s)
    for offset, own in links(time_s):
        at = at + turn @ offset
        turn = turn @ own
    return at, turn
