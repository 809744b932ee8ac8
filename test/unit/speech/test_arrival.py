"""Direction of arrival, and listening towards it."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.speech.arrival import azimuth_of, listened

RNG = np.random.default_rng(0)
LINE = np.array([[0.0, 0.1, 0.0], [0.0, -0.1, 0.0]])
SQUARE = np.array([[0.1, 0.1, 0], [0.1, -0.1, 0], [-0.1, 0.1, 0], [-0.1, -0.1, 0]])


def arriving(places: np.ndarray, azimuth_rad: float, noise: float = 0.01) -> np.ndarray:
    """White sound from far away, (16000, C)."""
    towards = np.array([np.cos(azimuth_rad), np.sin(azimuth_rad), 0.0])
    spectrum = np.fft.rfft(RNG.standard_normal(16000))
    hertz = np.fft.rfftfreq(16000, 1 / 16000)
    early = places @ towards / 343.0
    waves = [np.fft.irfft(spectrum * np.exp(2j * np.pi * hertz * e), 16000) for e in early]
    data = 0.1 * np.stack(waves, axis=1) + noise * RNG.standard_normal((16000, len(places)))
    return data.astype(np.float32)


def test_convention_earlier_to_the_left_is_left() -> None:
    assert azimuth_of(arriving(LINE, np.pi / 2), LINE) == pytest.approx(np.pi / 2, abs=0.1)
    assert azimuth_of(arriving(LINE, 0.0), LINE) == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize('degrees', [-170, -90, -33, 0, 60, 135, 180])
def test_a_square_tells_all_directions(degrees: float) -> None:
    found = azimuth_of(arriving(SQUARE, np.deg2rad(degrees), noise=0.03), SQUARE)
    assert found is not None
    off = np.angle(np.exp(1j * (found - np.deg2rad(degrees))))
    assert abs(np.rad2deg(off)) <= 2.0


@pytest.mark.parametrize(('degrees', 'told'), [(30, 30), (150, 30), (-20, -20), (-160, -20)])
def test_a_line_answers_in_front(degrees: float, told: float) -> None:
    found = azimuth_of(arriving(LINE, np.deg2rad(degrees)), LINE)
    assert found is not None
    assert np.rad2deg(found) == pytest.approx(told, abs=3.0)


def test_a_line_along_x_answers_on_the_left() -> None:
    places = LINE[:, [1, 0, 2]]
    found = azimuth_of(arriving(places, np.deg2rad(-70)), places)
    assert found is not None
    assert np.rad2deg(found) == pytest.approx(70, abs=3.0)


@pytest.mark.parametrize(
    ('data', 'places'),
    [
        (RNG.standard_normal((16000, 4)), SQUARE),  # noise that microphones do not share
        (RNG.standard_normal((16000, 1)), SQUARE[:1]),
        (RNG.standard_normal((100, 4)), SQUARE),
        (arriving(SQUARE, 1.0), SQUARE * [0, 0, 1] + [[0, 0, 0.1 * i] for i in range(4)]),
        (np.zeros((16000, 4)), SQUARE),
    ],
    ids=['noise', 'one', 'short', 'upright', 'silence'],
)
def test_no_direction(data: np.ndarray, places: np.ndarray) -> None:
    assert azimuth_of(np.asarray(data, np.float32), places) is None


def test_listening_towards_a_voice_keeps_it_and_halves_the_noise_of_four() -> None:
    clean = arriving(SQUARE, 0.7, noise=0.0)
    noise = 0.05 * RNG.standard_normal(clean.shape).astype(np.float32)
    kept, rest = listened(clean, SQUARE, 0.7), listened(noise, SQUARE, 0.7)
    middle = slice(100, -100)
    assert kept[middle].std() == pytest.approx(clean[middle, 0].std(), rel=0.02)
    assert rest[middle].std() == pytest.approx(0.025, rel=0.1)
    away = listened(clean, SQUARE, 0.7 + np.pi)
    assert away[middle].std() < 0.8 * kept[middle].std()
