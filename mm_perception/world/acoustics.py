"""What a room and its noises do to a voice: echoes that die away, and sounds added to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

Sound = npt.NDArray[np.float32]


def echoes(
    rng: np.random.Generator, rate_hz: int, rt60_s: float, direct_to_echo_db: float
) -> Sound:
    """Impulse response of a room, (T,) float32: the direct sound, then noise that dies away.

    Polack's model of the late field (thesis, 1988): white noise times an exponential that falls
    by 60 dB in `rt60_s`. It has no early reflections.

    Args:
        rng: For the noise.
        rate_hz: Samples per second.
        rt60_s: Seconds in which echoes fall by 60 dB.
        direct_to_echo_db: Energy of the direct sound over that of the echoes.
    """
    times = np.arange(1, max(2, round(rt60_s * rate_hz))) / rate_hz
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / rt60_s)
    tail *= 10 ** (-direct_to_echo_db / 20) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    return np.concatenate([[1.0], tail]).astype(np.float32)


def in_room(sound: Sound, response: Sound) -> Sound:
    """Sound as it is heard in a room, as long as before, (T,) float32."""
    heard: Sound = fftconvolve(sound, response)[: len(sound)].astype(np.float32)
    return heard


def coloured_noise(rng: np.random.Generator, num: int, exponent: float) -> Sound:
    """(num,) noise whose power falls with frequency ** exponent, root mean square 1.

    Args:
        rng: For the noise.
        num: Samples.
        exponent: 0 for white, 1 for pink, 2 for brown.
    """
    spectrum = np.fft.rfft(rng.standard_normal(num))
    frequency = np.maximum(np.arange(len(spectrum)), 1)
    spectrum = spectrum / frequency ** (exponent / 2)
    return _unit(np.fft.irfft(spectrum, num))


def engine_noise(rng: np.random.Generator, num: int, rate_hz: int) -> Sound:
    """(num,) hum of a motor: harmonics of 25 to 120 Hz that waver, root mean square 1."""
    times = np.arange(num) / rate_hz
    base, waver = rng.uniform(25, 120), rng.uniform(0.2, 2.0)
    phase = 2 * np.pi * base * (times + 0.002 * np.sin(2 * np.pi * waver * times))
    hum = np.zeros(num)
    for harmonic in range(1, 25):
        hum += rng.uniform(0.3, 1.0) / harmonic * np.sin(harmonic * phase + rng.uniform(0, 6.3))
    return _unit(hum + 0.3 * hum.std() * coloured_noise(rng, num, 1.0))


def babble(rng: np.random.Generator, num: int, voice: Callable[[], Sound], voices: int) -> Sound:
    """(num,) many who speak at once, root mean square 1.

    Args:
        rng: For their beginnings.
        num: Samples.
        voice: Gives the sound of another one, (T,) each time.
        voices: How many speak at any time.
    """
    mixed = np.zeros(num, np.float32)
    for _ in range(voices):
        at = -int(rng.integers(0, 16000))
        while at < num:
            sound = voice()
            start, stop = max(at, 0), min(at + len(sound), num)
            if stop > start:
                mixed[start:stop] += sound[start - at : stop - at]
            at += len(sound)
    return _unit(mixed)


def with_noise(sound: Sound, noise: Sound, snr_db: float) -> Sound:
    """A voice among noise, scaled down where it would be louder than full scale.

    Args:
        sound: (T,) with silence before and after or not.
        noise: (T,) with root mean square 1.
        snr_db: Power of the voice while it sounds over that of the noise.

    Convention:
        A sine of amplitude 0.1 at 0 dB gets noise of root mean square 0.0707.
    """
    mixed = sound + noise * (speech_level(sound) * 10 ** (-snr_db / 20))
    peak = float(np.abs(mixed).max(initial=0.0))
    return np.asarray(mixed / max(1.0, peak), np.float32)


def speech_level(sound: Sound) -> float:
    """Root mean square of the samples near which it is louder than a twentieth of its peak."""
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    peaks = np.abs(frames).max(axis=1, initial=0.0)
    loud = frames[peaks > 0.05 * peaks.max(initial=0.0)]
    return float(np.sqrt(np.mean(loud**2))) if loud.size else 0.0


def _unit(sound: npt.NDArray[np.floating]) -> Sound:
    return np.asarray(sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9), np.float32)
