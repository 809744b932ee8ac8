"""Further cones, barriers, balls and crates, for worlds of the split `varied`."""

from __future__ import annotations

import itertools

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import ACROSS, turn_about
from mm_perception.world.scene import Array, Solid
from mm_perception.world.things.families import (
    ALONG,
    CORNERS,
    SIDES,
    Families,
    Place,
    bent,
    lying,
    rod,
    taper,
    turned,
)
from mm_perception.world.things.surfaces import REFLECTOR, RUBBER, STEEL, box, paint, post
from mm_perception.world.variety import Dice

Built = tuple[Place, list[Solid]]
_DARK = Material((0.015, 0.015, 0.015))


def _banded(solids: list[Solid], bands: tuple[int, ...]) -> list[Solid]:
    """Some rings of a frustum in white."""
    return [
        Solid(s.shape, s.size, s.at, REFLECTOR) if index in bands else s
        for index, s in enumerate(solids)
    ]


def _squat_cone(dice: Dice, colour: str) -> Built:
    tall, radius, body = (
        dice.uniform(0.28, 0.45),
        dice.uniform(0.17, 0.22),
        paint(dice, colour, 0.2),
    )
    solids = [post(radius * 1.25, 0, 0.03, (0, 0), body)]
    solids += taper((radius, 0.02), (0.03, tall), body, 12)
    return (2.5 * radius, 2.5 * radius, tall), solids


def _tall_cone(dice: Dice, colour: str) -> Built:
    tall, body = dice.uniform(0.85, 1.15), paint(dice, colour, 0.2)
    side = dice.uniform(0.28, 0.34)
    foot = box(side, side, 0.06, (0, 0, 0.03), RUBBER)
    solids = [foot, turned(foot, 2, 45)]
    solids += _banded(taper((0.15, 0.025), (0.06, tall), body, 14), (4, 5, 8, 9))
    return (side * 2**0.5, side * 2**0.5, tall), solids


def _stacked_cones(dice: Dice, colour: str) -> Built:
    num, tall = dice.one_of((2, 3)), dice.uniform(0.45, 0.6)
    step, solids = dice.uniform(0.09, 0.14), []
    for index in range(num):
        body, low = paint(dice, colour, 0.2), index * step
        solids.append(box(0.38, 0.38, 0.035, (0, 0, low + 0.018), body))
        cone = taper((0.16, 0.03), (low + 0.03, low + tall), body, 8)
        solids += _banded(cone, (3, 4))
    return (0.38, 0.38, tall + (num - 1) * step), solids


def _lit_cone(dice: Dice, colour: str) -> Built:
    tall, body = dice.uniform(0.55, 0.8), paint(dice, colour, 0.2)
    light = Material(paint(dice, 'yellow').first, glow=dice.uniform(0.2, 0.8))
    solids = [post(0.21, 0, 0.04, (0, 0), body)]
    solids += _banded(taper((0.15, 0.045), (0.04, tall), body, 9), (dice.one_of((3, 4)), 6))
    solids.append(box(0.09, 0.11, 0.05, (0, 0, tall + 0.02), _DARK))
    solids.append(lying(0.075, 0.06, (0, 0, tall + 0.11), light, ALONG))
    return (0.42, 0.42, tall + 0.18), solids


def _board(dice: Dice, colour: str) -> Material:
    paints = paint(dice, colour, 0.2)
    if dice.chance(0.4):
        return Material(paints.first, REFLECTOR.first, 'striped', dice.uniform(0.25, 0.5))
    return paints


def _trestle_barrier(dice: Dice, colour: str) -> Built:
    length, tall, board = dice.uniform(1.2, 1.9), dice.uniform(0.85, 1.1), _board(dice, colour)
    leg = dice.one_of((STEEL, paint(dice, 'white', 0.2), paint(dice, 'brown', 0.1)))
    solids = []
    for y in (-length * 0.4, length * 0.4):
        solids += [rod(0.03, (x * 0.32, y, 0.03), (x * 0.02, y, tall), leg) for x in SIDES]
    for x in SIDES:
        plank = box(0.03, length, 0.24, (x * 0.08, 0, tall - 0.16), board)
        solids.append(turned(plank, 1, -x * 17))
        solids.append(
            rod(0.02, (x * 0.22, -length * 0.4, 0.35), (x * 0.22, length * 0.4, 0.35), leg)
        )
    return (0.64, length, tall), solids


def _chain_barrier(dice: Dice, colour: str) -> Built:
    length, tall, body = dice.uniform(1.8, 2.6), dice.uniform(0.85, 1.0), paint(dice, colour, 0.3)
    places, chain = np.linspace(-0.5, 0.5, 3) * (length - 0.3), dice.one_of((body, REFLECTOR))
    solids = []
    for y in places.tolist():
        solids.append(post(0.16, 0, 0.05, (0, y), RUBBER))
        solids.append(post(0.045, 0.05, tall, (0, y), body))
        solids += [post(0.047, z * tall, (z + 0.12) * tall, (0, y), REFLECTOR) for z in (0.4, 0.7)]
        solids.append(Solid('sphere', (0.06,), (0, y, tall), body))
    shares = np.linspace(0, 1, 7)
    for low, sag in ((0.92, 0.22), (0.5, 0.15)):
        for y, far in itertools.pairwise(places):
            path: list[Place] = [
                (0, float(y + (far - y) * s), float(low * tall - sag * 4 * s * (1 - s)))
                for s in shares
            ]
            solids += bent(0.018, path, chain)
    return (0.32, length, tall), solids


def _fence_barrier(dice: Dice, colour: str) -> Built:
    length, tall, body = dice.uniform(1.7, 2.4), dice.uniform(0.95, 1.15), paint(dice, colour, 0.3)
    half, low = length / 2, 0.2
    corners: list[Place] = [(0, -half, low), (0, half, low), (0, half, tall), (0, -half, tall),
                            (0, -half, low)]  # fmt: skip
    solids = bent(0.028, corners, body)
    for y in np.linspace(-half, half, dice.one_of((9, 12, 15)))[1:-1].tolist():
        solids.append(post(0.013, low, tall, (0, y), body))
    for y in (-half * 0.75, half * 0.75):
        solids += [rod(0.022, (0, y, low), (x * 0.28, y, 0.02), body) for x in SIDES]
    if dice.chance(0.5):
        sign = box(0.02, length * 0.4, 0.3, (0.03, 0, tall * 0.62), _board(dice, colour))
        solids.append(sign)
    return (0.56, length, tall), solids


def _rail_barrier(dice: Dice, colour: str) -> Built:
    length, tall, body = dice.uniform(1.8, 2.6), dice.uniform(0.7, 0.85), paint(dice, colour, 0.5)
    num = dice.one_of((3, 4))
    solids = [box(0.05, length, 0.3, (0.06, 0, tall - 0.17), body)]
    for z in (tall - 0.06, tall - 0.27):
        solids.append(lying(0.06, length, (0.09, 0, z), body, ACROSS))
    for y in (np.linspace(-0.42, 0.42, num) * length).tolist():
        solids.append(box(0.12, 0.1, tall, (-0.03, y, tall / 2), STEEL))
        solids.append(box(0.02, 0.12, 0.08, (0.1, y, tall - 0.16), REFLECTOR))
    solids += [lying(0.16, 0.08, (0.05, y * length / 2, tall - 0.17), body, ACROSS) for y in SIDES]
    return (0.3, length, tall), solids


def _belt(radius: float, wide: float, turn: Array, at: Place, skin: Material) -> Solid:
    """A ring around a ball: a disc that is a little larger than the ball there."""
    return Solid('cylinder', (radius * 1.006, wide / 2), at, skin, turn)


def _seamed_ball(dice: Dice, colour: str) -> Built:
    radius, skin = dice.uniform(0.11, 0.16), paint(dice, colour, 0.3)
    tilt, at = (
        turn_about(0, dice.uniform(0, 3)) @ turn_about(1, dice.uniform(0, 3)),
        (0, 0, radius),
    )
    seam = dice.one_of((_DARK, _DARK, REFLECTOR))
    rings = [np.eye(3), turn_about(0, np.pi / 2), turn_about(1, 0.9), turn_about(1, -0.9)]
    solids = [Solid('sphere', (radius,), at, skin)]
    solids += [_belt(radius, radius * 0.07, tilt @ ring, at, seam) for ring in rings]
    return (2 * radius,) * 3, solids


def _patched_ball(dice: Dice, colour: str) -> Built:
    radius, skin = dice.uniform(0.1, 0.2), paint(dice, colour, 0.5)
    patch = _DARK if colour == 'white' or (colour != 'black' and dice.chance(0.5)) else REFLECTOR
    tilt = turn_about(0, dice.uniform(0, 3)) @ turn_about(1, dice.uniform(0, 3))
    solids = [Solid('sphere', (radius,), (0, 0, radius), skin)]
    golden = (1 + 5**0.5) / 2
    for a, b in CORNERS:
        for axis in range(3):  # corners of an icosahedron
            away = tilt @ np.roll([0.0, a, b * golden], axis) / np.hypot(1, golden) * radius * 0.7
            x, y, z = away.tolist()
            solids.append(Solid('sphere', (radius * 0.37,), (x, y, z + radius), patch))
    return (2 * radius,) * 3, solids


def _oval_ball(dice: Dice, colour: str) -> Built:
    radius, skin = dice.uniform(0.1, 0.16), paint(dice, colour, 0.3)
    long, band = radius * dice.uniform(1.45, 1.75), dice.one_of((REFLECTOR, _DARK))
    solids = [Solid('ellipsoid', (long, radius, radius), (0, 0, radius), skin)]
    for x in (-0.55, 0.55):
        ring = radius * (1 - x * x) ** 0.5
        solids.append(_belt(ring, radius * 0.12, ALONG, (x * long, 0, radius), band))
    solids.append(box(long * 0.5, 0.012, 0.012, (0, 0, 2 * radius), band))
    return (2 * long, 2 * radius, 2 * radius), solids


def _ribbed_ball(dice: Dice, colour: str) -> Built:
    radius, skin = dice.uniform(0.2, 0.32), paint(dice, colour, 0.6)
    tilt, rib = turn_about(0, dice.uniform(-0.7, 0.7)), paint(dice, colour, 0.6)
    solids = [Solid('sphere', (radius,), (0, 0, radius), skin)]
    for share in (-0.8, -0.53, -0.27, 0.0, 0.27, 0.53, 0.8):
        x, y, z = (tilt[:, 2] * share * radius + [0, 0, radius]).tolist()
        ring = radius * (1 - share * share) ** 0.5 * 1.02
        solids.append(_belt(ring, radius * 0.09, tilt, (x, y, z), rib))
    if dice.chance(0.4):  # ears to hold on to
        for side in SIDES:
            foot: Place = (0.0, side * radius * 0.3, 1.93 * radius)
            tip: Place = (0.0, side * radius * 0.45, 2.4 * radius)
            solids.append(rod(radius * 0.1, foot, tip, skin))
    return (2 * radius,) * 3, solids


def _measures(dice: Dice) -> Place:
    return dice.uniform(0.35, 0.7), dice.uniform(0.3, 0.5), dice.uniform(0.25, 0.5)


def _slatted_crate(dice: Dice, colour: str) -> Built:
    long, wide, tall = _measures(dice)
    wood, num = paint(dice, colour, 0.2), dice.one_of((3, 4))
    inside = box(long * 0.9, wide * 0.9, tall * 0.8, (0, 0, tall * 0.42), _DARK)
    solids = [inside, box(long, wide, 0.03, (0, 0, 0.015), wood)]
    high = tall / num * 0.66
    for z in ((np.arange(num) + 0.5) * tall / num).tolist():
        solids += [box(long, 0.02, high, (0, y * wide / 2, z), wood) for y in SIDES]
        solids += [box(0.02, wide, high, (x * long / 2, 0, z), wood) for x in SIDES]
    solids += [
        box(0.05, 0.05, tall, (x * (long / 2 - 0.03), y * (wide / 2 - 0.03), tall / 2), wood)
        for x, y in CORNERS
    ]
    return (long, wide, tall), solids


def _open_crate(dice: Dice, colour: str) -> Built:
    long, wide, tall = _measures(dice)
    side = paint(dice, colour, 0.4)
    solids = [box(long, wide, 0.03, (0, 0, 0.015), side)]
    for sign in SIDES:
        solids.append(box(long, 0.03, tall, (0, sign * wide / 2, tall / 2), side))
        solids.append(box(0.03, wide, tall, (sign * long / 2, 0, tall / 2), side))
        grip = (sign * (long / 2 + 0.005), 0, tall * 0.78)
        solids.append(box(0.03, wide * 0.35, tall * 0.13, grip, _DARK))
        solids.append(box(long * 0.3, 0.03, tall * 0.13,
                          (0, sign * (wide / 2 + 0.005), tall * 0.78), _DARK))  # fmt: skip
        solids.append(box(long + 0.05, 0.05, 0.03, (0, sign * wide / 2, tall), side))
        solids.append(box(0.05, wide + 0.05, 0.03, (sign * long / 2, 0, tall), side))
    if dice.chance(0.5):
        for x, y in CORNERS:
            neck = post(0.03, 0.03, tall * 1.15, (x * long * 0.25, y * wide * 0.25), _DARK)
            solids.append(neck)
    return (long, wide, tall), solids


def _tote(dice: Dice, colour: str) -> Built:
    long, wide, tall = _measures(dice)
    side, steps = paint(dice, colour, 0.5), 5
    lid = dice.one_of((side, paint(dice, 'grey', 0.4), _DARK))
    solids = []
    for index in range(steps):
        share, high = 0.78 + 0.2 * index / (steps - 1), tall / steps
        solids.append(box(long * share, wide * share, high, (0, 0, (index + 0.5) * high), side))
    for y in (np.linspace(-0.3, 0.3, 3) * wide).tolist():
        solids.append(box(long * 0.95, 0.03, tall * 0.8, (0, y, tall * 0.55), side))
    for x in (np.linspace(-0.35, 0.35, 4) * long).tolist():
        solids.append(box(0.03, wide * 0.95, tall * 0.8, (x, 0, tall * 0.55), side))
    solids.append(box(long * 1.04, wide * 1.04, 0.04, (0, 0, tall - 0.02), lid))
    solids.append(box(long * 0.8, wide * 0.8, 0.03, (0, 0, tall), lid))
    solids += [
        box(0.06, wide * 0.3, 0.05, (x * long * 0.51, 0, tall - 0.04), _DARK) for x in SIDES
    ]
    return (long, wide, tall), solids


def _braced_crate(dice: Dice, colour: str) -> Built:
    long, wide, tall = _measures(dice)
    side, edge = paint(dice, colour, 0.2), paint(dice, colour, 0.2)
    frame = Material(edge.second, edge.second, gloss=edge.gloss)
    solids = [box(long, wide, tall, (0, 0, tall / 2), side)]
    for sign in SIDES:
        for x, y, across in ((sign * long / 2, 0.0, True), (0.0, sign * wide / 2, False)):
            span = wide if across else long
            for z in (0.03, tall - 0.03):
                size = (0.04, span + 0.04) if across else (span + 0.04, 0.04)
                solids.append(box(*size, 0.06, (x, y, z), frame))
            slope = np.rad2deg(np.arctan2(tall - 0.06, span))
            size = (0.03, np.hypot(span, tall) * 0.95) if across else (
                np.hypot(span, tall) * 0.95, 0.03)  # fmt: skip
            plank = box(float(size[0]), float(size[1]), 0.055, (x, y, tall / 2), frame)
            solids.append(turned(plank, 0 if across else 1, float(slope)))
    solids += [box(0.06, 0.06, tall, (x * long / 2, y * wide / 2, tall / 2), frame)
               for x, y in CORNERS]  # fmt: skip
    return (long, wide, tall), solids


#: Class name to families by name.
FAMILIES: dict[str, Families] = {
    'cone': {
        'squat': _squat_cone, 'tall': _tall_cone, 'stack': _stacked_cones, 'lit': _lit_cone,
    },
    'barrier': {
        'trestle': _trestle_barrier, 'chain': _chain_barrier, 'fence': _fence_barrier,
        'rail': _rail_barrier,
    },
    'ball': {
        'seams': _seamed_ball, 'patches': _patched_ball, 'oval': _oval_ball, 'ribs': _ribbed_ball,
    },
    'crate': {
        'slats': _slatted_crate, 'open': _open_crate, 'tote': _tote, 'braced': _braced_crate,
    },
}  # fmt: skip
