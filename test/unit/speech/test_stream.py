"""Chunks become one stream: rates, gaps, jumps, repetitions."""

from __future__ import annotations

from itertools import pairwise
from math import gcd

import numpy as np
import pytest
from scipy.signal import resample_poly

from mm_perception.errors import ShapeError
from mm_perception.samples import AudioClip
from mm_perception.speech.stream import RATE_HZ, Piece, Resampler, Stream

RNG = np.random.default_rng(0)


def clip(start_s: float, rate_hz: int = RATE_HZ, seconds: float = 0.1, level: float = 0.5):
    data = np.full((round(seconds * rate_hz), 1), level, np.float32)
    return AudioClip(stamp_ns=round(start_s * 1e9), data=data, rate_hz=rate_hz)


def pieces_of(*clips: AudioClip) -> list[Piece]:
    stream = Stream()
    return [piece for piece in map(stream.push, clips) if piece is not None]


@pytest.mark.parametrize('rate_hz', [8000, 11025, 22050, 44100, 48000])
def test_chunks_are_resampled_as_the_whole_would_be(rate_hz: int) -> None:
    data = RNG.standard_normal((rate_hz, 2)).astype(np.float32)
    common = gcd(rate_hz, RATE_HZ)
    whole = resample_poly(data, RATE_HZ // common, rate_hz // common, axis=0)
    resampler = Resampler(rate_hz, 2)
    parts = np.concatenate([resampler.push(part) for part in np.array_split(data, 13)])
    assert len(whole) - 800 < len(parts) <= len(whole)
    assert np.allclose(parts, whole[: len(parts)], atol=1e-5)


def test_convention_a_lost_chunk_becomes_silence_and_a_long_gap_a_new_stream() -> None:
    filled = pieces_of(clip(0.0), clip(0.1), clip(0.3))
    assert [p.is_new for p in filled] == [True, False, False]
    assert filled[2].start_ns == 200_000_000
    assert not filled[2].data[:1600].any()
    assert (filled[2].data[1600:] == 0.5).all()
    apart = pieces_of(clip(0.0), clip(0.1), clip(2.0))
    assert [p.is_new for p in apart] == [True, False, True]
    assert apart[2].start_ns == 2_000_000_000


@pytest.mark.parametrize('jump_s', [-100.0, -0.5, 30.0])
def test_a_clock_that_jumps_begins_anew(jump_s: float) -> None:
    found = pieces_of(clip(200.0), clip(200.1), clip(200.2 + jump_s), clip(200.3 + jump_s))
    assert [p.is_new for p in found] == [True, False, True, False]
    assert found[2].start_ns == pytest.approx((200.2 + jump_s) * 1e9, abs=10)


def test_a_chunk_that_comes_twice_is_taken_once() -> None:
    assert len(pieces_of(clip(0.0), clip(0.1), clip(0.1), clip(0.2))) == 3


def test_sound_that_nobody_stamps_is_refused_and_not_dropped_in_silence() -> None:
    stream = Stream()
    stream.push(clip(0.0))
    with pytest.raises(ShapeError, match=r'stamp of the sound.*capture time.*0\.000 s twice'):
        stream.push(clip(0.0, level=0.4))


def test_jitter_of_stamps_makes_no_gap_and_drift_is_followed() -> None:
    drift, jitter = 1 + 3e-4, 0.02
    stamps = [i * 0.1 * drift + RNG.uniform(-jitter, jitter) + 1 for i in range(600)]
    found = pieces_of(*(clip(stamp_s) for stamp_s in stamps))
    assert [p.is_new for p in found[1:]] == [False] * 599
    assert all(len(p.data) == 1600 for p in found)
    assert found[-1].start_ns / 1e9 == pytest.approx(599 * 0.1 * drift + 1, abs=0.015)


def test_another_format_begins_anew() -> None:
    stereo = AudioClip(stamp_ns=100_000_000, data=np.zeros((1600, 2), np.int16), rate_hz=RATE_HZ)
    found = pieces_of(clip(0.0), stereo, clip(0.2, 8000))
    assert all(p.is_new for p in found)


def test_whole_numbers_become_shares_of_full_scale() -> None:
    data = np.array([[-32768], [16384]], np.int16)
    (piece,) = pieces_of(AudioClip(stamp_ns=0, data=data, rate_hz=RATE_HZ))
    assert piece.data.ravel().tolist() == [-1.0, 0.5]


def test_stamps_at_another_rate_are_those_of_the_sound() -> None:
    found = pieces_of(*(clip(i / 10, 44100) for i in range(5)))
    for before, after in pairwise(found):
        end_ns = before.start_ns + len(before.data) / RATE_HZ * 1e9
        assert after.start_ns == pytest.approx(end_ns, abs=2)
