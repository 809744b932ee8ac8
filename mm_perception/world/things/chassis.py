"""What vehicles have in common: wheels, lamps, bumpers."""

from __future__ import annotations

from mm_perception.world.materials import Material
from mm_perception.world.motion import ACROSS
from mm_perception.world.scene import Solid
from mm_perception.world.things.surfaces import CHROME, HUB, LAMP, RUBBER, TAIL, box


def wheels(length: float, width: float, radius: float, axles: tuple[float, ...]) -> list[Solid]:
    """Tyres and hubs; axles are at shares of the length ahead of the middle."""
    solids = []
    for share in axles:
        for side in (-1, 1):
            at = (share * length, side * (width / 2 - 0.08), radius)
            solids.append(Solid('cylinder', (radius, 0.11), at, RUBBER, ACROSS))
            outer = (at[0], side * (width / 2 - 0.05), radius)
            solids.append(Solid('cylinder', (radius * 0.55, 0.1), outer, HUB, ACROSS))
    return solids


def lamps(length: float, width: float, height: float) -> list[Solid]:
    """White ones ahead, red ones behind."""
    return [
        box(0.06, 0.32, 0.14, (sign * length / 2, side * (width / 2 - 0.25), height), glass)
        for sign, glass in ((1, LAMP), (-1, TAIL))
        for side in (-1, 1)
    ]


def bumpers(length: float, width: float, low: float, material: Material = CHROME) -> list[Solid]:
    """At both ends, at a height."""
    return [box(0.12, width * 0.98, 0.2, (s * length / 2, 0, low), material) for s in (-1, 1)]
