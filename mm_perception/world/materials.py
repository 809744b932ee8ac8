"""What surfaces look like: named colours and procedural textures, evaluated where a ray hits."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

Floats = npt.NDArray[np.float32]
#: Floats of any width.
AnyFloats = npt.NDArray[np.floating[Any]]

#: Colour words to ranges of hue (degrees), saturation and value; red goes through 0.
COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    'red': ((-10, 10), (0.72, 0.95), (0.55, 0.85)),
    'orange': ((18, 32), (0.78, 0.97), (0.75, 0.95)),
    'yellow': ((46, 58), (0.72, 0.95), (0.78, 0.97)),
    'green': ((100, 145), (0.5, 0.85), (0.32, 0.65)),
    'blue': ((208, 236), (0.62, 0.92), (0.42, 0.8)),
    'purple': ((268, 292), (0.5, 0.8), (0.38, 0.68)),
    'pink': ((325, 345), (0.32, 0.58), (0.8, 0.95)),
    'brown': ((18, 32), (0.5, 0.75), (0.22, 0.42)),
    'white': ((0, 360), (0.0, 0.05), (0.86, 0.97)),
    'grey': ((0, 360), (0.0, 0.07), (0.38, 0.58)),
    'black': ((0, 360), (0.0, 0.2), (0.04, 0.12)),
}

_TABLE = np.random.default_rng(7).random((64, 64, 64), dtype=np.float32)
PATTERNS = ('plain', 'speckled', 'striped', 'checked', 'bricks', 'wood', 'panes', 'tiles')


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        first: (3,) linear-light RGB, 0 to 1.
        second: Colour of the pattern, likewise.
        pattern: One of PATTERNS.
        scale: Size of the pattern in metres.
        gloss: 0 dull to 1 shiny.
        glow: Light of its own, in units of the first colour.
    """

    first: tuple[float, float, float]
    second: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pattern: str = 'plain'
    scale: float = 1.0
    gloss: float = 0.1
    glow: float = 0.0


def to_linear(srgb: Floats) -> Floats:
    """SRGB to linear light, both 0 to 1."""
    return np.power(np.clip(srgb, 0, 1), 2.2).astype(np.float32)


def shade_of(name: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Some shade that goes by a colour's name, linear light."""
    hue, saturation, value = (rng.uniform(*limits) for limits in COLOURS[name])
    rgb = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    red, green, blue = to_linear(np.array(rgb, np.float32)).tolist()
    return red, green, blue


def scaled(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    """The same colour with more light or less."""
    red, green, blue = colour
    return red * factor, green * factor, blue * factor


def noise(points: AnyFloats, seed: int = 0) -> Floats:
    """Noise from 0 to 1 with features of size 1 that repeats after 64, (N, 3) to (N,)."""
    shifted = points + np.array([seed * 0.731, seed * 0.377, seed * 0.919]) % 64
    found: Floats = map_coordinates(_TABLE, shifted.T, order=1, mode='grid-wrap', prefilter=False)
    return found


def amount(pattern: str, points: Floats, seed: int) -> Floats:
    """Share of the second colour at points in units of the pattern's size, (N, 3) to (N,)."""
    share: Floats = np.clip(_amount(pattern, points, seed), 0, 1).astype(np.float32)
    return share


def _amount(pattern: str, points: Floats, seed: int) -> Any:
    if pattern == 'plain':
        return np.full(len(points), 0.05, np.float32)
    if pattern == 'speckled':
        return 1.6 * noise(points * 3, seed) - 0.45
    if pattern == 'striped':
        return np.mod(points[:, 2] + 0.31 * points[:, 0], 1) < 0.5
    if pattern == 'checked':
        return np.floor(points + 1e-3).sum(1) % 2
    if pattern == 'wood':
        ring = points[:, 0] + 0.25 * points[:, 1] + 0.8 * noise(points * [0.6, 0.6, 0.15], seed)
        return 0.5 + 0.5 * np.sin(ring * 9)
    along = points[:, 0] + points[:, 1]
    if pattern == 'bricks':
        row = np.floor(points[:, 2] * 2)
        place = np.mod(along + 0.5 * (row % 2), 1)
        return (place < 0.06) | (np.mod(points[:, 2] * 2, 1) < 0.12)
    if pattern == 'panes':
        return (np.abs(np.mod(along, 1) - 0.5) < 0.3) & (
            np.abs(np.mod(points[:, 2], 1) - 0.5) < 0.33
        )
    joint = (np.mod(points[:, 0], 1) < 0.03) | (np.mod(points[:, 1], 1) < 0.03)
    return joint + 0.3 * noise(points, seed)  # tiles
