"""Things of other proportions, with other and fewer parts: domain randomisation of shape.

Two families of shapes per class teach a network those two. Worlds of the splits `reshaped` and
`varied` stretch every thing, bend its proportions, trade solids for others and hang new ones on
it, so that a class becomes a range that families nobody trained on may fall into (Tobin et al.,
2017, section III).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.scene import Array, Part, Solid, Thing
from mm_perception.world.things.surfaces import CHROME, GLASS, HUB, RUBBER, STEEL, darker
from mm_perception.world.variety import Dice

_AS_IT_IS = 0.15  # share of things that stay as their family makes them
_TRADED, _DROPPED, _REPAINTED, _DECORATED = 0.12, 0.1, 0.2, 0.35
_SMALL = 0.25  # of the volume of the largest solid: what may be dropped
_PATTERNS = ('plain', 'speckled', 'striped', 'wood')
_TRIM = (GLASS, RUBBER, CHROME, HUB, STEEL)  # what never gives a thing its colour


def reshape(dice: Dice, things: Iterable[Thing]) -> None:
    """Change things in place."""
    for thing in things:
        if not dice.chance(_AS_IT_IS):
            _reshape_thing(dice, thing)


def _reshape_thing(dice: Dice, thing: Thing) -> None:
    is_jointed = len(thing.parts) > 1  # limbs must still meet
    spread = 0.08 if is_jointed else 0.16
    stretch = np.exp(dice.rng.normal(0, spread, 3))
    if is_jointed:
        stretch[:] = stretch.mean()
    greys: dict[Material, Material] = {}
    for part in thing.parts:
        _reshape_part(dice, part, stretch, greys, is_jointed=is_jointed)
    if not is_jointed:
        length, width, height = np.asarray(thing.size) * stretch
        thing.size = (float(length), float(width), float(height))
        if dice.chance(_DECORATED):
            thing.parts[0].solids.append(_decoration(dice, thing.parts[0].solids))


def _reshape_part(
    dice: Dice, part: Part, stretch: Array, greys: dict[Material, Material], *, is_jointed: bool
) -> None:
    volumes = [_extent(solid).prod() for solid in part.solids]
    kept = []
    for solid, volume in zip(part.solids, volumes, strict=True):
        is_small = volume < _SMALL * max(volumes)
        if is_small and not is_jointed and dice.chance(_DROPPED):
            continue
        if solid.material not in greys:
            greys[solid.material] = _repainted(dice, solid.material)
        factors = np.exp(dice.rng.normal(0, 0.05 if is_jointed else 0.12, 3))
        changed = _stretched(solid, stretch, factors, is_jointed=is_jointed)
        if not is_jointed and dice.chance(_TRADED):
            changed = _traded(dice, changed)
        kept.append(replace(changed, material=greys[solid.material]))
    part.solids[:] = kept


def _extent(solid: Solid) -> Array:
    """Half extents (3,) in the frame of the solid, metres."""
    size = solid.size
    if solid.shape == 'sphere':
        return np.full(3, size[0])
    if solid.shape in ('cylinder', 'capsule'):
        return np.array([size[0], size[0], size[1]])
    return np.array(size[:3])


def _of_extent(solid: Solid, shape: str, extent: Array) -> Solid:
    """A solid of another shape that fills the same half extents."""
    x, y, z = (float(v) for v in extent)
    size: tuple[float, ...] = (x, y, z)
    if shape == 'sphere':
        size = ((x + y + z) / 3,)
    if shape in ('cylinder', 'capsule'):
        size = ((x + y) / 2, z)
    return replace(solid, shape=shape, size=size)


def _stretched(solid: Solid, stretch: Array, factors: Array, *, is_jointed: bool) -> Solid:
    turn = np.eye(3) if solid.turn is None else solid.turn
    along = np.abs(turn).T @ stretch / np.abs(turn).sum(0)
    sized = _of_extent(solid, solid.shape, _extent(solid) * along * factors)
    if is_jointed:
        return sized
    x, y, z = np.asarray(solid.at) * stretch
    return replace(sized, at=(float(x), float(y), float(z)))


def _traded(dice: Dice, solid: Solid) -> Solid:
    """Another shape in the same place; what is flat stays so."""
    extent = _extent(solid)
    shape = dice.one_of([s for s in ('box', 'ellipsoid', 'cylinder') if s != solid.shape])
    if shape == 'cylinder' and min(extent[:2]) < 0.5 * max(extent[:2]):
        shape = 'ellipsoid'
    return _of_extent(solid, shape, extent * (1.15 if shape == 'ellipsoid' else 1.0))


def _repainted(dice: Dice, material: Material) -> Material:
    """Another pattern, and another grey for trim: never another colour."""
    if not dice.chance(_REPAINTED):
        return material
    if material in _TRIM:
        grey = float(np.clip(np.mean(material.first) * dice.uniform(0.4, 2.5), 0.005, 0.6))
        return replace(material, first=(grey, grey, grey * dice.uniform(0.9, 1.2)))
    second = darker(material.first, dice.uniform(0.4, 0.9))
    pattern, scale = dice.one_of(_PATTERNS), dice.uniform(0.1, 0.8)
    return replace(material, second=second, pattern=pattern, scale=scale)


def _decoration(dice: Dice, solids: list[Solid]) -> Solid:
    """A block or a ball on a side or on top of the largest solid: a rack, a sign, a bag."""
    body = max(solids, key=lambda solid: float(_extent(solid).prod()))
    turn = np.eye(3) if body.turn is None else body.turn
    half = np.abs(turn) @ _extent(body)
    axis = int(dice.rng.integers(3))
    side = 1 if axis == 2 else dice.one_of((-1, 1))
    extent = half * dice.rng.uniform(0.1, 0.5, 3)
    offset = half * dice.rng.uniform(-0.6, 0.6, 3)
    offset[axis] = side * (half[axis] + extent[axis] * 0.8)
    x, y, z = np.asarray(body.at) + offset
    shade = dice.uniform(0.01, 0.5)
    material = body.material if dice.chance(0.4) else Material((shade, shade, shade))
    shape = dice.one_of(('box', 'box', 'ellipsoid'))
    return Solid(shape, tuple(float(v) for v in extent), (float(x), float(y), float(z)), material)
