"""Rooms and noises."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.world.acoustics import (
    babble,
    coloured_noise,
    echoes,
    engine_noise,
    in_room,
    with_noise,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_convention_noise_at_zero_decibels_is_as_loud_as_the_voice() -> None:
    sine = (0.1 * np.sin(np.arange(16000) * 0.3)).astype(np.float32)
    noise = coloured_noise(rng(), 16000, 0.0)
    assert (with_noise(sine, noise, 0.0) - sine).std() == pytest.approx(0.0707, rel=0.01)


def test_silence_around_a_voice_does_not_make_noise_quieter() -> None:
    sine = (0.1 * np.sin(np.arange(16000) * 0.3)).astype(np.float32)
    padded = np.pad(sine, 16000)
    noise = coloured_noise(rng(), 48000, 0.0)
    assert (with_noise(padded, noise, 10.0) - padded).std() == pytest.approx(0.0224, rel=0.02)


def test_nothing_is_louder_than_full_scale() -> None:
    loud = np.full(1000, 0.9, np.float32)
    assert np.abs(with_noise(loud, coloured_noise(rng(), 1000, 1.0), -5.0)).max() <= 1.0


@pytest.mark.parametrize('exponent', [0.0, 1.0, 2.0])
def test_noise_falls_with_frequency(exponent: float) -> None:
    power = np.abs(np.fft.rfft(coloured_noise(rng(), 1 << 16, exponent))) ** 2
    low, high = power[100:200].mean(), power[6400:12800].mean()
    assert np.log(low / high) / np.log(64) == pytest.approx(exponent, abs=0.1)


def test_echoes_die_away_by_sixty_decibels() -> None:
    response = echoes(rng(), 16000, 0.5, 0.0)
    early, late = response[1:800], response[-800:]
    assert 20 * np.log10(early.std() / late.std()) == pytest.approx(57, abs=4)
    assert (response[1:] ** 2).sum() == pytest.approx(1.0, rel=1e-3)
    click = np.zeros(16000, np.float32)
    click[100] = 1.0
    heard = in_room(click, response)
    assert not np.abs(heard[:100]).max() > 1e-4
    assert heard[100] == pytest.approx(1.0, abs=1e-3)


def test_engines_hum_and_voices_babble() -> None:
    hum = np.abs(np.fft.rfft(engine_noise(rng(), 32000, 16000))) ** 2
    assert hum[:6000].sum() > 0.8 * hum.sum()  # below 3 kHz
    voice = np.sin(np.arange(4000) * 0.2).astype(np.float32)
    crowd = babble(rng(), 16000, lambda: voice, 4)
    assert len(crowd) == 16000
    assert crowd.std() == pytest.approx(1.0, abs=0.01)
