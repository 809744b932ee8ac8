"""Cars, vans, trucks and buses; x ahead, the origin on the road below the middle; metres."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.scene import Motion, Part, Solid, Thing
from mm_perception.world.things import more_cars, more_lorries
from mm_perception.world.things.chassis import lamps, wheels
from mm_perception.world.things.families import build
from mm_perception.world.things.surfaces import CHROME, GLASS, box, paint
from mm_perception.world.variety import Dice

FAMILIES = {**more_cars.FAMILIES, **more_lorries.FAMILIES}


def car(dice: Dice, colour: str, motion: Motion) -> Thing:
    """Saloon, hatchback, off-roader, estate or pickup."""
    family = dice.family(
        'saloon', 'hatchback', 'offroader', 'estate', 'pickup', more=FAMILIES['car']
    )
    if family in FAMILIES['car']:
        return build('car', FAMILIES['car'][family], dice, colour, motion)
    length = dice.uniform(3.6, 4.2) if family == 'hatchback' else dice.uniform(4.3, 5.1)
    width, low = dice.uniform(1.7, 1.9), dice.uniform(0.6, 0.75)
    tall = 1.1 if family in ('offroader', 'pickup') else 0.85
    clear, body = 0.25 if tall < 1 else 0.38, paint(dice, colour)
    start, end = {
        'saloon': (-0.36, 0.22), 'hatchback': (-0.48, 0.2), 'offroader': (-0.48, 0.18),
        'estate': (-0.48, 0.22), 'pickup': (-0.08, 0.24),
    }[family]  # fmt: skip
    cabin, top = tall * dice.uniform(0.55, 0.65), clear + low
    middle, long = (start + end) / 2 * length, (end - start) * length
    solids = [
        box(length, width, low, (0, 0, clear + low / 2), body),
        box(long, width * 0.86, cabin, (middle, 0, top + cabin / 2), GLASS),
        box(long * 0.86, width * 0.88, 0.07, (middle, 0, top + cabin), body),
        box(0.09, width * 0.87, cabin, (middle + long * 0.05, 0, top + cabin / 2), body),
        box(0.12, width * 0.98, 0.2, (length / 2, 0, clear + 0.12), CHROME),
        box(0.12, width * 0.98, 0.2, (-length / 2, 0, clear + 0.12), CHROME),
        *wheels(length, width, dice.uniform(0.3, 0.36), (-0.32, 0.33)),
        *lamps(length, width, clear + low * 0.68),
    ]
    return Thing('car', colour, (length, width, top + cabin), [Part(solids, motion)])


def van(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A delivery van, or a minibus with windows along it."""
    family = dice.family('panel', 'minibus', more=FAMILIES['van'])
    if family in FAMILIES['van']:
        return build('van', FAMILIES['van'][family], dice, colour, motion)
    length, width, height = dice.uniform(4.9, 5.9), dice.uniform(1.9, 2.1), dice.uniform(2.1, 2.6)
    body, nose = paint(dice, colour), dice.uniform(0.8, 1.1)
    hull = length - nose
    glass = 0.9 if family == 'panel' else hull * 0.9
    solids = [
        box(hull, width, height - 0.35, (-nose / 2, 0, 0.35 + (height - 0.35) / 2), body),
        box(nose, width, 0.8, (hull / 2, 0, 0.75), body),
        box(0.06, width * 0.84, height * 0.32, (hull / 2 - nose / 2, 0, height * 0.68), GLASS),
        box(glass, width + 0.02, height * 0.27,
            (hull / 2 - nose / 2 - 0.2 - glass / 2, 0, height * 0.67), GLASS),
        *wheels(length, width, 0.35, (-0.33, 0.32)), *lamps(length, width, 0.8),
    ]  # fmt: skip
    return Thing('van', colour, (length, width, height), [Part(solids, motion)])


def truck(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A lorry with a box, an open load or a tank; cab and load have shades of the colour."""
    family = dice.family('box', 'striped', 'tipper', 'tanker', more=FAMILIES['truck'])
    if family in FAMILIES['truck']:
        return build('truck', FAMILIES['truck'][family], dice, colour, motion)
    length, width, height = dice.uniform(6.5, 8.5), dice.uniform(2.3, 2.5), dice.uniform(2.9, 3.5)
    body, cab = paint(dice, colour), dice.uniform(1.7, 2.1)
    load = paint(dice, colour)
    if family == 'striped':
        load = Material(load.first, load.second, 'striped', dice.uniform(0.4, 1.0))
    long, front = length - cab - 0.2, length / 2 - cab / 2
    tall = height * dice.uniform(0.7, 0.85)
    deep = (height - 0.95) * (0.5 if family == 'tipper' else 1.0)
    middle = -length / 2 + long / 2
    cargo = box(long, width, deep, (middle, 0, 0.95 + deep / 2), load)
    if family == 'tanker':
        radius = min(width / 2, deep / 2)
        along = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
        cargo = Solid('cylinder', (radius, long / 2), (middle, 0, 0.95 + radius), load, along)
    solids = [
        box(length * 0.98, width * 0.6, 0.3, (0, 0, 0.75), CHROME),
        box(cab, width * 0.96, tall - 0.5, (front, 0, 0.5 + (tall - 0.5) / 2), body),
        box(0.06, width * 0.86, tall * 0.32, (length / 2, 0, tall * 0.72), GLASS),
        box(cab * 0.45, width * 0.97 + 0.02, tall * 0.28, (front + 0.25, 0, tall * 0.72), GLASS),
        cargo, *wheels(length, width, 0.48, (-0.36, -0.22, 0.34)), *lamps(length, width, 0.75),
    ]  # fmt: skip
    return Thing('truck', colour, (length, width, height), [Part(solids, motion)])


def bus(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A city bus with one deck or two."""
    family = dice.family('city', 'banded', 'double-decker', more=FAMILIES['bus'])
    if family in FAMILIES['bus']:
        return build('bus', FAMILIES['bus'][family], dice, colour, motion)
    length, width = dice.uniform(9.5, 11.5), 2.5
    height = dice.uniform(4.0, 4.3) if family == 'double-decker' else dice.uniform(2.9, 3.2)
    body = paint(dice, colour)
    decks = (0.36, 0.76) if family == 'double-decker' else (0.63,)
    band = dice.uniform(0.95, 1.15)
    solids = [box(length, width, height - 0.3, (0, 0, 0.3 + (height - 0.3) / 2), body)]
    for share in decks:
        level = height * share
        solids += [
            box(length * 0.93, width + 0.03, band, (-0.1, 0, level), GLASS),
            box(length + 0.03, width * 0.86, band * 1.15, (0, 0, level), GLASS),
        ]
        solids += [
            box(0.1, width + 0.05, band, (place * length, 0, level), body)
            for place in np.linspace(-0.4, 0.38, 7 if family == 'city' else 3)
        ]
    solids += [*wheels(length, width, 0.48, (-0.3, 0.33)), *lamps(length, width, 0.7)]
    return Thing('bus', colour, (length, width, height), [Part(solids, motion)])
