"""A microphone array in a free field: sound arrives late and weak, and nothing reflects it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from mm_perception.world.scene import Array, Motion

Sound = npt.NDArray[np.float32]

SPEED_OF_SOUND = 343.0  # m/s
#: Nobody is nearer to a microphone than that, metres: the gain of 1 / r ends there.
_NEAREST_M = 0.2
#: Between two moments of that grid delays are straight lines; both ends move less than 30 m/s.
_STEP_S = 5e-3
#: Waves are sampled so much finer before they are read between samples.
_FINER = 8


@dataclass(frozen=True, eq=False)
class Source:
    """Something that sounds.

    Attributes:
        motion: Where it is in the world.
        start_s: When its first sample leaves it.
        samples: (T,) float32, what is heard at 1 m, full scale is 1.
        rate_hz: Samples per second.
    """

    motion: Motion
    start_s: float
    samples: Sound
    rate_hz: int

    @property
    def end_s(self) -> float:
        """When its last sample has left it."""
        return self.start_s + len(self.samples) / self.rate_hz


@dataclass(frozen=True, eq=False)
class MicrophoneArray:
    """Microphones that are sampled together.

    Attributes:
        name: Of its topic and frame; the microphones are the frames <name>_0, <name>_1, ...
        rate_hz: Samples per second.
        chunk_s: Length of a message.
        noise: Standard deviation of each microphone's own noise, full scale is 1.
        at: (3,) place on the body, metres; its axes are those of the body.
        places: (C, 3) of the microphones from there, metres.
    """

    name: str = 'microphone'
    rate_hz: int = 16000
    chunk_s: float = 0.1
    noise: float = 5e-4
    at: Array = field(default_factory=lambda: np.array([0.4, 0.0, 1.75]))
    places: Array = field(
        default_factory=lambda: np.array(
            [[0.1, 0.1, 0.0], [0.1, -0.1, 0.0], [-0.1, 0.1, 0.0], [-0.1, -0.1, 0.0]]
        )
    )

    def hear(
        self, sources: Iterable[Source], body: Motion, seconds: float, rng: np.random.Generator
    ) -> Sound:
        """What the microphones give from time 0 on, (T, C) float32 within -1 and 1.

        What is heard at a time t left its source at the time u before, with
        `distance(u, t) = 343 m/s * (t - u)`, and arrives with a gain of 1 m / distance. So delays,
        their change while something moves (Doppler), and differences between microphones are true.

        Args:
            sources: What sounds.
            body: Motion of what carries the microphones.
            seconds: Length.
            rng: For the noise.

        Convention:
            A source at (3.43, 0, 0) that starts at 0 is heard by a microphone at the origin from
            sample 160 of 16000 per second on, with a gain of 0.29.
        """
        num = round(seconds * self.rate_hz)
        times = np.arange(num) / self.rate_hz
        grid = np.arange(0.0, seconds + 2 * _STEP_S, _STEP_S)
        ears = self._ears(body, grid)
        heard = rng.standard_normal((num, len(self.places)), np.float32) * self.noise
        for source in sources:
            fine = resample_poly(source.samples, _FINER, 1)
            index = np.arange(len(fine)) / (_FINER * source.rate_hz) + source.start_s
            for channel, ear in enumerate(ears):
                late = np.interp(times, grid, _delays(source.motion, ear, grid))
                gain = 1 / np.maximum(late * SPEED_OF_SOUND, _NEAREST_M)
                wave = np.interp(times - late, index, fine, left=0.0, right=0.0)
                heard[:, channel] += (gain * wave).astype(np.float32)
        return np.asarray(np.clip(heard, -1, 1), np.float32)

    def _ears(self, body: Motion, grid: Array) -> Array:
        """Places of the microphones, (C, N, 3), at N moments."""
        poses = [body(float(time_s)) for time_s in grid]
        at, turn = (np.array(part) for part in zip(*poses, strict=True))
        mounted = self.at + self.places
        return np.asarray(at + np.einsum('nij,cj->cni', turn, mounted), np.float64)


def _delays(motion: Motion, ear: Array, grid: Array) -> Array:
    """(N,) seconds that what arrives at N moments at the places (N, 3) was under way."""
    late = np.zeros(len(grid))
    for _ in range(3):  # converges by the speed of the source over that of sound each time
        mouth = np.array([motion(float(t))[0] for t in grid - late])
        late = np.linalg.norm(ear - mouth, axis=1) / SPEED_OF_SOUND
    return late


def tone(
    motion: Motion, hz: float, start_s: float, end_s: float, level: float = 0.3,
    rate_hz: int = 16000,
) -> Source:  # fmt: skip
    """A sine that sounds for a while, with soft ends.

    Args:
        motion: Where it is.
        hz: Its frequency.
        start_s: When it begins.
        end_s: When it is over.
        level: Amplitude at 1 m, full scale is 1.
        rate_hz: Samples per second.
    """
    times = np.arange(round((end_s - start_s) * rate_hz)) / rate_hz
    edge = np.minimum(times, times[-1] - times) / 0.01
    wave = level * np.sin(2 * np.pi * hz * times) * np.clip(edge, 0, 1)
    return Source(motion, start_s, wave.astype(np.float32), rate_hz)
