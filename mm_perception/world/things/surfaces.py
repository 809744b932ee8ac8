"""Surfaces and blocks that things share."""

from __future__ import annotations

from mm_perception.world.materials import Material, shade_of
from mm_perception.world.scene import Solid
from mm_perception.world.variety import Dice

GLASS = Material((0.015, 0.02, 0.028), gloss=0.9)
RUBBER = Material((0.012, 0.012, 0.013), gloss=0.05)
CHROME = Material((0.35, 0.36, 0.38), gloss=0.8)
HUB = Material((0.3, 0.3, 0.32), gloss=0.5)
REFLECTOR = Material((0.85, 0.85, 0.85), gloss=0.3)
STEEL = Material((0.3, 0.3, 0.3), gloss=0.4)
LAMP = Material((0.9, 0.88, 0.75), glow=0.6)
TAIL = Material((0.5, 0.02, 0.02), glow=0.3)


def darker(shade: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    """A shade with less light."""
    red, green, blue = shade
    return red * factor, green * factor, blue * factor


def paint(
    dice: Dice, colour: str, gloss: float = 0.5, *, pattern: str = 'plain', scale: float = 1.0
) -> Material:
    """A shade of a named colour, with a darker one as that of its pattern."""
    shade = shade_of(colour, dice.rng)
    return Material(shade, darker(shade, 0.7), pattern, scale, gloss * dice.uniform(0.3, 1.0))


def box(x: float, y: float, z: float, at: tuple[float, float, float], material: Material) -> Solid:
    """A box of whole lengths in metres."""
    return Solid('box', (x / 2, y / 2, z / 2), at, material)


def post(
    radius: float, low: float, high: float, xy: tuple[float, float], material: Material
) -> Solid:
    """An upright cylinder between two heights."""
    return Solid('cylinder', (radius, (high - low) / 2), (*xy, (low + high) / 2), material)
