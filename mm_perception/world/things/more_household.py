"""Further cups, plants and televisions, for worlds of the split `varied`."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Solid
from mm_perception.world.things.families import (
    CORNERS,
    SIDES,
    Families,
    Place,
    bent,
    rod,
    taper,
    turned,
)
from mm_perception.world.things.surfaces import CHROME, GLASS, RUBBER, STEEL, box, paint, post
from mm_perception.world.variety import Dice

Built = tuple[Place, list[Solid]]
_DRINK = Material((0.05, 0.03, 0.02))


def _ear(radius: float, away: float, height: float, glaze: Material) -> list[Solid]:
    """A round handle on the left."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, 8)
    path: list[Place] = [
        (0, float(away + radius * np.cos(a)), float(height + radius * np.sin(a))) for a in angles
    ]
    return bent(0.007, path, glaze)


def _teacup(dice: Dice, colour: str) -> Built:
    radius, tall, glaze = dice.uniform(0.05, 0.065), dice.uniform(0.06, 0.08), paint(dice, colour)
    plate = radius * dice.uniform(1.5, 1.8)
    solids = [
        post(plate * 0.6, 0, 0.008, (0, 0), glaze), post(plate, 0.008, 0.014, (0, 0), glaze),
        *taper((radius * 0.5, radius), (0.014, tall), glaze, 8),
        post(radius * 0.85, tall, tall + 0.002, (0, 0), _DRINK),
        *_ear(tall * 0.25, radius * 0.85, tall * 0.65, glaze),
    ]  # fmt: skip
    return (2 * plate, 2 * plate, tall), solids


def _cup_to_go(dice: Dice, colour: str) -> Built:
    radius, tall, paper = dice.uniform(0.04, 0.05), dice.uniform(0.12, 0.17), paint(dice, colour)
    lid = paint(dice, dice.one_of(('white', 'black')), 0.6)
    solids = taper((radius * 0.7, radius), (0, tall - 0.015), paper, 10)
    solids += [post(radius * 1.1, tall - 0.02, tall - 0.008, (0, 0), lid)]
    solids += [post(radius * 0.92, tall - 0.01, tall, (0, 0), lid)]
    if dice.chance(0.5):
        sleeve = paint(dice, 'brown', 0.1)
        solids += taper((radius * 0.87, radius * 0.98), (tall * 0.35, tall * 0.65), sleeve)
    if dice.chance(0.3):
        solids.append(rod(0.004, (0.01, 0, tall - 0.02), (0.03, 0, tall + 0.06), lid))
    return (2 * radius, 2 * radius, tall), solids


def _tankard(dice: Dice, colour: str) -> Built:
    radius, tall, glaze = dice.uniform(0.045, 0.06), dice.uniform(0.14, 0.19), paint(dice, colour)
    solids = taper((radius * 1.15, radius * 0.95), (0, tall), glaze, 10)
    solids += [
        post(radius * 1.2, z * tall, z * tall + 0.012, (0, 0), STEEL) for z in (0.04, 0.5, 0.9)
    ]
    far = radius + 0.045
    path: list[Place] = [(0, radius * 0.9, tall * 0.85), (0, far, tall * 0.8),
                         (0, far, tall * 0.35), (0, radius, tall * 0.2)]  # fmt: skip
    solids += bent(0.009, path, glaze)
    solids.append(post(radius * 0.85, tall, tall + 0.002, (0, 0), _DRINK))
    return (2.3 * radius, 2.3 * radius, tall), solids


def _wide_mug(dice: Dice, colour: str) -> Built:
    radius, tall, glaze = dice.uniform(0.055, 0.07), dice.uniform(0.075, 0.1), paint(dice, colour)
    rim = paint(dice, dice.one_of(('white', 'black', colour)), 0.6)
    solids = [
        post(radius * 0.85, 0, 0.012, (0, 0), glaze), post(radius, 0.01, tall, (0, 0), glaze),
        post(radius * 1.04, tall - 0.008, tall, (0, 0), rim),
        post(radius * 0.9, tall, tall + 0.002, (0, 0), _DRINK),
        *_ear(tall * 0.33, radius, tall * 0.52, glaze),
    ]  # fmt: skip
    return (2 * radius, 2 * radius, tall), solids


def _leaf(dice: Dice) -> Material:
    return paint(dice, 'green', 0.1, pattern='speckled', scale=0.15)


def _blade(size: Place, foot: Place, around: float, up: float, leaf: Material) -> Solid:
    """A flat leaf (half length, half width, half thickness) from a point outwards; radians."""
    turn = turn_about(2, around) @ turn_about(1, -up)
    x, y, z = (np.array(foot) + turn[:, 0] * size[0] * 0.95).tolist()
    return Solid('ellipsoid', size, (x, y, z), leaf, turn)


def _square_pot(dice: Dice, colour: str, deep: float) -> tuple[float, list[Solid]]:
    side, pot = dice.uniform(0.24, 0.36), paint(dice, colour, 0.4)
    rim = box(side * 1.08, side * 1.08, 0.04, (0, 0, deep), pot)
    return side, [box(side, side, deep, (0, 0, deep / 2), pot), rim]


def _tapered_pot(dice: Dice, colour: str, deep: float) -> tuple[float, list[Solid]]:
    radius, pot = dice.uniform(0.14, 0.2), paint(dice, colour, 0.4)
    return 2 * radius, taper((radius * 0.6, radius), (0, deep), pot, 8)


def _standing_pot(dice: Dice, colour: str, deep: float) -> tuple[float, list[Solid]]:
    radius, pot = dice.uniform(0.14, 0.2), paint(dice, colour, 0.4)
    wood = paint(dice, dice.one_of(('brown', 'black')), 0.2)
    solids = [post(radius, deep * 0.4, deep, (0, 0), pot)]
    solids += [
        rod(0.014, (x * radius * 0.85, y * radius * 0.85, 0.01),
            (x * radius * 0.7, y * radius * 0.7, deep * 0.6), wood) for x, y in CORNERS
    ]  # fmt: skip
    return 2 * radius, solids


def _pot(dice: Dice, colour: str, deep: float) -> tuple[float, list[Solid]]:
    make = dice.one_of((_square_pot, _tapered_pot, _standing_pot))
    return make(dice, colour, deep)


def _fern(dice: Dice, colour: str) -> Built:
    deep, leaf = dice.uniform(0.22, 0.4), _leaf(dice)
    side, solids = _pot(dice, colour, deep)
    reach = dice.uniform(0.16, 0.24)
    for index in range(12):
        around, up = index * 2.4, dice.uniform(0.5, 1.2)
        first = _blade((reach, 0.04, 0.012), (0, 0, deep), around, up, leaf)
        tip = (2 * np.array(first.at) - [0, 0, deep]).tolist()
        drop = _blade((reach * 0.6, 0.035, 0.012), (tip[0], tip[1], tip[2]), around, -0.7, leaf)
        solids += [first, drop]
    return (side, side, deep + 2 * reach), solids


def _blades(dice: Dice, colour: str) -> Built:
    deep, tall, leaf = dice.uniform(0.2, 0.35), dice.uniform(0.4, 0.75), _leaf(dice)
    side, solids = _pot(dice, colour, deep)
    for index in range(11):
        around, up = index * 2.4, dice.uniform(1.05, 1.5)
        long = tall / 2 * dice.uniform(0.6, 1.0)
        away = side * 0.2
        foot = (away * float(np.cos(around)), away * float(np.sin(around)), deep - 0.02)
        solids.append(_blade((long, 0.035, 0.01), foot, around, up, leaf))
    return (side, side, deep + tall), solids


def _topiary(dice: Dice, colour: str) -> Built:
    deep, tall, leaf = dice.uniform(0.22, 0.36), dice.uniform(0.5, 0.9), _leaf(dice)
    side, solids = _pot(dice, colour, deep)
    crown = dice.uniform(0.15, 0.22)
    solids.append(post(0.022, deep, deep + tall, (0, 0), paint(dice, 'brown', 0.1)))
    solids.append(Solid('sphere', (crown,), (0, 0, deep + tall - crown), leaf))
    if dice.chance(0.5):
        solids.append(Solid('sphere', (crown * 0.75,), (0, 0, deep + crown * 0.6), leaf))
    return (max(side, 2 * crown),) * 2 + (deep + tall,), solids


def _broad_leaves(dice: Dice, colour: str) -> Built:
    deep, tall, leaf = dice.uniform(0.22, 0.36), dice.uniform(0.35, 0.7), _leaf(dice)
    side, solids = _pot(dice, colour, deep)
    for index in range(9):
        around, high = index * 2.4, deep + tall * dice.uniform(0.35, 1.0)
        away = dice.uniform(0.05, 0.2)
        foot = (away * float(np.cos(around)), away * float(np.sin(around)), high)
        solids.append(rod(0.008, (0, 0, deep - 0.02), foot, leaf))
        size = (dice.uniform(0.09, 0.13), dice.uniform(0.07, 0.1), 0.01)
        solids.append(_blade(size, foot, around, dice.uniform(-0.6, 0.4), leaf))
    return (side, side, deep + tall), solids


def _panel(
    dice: Dice, wide: float, low: float, frame: Material, *, thick: float = 0.05
) -> list[Solid]:
    """A flat screen that may run, its lower edge at a height."""
    screen, high = GLASS, wide * 0.57
    if dice.chance(0.4):
        light = (dice.uniform(0, 0.4), dice.uniform(0, 0.4), dice.uniform(0.1, 0.5))
        screen = Material(light, (0.02, 0.03, 0.05), 'speckled', 0.5, 0.6, glow=0.5)
    return [
        box(thick, wide, high, (0, 0, low + high / 2), frame),
        box(0.01, wide * 0.95, high * 0.91, (thick / 2, 0, low + high / 2), screen),
    ]


def _easel_television(dice: Dice, colour: str) -> Built:
    wide, low, frame = dice.uniform(0.8, 1.3), dice.uniform(0.5, 0.7), paint(dice, colour)
    high = low + wide * 0.57
    solids = _panel(dice, wide, low, frame)
    for y in SIDES:
        solids.append(rod(0.025, (-0.04, y * wide * 0.4, 0.02), (-0.08, y * 0.1, high), frame))
    solids.append(rod(0.025, (-0.4, 0, 0.02), (-0.08, 0, high), frame))
    return (0.5, wide, high), solids


def _trolley_television(dice: Dice, colour: str) -> Built:
    wide, low, frame = dice.uniform(0.9, 1.4), dice.uniform(0.7, 0.95), paint(dice, colour)
    solids = _panel(dice, wide, low, frame)
    for y in (-0.2, 0.2):
        solids.append(post(0.028, 0.08, low + 0.3, (-0.05, y), frame))
        solids.append(box(0.6, 0.07, 0.05, (0, y * 1.4, 0.09), frame))
        solids += [Solid('sphere', (0.035,), (x, y * 1.4, 0.035), RUBBER) for x in (-0.27, 0.27)]
    solids.append(box(0.36, 0.5, 0.03, (0, 0, low * 0.5), frame))
    return (0.6, wide, low + wide * 0.57), solids


def _sideboard_television(dice: Dice, colour: str) -> Built:
    wide, top, frame = dice.uniform(0.8, 1.25), dice.uniform(0.45, 0.6), paint(dice, colour)
    board, low = wide * dice.uniform(1.1, 1.3), top + 0.08
    solids = _panel(dice, wide, low, frame)
    solids.append(box(0.4, board, top - 0.18, (0, 0, 0.09 + top / 2), frame))
    for x, y in CORNERS:
        foot = (x * 0.17, y * board * 0.46, 0.02)
        solids.append(rod(0.02, foot, (x * 0.12, y * board * 0.4, 0.2), frame))
    for y in np.linspace(-0.5, 0.5, 4)[1:3] * board:
        solids.append(box(0.01, 0.012, top - 0.2, (0.2, float(y), 0.09 + top / 2), GLASS))
    solids += [box(0.25, 0.03, 0.1, (0, y * wide * 0.35, top + 0.04), frame) for y in SIDES]
    solids.append(box(0.08, wide * 0.6, 0.06, (0.12, 0, top + 0.03), RUBBER))
    return (0.4, board, low + wide * 0.57), solids


def _curved_television(dice: Dice, colour: str) -> Built:
    wide, low, frame = dice.uniform(0.9, 1.4), dice.uniform(0.5, 0.7), paint(dice, colour)
    third, high = wide / 3, wide * 0.52
    solids = [post(0.04, 0.05, low + 0.1, (-0.06, 0), CHROME)]
    solids += [
        rod(0.022, (0, 0, 0.15), (x * 0.2, y * wide * 0.28, 0.02), CHROME) for x, y in CORNERS
    ]
    for step in (-1, 0, 1):
        for thick, share, skin in ((0.06, 1.0, frame), (0.08, 0.92, GLASS)):
            tile = box(thick, third * (1.04 if step else 1.0), high * share,
                       (0.07 * abs(step), step * third * 0.99, low + high / 2), skin)  # fmt: skip
            solids.append(turned(tile, 2, -22 * step))
    return (0.4, wide, low + high), solids


#: Class name to families by name.
FAMILIES: dict[str, Families] = {
    'cup': {
        'teacup': _teacup, 'to go': _cup_to_go, 'tankard': _tankard, 'wide mug': _wide_mug,
    },
    'plant': {
        'fern': _fern, 'blades': _blades, 'topiary': _topiary, 'broad leaves': _broad_leaves,
    },
    'television': {
        'easel': _easel_television, 'trolley': _trolley_television,
        'sideboard': _sideboard_television, 'curved': _curved_television,
    },
}  # fmt: skip
