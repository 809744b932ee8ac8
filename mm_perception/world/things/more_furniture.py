"""Further tables, chairs, sofas, lamps and fridges, for worlds of the split `varied`."""

from __future__ import annotations

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import ACROSS, turn_about
from mm_perception.world.scene import Solid
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
from mm_perception.world.things.surfaces import CHROME, GLASS, RUBBER, STEEL, box, paint, post
from mm_perception.world.variety import Dice

Built = tuple[Place, list[Solid]]
_GAP = Material((0.02, 0.02, 0.02))


def _trestle_table(dice: Dice, colour: str) -> Built:
    long, wide, tall = dice.uniform(0.7, 0.9), dice.uniform(1.2, 1.7), dice.uniform(0.7, 0.78)
    top = paint(dice, colour, 0.4)
    solids = [box(long, wide, 0.04, (0, 0, tall - 0.02), top)]
    for y in (-wide * 0.36, wide * 0.36):
        solids += [
            rod(0.025, (x * long * 0.42, y, 0.03), (x * 0.05, y, tall - 0.05), top) for x in SIDES
        ]
        solids.append(box(long * 0.5, 0.03, 0.04, (0, y, tall * 0.35), top))
    return (long, wide, tall), solids


def _desk(dice: Dice, colour: str) -> Built:
    long, wide, tall = dice.uniform(0.6, 0.75), dice.uniform(1.1, 1.6), dice.uniform(0.7, 0.78)
    top, chest = paint(dice, colour, 0.4), wide * dice.uniform(0.28, 0.36)
    y = dice.one_of(SIDES) * (wide - chest) / 2
    solids = [
        box(long, wide, 0.05, (0, 0, tall - 0.025), top),
        box(long * 0.94, chest, tall - 0.05, (0, y, (tall - 0.05) / 2), top),
        box(long * 0.94, 0.04, tall, (0, -np.sign(y) * (wide / 2 - 0.03), tall / 2), top),
    ]
    for share in (0.2, 0.48, 0.76):
        solids.append(box(0.01, chest, 0.012, (long * 0.47, y, tall * (share + 0.12)), _GAP))
        solids.append(box(0.03, chest * 0.4, 0.02, (long * 0.48, y, tall * share), STEEL))
    return (long, wide, tall), solids


def _column_table(dice: Dice, colour: str) -> Built:
    long, wide, tall = dice.uniform(0.7, 0.85), dice.uniform(1.2, 1.8), dice.uniform(0.68, 0.85)
    top = paint(dice, colour, 0.4)
    solids = [box(long, wide, 0.04, (0, 0, tall - 0.02), top)]
    for y in (-wide * 0.34, wide * 0.34):
        solids.append(box(long * 0.85, 0.09, 0.05, (0, y, 0.025), top))
        solids.append(box(0.1, 0.07, tall - 0.05, (0, y, tall / 2), top))
    solids.append(box(0.04, wide * 0.68, 0.08, (0, 0, tall * 0.8), top))
    return (long, wide, tall), solids


def _oval_table(dice: Dice, colour: str) -> Built:
    long, tall = dice.uniform(0.65, 0.85), dice.uniform(0.45, 0.78)
    wide = long + dice.uniform(0.4, 0.8)
    top, inner = paint(dice, colour, 0.4), wide / 2 - long / 2
    solids = [box(long, wide - long, 0.05, (0, 0, tall - 0.025), top)]
    solids += [post(long / 2, tall - 0.05, tall, (0, s * inner), top) for s in SIDES]
    solids += [
        rod(0.025, (x * long * 0.42, y * (inner + 0.15), 0.02), (x * 0.15, y * inner, tall), top)
        for x, y in CORNERS
    ]
    return (long, wide, tall), solids


def _arc(
    radius: float, heights: tuple[float, float], degrees: float, material: Material
) -> list[Solid]:
    """A curved upright wall behind, as so many degrees to either side."""
    low, high = heights
    angles = np.deg2rad(180 + np.linspace(-degrees, degrees, 11))
    wide = 2.2 * radius * np.deg2rad(degrees) / 10
    return [
        Solid(
            'box', (0.02, wide / 2, (high - low) / 2),
            (float(radius * np.cos(a)), float(radius * np.sin(a)), (low + high) / 2), material,
            turn_about(2, float(a)),
        )
        for a in angles
    ]  # fmt: skip


def _tub_chair(dice: Dice, colour: str) -> Built:
    radius, seat, cloth = dice.uniform(0.24, 0.29), dice.uniform(0.4, 0.46), paint(dice, colour)
    back = dice.uniform(0.25, 0.35)
    foot = dice.one_of((CHROME, cloth, RUBBER))
    solids = [post(radius, seat - 0.09, seat, (0, 0), cloth), post(0.03, 0, seat, (0, 0), foot)]
    solids.append(post(radius * 0.85, 0, 0.025, (0, 0), foot))
    solids += _arc(radius, (seat - 0.09, seat + back), dice.uniform(85, 110), cloth)
    return (2 * radius, 2 * radius, seat + back), solids


def _arm_chair(dice: Dice, colour: str) -> Built:
    side, seat, cloth = dice.uniform(0.46, 0.54), dice.uniform(0.4, 0.46), paint(dice, colour, 0.2)
    back = dice.uniform(0.28, 0.36)
    half, rest = side / 2, seat + 0.2
    solids = [box(side, side, 0.1, (0, 0, seat - 0.05), cloth)]
    solids.append(turned(box(0.07, side, back, (-half, 0, seat + back / 2), cloth), 1, -10))
    for x, y in CORNERS:
        high = rest if x > 0 else seat
        solids.append(box(0.05, 0.05, high, (x * (half - 0.04), y * half, high / 2), cloth))
    solids += [box(side + 0.06, 0.07, 0.04, (0, y * half, rest), cloth) for y in SIDES]
    return (side + 0.05, side + 0.07, seat + back), solids


def _cantilever_chair(dice: Dice, colour: str) -> Built:
    side, seat, cloth = dice.uniform(0.42, 0.5), dice.uniform(0.43, 0.48), paint(dice, colour, 0.3)
    back, half = dice.uniform(0.38, 0.48), side / 2
    tube = dice.one_of((CHROME, RUBBER, cloth))
    solids = [box(side, side * 0.92, 0.06, (0, 0, seat), cloth)]
    pad = box(0.05, side * 0.92, back * 0.6, (-half - 0.03, 0, seat + back * 0.7), cloth)
    solids.append(turned(pad, 1, -8))
    for y in (-half, half):
        path: list[Place] = [(-half, y, 0.02), (half, y, 0.02), (half, y, seat - 0.03),
                             (-half, y, seat - 0.03), (-half - 0.05, y, seat + back)]  # fmt: skip
        solids += bent(0.018, path, tube)
    solids.append(rod(0.018, (-half, -half, 0.02), (-half, half, 0.02), tube))
    return (side + 0.06, side + 0.04, seat + back), solids


def _office_chair(dice: Dice, colour: str) -> Built:
    side, seat, cloth = (
        dice.uniform(0.44, 0.52),
        dice.uniform(0.44, 0.52),
        paint(dice, colour, 0.2),
    )
    back, foot = dice.uniform(0.45, 0.65), dice.one_of((RUBBER, CHROME))
    solids = [
        box(side, side, 0.09, (0, 0, seat), cloth), post(0.03, 0.08, seat, (0, 0), foot),
        turned(box(0.07, side * 0.9, back, (-side / 2 - 0.03, 0, seat + 0.12 + back / 2), cloth),
               1, -8),
        rod(0.03, (0.08 - side / 2, 0, seat), (-side / 2 - 0.02, 0, seat + 0.2), foot),
    ]  # fmt: skip
    for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False):
        x, y = (float(0.28 * f(angle)) for f in (np.cos, np.sin))
        solids += [rod(0.022, (0, 0, 0.11), (x, y, 0.07), foot)]
        solids.append(Solid('sphere', (0.032,), (x, y, 0.032), RUBBER))
    if dice.chance(0.5):
        for y in (-side / 2, side / 2):
            solids.append(box(0.26, 0.05, 0.03, (0, y, seat + 0.22), foot))
            solids.append(box(0.04, 0.03, 0.22, (0, y, seat + 0.11), foot))
    return (0.58, 0.58, seat + 0.12 + back), solids


def _rolled_sofa(dice: Dice, colour: str) -> Built:
    deep, wide, seat = dice.uniform(0.82, 0.95), dice.uniform(1.5, 2.2), dice.uniform(0.38, 0.44)
    high, cloth = seat + dice.uniform(0.2, 0.32), paint(dice, colour, 0.4)
    solids = [
        box(deep, wide, seat - 0.08, (0, 0, 0.04 + seat / 2), cloth),
        box(0.18, wide, high - 0.2, (-deep / 2 + 0.1, 0, 0.1 + high / 2), cloth),
        lying(0.12, wide, (-deep / 2 + 0.12, 0, high), cloth, ACROSS),
    ]
    for y in (-wide / 2 + 0.1, wide / 2 - 0.1):
        solids.append(box(deep, 0.16, high - 0.1, (0, y, high / 2), cloth))
        solids.append(lying(0.12, deep, (0, y, high), cloth, ALONG))
    gaps = np.linspace(-0.5, 0.5, dice.one_of((3, 4)))[1:-1] * (wide - 0.4)
    solids += [box(deep * 0.7, 0.012, 0.01, (0.1, float(y), seat), _GAP) for y in gaps]
    solids += [post(0.04, 0, 0.1, (x * deep * 0.42, y * wide * 0.45), RUBBER) for x, y in CORNERS]
    return (deep, wide, high + 0.12), solids


def _corner_sofa(dice: Dice, colour: str) -> Built:
    deep, wide, seat = dice.uniform(1.05, 1.15), dice.uniform(1.8, 2.3), dice.uniform(0.36, 0.44)
    back, side, cloth = dice.uniform(0.3, 0.42), dice.one_of(SIDES), paint(dice, colour, 0.1)
    main, arm = deep * 0.66, side * (wide / 2 - 0.1)
    lounge = wide * 0.36
    y = side * (wide - lounge) / 2
    solids = [
        box(main, wide, seat - 0.06, (-(deep - main) / 2, 0, 0.06 + (seat - 0.06) / 2), cloth),
        box(deep, lounge, seat - 0.05, (0, y, 0.06 + (seat - 0.05) / 2), cloth),
        box(0.2, wide, back, (-deep / 2 + 0.1, 0, seat + back / 2), cloth),
        box(deep * 0.62, 0.2, back, (-deep * 0.19, arm, seat + back / 2), cloth),
        box(main, 0.16, 0.16, (-(deep - main) / 2, -side * (wide / 2 - 0.08), seat + 0.08), cloth),
    ]
    for share in (-0.3, 0.02, 0.34):
        pillow = box(0.12, wide * 0.26, 0.3, (-deep / 2 + 0.26, share * wide, seat + 0.15), cloth)
        solids.append(turned(pillow, 1, -15))
    return (deep, wide, seat + back), solids


def _slim_sofa(dice: Dice, colour: str) -> Built:
    deep, wide, seat = dice.uniform(0.75, 0.85), dice.uniform(1.4, 2.0), dice.uniform(0.4, 0.46)
    back, cloth = dice.uniform(0.34, 0.44), paint(dice, colour, 0.1)
    wood, num = paint(dice, dice.one_of(('brown', 'black')), 0.3), dice.one_of((2, 2, 3))
    solids = [box(deep, wide, 0.05, (0, 0, seat - 0.18), wood)]
    for index in range(num):
        y, each = ((index + 0.5) / num - 0.5) * (wide - 0.14), (wide - 0.14) / num - 0.02
        solids.append(box(deep * 0.9, each, 0.15, (0.03, y, seat - 0.08), cloth))
        pad = box(0.15, each, back, (-deep / 2 + 0.1, y, seat + back / 2), cloth)
        solids.append(turned(pad, 1, -12))
    for x, y in CORNERS:
        leg: Place = (x * deep * 0.42, y * (wide / 2 - 0.03), 0.02)
        solids.append(rod(0.022, leg, (leg[0] * 0.9, leg[1], seat + 0.2), wood))
    solids += [box(deep, 0.07, 0.04, (0, y * (wide / 2 - 0.03), seat + 0.2), wood) for y in SIDES]
    return (deep, wide, seat + back), solids


def _one_armed_sofa(dice: Dice, colour: str) -> Built:
    deep, wide, seat = dice.uniform(0.7, 0.85), dice.uniform(1.5, 1.9), dice.uniform(0.36, 0.42)
    back, side, cloth = dice.uniform(0.36, 0.46), dice.one_of(SIDES), paint(dice, colour, 0.2)
    end = side * (wide / 2 - 0.1)
    solids = [
        box(deep, wide, 0.2, (0, 0, seat - 0.1), cloth),
        lying(0.1, deep, (0, -side * (wide / 2 - 0.08), seat - 0.05), cloth, ALONG),
        box(deep, 0.16, back, (0, end, seat + back / 2 - 0.05), cloth),
        lying(0.13, deep, (0, end, seat + back - 0.1), cloth, ALONG),
        box(0.14, wide * 0.6, back * 0.75,
            (-deep / 2 + 0.07, side * wide * 0.2, seat + back * 0.37), cloth),
        lying(0.08, wide * 0.6, (-deep / 2 + 0.08, side * wide * 0.2, seat + back * 0.75), cloth,
              ACROSS),
    ]  # fmt: skip
    solids += [post(0.03, 0, seat - 0.2, (x * deep * 0.4, y * wide * 0.42), _GAP)
               for x, y in CORNERS]  # fmt: skip
    return (deep, wide, seat + back), solids


def _shade(dice: Dice, colour: str) -> Material:
    cloth = paint(dice, colour, 0.1)
    return Material(cloth.first, cloth.second, glow=dice.uniform(0.1, 0.5))


def _foot(dice: Dice) -> Material:
    return paint(dice, dice.one_of(('black', 'white', 'brown')), 0.4)


def _arc_lamp(dice: Dice, colour: str) -> Built:
    tall, reach, foot = dice.uniform(1.5, 1.85), dice.uniform(0.32, 0.42), _foot(dice)
    radius, shade = dice.uniform(0.15, 0.2), _shade(dice, colour)
    angles = np.linspace(np.pi, 0.12, 8)
    path: list[Place] = [(-reach, 0.0, 0.03)]
    path += [(float(reach * np.cos(a)), 0.0, float(tall - 0.4 + 0.4 * np.sin(a))) for a in angles]
    solids = [post(0.16, 0, 0.05, (-reach, 0), foot), *bent(0.016, path, foot)]
    for solid in taper((radius, 0.05), (tall - 0.6, tall - 0.36), shade):
        x, _, z = solid.at
        solids.append(Solid(solid.shape, solid.size, (x + reach, 0, z), shade))
    return (2 * reach + radius + 0.16, 2 * radius, tall), solids


def _tripod_lamp(dice: Dice, colour: str) -> Built:
    tall, radius, foot = dice.uniform(1.25, 1.6), dice.uniform(0.19, 0.27), _foot(dice)
    deep = dice.uniform(0.22, 0.34)
    solids = taper((radius, radius * dice.uniform(0.7, 0.95)), (tall - deep, tall),
                   _shade(dice, colour))  # fmt: skip
    for angle in np.linspace(0, 2 * np.pi, 3, endpoint=False):
        x, y = (float(0.3 * f(angle)) for f in (np.cos, np.sin))
        solids.append(rod(0.02, (x, y, 0.02), (x * 0.1, y * 0.1, tall - deep), foot))
    return (0.6, 0.6, tall), solids


def _column_lamp(dice: Dice, colour: str) -> Built:
    tall, side, foot = dice.uniform(0.95, 1.4), dice.uniform(0.2, 0.3), _foot(dice)
    solids = [box(side, side, tall - 0.1, (0, 0, 0.05 + tall / 2), _shade(dice, colour))]
    solids.append(box(side * 1.15, side * 1.15, 0.08, (0, 0, 0.04), foot))
    solids += [
        box(side * 1.04, side * 1.04, 0.02, (0, 0, z * tall), foot) for z in (0.35, 0.67, 1)
    ]
    return (side, side, tall), solids


def _uplighter(dice: Dice, colour: str) -> Built:
    tall, radius, foot = dice.uniform(1.5, 1.8), dice.uniform(0.18, 0.24), _foot(dice)
    shade, side = _shade(dice, colour), dice.one_of(SIDES)
    solids = [post(0.16, 0, 0.03, (0, 0), foot), post(0.02, 0, tall - 0.1, (0, 0), foot)]
    solids += taper((0.05, radius), (tall - 0.16, tall), shade)
    solids += bent(0.012, [(0, 0, tall * 0.62), (0, side * 0.2, tall * 0.7),
                           (0.04, side * 0.25, tall * 0.66)], foot)  # fmt: skip
    small = post(0.07, tall * 0.58, tall * 0.66, (0.05, side * 0.26), shade)
    return (2 * radius, 2 * radius, tall), [*solids, turned(small, 0, side * 20)]


def _retro_fridge(dice: Dice, colour: str) -> Built:
    wide, deep, tall = dice.uniform(0.55, 0.68), dice.uniform(0.55, 0.66), dice.uniform(1.3, 1.75)
    body, bend, front = paint(dice, colour, 0.8), wide * 0.24, deep / 2
    split = tall * dice.uniform(0.62, 0.72)
    solids = [
        box(deep, wide, tall - bend - 0.08, (0, 0, 0.04 + (tall - bend) / 2), body),
        box(deep, wide - 2 * bend, bend, (0, 0, tall - bend / 2), body),
        box(0.012, wide, 0.02, (front, 0, split), _GAP),
        box(0.02, 0.16, 0.05, (front, 0, split + 0.1), CHROME),
    ]
    for y in SIDES:
        solids.append(lying(bend, deep, (0, y * (wide / 2 - bend), tall - bend), body, ALONG))
        solids += [post(0.03, 0, 0.1, (x * deep * 0.4, y * wide * 0.4), CHROME) for x in SIDES]
    for z in (split - 0.2, split + 0.18):
        solids.append(rod(0.02, (front + 0.04, wide * 0.38, z - 0.1),
                          (front + 0.04, wide * 0.38, z + 0.1), CHROME))  # fmt: skip
    return (deep, wide, tall), solids


def _drawer_fridge(dice: Dice, colour: str) -> Built:
    wide, deep, tall = dice.uniform(0.6, 0.75), dice.uniform(0.58, 0.68), dice.uniform(1.6, 2.0)
    body, front, num = paint(dice, colour, 0.6), deep / 2, dice.one_of((2, 3))
    low = tall * dice.uniform(0.36, 0.48)
    solids = [box(deep, wide, tall - 0.05, (0, 0, 0.025 + tall / 2), body)]
    for index in range(num):
        z = 0.08 + (index + 1) * (low - 0.08) / num
        solids.append(box(0.012, wide, 0.016, (front, 0, z), _GAP))
        solids.append(box(0.05, wide * 0.7, 0.03, (front, 0, z - 0.06), STEEL))
    solids.append(box(0.05, 0.03, tall * 0.3, (front, -wide * 0.4, low + tall * 0.24), STEEL))
    solids.append(box(0.012, wide * 0.25, 0.1, (front, 0, low + (tall - low) * 0.6), GLASS))
    return (deep, wide, tall), solids


def _small_fridge(dice: Dice, colour: str) -> Built:
    wide, deep, tall = dice.uniform(0.5, 0.6), dice.uniform(0.52, 0.6), dice.uniform(0.78, 0.95)
    body, front = paint(dice, colour, 0.6), deep / 2
    solids = [
        box(deep, wide, tall - 0.1, (0, 0, 0.03 + tall / 2), body),
        box(deep + 0.04, wide + 0.03, 0.04, (0, 0, tall - 0.02), body),
        box(0.04, wide * 0.97, tall - 0.22, (front + 0.02, 0, 0.02 + tall / 2), body),
        box(0.01, wide, 0.02, (front + 0.005, 0, tall - 0.085), _GAP),
        box(0.04, wide * 0.5, 0.03, (front + 0.05, 0, tall - 0.16), CHROME),
    ]
    solids += [post(0.02, 0, 0.1, (x * deep * 0.4, y * wide * 0.4), RUBBER) for x, y in CORNERS]
    return (deep, wide, tall), solids


def _shop_fridge(dice: Dice, colour: str) -> Built:
    wide, deep, tall = dice.uniform(0.58, 0.72), dice.uniform(0.55, 0.66), dice.uniform(1.65, 2.0)
    body, front = paint(dice, colour, 0.5), deep / 2
    low, high = tall * 0.17, tall * 0.86
    light = Material((0.7, 0.72, 0.75), glow=0.25)
    solids = [
        box(deep, wide, tall - 0.04, (0, 0, 0.02 + tall / 2), body),
        box(0.01, wide * 0.8, high - low, (front, 0, (low + high) / 2), GLASS),
        box(0.03, 0.03, 0.4, (front + 0.03, wide * 0.43, tall * 0.5), CHROME),
    ]
    for z in np.linspace(low, high, 5)[:-1].tolist():
        solids.append(box(0.016, wide * 0.8, 0.02, (front, 0, z), light))
        for y in np.linspace(-0.3, 0.3, dice.one_of((3, 4, 5))).tolist():
            goods = paint(dice, dice.one_of(('white', 'grey', colour)), 0.5)
            solids.append(box(0.02, wide * 0.09, tall * 0.1, (front, y * wide, z + 0.1), goods))
    return (deep, wide, tall), solids


#: Class name to families by name.
FAMILIES: dict[str, Families] = {
    'table': {
        'trestles': _trestle_table, 'desk': _desk, 'columns': _column_table, 'oval': _oval_table,
    },
    'chair': {
        'tub': _tub_chair, 'low arms': _arm_chair, 'cantilever': _cantilever_chair,
        'office': _office_chair,
    },
    'sofa': {
        'rolled arms': _rolled_sofa, 'corner': _corner_sofa, 'slim': _slim_sofa,
        'one arm': _one_armed_sofa,
    },
    'lamp': {
        'arc': _arc_lamp, 'tripod': _tripod_lamp, 'column': _column_lamp, 'uplighter': _uplighter,
    },
    'fridge': {
        'retro': _retro_fridge, 'drawers': _drawer_fridge, 'small': _small_fridge,
        'shop': _shop_fridge,
    },
}  # fmt: skip
