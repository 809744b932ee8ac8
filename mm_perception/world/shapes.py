"""Seeded clips of named, coloured, moving shapes over textured backgrounds, with instance ids.

Flat, but with what makes tracking hard: occlusion, change of size, texture, shadows and noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

#: Names and RGB of what can be asked for.
COLOURS: dict[str, tuple[int, int, int]] = {
    'red': (205, 45, 40),
    'green': (50, 165, 60),
    'blue': (45, 85, 210),
    'yellow': (232, 208, 45),
    'purple': (140, 60, 175),
    'orange': (242, 135, 25),
}
SHAPES = ('ball', 'box', 'triangle', 'star', 'cross', 'heart')
_SUBPIXEL_BITS = 4

Picture = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]


@dataclass
class _Thing:
    """One moving shape; lengths in pixels, angles in radians."""

    name: str
    outline: npt.NDArray[np.float64]
    colour: Floats
    texture: Floats
    light: npt.NDArray[np.float64]
    radius: float
    position: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    angle: float
    spin: float
    phase: float
    pulse: float

    def advance(self, size: tuple[int, int]) -> None:
        """Move by one frame; bounce off the edges."""
        self.position += self.velocity
        self.angle += self.spin
        limit = np.array([size[1], size[0]])
        outside = (self.position < 0.06 * limit) | (self.position > 0.94 * limit)
        inward = np.sign(limit / 2 - self.position)
        self.velocity = np.where(outside, inward * np.abs(self.velocity), self.velocity)


@dataclass(frozen=True)
class Frame:
    """One picture and its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        ids: (H, W) uint16; 0 is background, otherwise 1 + index in `Clip.names`.
    """

    rgb: Picture
    ids: Ids


@dataclass
class Clip:
    """A clip that is rendered as it is iterated.

    Attributes:
        names: Such as "red ball", unique.
        size: (H, W).
        num_frames: Frames there are.
    """

    names: tuple[str, ...]
    size: tuple[int, int]
    num_frames: int
    _seed: int = 0
    _things: list[_Thing] = field(default_factory=list)
    _ground: Floats = field(default_factory=lambda: np.zeros((1, 1, 3), np.float32))

    def __iter__(self) -> Iterator[Frame]:
        noise = np.random.default_rng(self._seed + 1)
        for index in range(self.num_frames):
            yield self._render(index, noise)
            for thing in self._things:
                thing.advance(self.size)

    def _render(self, index: int, noise: np.random.Generator) -> Frame:
        picture = self._ground.copy()
        ids = np.zeros(self.size, np.uint16)
        for number, thing in enumerate(self._things, 1):
            radius = thing.radius * (1 + thing.pulse * np.sin(thing.phase + 0.12 * index))
            mask = _fill(thing, radius, self.size)
            _shade(picture, thing, radius, mask)
            ids[mask > 127] = number
        picture += noise.normal(0, 4, (*self.size, 1))
        return Frame(picture.clip(0, 255).astype(np.uint8), ids)


def make_clip(
    seed: int,
    num_frames: int,
    size: tuple[int, int] = (360, 640),
    names: tuple[str, ...] | None = None,
) -> Clip:
    """Make a clip.

    Args:
        seed: Equal seeds give equal pixels.
        num_frames: How long.
        size: (H, W).
        names: "colour shape" of every object; None draws four to six.
    """
    rng = np.random.default_rng(seed)
    if names is None:
        pairs = [f'{colour} {shape}' for colour in COLOURS for shape in SHAPES]
        chosen = rng.choice(pairs, size=int(rng.integers(4, 7)), replace=False)
        names = tuple(str(name) for name in chosen)
    things = [_make_thing(name, size, rng) for name in names]
    return Clip(names, size, num_frames, seed, things, _background(size, rng))


def _make_thing(name: str, size: tuple[int, int], rng: np.random.Generator) -> _Thing:
    colour, shape = name.split()
    shade = np.array(COLOURS[colour], np.float32) * rng.uniform(0.88, 1.06)
    speed = 0.011 * max(size)
    return _Thing(
        name=name,
        outline=_outline(shape),
        colour=shade.astype(np.float32),
        texture=_noise((96, 96), rng, ((4, 1.0), (14, 0.6))) * np.float32(rng.uniform(5, 30)),
        light=rng.uniform(-1, 1, 2),
        radius=float(rng.uniform(0.09, 0.16) * min(size)),
        position=rng.uniform(0.15, 0.85, 2) * np.array([size[1], size[0]]),
        velocity=rng.uniform(-speed, speed, 2),
        angle=float(rng.uniform(-0.5, 0.5)),
        spin=float(rng.uniform(-0.04, 0.04)),
        phase=float(rng.uniform(0, 6.28)),
        pulse=float(rng.uniform(0.0, 0.15)),
    )


def _outline(shape: str) -> npt.NDArray[np.float64]:
    """Corners of a shape of radius 1, (N, 2) x right, y down."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    if shape == 'ball':
        return np.stack([np.cos(turn), np.sin(turn)], 1)
    if shape == 'box':
        return np.array([[-0.9, -0.75], [0.9, -0.75], [0.9, 0.75], [-0.9, 0.75]])
    if shape == 'triangle':
        return np.array([[0, -1], [0.95, 0.8], [-0.95, 0.8]])
    if shape == 'star':
        tips = np.arange(10) * np.pi / 5 - np.pi / 2
        reach = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
        return np.stack([reach * np.cos(tips), reach * np.sin(tips)], 1)
    if shape == 'cross':
        w = 0.35
        half = [[-w, -1], [w, -1], [w, -w], [1, -w], [1, w], [w, w]]
        return np.array(half + [[-x, -y] for x, y in half])
    x = 16 * np.sin(turn) ** 3
    y = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    return np.stack([x / 17, -y / 17], 1)


def _fill(thing: _Thing, radius: float, size: tuple[int, int]) -> Picture:
    """(H, W) coverage, 0 to 255."""
    cos, sin = np.cos(thing.angle), np.sin(thing.angle)
    corners = thing.outline @ np.array([[cos, sin], [-sin, cos]]) * radius + thing.position
    mask = np.zeros(size, np.uint8)
    fixed = np.round(corners * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return mask


def _shade(picture: Floats, thing: _Thing, radius: float, mask: Picture) -> None:
    """Drop a soft shadow, then paint the shape with light from one side."""
    move = np.array([[1, 0, 0.12 * radius], [0, 1, 0.16 * radius]])
    shadow = cv2.warpAffine(mask, move, (mask.shape[1], mask.shape[0]))
    soft = cv2.GaussianBlur(shadow, (0, 0), max(0.8, 0.08 * radius))
    picture *= 1 - 0.35 * (soft[..., None] / np.float32(255))
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    x, y = (columns - thing.position[0]) / radius, (rows - thing.position[1]) / radius
    side = len(thing.texture)
    u = ((x + 1.2) / 2.4 * (side - 1)).clip(0, side - 1).astype(np.int64)
    v = ((y + 1.2) / 2.4 * (side - 1)).clip(0, side - 1).astype(np.int64)
    light = (x * thing.light[0] + y * thing.light[1]) * 22 + thing.texture[v, u]
    cover = mask[..., None] / np.float32(255)
    picture *= 1 - cover
    picture += cover * (thing.colour + light[..., None].astype(np.float32))


def _background(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """A dull, uneven surface."""
    first = np.full(3, rng.uniform(90, 150)) + rng.uniform(-14, 14, 3)
    second = first + rng.uniform(-35, 35)
    blend = _noise(size, rng, ((3, 1.0), (9, 0.5), (30, 0.3)))
    blend = ((blend - blend.min()) / (np.ptp(blend) + 1e-6))[..., None]
    grain = _noise(size, rng, ((80, 1.0),))[..., None] * 22
    return np.asarray((1 - blend) * first + blend * second + grain, np.float32)


def _noise(
    size: tuple[int, int], rng: np.random.Generator, octaves: tuple[tuple[int, float], ...]
) -> Floats:
    """Smooth noise around zero: sums of coarse grids, enlarged."""
    total = np.zeros(size, np.float32)
    for cells, amount in octaves:
        grid = rng.random((max(2, cells * size[0] // size[1]) + 2, cells + 2)).astype(np.float32)
        large = cv2.resize(grid, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
        total += np.float32(amount) * large
    return np.asarray(total - total.mean(), np.float32)
