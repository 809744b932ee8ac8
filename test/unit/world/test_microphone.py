"""Sound comes late and weak by the distance, and from where it comes can be heard."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate, correlation_lags

from mm_perception.errors import ConfigError
from mm_perception.world.damage import Damage
from mm_perception.world.microphone import SPEED_OF_SOUND, MicrophoneArray, Source, tone
from mm_perception.world.motion import standing, straight, turn_about
from mm_perception.world.scene import Motion

RATE = 48000
STILL = standing(0, 0)


def array(
    *places: tuple[float, float, float], noise: float = 0.0, rate: int = RATE
) -> MicrophoneArray:
    return MicrophoneArray(rate_hz=rate, noise=noise, at=np.zeros(3), places=np.array(places))


def hear(
    microphones: MicrophoneArray, *sources: Source, body: Motion = STILL, seconds: float = 0.5
) -> np.ndarray:
    return microphones.hear(sources, body, seconds, np.random.default_rng(0))


def hiss(motion: Motion, start_s: float = 0.05, rate: int = RATE) -> Source:
    """Noise below 4 kHz; what is heard of it has a sharp correlation."""
    noise = np.random.default_rng(3).standard_normal(rate // 4)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(noise), 1 / rate) > 4000] = 0
    wave = np.fft.irfft(spectrum) * 0.1
    return Source(motion, start_s, wave.astype(np.float32), rate)


def lag_s(first: np.ndarray, second: np.ndarray) -> float:
    """By how much the second is later, to a part of a sample."""
    found, lags = correlate(second, first), correlation_lags(len(second), len(first))
    best = int(found.argmax())
    left, peak, right = found[best - 1 : best + 2]
    return float(lags[best] + 0.5 * (left - right) / (left - 2 * peak + right)) / RATE


@pytest.mark.parametrize('bearing_deg', [0, 35, 90, 160, -70])
@pytest.mark.parametrize('yaw', [0.0, 0.8])
def test_the_difference_of_arrival_is_that_of_the_distances(bearing_deg, yaw) -> None:
    place = 8 * np.array([np.cos(np.radians(bearing_deg)), np.sin(np.radians(bearing_deg)), 0.1])
    pair = array((0, 0.25, 0), (0, -0.25, 0), noise=1e-4)
    heard = hear(pair, hiss(lambda t: (place, np.eye(3))), body=standing(1.0, 0.5, yaw))
    ears = [np.array([1.0, 0.5, 0.0]) + turn_about(2, yaw) @ p for p in pair.places]
    first, second = (np.linalg.norm(place - ear) / SPEED_OF_SOUND for ear in ears)
    assert lag_s(heard[:, 0], heard[:, 1]) == pytest.approx(second - first, abs=4e-6)


def test_convention_delay_and_gain() -> None:
    click = Source(standing(3.43, 0), 0.0, np.full(200, 0.5, np.float32), 16000)
    heard = hear(array((0, 0, 0), rate=16000), click)[:, 0]
    assert np.abs(heard[:155]).max() < 0.02
    assert np.flatnonzero(heard > 0.07)[0] == 160
    assert np.median(heard[200:300]) == pytest.approx(0.5 / 3.43, rel=0.01)


def test_twice_the_distance_is_half_as_loud() -> None:
    loud = [
        hear(array((0, 0, 0)), tone(standing(distance, 0), 500, 0.0, 0.4, rate_hz=RATE)).std()
        for distance in (2.0, 4.0, 8.0)
    ]
    assert loud[0] / loud[1] == pytest.approx(2, rel=0.05)
    assert loud[1] / loud[2] == pytest.approx(2, rel=0.05)


def test_the_gain_ends_near_a_microphone() -> None:
    heard = hear(array((0, 0, 0)), tone(standing(0.001, 0), 500, 0.0, 0.4, 0.1, rate_hz=RATE))
    assert np.abs(heard).max() == pytest.approx(0.1 / 0.2, rel=0.02)


@pytest.mark.parametrize('speed', [-25.0, 25.0])
def test_what_approaches_sounds_higher(speed) -> None:
    """Doppler: c / (c - v) of a source that comes with v."""
    coming = straight((-30.0, 0.0, 0.0), 0.0, speed)
    heard = hear(array((0, 0, 0)), tone(coming, 1000, 0.0, 0.6, rate_hz=RATE), seconds=0.7)[:, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 8 * len(heard)))
    found = spectrum.argmax() * RATE / (8 * len(heard))
    assert found == pytest.approx(1000 * SPEED_OF_SOUND / (SPEED_OF_SOUND - speed), abs=1.0)


def test_sources_add_up_and_noise_is_of_each_microphone() -> None:
    one, two = tone(standing(2, 0), 400, 0, 0.3, rate_hz=RATE), hiss(standing(0, 3))
    clean = array((0, 0, 0), (0, 0, 0))
    np.testing.assert_allclose(
        hear(clean, one, two), hear(clean, one) + hear(clean, two), atol=1e-6
    )
    noisy = hear(array((0, 0, 0), (0, 0, 0), noise=0.01), seconds=1.0)
    assert noisy.std() == pytest.approx(0.01, rel=0.05)
    assert abs(np.corrcoef(noisy.T)[0, 1]) < 0.05
    assert noisy.shape == (RATE, 2)
    assert noisy.dtype == np.float32


def test_silence_is_zeros_for_as_long_as_it_lasts() -> None:
    heard = hear(array((0, 0, 0), noise=0.01, rate=1000), seconds=1.0)
    hurt = Damage(silence=(0.2, 0.5)).sound(heard, 1000)
    np.testing.assert_array_equal(hurt[200:500], 0)
    kept = np.r_[0:200, 500:1000]
    np.testing.assert_array_equal(hurt[kept], heard[kept])
    assert (heard[200:500] != 0).any(), 'what was given is left as it was'
    assert Damage().sound(heard, 1000) is heard
    with pytest.raises(ConfigError, match='silence'):
        Damage(silence=(2.0, 1.0))
