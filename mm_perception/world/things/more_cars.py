"""Further cars and vans, for worlds of the split `varied`."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.scene import Solid
from mm_perception.world.things.chassis import bumpers, lamps, wheels
from mm_perception.world.things.families import (
    ALONG,
    SIDES,
    Families,
    Place,
    lying,
    rod,
    turned,
)
from mm_perception.world.things.surfaces import CHROME, GLASS, RUBBER, STEEL, box, paint
from mm_perception.world.variety import Dice

Built = tuple[Place, list[Solid]]
_DARK = Material((0.015, 0.015, 0.016))


def _micro_car(dice: Dice, colour: str) -> Built:
    length, width, tall = dice.uniform(2.6, 3.2), dice.uniform(1.5, 1.65), dice.uniform(1.45, 1.6)
    body, belt = paint(dice, colour), tall * 0.58
    rear, cabin = -length * 0.06, length * 0.72
    solids = [
        box(length, width, belt - 0.22, (0, 0, 0.22 + (belt - 0.22) / 2), body),
        box(cabin, width * 0.9, tall - belt - 0.06, (rear, 0, (tall + belt) / 2 - 0.03), GLASS),
        box(cabin * 0.95, width * 0.92, 0.08, (rear, 0, tall - 0.04), body),
        box(0.3, width * 0.91, tall - belt, (rear - cabin * 0.4, 0, (tall + belt) / 2), body),
        turned(box(0.06, width * 0.84, 0.55, (length * 0.33, 0, (tall + belt) / 2 - 0.03), GLASS),
               1, -35),
        *bumpers(length, width, 0.35, _DARK), *wheels(length, width, 0.29, (-0.34, 0.34)),
        *lamps(length, width, belt * 0.8),
    ]  # fmt: skip
    return (length, width, tall), solids


def _cabriolet(dice: Dice, colour: str) -> Built:
    length, width, top = dice.uniform(3.9, 4.5), dice.uniform(1.65, 1.85), dice.uniform(0.85, 0.95)
    body, seat = paint(dice, colour), paint(dice, dice.one_of(('black', 'brown', 'white')), 0.2)
    tall = top + 0.42
    solids = [
        box(length, width, top - 0.25, (0, 0, 0.25 + (top - 0.25) / 2), body),
        box(length * 0.42, width * 0.8, 0.02, (-length * 0.08, 0, top), _DARK),
        turned(box(0.05, width * 0.84, 0.5, (length * 0.15, 0, top + 0.18), GLASS), 1, -32),
        rod(0.03, (length * 0.12, -width * 0.42, tall), (length * 0.12, width * 0.42, tall), body),
        box(0.35, width * 0.8, 0.16, (-length * 0.3, 0, top + 0.06), _DARK),
        *bumpers(length, width, 0.38),
        *wheels(length, width, 0.32, (-0.32, 0.33)),
        *lamps(length, width, top * 0.72),
    ]
    for x in (-0.01, -0.17):
        for y in SIDES:
            back = box(0.16, width * 0.3, 0.36, (x * length, y * width * 0.21, top + 0.12), seat)
            solids.append(turned(back, 1, -12))
    for y in SIDES:
        edge = y * width * 0.42
        solids.append(rod(0.03, (length * 0.2, edge, top), (length * 0.12, edge, tall), body))
    return (length, width, tall), solids


def _coupe(dice: Dice, colour: str) -> Built:
    length, width, top = dice.uniform(4.2, 4.7), dice.uniform(1.8, 1.95), dice.uniform(0.72, 0.8)
    body, tall = paint(dice, colour, 0.8), top + dice.uniform(0.36, 0.44)
    middle = (top + tall) / 2
    slope = 0.95 * length * 0.3
    solids = [
        box(length, width, top - 0.3, (0, 0, 0.16 + (top - 0.3) / 2), body),
        box(length * 0.62, width * 0.98, 0.2, (-length * 0.18, 0, top - 0.1), body),
        turned(box(length * 0.4, width * 0.9, 0.18, (length * 0.29, 0, top - 0.16), body), 1, 5),
        box(length * 0.25, width * 0.78, tall - top, (-length * 0.1, 0, middle), GLASS),
        turned(box(0.85, width * 0.76, 0.06, (length * 0.09, 0, middle - 0.02), GLASS), 1, 27),
        turned(box(slope, width * 0.78, 0.09, (-length * 0.33, 0, middle), body), 1, -17),
        box(length * 0.22, width * 0.79, 0.06, (-length * 0.1, 0, tall - 0.03), body),
        *bumpers(length, width, 0.24, _DARK),
        *wheels(length, width, 0.34, (-0.31, 0.33)),
        *lamps(length, width, 0.5),
    ]
    if dice.chance(0.6):
        solids.append(box(0.3, width * 0.95, 0.04, (-length * 0.47, 0, top + 0.22), body))
        solids += [box(0.2, 0.05, 0.22, (-length * 0.47, y * width * 0.36, top + 0.11), body)
                   for y in SIDES]  # fmt: skip
    return (length, width, tall), solids


def _round_car(dice: Dice, colour: str) -> Built:
    length, width, tall = dice.uniform(3.7, 4.2), dice.uniform(1.55, 1.7), dice.uniform(1.42, 1.55)
    body, half = paint(dice, colour, 0.8), length / 2
    solids = [
        Solid('ellipsoid', (half, width * 0.46, 0.52), (0, 0, 0.62), body),
        Solid(
            'ellipsoid', (half * 0.55, width * 0.42, 0.62), (-length * 0.05, 0, tall - 0.62), body
        ),
        Solid(
            'ellipsoid', (half * 0.5, width * 0.435, 0.3), (-length * 0.05, 0, tall - 0.42), GLASS
        ),
        box(half * 0.12, width * 0.86, 0.52, (-length * 0.05, 0, tall - 0.42), body),
        box(length * 0.5, width, 0.12, (0, 0, 0.32), body),
        *wheels(length, width, 0.32, (-0.31, 0.32)),
    ]
    for x in (-0.31, 0.32):
        for y in SIDES:
            at = (x * length, y * (width / 2 - 0.12), 0.42)
            solids.append(Solid('ellipsoid', (0.5, 0.13, 0.33), at, body))
    for s in SIDES:
        solids.append(rod(0.05, (s * half * 0.92, -width * 0.36, 0.4),
                          (s * half * 0.92, width * 0.36, 0.4), CHROME))  # fmt: skip
    return (length, width, tall), [*solids, *lamps(length * 0.88, width * 0.8, 0.7)]


def _rack_car(dice: Dice, colour: str) -> Built:
    length, width, belt = dice.uniform(4.3, 4.8), dice.uniform(1.75, 1.9), dice.uniform(1.0, 1.15)
    body, tall, cabin = paint(dice, colour), belt + dice.uniform(0.55, 0.65), length * 0.68
    back = -(length - cabin) / 2
    bag = paint(dice, dice.one_of((colour, 'black', 'grey')), 0.3)
    roof = tall + 0.08
    solids = [
        box(length, width, belt - 0.35, (0, 0, 0.35 + (belt - 0.35) / 2), body),
        box(cabin, width * 0.9, tall - belt, (back, 0, (tall + belt) / 2), GLASS),
        box(cabin, width * 0.92, 0.1, (back, 0, tall - 0.04), body),
        lying(0.34, 0.2, (-length / 2 - 0.1, 0, belt * 0.85), RUBBER, ALONG),
        lying(0.24, 0.22, (-length / 2 - 0.1, 0, belt * 0.85), body, ALONG),
        *bumpers(length, width, 0.5, _DARK),
        *wheels(length, width, 0.38, (-0.32, 0.33)),
        *lamps(length, width, belt * 0.8),
    ]
    for x in (0.5, 0.12, -0.2, -0.5):
        solids.append(box(0.12, width * 0.91, tall - belt, (back + x * cabin * 0.96, 0,
                                                            (tall + belt) / 2), body))  # fmt: skip
    for y in SIDES:
        solids.append(rod(0.025, (back - cabin * 0.45, y * width * 0.38, roof),
                          (back + cabin * 0.4, y * width * 0.38, roof), STEEL))  # fmt: skip
    if dice.chance(0.7):
        long = dice.uniform(0.9, 1.6)
        load = Solid('ellipsoid', (long * 0.6, width * 0.28, 0.2), (back, 0, roof + 0.14), bag)
        solids.append(
            dice.one_of((load, box(long, width * 0.6, 0.28, (back, 0, roof + 0.16), bag)))
        )
        roof += 0.3
    return (length + 0.2, width, roof), solids


def _courier_van(dice: Dice, colour: str) -> Built:
    length, width, height = (
        dice.uniform(4.2, 4.7),
        dice.uniform(1.7, 1.85),
        dice.uniform(1.8, 2.05),
    )
    body, cargo = paint(dice, colour), length * 0.5
    belt, front = 1.0, length * 0.12
    middle = (height + belt) / 2 - 0.07
    solids = [
        box(length, width, belt - 0.3, (0, 0, 0.3 + (belt - 0.3) / 2), body),
        box(cargo, width, height - 0.4, ((cargo - length) / 2, 0, 0.2 + height / 2), body),
        box(length * 0.24, width * 0.9, height - belt - 0.15, (front, 0, middle), GLASS),
        box(length * 0.2, width * 0.92, 0.07, (front - 0.1, 0, height - 0.14), body),
        turned(box(0.06, width * 0.82, 0.9, (length * 0.27, 0, belt + 0.3), GLASS), 1, -40),
        *bumpers(length, width, 0.42, _DARK), *wheels(length, width, 0.32, (-0.31, 0.33)),
        *lamps(length, width, 0.75),
    ]  # fmt: skip
    return (length, width, height), solids


def _flat_nosed_van(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(4.3, 4.9), dice.uniform(1.7, 1.85), dice.uniform(1.9, 2.1)
    body, half = paint(dice, colour), length / 2
    roof = paint(dice, dice.one_of(('white', colour)), 0.6)
    solids = [
        box(length, width, 0.85, (0, 0, 0.75), body),
        box(
            length * 0.97,
            width * 0.95,
            height - 1.25,
            (-0.05, 0, 1.15 + (height - 1.25) / 2),
            roof,
        ),
        Solid('ellipsoid', (half * 0.96, width * 0.46, 0.16), (-0.05, 0, height - 0.12), roof),
        lying(0.28, 0.12, (half + 0.03, 0, 0.85), body, ALONG),
        turned(box(0.04, width * 0.82, 0.5, (half - 0.06, 0, height * 0.74), GLASS), 1, -8),
        box(0.8, width + 0.01, 0.42, (half - 0.7, 0, height * 0.73), GLASS),
        box(length + 0.02, width + 0.02, 0.05, (0, 0, 1.16), CHROME),
        *bumpers(length, width, 0.4),
        *wheels(length, width, 0.32, (-0.3, 0.3)),
        *lamps(length, width, 0.8),
    ]
    return (length, width, height), solids


def _van_front(
    length: float, width: float, height: float, nose: float, body: Material
) -> list[Solid]:
    """Hull without windows along it, sloping nose, cab."""
    hull, half = length - nose, length / 2
    face = half - nose
    slope = float(np.hypot(nose * 0.75, height * 0.42))
    pane = box(0.08, width * 0.88, slope, (face + nose * 0.32, 0, height * 0.68), GLASS)
    return [
        box(hull, width, height - 0.35, (-nose / 2, 0, 0.35 + (height - 0.35) / 2), body),
        box(nose, width, 0.65, (face + nose / 2, 0, 0.68), body),
        turned(pane, 1, -np.rad2deg(np.arctan2(nose * 0.75, height * 0.42))),
        box(0.85, width + 0.02, height * 0.26, (face - 0.5, 0, height * 0.62), GLASS),
        *bumpers(length, width, 0.45, _DARK), *wheels(length, width, 0.35, (-0.33, 0.32)),
        *lamps(length, width, 0.8),
    ]  # fmt: skip


def _high_van(dice: Dice, colour: str) -> Built:
    length, width, height = dice.uniform(5.2, 6.2), dice.uniform(1.9, 2.1), dice.uniform(2.1, 2.3)
    body, nose, more = paint(dice, colour), dice.uniform(1.0, 1.3), dice.uniform(0.35, 0.55)
    hull = length - nose
    solids = _van_front(length, width, height, nose, body)
    back, front = -nose / 2 - hull * 0.05, -nose / 2 + hull * 0.44
    solids.append(box(hull * 0.9, width * 0.86, more, (back, 0, height + more / 2), body))
    cap = box(more * 1.5, width * 0.86, 0.1, (front, 0, height + more * 0.45), body)
    solids.append(turned(cap, 1, 40))
    for y in SIDES:
        solids.append(
            box(hull * 0.55, 0.05, 0.05, (-length * 0.2, y * width / 2, height * 0.6), _DARK)
        )
        solids.append(box(hull * 0.9, 0.06, 0.16, (-nose / 2, y * width / 2, 0.65), _DARK))
    return (length, width, height + more), solids


def _ladder_van(dice: Dice, colour: str) -> Built:
    length, width, height = (
        dice.uniform(4.8, 5.6),
        dice.uniform(1.85, 2.0),
        dice.uniform(1.9, 2.15),
    )
    body, nose, roof = paint(dice, colour), dice.uniform(0.9, 1.2), height + 0.16
    solids = _van_front(length, width, height, nose, body)
    first, last = -length * 0.46, length * 0.22
    for x in (first + 0.3, (first + last) / 2, last - 0.3):
        solids.append(box(0.06, width * 0.94, 0.06, (x, 0, height + 0.1), STEEL))
    side = dice.one_of(SIDES)
    for y in (0.1, 0.4):
        solids.append(
            box(last - first, 0.06, 0.09, ((first + last) / 2, side * y * width, roof), STEEL)
        )
    for x in np.linspace(first, last, 9)[1:-1].tolist():
        solids.append(box(0.05, width * 0.3, 0.05, (x, side * width * 0.25, roof), STEEL))
    if dice.chance(0.6):
        pipe = paint(dice, dice.one_of(('white', 'grey', 'brown')), 0.2)
        for y in (0.16, 0.26, 0.36):
            at = ((first + last) / 2, -side * y * width, roof + 0.03)
            solids.append(lying(0.08, (last - first) * 0.9, at, pipe, ALONG))
    return (length, width, roof + 0.1), solids


#: Class name to families by name.
FAMILIES: dict[str, Families] = {
    'car': {
        'micro': _micro_car, 'cabriolet': _cabriolet, 'coupe': _coupe, 'round': _round_car,
        'rack': _rack_car,
    },
    'van': {
        'courier': _courier_van, 'flat nose': _flat_nosed_van, 'high': _high_van,
        'ladder': _ladder_van,
    },
}  # fmt: skip
