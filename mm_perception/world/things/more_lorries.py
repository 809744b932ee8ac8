"""Further trucks and buses, for worlds of the split `varied`."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import ACROSS
from mm_perception.world.scene import Solid
from mm_perception.world.things.chassis import bumpers, lamps, wheels
from mm_perception.world.things.families import (
    ALONG,
    SIDES,
    Families,
    Place,
    bent,
    lying,
    rod,
    turned,
)
from mm_perception.world.things.surfaces import CHROME, GLASS, STEEL, box, paint, post
from mm_perception.world.variety import Dice

Built = tuple[Place, list[Solid]]
_DARK = Material((0.015, 0.015, 0.016))


def _cab(length: float, width: float, cab: float, tall: float, body: Material) -> list[Solid]:
    """A flat-nosed cab at the front."""
    front = length / 2 - cab / 2
    return [
        box(cab, width * 0.96, tall - 0.5, (front, 0, 0.5 + (tall - 0.5) / 2), body),
        box(0.06, width * 0.86, tall * 0.32, (length / 2, 0, tall * 0.72), GLASS),
        box(cab * 0.45, width * 0.97 + 0.02, tall * 0.28, (front + 0.25, 0, tall * 0.72), GLASS),
        box(0.1, width * 0.95, 0.3, (length / 2, 0, 0.6), CHROME),
    ]


def _flatbed(dice: Dice, colour: str) -> Built:
    length, width, tall = dice.uniform(6.5, 8.5), dice.uniform(2.3, 2.5), dice.uniform(2.4, 2.7)
    body, cab = paint(dice, colour), dice.uniform(1.7, 2.0)
    long = length - cab - 0.2
    middle, deck = -length / 2 + long / 2, 1.15
    solids = [
        box(length * 0.98, width * 0.6, 0.3, (0, 0, 0.75), CHROME),
        *_cab(length, width, cab, tall, body),
        box(long, width, 0.18, (middle, 0, deck - 0.09), body),
        box(0.12, width, 0.9, (middle + long / 2, 0, deck + 0.45), body),
        *wheels(length, width, 0.46, (-0.36, -0.22, 0.34)),
        *lamps(length, width, 0.75),
    ]
    if dice.chance(0.5):
        bark = paint(dice, 'brown', 0.1, pattern='wood', scale=0.3)
        for y, z in ((-0.7, 0.3), (0, 0.3), (0.7, 0.3), (-0.35, 0.85), (0.35, 0.85)):
            solids.append(lying(0.33, long * 0.9, (middle, y, deck + z), bark, ALONG))
    else:
        for x in (-0.32, 0.0, 0.32):
            high = dice.uniform(0.5, 1.2)
            load = paint(dice, dice.one_of((colour, 'brown', 'grey')), 0.2)
            at = (middle + x * long, 0, deck + high / 2)
            solids.append(box(long * 0.25, width * 0.8, high, at, load))
    return (length, width, tall), solids


def _bonneted_truck(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(7.0, 8.5), dice.uniform(2.3, 2.5), dice.uniform(2.8, 3.3)
    body, load = paint(dice, colour), paint(dice, colour)
    hood, cab, tall = dice.uniform(1.2, 1.6), 1.5, dice.uniform(2.4, 2.7)
    back, long = length / 2 - hood - cab / 2, length - hood - cab - 0.2
    solids = [
        box(length * 0.96, width * 0.6, 0.3, (0, 0, 0.75), CHROME),
        box(hood, width * 0.66, 0.85, (length / 2 - hood / 2, 0, 1.15), body),
        box(0.08, width * 0.5, 0.7, (length / 2, 0, 1.15), CHROME),
        box(cab, width * 0.88, tall - 0.6, (back, 0, 0.6 + (tall - 0.6) / 2), body),
        box(0.06, width * 0.76, tall * 0.26, (back + cab / 2, 0, tall * 0.78), GLASS),
        box(cab * 0.5, width * 0.89, tall * 0.24, (back + 0.2, 0, tall * 0.77), GLASS),
        box(long, width, height - 0.95, (-length / 2 + long / 2, 0, (height + 0.95) / 2), load),
        *wheels(length, width, 0.48, (-0.38, -0.24, 0.38)),
    ]  # fmt: skip
    for y in SIDES:
        solids.append(
            Solid('ellipsoid', (0.7, 0.24, 0.35), (length * 0.38, y * width * 0.4, 0.95), body)
        )
        solids.append(
            post(0.07, 0.8, tall + 0.35, (back - cab / 2 - 0.05, y * width * 0.42), CHROME)
        )
    return (length, width, height), [*solids, *lamps(length, width, 1.0)]


def _semitrailer(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(8.5, 10.0), dice.uniform(2.4, 2.5), dice.uniform(3.3, 3.7)
    body, load, cab = paint(dice, colour), paint(dice, colour), dice.uniform(1.7, 2.0)
    if dice.chance(0.4):
        load = Material(load.first, load.second, 'tiles', 1.2)
    long, tall = length * 0.72, height * dice.uniform(0.78, 0.92)
    middle = (long - length) / 2
    solids = [
        *_cab(length, width, cab, tall, body),
        box(length * 0.4, width * 0.4, 0.25, (length * 0.28, 0, 0.75), _DARK),
        box(long, width, height - 1.2, (middle, 0, (height + 1.2) / 2), load),
        box(long, width * 0.9, 0.15, (middle, 0, 1.13), STEEL),
        turned(box(0.8, width * 0.8, 0.3, (length / 2 - cab * 0.5, 0, tall), body), 1, -20),
        *wheels(length, width, 0.46, (-0.42, -0.32, -0.22, 0.2, 0.4)),
        *lamps(length, width, 0.75),
    ]
    solids += [box(0.1, 0.1, 1.0, (length * 0.02, y * width * 0.3, 0.65), STEEL) for y in SIDES]
    return (length, width, height), solids


def _refuse_truck(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(6.5, 7.8), dice.uniform(2.3, 2.5), dice.uniform(2.8, 3.2)
    body, load, cab = paint(dice, colour), paint(dice, colour), dice.uniform(1.6, 1.9)
    long = (length - cab) * 0.66
    front = length / 2 - cab - 0.15
    tail, middle = -length / 2 + (length - cab - long) * 0.45, front - long / 2
    solids = [
        box(length * 0.9, width * 0.6, 0.3, (0.2, 0, 0.75), _DARK),
        *_cab(length, width, cab, height * 0.82, body),
        box(long, width * 0.95, height - 1.1, (middle, 0, 0.95 + (height - 1.1) / 2), load),
        Solid('ellipsoid', (long / 2, width * 0.46, 0.25), (middle, 0, height - 0.2), load),
        turned(box(1.3, width * 0.95, height * 0.66, (tail + 0.1, 0, height * 0.55), load), 1, 14),
        turned(box(0.5, width * 0.8, 0.9, (tail - 0.5, 0, 0.95), _DARK), 1, 14),
        rod(0.06, (tail - 0.4, width * 0.42, height * 0.4),
            (tail + 0.4, width * 0.45, height * 0.88), CHROME),
        *wheels(length, width, 0.47, (-0.26, -0.12, 0.36)), *lamps(length, width, 0.8),
    ]  # fmt: skip
    for x in np.linspace(-0.45, 0.45, 5) * long:
        solids.append(
            box(0.1, width, height - 1.2, (middle + float(x), 0, height / 2 + 0.35), load)
        )
    return (length, width, height), solids


def _coach(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(10.0, 11.5), 2.5, dice.uniform(3.4, 3.7)
    body, half = paint(dice, colour, 0.8), length / 2
    level = height * 0.68
    solids = [
        box(length * 0.97, width, height - 0.35, (-length * 0.015, 0, (height + 0.35) / 2), body),
        turned(
            box(0.12, width * 0.95, height * 0.62, (half - 0.05, 0, height * 0.62), GLASS), 1, -9
        ),
        box(0.3, width * 0.98, height * 0.28, (half - 0.05, 0, 0.75), body),
        box(length * 0.95, width + 0.03, height * 0.3, (-0.05, 0, level), GLASS),
        box(length * 0.5, width * 0.7, 0.2, (-length * 0.1, 0, height + 0.08), body),
        box(0.08, width * 0.8, height * 0.25, (-half + 0.02, 0, level), GLASS),
        *wheels(length, width, 0.5, (-0.34, -0.23, 0.32)),
        *lamps(length, width, 0.8),
    ]
    for y in SIDES:
        mirror: Place = (half + 0.3, y * width * 0.52, height * 0.72)
        solids.append(rod(0.04, (half - 0.1, y * width * 0.45, height * 0.9), mirror, _DARK))
        solids.append(box(0.12, 0.2, 0.42, (mirror[0], mirror[1], mirror[2] - 0.2), _DARK))
        for x in (-0.1, 0.0, 0.1, 0.2):
            flap = box(length * 0.09, 0.02, 0.6, (x * length, y * (width / 2), 0.85), _DARK)
            solids.append(flap)
    return (length, width, height + 0.15), solids


def _school_bus(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(8.5, 10.5), 2.4, dice.uniform(2.8, 3.1)
    body, hood = paint(dice, colour), dice.uniform(1.3, 1.7)
    long, half = length - hood, length / 2
    middle, level = -hood / 2, height * 0.7
    solids = [
        box(long, width, height - 0.75, (middle, 0, 0.55 + (height - 0.75) / 2), body),
        Solid('ellipsoid', (long / 2, width / 2, 0.3), (middle, 0, height - 0.25), body),
        box(hood, width * 0.72, 0.85, (half - hood / 2, 0, 1.0), body),
        box(0.08, width * 0.5, 0.6, (half, 0, 0.95), _DARK),
        box(0.06, width * 0.88, height * 0.28, (half - hood, 0, level), GLASS),
        box(long * 0.95, width + 0.02, height * 0.2, (middle, 0, level), GLASS),
        *wheels(length, width, 0.48, (-0.28, 0.37)),
        *bumpers(length, width, 0.5, _DARK),
    ]
    for x in (np.linspace(-0.46, 0.42, 10) * long).tolist():
        solids.append(box(0.14, width + 0.04, height * 0.2, (middle + x, 0, level), body))
    solids += [box(long, width + 0.04, 0.06, (middle, 0, z * height), _DARK) for z in (0.36, 0.5)]
    return (length, width, height), [*solids, *lamps(length, width * 0.95, 0.85)]


def _articulated_bus(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(11.5, 13.0), 2.5, dice.uniform(2.9, 3.2)
    body, joint, level = paint(dice, colour), 0.9, height * 0.63
    roof = paint(dice, dice.one_of((colour, 'white', 'grey')), 0.4)
    front, rear = (length - joint) * 0.57, (length - joint) * 0.43
    solids = []
    for long, middle in ((front, (length - front) / 2), (rear, (rear - length) / 2)):
        solids.append(box(long, width, height - 0.3, (middle, 0, (height + 0.3) / 2), body))
        solids.append(box(long * 0.9, width + 0.03, 1.1, (middle, 0, level), GLASS))
        solids.append(box(long * 0.6, width * 0.7, 0.25, (middle, 0, height + 0.1), roof))
        for x in (np.linspace(-0.42, 0.4, 4) * long).tolist():
            solids.append(box(0.12, width + 0.05, 1.1, (middle + x, 0, level), body))
    start = -length / 2 + rear
    for index in range(5):
        wide = width * (0.94 if index % 2 else 0.86)
        at = (start + (index + 0.5) * joint / 5, 0, height / 2 + 0.1)
        solids.append(box(joint / 5, wide, height - 0.4, at, _DARK))
    solids.append(box(0.1, width * 0.9, height * 0.5, (length / 2, 0, height * 0.6), GLASS))
    solids += [*wheels(length, width, 0.48, (-0.33, 0.06, 0.37)), *lamps(length, width, 0.7)]
    return (length, width, height + 0.2), solids


def _trolleybus(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(9.0, 10.5), 2.5, dice.uniform(2.8, 3.0)
    body, low = paint(dice, colour), paint(dice, dice.one_of(('white', colour, 'grey')), 0.5)
    half = length / 2
    solids = [
        box(length, width, height * 0.4, (0, 0, 0.3 + height * 0.2), low),
        box(length, width, height * 0.6 - 0.4, (0, 0, 0.25 + height * 0.7), body),
        lying(0.3, width, (half - 0.12, 0, height - 0.3), body, ACROSS),
        box(length * 0.5, width * 0.6, 0.3, (length * 0.05, 0, height + 0.1), body),
        *wheels(length, width, 0.48, (-0.3, 0.33)),
        *lamps(length, width, 0.7),
    ]
    for x in (np.linspace(-0.43, 0.43, 7) * length).tolist():
        solids.append(box(length * 0.1, width + 0.03, height * 0.3, (x, 0, height * 0.65), GLASS))
    for x in (-0.28, 0.06, 0.38):  # doors
        solids.append(
            box(1.1, 0.06, height * 0.68, (x * length, -width / 2, height * 0.47), GLASS)
        )
    for s in SIDES:
        solids.append(box(0.06, width * 0.84, height * 0.36, (s * half, 0, height * 0.63), GLASS))
        poles: list[Place] = [(-0.5, s * 0.3, height + 0.2), (-half - 0.3, s * 0.35, height + 1.2)]
        solids += bent(0.04, poles, _DARK)
    return (length, width, height + 0.25), solids


#: Class name to families by name.
FAMILIES: dict[str, Families] = {
    'truck': {
        'flatbed': _flatbed, 'bonnet': _bonneted_truck, 'semitrailer': _semitrailer,
        'refuse': _refuse_truck,
    },
    'bus': {
        'coach': _coach, 'school': _school_bus, 'articulated': _articulated_bus,
        'trolley': _trolleybus,
    },
}  # fmt: skip
