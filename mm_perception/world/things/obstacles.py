"""Small things that stand, lie or roll about; the origin on the ground; metres."""

from __future__ import annotations

from mm_perception.world.materials import Material
from mm_perception.world.scene import Motion, Part, Solid, Thing
from mm_perception.world.things.families import build
from mm_perception.world.things.more_obstacles import FAMILIES
from mm_perception.world.things.surfaces import REFLECTOR, STEEL, box, paint
from mm_perception.world.variety import Dice


def cone(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A traffic cone, wide or a slim post."""
    family = dice.family('cone', 'plain cone', 'post', more=FAMILIES['cone'])
    if family in FAMILIES['cone']:
        return build('cone', FAMILIES['cone'][family], dice, colour, motion)
    tall, body, rings = dice.uniform(0.5, 0.95), paint(dice, colour, 0.2), 6
    solids = [box(0.4, 0.4, 0.05, (0, 0, 0.025), body)]
    for ring in range(rings):
        radius = 0.06 if family == 'post' else 0.16 * (1 - ring / rings) + 0.03
        material = REFLECTOR if ring in (2, 3) and family != 'plain cone' else body
        at = (0.0, 0.0, 0.05 + (ring + 0.5) * tall / rings)
        solids.append(Solid('cylinder', (radius, tall / rings / 2), at, material))
    return Thing('cone', colour, (0.4, 0.4, tall), [Part(solids, motion)])


def barrier(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A road barrier: boards on two feet, or a solid block."""
    family = dice.family('boards', 'striped boards', 'block', more=FAMILIES['barrier'])
    if family in FAMILIES['barrier']:
        return build('barrier', FAMILIES['barrier'][family], dice, colour, motion)
    length, tall = dice.uniform(1.3, 2.2), dice.uniform(0.9, 1.1)
    board = paint(dice, colour, 0.2)
    if family == 'striped boards':
        board = Material(board.first, REFLECTOR.first, 'striped', 0.35)
    if family == 'block':
        solids = [
            box(0.5, length, tall * 0.35, (0, 0, tall * 0.175), board),
            box(0.25, length, tall * 0.65, (0, 0, tall * 0.65), board),
        ]
    else:
        solids = [
            box(0.06, length, 0.3, (0, 0, tall - 0.15), board),
            box(0.06, length, 0.2, (0, 0, tall * 0.45), board),
            *[box(0.45, 0.08, tall, (0, s * length * 0.42, tall / 2), STEEL) for s in (-1, 1)],
        ]
    return Thing('barrier', colour, (0.45, length, tall), [Part(solids, motion)])


def ball(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A ball on the floor."""
    radius = dice.uniform(0.1, 0.28)
    family = dice.family('plain', 'striped', 'checked', more=FAMILIES['ball'])
    if family in FAMILIES['ball']:
        return build('ball', FAMILIES['ball'][family], dice, colour, motion)
    skin = paint(dice, colour, 0.6, pattern=family, scale=0.2)
    solid = Solid('sphere', (radius,), (0, 0, radius), skin)
    return Thing('ball', colour, (2 * radius,) * 3, [Part([solid], motion)])


def crate(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A box to put things in, with a lid."""
    long, wide, tall = dice.uniform(0.3, 0.7), dice.uniform(0.3, 0.5), dice.uniform(0.25, 0.55)
    family = dice.family('plain', 'tiles', 'wood', more=FAMILIES['crate'])
    if family in FAMILIES['crate']:
        return build('crate', FAMILIES['crate'][family], dice, colour, motion)
    side = paint(dice, colour, 0.3, pattern=family, scale=0.25)
    solids = [
        box(long, wide, tall, (0, 0, tall / 2), side),
        box(long + 0.04, wide + 0.04, 0.05, (0, 0, tall), side),
    ]
    return Thing('crate', colour, (long, wide, tall), [Part(solids, motion)])
