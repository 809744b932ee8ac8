"""Where sound comes from: steered response power with phase transform (SRP-PHAT).

Generalised cross-correlation with phase transform: Knapp and Carter, 1976, IEEE Trans. ASSP 24(4).
Its sum over pairs and directions: DiBiase, thesis, Brown University, 2000, chapter 6.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from mm_perception.speech.stream import RATE_HZ, Sound

SPEED_OF_SOUND = 343.0  # m/s
_WINDOW, _HOP, _FINER = 1024, 512, 8
#: Voices are between, Hz.
_BAND_HZ = (200.0, 6000.0)
#: Mean of the normalised correlations in the best direction; noise alone stays below.
_LEAST = 0.08
_SHORTEST_M = 0.01


def azimuth_of(data: Sound, places: npt.NDArray[np.float64]) -> float | None:
    """Horizontal direction from which sound arrives, as of something far away at equal height.

    Args:
        data: (T, C) float32 at 16 kHz.
        places: (C, 3) of the microphones in the frame of the answer, metres.

    Returns:
        Radians counter-clockwise from the x axis of that frame, in (-pi, pi]; None for one
        microphone, for noise, and for microphones that stand above each other. Microphones in one
        line cannot tell front from back: the answer is on the side of x, or where they lie along
        x, of y.

    Convention:
        With microphones at y = 0.1 and y = -0.1 m, sound that comes 0.583 ms (0.2 m) earlier to
        the first has an azimuth of pi / 2; at the same time to both, of 0.
    """
    if data.shape[1] < 2 or len(data) < _WINDOW:
        return None
    angles = np.deg2rad(np.arange(-179.0, 181.0))
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pairs = list(itertools.combinations(range(data.shape[1]), 2))
    flat = np.array([places[a, :2] - places[b, :2] for a, b in pairs])
    spread = np.linalg.svd(flat, compute_uv=True)
    if spread.S[0] < _SHORTEST_M:
        return None
    correlation = correlations(data, pairs)
    lags = np.rint(flat @ towards.T / SPEED_OF_SOUND * RATE_HZ * _FINER).astype(int)  # (P, 360)
    power = np.take_along_axis(correlation, lags % correlation.shape[1], axis=1).mean(axis=0)
    if len(spread.S) < 2 or spread.S[1] < _SHORTEST_M:
        power = np.where(towards @ _front(spread.Vh[0]) >= -1e-9, power, -np.inf)
    best = int(power.argmax())
    return float(angles[best]) if power[best] >= _LEAST else None


def correlations(data: Sound, pairs: list[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Generalised cross-correlations of pairs, (P, N) at eight times the rate, lag 0 first.

    At lag d it says how well the first channel fits the second d later; where the sound is louder
    it counts more.
    """
    window = np.hanning(_WINDOW)
    starts = range(0, len(data) - _WINDOW + 1, _HOP)
    frames = np.stack([data[s : s + _WINDOW] for s in starts]) * window[:, None]
    spectra = np.fft.rfft(frames, 2 * _WINDOW, axis=1)  # (F, K, C)
    hertz = np.fft.rfftfreq(2 * _WINDOW, 1 / RATE_HZ)
    inside = (hertz >= _BAND_HZ[0]) & (hertz <= _BAND_HZ[1])
    weight = np.abs(spectra[:, inside]).sum(axis=(1, 2))
    weight = weight / max(float(weight.sum()), 1e-12)
    found = []
    for a, b in pairs:
        # A wave that reaches a earlier by d has its peak at lag d.
        cross = np.conj(spectra[:, :, a]) * spectra[:, :, b]
        phase = cross / np.maximum(np.abs(cross), 1e-12) * inside
        mean = (phase * weight[:, None]).sum(axis=0) / inside.sum()
        found.append(np.fft.irfft(mean, 2 * _WINDOW * _FINER) * _WINDOW * _FINER)
    return np.array(found)


def _front(baseline: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The normal of a line of microphones that looks along x, or else along y."""
    normal = np.array([-baseline[1], baseline[0]])
    lead = normal[0] if abs(normal[0]) > 1e-6 else normal[1]
    return normal if lead > 0 else -normal


def listened(data: Sound, places: npt.NDArray[np.float64], azimuth_rad: float) -> Sound:
    """All microphones together towards a direction: delayed, and their mean taken, (T,) float32.

    Delay and sum (Van Veen and Buckley, 1988, IEEE ASSP Magazine 5(2)): what comes from there
    stays as it is, noise that microphones do not share loses by the root of their number.

    Args:
        data: (T, C) float32 at 16 kHz.
        places: (C, 3) of the microphones, metres.
        azimuth_rad: In their frame.
    """
    towards = np.array([np.cos(azimuth_rad), np.sin(azimuth_rad), 0.0])
    early_s = places @ towards / SPEED_OF_SOUND
    num = len(data) + RATE_HZ // 100  # what is turned past an end does not come in at the other
    spectra = np.fft.rfft(data, num, axis=0)
    hertz = np.fft.rfftfreq(num, 1 / RATE_HZ)
    turned = spectra * np.exp(-2j * np.pi * hertz[:, None] * early_s)
    return np.fft.irfft(turned.mean(axis=1), num)[: len(data)].astype(np.float32)
