"""A street from a seed: lanes, kerbs, buildings, trees, traffic, people.

Frame: x along the street, y to its left, z up from the road; the origin is in its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.world.materials import Material, shade_of
from mm_perception.world.motion import standing, straight
from mm_perception.world.reshape import reshape
from mm_perception.world.scene import Light, Part, Scene, Solid, Thing
from mm_perception.world.things import MAKERS
from mm_perception.world.things.people import walker
from mm_perception.world.things.surfaces import darker, post
from mm_perception.world.variety import Dice, Split

LANE_M = 3.4
PARKING_M = 2.3
PAVEMENT_M = 3.5
EGO_SPEED = 5.0  # m/s
KERB_M = 0.13
BODY_COLOURS = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'white', 'grey', 'black')
CLOTHES = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'white', 'black', 'brown')
SIGNAL_COLOURS = ('orange', 'orange', 'red', 'yellow', 'blue', 'green')
_TRAFFIC = ('car', 'car', 'car', 'van', 'truck', 'bus')
_PARKED = ('car', 'car', 'car', 'van')
_HALF_M = LANE_M + PARKING_M


@dataclass(frozen=True)
class Amounts:
    """How much of everything."""

    moving: int = 5
    parked: int = 12
    pedestrians: int = 6
    cyclists: int = 1
    cones: int = 3
    barriers: int = 1


def make_street(seed: int, split: Split = Split.ANY, amounts: Amounts | None = None) -> Scene:
    """A street.

    Args:
        seed: Decides everything.
        split: What may appear in it.
        amounts: How much traffic.
    """
    dice, amounts = Dice(seed, split), amounts or Amounts()
    scene = Scene(seed=seed % 100_000)
    _add_weather(dice, scene)
    _add_ground(dice, scene)
    _add_buildings(dice, scene)
    _add_trees(dice, scene)
    _add_signals(dice, scene)
    _add_traffic(dice, scene, amounts)
    _add_people(dice, scene, amounts)
    _add_obstacles(dice, scene, amounts)
    if split.is_reshaped:
        reshape(dice, scene.things)
    return scene


def _add_weather(dice: Dice, scene: Scene) -> None:
    height, around = dice.within(0.3, 1.25, novel_below=0.5), dice.uniform(0, 2 * np.pi)
    towards = np.array(
        [np.cos(height) * np.cos(around), np.cos(height) * np.sin(around), np.sin(height)]
    )
    warmth = np.array([1.0, 0.95, 0.88]) if height > 0.6 else np.array([1.0, 0.84, 0.64])
    overcast = dice.chance(0.35)
    sun = 0.35 if overcast else dice.uniform(1.0, 1.5)
    scene.lights.append(Light(towards * 900, warmth * sun, is_sun=True))
    scene.ambient = np.array([0.5, 0.55, 0.65]) * (1.1 if overcast else dice.uniform(0.55, 0.8))
    zenith = np.array([0.55, 0.6, 0.66]) if overcast else np.array([0.12, 0.28, 0.62])
    scene.sky = (np.array([0.72, 0.78, 0.85]), zenith * dice.uniform(0.8, 1.2))


def _add_ground(dice: Dice, scene: Scene) -> None:
    tar = dice.uniform(0.045, 0.12)
    grit = (tar * 1.5, tar * 1.5, tar * 1.5)
    road = Material((tar, tar, tar * 1.05), grit, 'speckled', dice.uniform(0.15, 0.5), 0.03)
    line, grass = Material((0.7, 0.7, 0.68)), shade_of('green', dice.rng)
    meadow = Material(grass, (0.1, 0.12, 0.03), 'speckled', 2.0)
    scene.ground.append(('terrain', Solid('plane', (300, 300, 1), (0, 0, -0.02), meadow)))
    scene.ground.append(('road', Solid('box', (150, _HALF_M, 0.05), (0, 0, -0.05), road)))
    for x in np.arange(-90, 90, 6.0):
        scene.ground.append(('marking', Solid('box', (1.5, 0.07, 0.002), (x, 0, 0.001), line)))
    for side in (-1, 1):
        edge = Solid('box', (150, 0.06, 0.002), (0, side * LANE_M, 0.001), line)
        scene.ground.append(('marking', edge))
        grey = dice.uniform(0.2, 0.36)
        paving = dice.family('tiles', 'bricks', 'plain', 'checked')
        slabs = Material((grey,) * 3, (grey * 0.6,) * 3, paving, dice.uniform(0.5, 1.2), 0.03)
        at = (0, side * (_HALF_M + PAVEMENT_M / 2), KERB_M / 2)
        pavement = Solid('box', (150, PAVEMENT_M / 2, KERB_M / 2), at, slabs)
        scene.ground.append(('pavement', pavement))
    if dice.chance(0.7):
        at_x = dice.uniform(8, 25)
        for y in np.arange(-_HALF_M + 0.5, _HALF_M, 1.0):
            stripe = Solid('box', (1.5, 0.25, 0.003), (at_x, y, 0.002), line)
            scene.ground.append(('crossing', stripe))


def _add_buildings(dice: Dice, scene: Scene) -> None:
    for side in (-1, 1):
        x = -70.0
        while x < 110:
            wide, deep, tall = dice.uniform(8, 22), dice.uniform(8, 14), dice.uniform(5, 20)
            if dice.chance(0.85):
                y = side * (_HALF_M + PAVEMENT_M + dice.uniform(0, 3) + deep / 2)
                half = (wide / 2, deep / 2, tall / 2)
                hull = Solid('box', half, (x + wide / 2, y, tall / 2), _facade(dice))
                scene.ground.append(('building', hull))
            x += wide + (0.0 if dice.chance(0.5) else dice.uniform(2, 8))


def _facade(dice: Dice) -> Material:
    shade = shade_of(dice.one_of(('brown', 'grey', 'white', 'orange', 'yellow')), dice.rng)
    red, green, blue = darker(shade, 0.45)
    wall = (0.3 + red, 0.3 + green, 0.3 + blue)
    style = dice.family('panes', 'panes', 'bricks', 'plain', 'tiles')
    second = (0.03, 0.04, 0.06) if style == 'panes' else darker(wall, 0.6)
    return Material(wall, second, style, dice.uniform(2.2, 3.4), 0.05)


def _add_trees(dice: Dice, scene: Scene) -> None:
    for side in (-1, 1):
        for place in np.arange(-60, 100, 9.0):
            if dice.chance(0.5):
                continue
            x, y, tall = (
                place + dice.uniform(-2, 2),
                side * (_HALF_M + 0.7),
                dice.uniform(1.8, 3.0),
            )
            bark = Material(shade_of('brown', dice.rng), (0.02, 0.015, 0.01), 'wood', 0.2, 0.02)
            leaf = shade_of('green', dice.rng)
            leaves = Material(leaf, darker(leaf, 0.3), 'speckled', 0.8, 0.02)
            solids = [post(0.14, 0, tall, (x, y), bark)]
            for _ in range(3):
                away, up = dice.rng.uniform(-0.7, 0.7, 2), tall + dice.uniform(0.2, 1.6)
                size = tuple(dice.rng.uniform(0.8, 1.4, 3).tolist())
                solids.append(Solid('ellipsoid', size, (x + away[0], y + away[1], up), leaves))
            scene.things.append(Thing('tree', '', (2, 2, tall + 2), [Part(solids)]))


def _add_signals(dice: Dice, scene: Scene) -> None:
    """A traffic light on either side where one is wanted; one lamp of three is lit."""
    if dice.chance(0.5):
        return
    at_x, lit = dice.uniform(18, 40), int(dice.rng.integers(3))
    grey = Material((0.08, 0.08, 0.08), gloss=0.3)
    for side in (-1, 1):
        y = side * (_HALF_M + 0.4)
        solids = [post(0.06, 0, 2.4, (at_x, y), grey)]
        solids.append(Solid('box', (0.12, 0.16, 0.45), (at_x, y, 2.85), grey))
        for index, (red, green) in enumerate(((1.0, 0.05), (1.0, 0.6), (0.05, 0.9))):
            power = 1.0 if index == lit else 0.08
            glass = Material((red * power, green * power, 0.05 * power), glow=3.0 * power)
            for face in (-1, 1):
                at = (at_x + face * 0.1, y, 3.13 - 0.28 * index)
                solids.append(Solid('sphere', (0.09,), at, glass))
        light = ('red', 'yellow', 'green')[lit]
        thing = Thing('traffic light', '', (0.3, 0.3, 3.3), [Part(solids)], (light,))
        scene.things.append(thing)


def _add_traffic(dice: Dice, scene: Scene, amounts: Amounts) -> None:
    # The lane of heading +1 is shared with the ego vehicle, which starts at x = 0.
    ahead, behind, oncoming = dice.uniform(11, 16), -dice.uniform(12, 16), -dice.uniform(5, 15)
    for _ in range(amounts.moving):
        kind, heading = dice.one_of(_TRAFFIC), dice.one_of((-1, 1))
        speed = EGO_SPEED * dice.uniform(1.0, 1.06)
        if heading < 0:
            x, speed = oncoming, EGO_SPEED * dice.uniform(0.95, 1.05)
            oncoming += dice.uniform(14, 26)
        elif dice.chance(0.7):
            x = ahead
            ahead += dice.uniform(15, 24)
        else:
            x, speed = behind, EGO_SPEED * dice.uniform(0.94, 0.99)
            behind -= dice.uniform(15, 24)
        motion = straight((x, -heading * LANE_M / 2, 0.0), 0.0 if heading > 0 else np.pi, speed)
        scene.things.append(MAKERS[kind](dice, dice.colour(kind, BODY_COLOURS), motion))
    for side in (-1, 1):
        x = -30 + dice.uniform(0, 8)
        for _ in range(amounts.parked // 2):
            kind = dice.one_of(_PARKED)
            motion = standing(x, side * (LANE_M + PARKING_M / 2), dice.one_of((0.0, np.pi)))
            thing = MAKERS[kind](dice, dice.colour(kind, BODY_COLOURS), motion)
            thing.words = ('parked',)
            scene.things.append(thing)
            x += dice.uniform(6.5, 20)


def _add_people(dice: Dice, scene: Scene, amounts: Amounts) -> None:
    for index in range(amounts.pedestrians):
        colour, side = dice.colour('pedestrian', CLOTHES), dice.one_of((-1, 1))
        if index % 3 == 2:  # crosses the road
            start = (dice.uniform(34, 50), side * (_HALF_M - dice.uniform(0, 4)), 0.0)
            yaw, speed, stride = -side * np.pi / 2, dice.uniform(0.9, 1.5), 0.9
        else:
            yaw, x = dice.one_of((0.0, np.pi)), dice.uniform(-25, 40)
            start = (x, side * (_HALF_M + dice.uniform(1.2, PAVEMENT_M - 0.4)), KERB_M)
            speed = 0.0 if dice.chance(0.3) else dice.uniform(0.8, 1.5)
            stride = 0.7 * speed
        motion = straight(start, yaw, speed)
        scene.things.append(walker(dice, 'pedestrian', colour, motion, stride))
    for _ in range(amounts.cyclists):
        lane, x = dice.one_of((-1, 1)), dice.uniform(8, 30)
        yaw = 0.0 if lane > 0 else np.pi
        motion = straight((x, -lane * (LANE_M - 0.6), 0.0), yaw, dice.uniform(3, 5))
        scene.things.append(MAKERS['cyclist'](dice, dice.colour('cyclist', CLOTHES), motion))


def _add_obstacles(dice: Dice, scene: Scene, amounts: Amounts) -> None:
    x, side = dice.uniform(6, 25), dice.one_of((-1, 1))
    for index in range(amounts.cones):
        y = side * (LANE_M - dice.uniform(0.1, 0.8))
        motion = standing(x + 1.6 * index, y)
        scene.things.append(MAKERS['cone'](dice, dice.colour('cone', SIGNAL_COLOURS), motion))
    for _ in range(amounts.barriers):
        place = dice.uniform(5, 35)
        motion = standing(place, side * (LANE_M - 0.2), dice.uniform(-0.5, 0.5))
        scene.things.append(
            MAKERS['barrier'](dice, dice.colour('barrier', SIGNAL_COLOURS), motion)
        )
