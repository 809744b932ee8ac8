"""What stands in rooms; x is the front, the origin on the floor below the middle; metres."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.scene import Motion, Part, Solid, Thing
from mm_perception.world.things import more_furniture, more_household
from mm_perception.world.things.families import CORNERS, build
from mm_perception.world.things.surfaces import GLASS, STEEL, box, paint, post
from mm_perception.world.variety import Dice

FAMILIES = {**more_furniture.FAMILIES, **more_household.FAMILIES}


def table(dice: Dice, colour: str, motion: Motion) -> Thing:
    """On four legs, with a drawer, low, or round on one leg."""
    family = dice.family('four legs', 'drawer', 'low', 'round', more=FAMILIES['table'])
    if family in FAMILIES['table']:
        return build('table', FAMILIES['table'][family], dice, colour, motion)
    long, wide = dice.uniform(0.7, 1.1), dice.uniform(0.9, 1.7)
    tall = dice.uniform(0.38, 0.5) if family == 'low' else dice.uniform(0.68, 0.8)
    top = paint(dice, colour, 0.4, pattern=dice.one_of(('plain', 'wood')), scale=0.3)
    if family == 'round':
        radius = dice.uniform(0.45, 0.65)
        solids = [post(radius, tall - 0.04, tall, (0, 0), top), post(0.05, 0, tall, (0, 0), top)]
        solids.append(post(radius * 0.5, 0, 0.03, (0, 0), top))
        return Thing('table', colour, (2 * radius, 2 * radius, tall), [Part(solids, motion)])
    solids = [box(long, wide, 0.05, (0, 0, tall - 0.025), top)]
    for sx, sy in CORNERS:
        at = (sx * (long / 2 - 0.06), sy * (wide / 2 - 0.06), tall / 2)
        solids.append(box(0.07, 0.07, tall, at, top))
    if family == 'drawer':
        solids.append(box(long * 0.9, wide * 0.9, 0.15, (0, 0, tall - 0.12), top))
    return Thing('table', colour, (long, wide, tall), [Part(solids, motion)])


def chair(dice: Dice, colour: str, motion: Motion) -> Thing:
    """With a back of boards or a shell, or a stool."""
    family = dice.family('back', 'bars', 'stool', more=FAMILIES['chair'])
    if family in FAMILIES['chair']:
        return build('chair', FAMILIES['chair'][family], dice, colour, motion)
    side, seat, cloth = dice.uniform(0.4, 0.5), dice.uniform(0.42, 0.5), paint(dice, colour, 0.3)
    back = dice.uniform(0.4, 0.55)
    legs = paint(dice, dice.one_of((colour, 'brown', 'black')), 0.3)
    solids = [box(side, side, 0.06, (0, 0, seat), cloth)]
    for sx, sy in CORNERS:
        solids.append(post(0.022, 0, seat, (sx * side * 0.42, sy * side * 0.42), legs))
    if family == 'back':
        solids.append(box(0.05, side, back, (-side / 2, 0, seat + back / 2 + 0.05), cloth))
    elif family == 'bars':
        solids += [
            box(0.04, 0.05, back, (-side / 2, place * side, seat + back / 2), cloth)
            for place in (-0.42, -0.14, 0.14, 0.42)
        ]
        solids.append(box(0.05, side, 0.1, (-side / 2, 0, seat + back), cloth))
    tall = seat if family == 'stool' else seat + back
    return Thing('chair', colour, (side, side, tall), [Part(solids, motion)])


def sofa(dice: Dice, colour: str, motion: Motion) -> Thing:
    """For two or three, with arms, with cushions, or without arms."""
    family = dice.family('arms', 'cushions', 'no arms', more=FAMILIES['sofa'])
    if family in FAMILIES['sofa']:
        return build('sofa', FAMILIES['sofa'][family], dice, colour, motion)
    deep, wide, seat = dice.uniform(0.8, 0.95), dice.uniform(1.5, 2.3), dice.uniform(0.38, 0.46)
    back = dice.uniform(0.35, 0.5)
    cloth = paint(dice, colour, 0.1, pattern=dice.one_of(('plain', 'speckled')), scale=0.1)
    solids = [
        box(deep, wide, seat - 0.08, (0, 0, 0.08 + (seat - 0.08) / 2), cloth),
        box(0.22, wide, back, (-deep / 2 + 0.11, 0, seat + back / 2), cloth),
    ]
    if family != 'no arms':
        solids += [
            box(deep, 0.18, 0.22, (0, s * (wide / 2 - 0.09), seat + 0.11), cloth) for s in (-1, 1)
        ]
    if family == 'cushions':
        size = (deep * 0.32, wide * 0.2, 0.09)
        solids += [
            Solid('ellipsoid', size, (0.08, s * wide * 0.21, seat + 0.04), cloth) for s in (-1, 1)
        ]
    return Thing('sofa', colour, (deep, wide, seat + back), [Part(solids, motion)])


def lamp(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A floor lamp; its shade has the colour."""
    family = dice.family('drum', 'stack', 'globe', more=FAMILIES['lamp'])
    if family in FAMILIES['lamp']:
        return build('lamp', FAMILIES['lamp'][family], dice, colour, motion)
    tall, radius = dice.uniform(1.3, 1.75), dice.uniform(0.17, 0.26)
    shade = paint(dice, colour, 0.1)
    shade = Material(shade.first, shade.second, glow=dice.uniform(0.1, 0.5))
    foot = paint(dice, dice.one_of(('black', 'white', 'brown')), 0.4)
    solids = [post(0.15, 0, 0.03, (0, 0), foot), post(0.02, 0, tall, (0, 0), foot)]
    if family == 'globe':
        solids.append(Solid('sphere', (radius,), (0, 0, tall), shade))
    elif family == 'drum':
        solids.append(post(radius, tall - 0.3, tall, (0, 0), shade))
    else:
        for step in range(4):
            size = radius * (1.15 - 0.17 * step)
            low = tall - 0.32 + 0.08 * step
            solids.append(post(size, low, low + 0.08, (0, 0), shade))
    return Thing('lamp', colour, (2 * radius, 2 * radius, tall), [Part(solids, motion)])


def fridge(dice: Dice, colour: str, motion: Motion) -> Thing:
    """With two doors above each other, one door, or two beside each other."""
    family = dice.family('two doors', 'one door', 'side by side', more=FAMILIES['fridge'])
    if family in FAMILIES['fridge']:
        return build('fridge', FAMILIES['fridge'][family], dice, colour, motion)
    wide = dice.uniform(0.8, 0.95) if family == 'side by side' else dice.uniform(0.55, 0.7)
    deep, tall = dice.uniform(0.55, 0.68), dice.uniform(1.4, 1.95)
    body, gap = paint(dice, colour, 0.7), Material((0.02, 0.02, 0.02))
    split, front = tall * dice.uniform(0.3, 0.65), deep / 2
    solids = [box(deep, wide, tall - 0.06, (0, 0, 0.06 + (tall - 0.06) / 2), body)]
    if family == 'two doors':
        solids.append(box(0.012, wide, 0.015, (front, 0, split), gap))
        solids.append(box(0.05, 0.03, 0.25, (front, wide * 0.38, split + 0.2), STEEL))
    if family == 'side by side':
        solids.append(box(0.012, 0.015, tall - 0.06, (front, 0, tall / 2), gap))
    solids.append(box(0.05, 0.03, 0.3, (front, wide * 0.38 * (family != 'side by side') + 0.05,
                                        split - 0.25), STEEL))  # fmt: skip
    return Thing('fridge', colour, (deep, wide, tall), [Part(solids, motion)])


def cup(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A mug with a handle, a beaker, or a bowl-like cup."""
    family = dice.family('mug', 'beaker', 'bowl', more=FAMILIES['cup'])
    if family in FAMILIES['cup']:
        return build('cup', FAMILIES['cup'][family], dice, colour, motion)
    radius, tall = dice.uniform(0.045, 0.07), dice.uniform(0.1, 0.16)
    glaze = paint(dice, colour, 0.8)
    if family == 'bowl':
        body = Solid(
            'ellipsoid', (radius * 1.3, radius * 1.3, tall * 0.5), (0, 0, tall / 2), glaze
        )
    else:
        body = post(radius, 0, tall, (0, 0), glaze)
    solids = [body, post(radius * 0.85, tall, tall + 0.002, (0, 0), Material((0.05, 0.03, 0.02)))]
    if family == 'mug':
        solids.append(box(0.02, 0.02, tall * 0.6, (0, radius + 0.035, tall / 2), glaze))
        for share in (0.22, 0.78):
            solids.append(box(0.02, 0.05, 0.02, (0, radius + 0.02, tall * share), glaze))
    return Thing('cup', colour, (2 * radius, 2 * radius, tall), [Part(solids, motion)])


def plant(dice: Dice, colour: str, motion: Motion) -> Thing:
    """Leaves in a pot, which has the colour: a bush, a palm, or a cactus."""
    family = dice.family('bush', 'palm', 'cactus', more=FAMILIES['plant'])
    if family in FAMILIES['plant']:
        return build('plant', FAMILIES['plant'][family], dice, colour, motion)
    radius, deep, tall = dice.uniform(0.12, 0.2), dice.uniform(0.2, 0.35), dice.uniform(0.3, 0.8)
    pot, leaf = paint(dice, colour, 0.4), paint(dice, 'green', 0.1, pattern='speckled', scale=0.15)
    solids = [
        post(radius, 0, deep, (0, 0), pot),
        post(radius * 1.12, deep, deep + 0.04, (0, 0), pot),
    ]
    if family == 'cactus':
        solids.append(Solid('capsule', (0.07, tall / 2), (0, 0, deep + tall / 2), leaf))
        solids.append(Solid('capsule', (0.045, 0.1), (0, 0.15, deep + tall * 0.6), leaf))
    elif family == 'palm':
        solids.append(post(0.02, deep, deep + tall, (0, 0), paint(dice, 'brown', 0.1)))
        for angle in np.linspace(0, 2 * np.pi, 6, endpoint=False):
            at = (0.18 * np.cos(angle), 0.18 * np.sin(angle), deep + tall)
            size = (0.05 + 0.14 * abs(np.cos(angle)), 0.05 + 0.14 * abs(np.sin(angle)), 0.05)
            solids.append(Solid('ellipsoid', size, at, leaf))
    else:
        for _ in range(5):
            leafage = tuple(dice.uniform(0.1, 0.24) for _ in 'xyz')
            place = (
                dice.uniform(-0.13, 0.13),
                dice.uniform(-0.13, 0.13),
                deep + dice.uniform(0.05, tall),
            )
            solids.append(Solid('ellipsoid', leafage, place, leaf))
    high = deep + tall
    return Thing('plant', colour, (2 * radius, 2 * radius, high), [Part(solids, motion)])


def television(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A dark or running screen on a cabinet or a foot; its frame and stand have the colour."""
    family = dice.family('cabinet', 'foot', 'box', more=FAMILIES['television'])
    if family in FAMILIES['television']:
        return build('television', FAMILIES['television'][family], dice, colour, motion)
    wide = dice.uniform(0.8, 1.4)
    high, low = wide * 0.58, dice.uniform(0.4, 0.6)
    frame = paint(dice, colour, 0.5)
    screen = GLASS
    if dice.chance(0.4):
        shades = [(dice.uniform(0, 0.4), dice.uniform(0, 0.4), dice.uniform(0.1, 0.5))] * 2
        screen = Material(shades[0], (0.02, 0.03, 0.05), 'speckled', 0.5, 0.6, glow=0.5)
    thick = 0.4 if family == 'box' else 0.07
    solids = [
        box(thick, wide, high, (0, 0, low + 0.06 + high / 2), frame),
        box(0.01, wide * 0.93, high * 0.88, (thick / 2, 0, low + 0.06 + high / 2), screen),
    ]
    if family == 'foot':
        solids += [post(0.03, 0, low + 0.1, (-0.03, 0), frame), post(0.25, 0, 0.03, (0, 0), frame)]
    else:
        solids.append(box(0.42, wide * 1.1, low, (0, 0, low / 2), frame))
    return Thing('television', colour, (0.42, wide, low + 0.06 + high), [Part(solids, motion)])
