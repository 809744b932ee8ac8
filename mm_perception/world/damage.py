"""What goes wrong with sensors, on purpose and the same every time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from mm_perception.errors import ConfigError
from mm_perception.world.lidar import Points
from mm_perception.world.scene import Array

Picture = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]

_DARK_NOISE = 4.0  # grey levels
_VEIL = 0.45  # of contrast that is lost in the heaviest rain
_PIXELS_PER_STREAK = 500.0
_SLANT = -0.25
_LOST = 0.4  # of LiDAR points in the heaviest rain
_NEAR = 0.1  # of LiDAR points that are drops, likewise
_NEAREST_M, _NEAR_MEAN_M = 0.5, 1.5
_DROP_INTENSITY = 10.0


@dataclass(frozen=True)
class Damage:
    """Nothing is wrong by default; what is drawn at random comes from the caller's generator.

    Attributes:
        dropped: Share of camera pictures that never arrive, 0 to 1, each for itself.
        jitter_s: Largest error of the stamps of pictures and scans, either way; messages are
            still logged when they happen, so that their order stays.
        blackout: When (from, to, seconds) all cameras see nothing but their own noise.
        rain: 0 to 1: streaks and less contrast in pictures, lost and near points in scans.
        miscalibration_rad: Angle by which the published mounts of cameras and LiDAR are wrong.
        silence: When (from, to, seconds) the microphones give nothing but zeros.

    Raises:
        ConfigError: A value is out of its range.
    """

    dropped: float = 0.0
    jitter_s: float = 0.0
    blackout: tuple[float, float] | None = None
    rain: float = 0.0
    miscalibration_rad: float = 0.0
    silence: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, most in (
            ('dropped', 1.0), ('jitter_s', 1.0), ('rain', 1.0), ('miscalibration_rad', np.pi),
        ):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ConfigError(name, value, f'a number from 0 to {most:.4g}')
        for name in ('blackout', 'silence'):
            span = getattr(self, name)
            if span is not None and not 0 <= span[0] < span[1]:
                raise ConfigError(name, span, 'two times in seconds, the later last')

    def drops(self, rng: np.random.Generator) -> bool:
        """Whether a picture is lost."""
        return bool(rng.random() < self.dropped)

    def stamp_ns(self, true_ns: int, rng: np.random.Generator) -> int:
        """What a sensor's clock says."""
        return true_ns + round(rng.uniform(-1, 1) * self.jitter_s * 1e9)

    def picture(self, rgb: Picture, time_s: float, rng: np.random.Generator) -> Picture:
        """What arrives of a picture, (H, W, 3); equal to it if nothing is wrong."""
        if self.blackout is not None and self.blackout[0] <= time_s < self.blackout[1]:
            noise = np.abs(rng.standard_normal(rgb.shape, np.float32)) * _DARK_NOISE
            return noise.astype(np.uint8)
        return self._rained_on(rgb, rng) if self.rain > 0 else rgb

    def _rained_on(self, rgb: Picture, rng: np.random.Generator) -> Picture:
        height, width = rgb.shape[:2]
        share = _VEIL * self.rain
        veiled = rgb.astype(np.float32) * (1 - share) + float(rgb.mean()) * share
        num = round(self.rain * height * width / _PIXELS_PER_STREAK)
        top = rng.uniform((-0.1 * width, -0.1 * height), (1.1 * width, height), (num, 2))
        length = rng.uniform(0.03, 0.12, num) * height
        bottom = top + length[:, None] * [_SLANT, 1.0]
        streaks = np.zeros((height, width), np.uint8)
        lines = np.stack([top, bottom], axis=1).round().astype(np.int32)
        cv2.polylines(streaks, list(lines), False, 255, 1, cv2.LINE_AA)
        bright = 0.3 * streaks[..., None].astype(np.float32) / 255
        return (veiled + (235 - veiled) * bright + 0.5).astype(np.uint8)

    def sound(self, samples: Sound, rate_hz: int) -> Sound:
        """What arrives of all sound of a drive, (T, C); equal to it if nothing is wrong."""
        if self.silence is None:
            return samples
        first, last = (round(time_s * rate_hz) for time_s in self.silence)
        heard: Sound = samples.copy()
        heard[first:last] = 0
        return heard

    def cloud(self, points: Points, rng: np.random.Generator) -> Points:
        """What arrives of a scan, (M,); equal to it if nothing is wrong.

        A point that met a drop of rain lies before what its beam would have met, and belongs to
        no instance. Beams that meet nothing meet no drops either.
        """
        if self.rain == 0:
            return points
        kept = points[rng.random(len(points)) >= _LOST * self.rain]
        near = np.flatnonzero(rng.random(len(kept)) < _NEAR * self.rain)
        xyz = np.stack([kept[axis][near] for axis in 'xyz'])
        distance = np.maximum(np.linalg.norm(xyz, axis=0), 1e-6)
        drop = np.minimum(_NEAREST_M + rng.exponential(_NEAR_MEAN_M, len(near)), distance)
        for axis, value in zip('xyz', xyz, strict=True):
            kept[axis][near] = value * drop / distance
        kept['intensity'][near], kept['instance'][near] = _DROP_INTENSITY, 0
        return kept

    def mount(self, turn: Array, rng: np.random.Generator) -> Array:
        """What is published of a sensor's rotation (3, 3): off about some axis by the angle."""
        axis = rng.standard_normal(3)
        axis *= self.miscalibration_rad / np.linalg.norm(axis)
        return np.asarray(Rotation.from_rotvec(axis).as_matrix() @ turn, np.float64)
