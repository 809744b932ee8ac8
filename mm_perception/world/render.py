"""Pictures of a stage by casting rays: the same pixels on every machine, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from mm_perception.world.camera import Camera
from mm_perception.world.materials import PATTERNS, amount, noise
from mm_perception.world.rays import BUNDLE, Indices, dot, length, rotated
from mm_perception.world.scene import Hits, Light, Stage

Floats = npt.NDArray[np.float32]
_TILE = round(BUNDLE**0.5)


class Shader:
    """Turns hits into linear light."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        materials = stage.materials
        self._first = np.array([m.first for m in materials], np.float32)
        self._second = np.array([m.second for m in materials], np.float32)
        self._pattern = np.array([PATTERNS.index(m.pattern) for m in materials])
        self._scale = np.array([m.scale for m in materials], np.float32)
        self._gloss = np.array([m.gloss for m in materials], np.float32)
        self._glow = np.array([m.glow for m in materials], np.float32)

    def light(
        self, origin: npt.NDArray[np.float64], directions: npt.NDArray[np.float64], hits: Hits
    ) -> Floats:
        """(N, 3) linear RGB that comes back along the rays."""
        out = np.empty((len(directions), 3), np.float32)
        is_sky = hits.geom < 0
        out[is_sky] = self._sky(directions[is_sky])
        seen = np.flatnonzero(~is_sky)
        geom, normal = hits.geom[seen], hits.normal[seen].astype(np.float32)
        points = origin + directions[seen] * hits.distance[seen, None]
        albedo = self._albedo(geom, points)
        ambient = self._stage.scene.ambient.astype(np.float32)
        up = (0.65 + 0.35 * normal[:, 2:3]) * ambient
        total = albedo * (up + self._glow[geom][:, None])
        view = -directions[seen].astype(np.float32)
        for lamp in self._stage.scene.lights:
            lit, towards, brightness = self._lit_by(lamp, points, normal)
            half = towards + view[lit]
            half /= length(half)[:, None] + 1e-6
            shine = self._gloss[geom[lit]] * np.clip(dot(normal[lit], half), 0, 1) ** 40
            facing = dot(normal[lit], towards)
            returned = (albedo[lit] * facing[:, None] + shine[:, None]) * brightness[:, None]
            total[lit] += returned * lamp.strength.astype(np.float32)
        out[seen] = total
        return out

    def _albedo(self, geom: npt.NDArray[np.int32], points: npt.NDArray[np.float64]) -> Floats:
        x, y, z = (points - self._stage.geom_at[geom]).T
        turn = self._stage.geom_turn.transpose(1, 2, 0)[:, :, geom]
        local = np.empty((len(geom), 3), np.float32)
        for axis in range(3):
            local[:, axis] = turn[0, axis] * x + turn[1, axis] * y + turn[2, axis] * z
        local /= self._scale[geom][:, None]
        share = np.zeros(len(geom), np.float32)
        pattern = self._pattern[geom]
        for index in np.unique(pattern):
            which = pattern == index
            share[which] = amount(PATTERNS[index], local[which], self._stage.scene.seed)
        return self._first[geom] * (1 - share[:, None]) + self._second[geom] * share[:, None]

    def _lit_by(
        self, lamp: Light, points: npt.NDArray[np.float64], normal: Floats
    ) -> tuple[Indices, Floats, Floats]:
        """Which points a lamp shines on, the directions (M, 3) to it, how bright it is there."""
        towards = lamp.at - points
        distance = length(towards)
        towards /= distance[:, None]
        single = towards.astype(np.float32)
        lit = np.flatnonzero(dot(normal, single) > 0)
        back = self._stage.cast(lamp.at, -single[lit].astype(np.float64))
        lit = lit[back.distance >= distance[lit] * (1 - 1e-5) - 0.02]
        brightness = np.ones(len(lit), np.float32)
        if not lamp.is_sun:
            brightness /= np.maximum(distance[lit], 0.3).astype(np.float32) ** 2
        return lit, single[lit], brightness

    def _sky(self, directions: npt.NDArray[np.float64]) -> Floats:
        sky = self._stage.scene.sky
        if sky is None:
            return np.zeros((len(directions), 3), np.float32)
        up = np.clip(directions[:, 2:3], 0, 1).astype(np.float32) ** 0.6
        horizon, zenith = (colour.astype(np.float32) for colour in sky)
        plane = (directions[:, :2] / (np.abs(directions[:, 2:]) + 0.15)).astype(np.float32) * 1.5
        flat = np.concatenate([plane, np.zeros_like(plane[:, :1])], axis=1)
        seed = self._stage.scene.seed
        cloud = np.clip(0.7 * noise(flat, seed) + 0.3 * noise(flat * 3, seed + 1) - 0.45, 0, 1)
        return (horizon * (1 - up) + zenith * up) + 1.1 * cloud[:, None] * (0.2 + up)


@dataclass(frozen=True)
class Optics:
    """What a real camera does to light.

    Attributes:
        exposure: Factor on light before the tone curve; 0 meters the picture itself.
        noise: Standard deviation at full white, 0 to 1.
        blur: Standard deviation in pixels.
        fineness: Rays per pixel and side.
    """

    exposure: float = 0.0
    noise: float = 0.01
    blur: float = 0.4
    fineness: int = 1


@dataclass(frozen=True)
class View:
    """A picture and the truth about it.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32, metres along the optical axis, infinite for the sky.
        ids: (H, W) uint16 instance, 0 for what belongs to none.
        solids: (H, W) int32 index of the solid in the stage, -1 for the sky.
    """

    rgb: npt.NDArray[np.uint8]
    depth: Floats
    ids: npt.NDArray[np.uint16]
    solids: npt.NDArray[np.int32]


def look(
    stage: Stage,
    camera: Camera,
    at: npt.NDArray[np.float64],
    turn: npt.NDArray[np.float64],
    optics: Optics,
    rng: np.random.Generator,
) -> View:
    """What a camera sees.

    Args:
        stage: The scene at the moment.
        camera: The camera.
        at: (3,) of its body in the world, metres.
        turn: (3, 3) rotation of its body.
        optics: What its sensor does.
        rng: For noise.
    """
    to_world = turn @ camera.turn
    origin = at + turn @ camera.at
    fine = optics.fineness
    shape = (camera.height * fine, camera.width * fine)
    tiled, back = _tiles(*shape)
    optical = camera.rays(fine)
    directions = rotated(optical, to_world)[tiled]
    hits = stage.cast(origin, directions)
    light = Shader(stage).light(origin, directions, hits)[back].reshape(*shape, 3)
    middle = (slice(fine // 2, None, fine), slice(fine // 2, None, fine))
    solids = hits.geom[back].reshape(shape)[middle]
    depth = (hits.distance[back] * optical[:, 2]).astype(np.float32).reshape(shape)[middle]
    ids = np.where(solids >= 0, stage.instances[np.maximum(solids, 0)], 0).astype(np.uint16)
    return View(_develop(light, camera, optics, rng), depth, ids, solids)


@lru_cache(maxsize=8)
def _tiles(height: int, width: int) -> tuple[Indices, Indices]:
    """Order of pixels tile by tile, and that of the tiled ones row by row, (H * W,) each.

    Rays that follow each other are then close to each other, which makes casting them fast.
    """
    row, column = np.divmod(np.arange(height * width), width)
    tiled = np.lexsort((column, row, column // _TILE, row // _TILE))
    return tiled, np.argsort(tiled)


def _develop(
    light: Floats, camera: Camera, optics: Optics, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Linear light to an sRGB-like picture."""
    if optics.fineness > 1:
        size = (camera.width, camera.height)
        light = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)
    exposure = optics.exposure or 0.42 / max(float(np.median(light.mean(2))), 0.05) ** 0.6 * 0.75
    exposed = np.clip(light * exposure, 0, None)
    toned = exposed * (1 + exposed / 4) / (1 + exposed)  # Reinhard, white at 2
    if optics.blur:
        toned = cv2.GaussianBlur(toned, (0, 0), optics.blur)
    encoded = np.clip(toned, 0, 1) ** (1 / 2.2)
    encoded += rng.standard_normal(encoded.shape, np.float32) * optics.noise
    picture: npt.NDArray[np.uint8] = np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8)
    return picture
