"""A room from a seed: walls, furniture, lamps that give light, people.

Frame: x and y along the walls, z up from the floor; the origin is in the middle of the floor.
"""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import COLOURS, Material, shade_of
from mm_perception.world.motion import pacing, standing
from mm_perception.world.reshape import reshape
from mm_perception.world.scene import Light, Scene, Solid
from mm_perception.world.street import CLOTHES
from mm_perception.world.things import MAKERS
from mm_perception.world.things.people import walker
from mm_perception.world.things.surfaces import darker
from mm_perception.world.variety import Dice, Split

ROOM_COLOURS = tuple(COLOURS)
_ALONG_WALLS = ('sofa', 'fridge', 'television', 'lamp', 'plant', 'table', 'chair')
_IN_THE_MIDDLE = ('table', 'chair', 'ball', 'crate', 'chair', 'plant', 'ball', 'lamp')
_HALF_WIDTH_M = {'sofa': 1.15, 'television': 0.75, 'table': 0.85, 'fridge': 0.5}
_HEIGHT_M = 2.6


def make_room(seed: int, split: Split = Split.ANY) -> Scene:
    """A room.

    Args:
        seed: Decides everything.
        split: What may appear in it.
    """
    dice = Dice((seed, 1), split)
    half = (dice.uniform(2.3, 4.0), dice.uniform(2.3, 4.0))
    scene = Scene(seed=seed % 100_000)
    scene.ambient = np.array([0.5, 0.48, 0.45]) * dice.uniform(0.35, 0.8)
    _add_walls(dice, scene, half)
    taken: list[tuple[float, float, float]] = []
    _add_along_walls(dice, scene, half, taken)
    _add_in_the_middle(dice, scene, half, taken)
    _add_people(dice, scene, half, taken)
    _add_lights(dice, scene, half)
    if split.is_reshaped:
        reshape(dice, scene.things)
    return scene


def _surface(dice: Dice, colours: tuple[str, ...], pale: float, *patterns: str) -> Material:
    red, green, blue = darker(shade_of(dice.one_of(colours), dice.rng), 1 - pale)
    shade = (red + pale * 0.75, green + pale * 0.75, blue + pale * 0.72)
    second = darker(shade, dice.uniform(0.5, 0.85))
    return Material(shade, second, dice.family(*patterns), dice.uniform(0.15, 0.8), 0.05)


def _add_walls(dice: Dice, scene: Scene, half: tuple[float, float]) -> None:
    hues = ('white', 'yellow', 'blue', 'green', 'grey', 'orange', 'pink')
    floor = _surface(dice, ('brown', 'grey', 'orange', 'white'), 0.15, 'wood', 'tiles', 'speckled',
                     'checked')  # fmt: skip
    wall = _surface(dice, hues, 0.6, 'plain', 'speckled', 'striped', 'bricks')
    white = Material((0.7, 0.7, 0.68))
    x, y = half
    scene.ground.append(('floor', Solid('box', (x, y, 0.05), (0, 0, -0.05), floor)))
    scene.ground.append(('ceiling', Solid('box', (x, y, 0.05), (0, 0, _HEIGHT_M + 0.05), white)))
    for side in (-1, 1):
        across = Solid('box', (0.1, y, _HEIGHT_M / 2), (side * (x + 0.1), 0, _HEIGHT_M / 2), wall)
        along = Solid('box', (x, 0.1, _HEIGHT_M / 2), (0, side * (y + 0.1), _HEIGHT_M / 2), wall)
        scene.ground += [('wall', across), ('wall', along)]
        if dice.chance(0.5):
            sky = Material((0.55, 0.7, 0.9), (0.8, 0.8, 0.8), glow=dice.uniform(0.3, 1.2))
            at = (dice.uniform(-0.5, 0.5) * x, side * (y - 0.005), 1.5)
            scene.ground.append(('window', Solid('box', (0.55, 0.01, 0.55), at, sky)))
        if dice.chance(0.4):
            art = Material(shade_of(dice.one_of(hues), dice.rng), (0.1, 0.1, 0.1), 'checked', 0.3)
            at = (side * (x - 0.005), dice.uniform(-0.5, 0.5) * y, 1.6)
            scene.ground.append(('picture', Solid('box', (0.01, 0.4, 0.3), at, art)))
    if dice.chance(0.5):
        rug = _surface(dice, ('red', 'blue', 'green', 'grey', 'purple'), 0.1, 'plain', 'checked',
                       'striped')  # fmt: skip
        at = (dice.uniform(-0.3, 0.3) * x, dice.uniform(-0.3, 0.3) * y, 0.004)
        size = (dice.uniform(0.6, 1.2), dice.uniform(0.6, 1.2), 0.004)
        scene.ground.append(('rug', Solid('box', size, at, rug)))


def _is_free(taken: list[tuple[float, float, float]], x: float, y: float, radius: float) -> bool:
    return all(np.hypot(x - tx, y - ty) > radius + other for tx, ty, other in taken)


def _add_along_walls(
    dice: Dice, scene: Scene, half: tuple[float, float], taken: list[tuple[float, float, float]]
) -> None:
    for _ in range(9):
        kind, wall = dice.one_of(_ALONG_WALLS), int(dice.rng.integers(4))
        radius = _HALF_WIDTH_M.get(kind, 0.35)
        yaw = wall * np.pi / 2
        reach, wide = (half[0], half[1]) if wall % 2 == 0 else (half[1], half[0])
        slide = dice.uniform(-1, 1) * (wide - radius - 0.1)
        away = -(reach - 0.5)
        x = away * np.cos(yaw) - slide * np.sin(yaw)
        y = away * np.sin(yaw) + slide * np.cos(yaw)
        if not _is_free(taken, x, y, radius):
            continue
        taken.append((x, y, radius))
        _add_thing(dice, scene, kind, (x, y), yaw)


def _add_in_the_middle(
    dice: Dice, scene: Scene, half: tuple[float, float], taken: list[tuple[float, float, float]]
) -> None:
    for _ in range(8):
        kind = dice.one_of(_IN_THE_MIDDLE)
        x, y = dice.uniform(-1, 1) * (half[0] - 0.8), dice.uniform(-1, 1) * (half[1] - 0.8)
        radius = _HALF_WIDTH_M.get(kind, 0.3)
        if not _is_free(taken, x, y, radius):
            continue
        taken.append((x, y, radius))
        _add_thing(dice, scene, kind, (x, y), dice.uniform(0, 2 * np.pi))


def _add_thing(dice: Dice, scene: Scene, kind: str, at: tuple[float, float], yaw: float) -> None:
    motion = standing(*at, yaw)
    if kind == 'ball' and dice.chance(0.5):
        motion = pacing(at, yaw, dice.uniform(0.3, 0.8), dice.uniform(0.3, 1.0))
    thing = MAKERS[kind](dice, dice.colour(kind, ROOM_COLOURS), motion)
    scene.things.append(thing)
    if kind == 'table':
        for _ in range(int(dice.rng.integers(0, 4))):
            place = (at[0] + dice.uniform(-0.25, 0.25), at[1] + dice.uniform(-0.25, 0.25))
            stand = standing(*place, dice.uniform(0, 2 * np.pi), thing.size[2])
            scene.things.append(MAKERS['cup'](dice, dice.colour('cup', ROOM_COLOURS), stand))


def _add_people(
    dice: Dice, scene: Scene, half: tuple[float, float], taken: list[tuple[float, float, float]]
) -> None:
    for _ in range(int(dice.rng.integers(0, 4))):
        x, y = dice.uniform(-1, 1) * (half[0] - 0.6), dice.uniform(-1, 1) * (half[1] - 0.6)
        if not _is_free(taken, x, y, 0.35):
            continue
        taken.append((x, y, 0.35))
        yaw = dice.uniform(0, 2 * np.pi)
        walks = dice.chance(0.6)
        reach = min(half[0] - abs(x), half[1] - abs(y)) - 0.4
        speed = dice.uniform(0.5, 1.0)
        motion = pacing((x, y), yaw, max(reach, 0.2), speed) if walks else standing(x, y, yaw)
        colour = dice.colour('person', CLOTHES)
        thing = walker(dice, 'person', colour, motion, 0.7 * speed if walks else 0.0)
        scene.things.append(thing)


def _add_lights(dice: Dice, scene: Scene, half: tuple[float, float]) -> None:
    for _ in range(2 if dice.chance(0.4) else 1):
        warmth = np.array([1.0, dice.within(0.7, 1.0, novel_below=0.8), dice.uniform(0.6, 0.95)])
        at = np.array([dice.uniform(-0.6, 0.6) * half[0], dice.uniform(-0.6, 0.6) * half[1], 2.4])
        scene.lights.append(Light(at, warmth * dice.uniform(1.5, 3.5)))
