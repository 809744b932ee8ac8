"""Families of shapes that only worlds of the split `varied` show: what they have in common."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import turn_about
from mm_perception.world.scene import Array, Motion, Part, Solid, Thing
from mm_perception.world.things.surfaces import post
from mm_perception.world.variety import Dice

Place = tuple[float, float, float]
#: Size and solids of a thing of a colour.
Family = Callable[[Dice, str], tuple[Place, list[Solid]]]
Families = Mapping[str, Family]
SIDES = (-1, 1)
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
#: Puts a cylinder's axis along x.
ALONG = turn_about(1, np.pi / 2)


def build(kind: str, family: Family, dice: Dice, colour: str, motion: Motion) -> Thing:
    """A thing of a class in a family."""
    size, solids = family(dice, colour)
    return Thing(kind, colour, size, [Part(solids, motion)])


def rod(radius: float, start: Place, end: Place, material: Material) -> Solid:
    """A round bar between two points."""
    first, last = np.array(start, float), np.array(end, float)
    length = float(np.linalg.norm(last - first))
    x, y, z = ((first + last) / 2).tolist()
    return Solid(
        'capsule', (radius, length / 2), (x, y, z), material, _upright_to((last - first) / length)
    )


def _upright_to(axis: Array) -> Array:
    """A rotation (3, 3) that puts z along an axis."""
    helper = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
    side = np.cross(helper, axis)
    side /= np.linalg.norm(side)
    return np.stack([np.cross(side, axis), side, axis], axis=1)


def bent(radius: float, points: list[Place], material: Material) -> list[Solid]:
    """Round bars from point to point."""
    return [rod(radius, a, b, material) for a, b in itertools.pairwise(points)]


def taper(
    radii: tuple[float, float], heights: tuple[float, float], material: Material, steps: int = 6
) -> list[Solid]:
    """An upright frustum as rings."""
    edges = np.linspace(*heights, steps + 1).tolist()
    widths = (radii[0] + (radii[1] - radii[0]) * (np.arange(steps) + 0.5) / steps).tolist()
    return [
        post(radius, low, high, (0, 0), material)
        for radius, low, high in zip(widths, edges, edges[1:], strict=False)
    ]


def turned(solid: Solid, axis: int, degrees: float) -> Solid:
    """A solid that is turned about x, y or z through its middle."""
    before = np.eye(3) if solid.turn is None else solid.turn
    return replace(solid, turn=turn_about(axis, np.deg2rad(degrees)) @ before)


def lying(radius: float, length: float, at: Place, material: Material, turn: Array) -> Solid:
    """A cylinder whose axis lies `ALONG` or `ACROSS`."""
    return Solid('cylinder', (radius, length / 2), at, material, turn)
