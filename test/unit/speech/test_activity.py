"""Utterances from probabilities of a voice: start, pause, cut, gap."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.speech.activity import (
    WINDOW,
    ActivitySettings,
    Utterance,
    UtteranceFinder,
    VoiceDetector,
)
from mm_perception.speech.stream import RATE_HZ, Piece, Sound

SETTINGS = ActivitySettings(pause_s=0.5, shortest_s=0.15, longest_s=3.0)


class Loudness(VoiceDetector):
    """Takes every loud window for a voice."""

    def __init__(self) -> None:
        self.resets = 0

    def __call__(self, window: Sound) -> float:
        assert window.shape == (WINDOW,)
        return float(np.abs(window).mean() > 0.25)

    def reset(self) -> None:
        self.resets += 1


def sound_of(*parts: tuple[float, float]) -> Sound:
    """Levels and their seconds."""
    levels = [np.full(round(seconds * RATE_HZ), level, np.float32) for level, seconds in parts]
    return np.concatenate(levels)[:, None]


def found_in(
    sound: Sound, length: int = 1600, finder: UtteranceFinder | None = None, start_ns: int = 0
) -> list[Utterance]:
    finder = finder or UtteranceFinder(Loudness(), SETTINGS)
    found: list[Utterance] = []
    for first in range(0, len(sound), length):
        stamp_ns = start_ns + round(first / RATE_HZ * 1e9)
        found += finder.push(Piece(stamp_ns, sound[first : first + length], first == 0))
    return found


@pytest.mark.parametrize('length', [160, 1600, 5000, 64000])
def test_start_and_end_do_not_depend_on_the_length_of_chunks(length: int) -> None:
    (found,) = found_in(sound_of((0, 1.0), (0.5, 0.8), (0, 1.0)), length)
    assert found.start_ns == pytest.approx(1.0e9, abs=0.04e9)
    assert found.end_ns == pytest.approx(1.8e9, abs=0.04e9)
    assert found.data_ns == pytest.approx(found.start_ns - 0.3e9, abs=2)
    assert len(found.data) / RATE_HZ == pytest.approx(1.4, abs=0.06)
    assert found.is_final


def test_a_short_pause_is_part_of_it_and_a_long_one_parts_two() -> None:
    assert len(found_in(sound_of((0.5, 0.4), (0, 0.3), (0.5, 0.4), (0, 1.0)))) == 1
    two = found_in(sound_of((0.5, 0.4), (0, 0.7), (0.5, 0.4), (0, 1.0)))
    assert len(two) == 2
    assert two[1].start_ns == pytest.approx(1.1e9, abs=0.04e9)


def test_a_click_is_no_utterance() -> None:
    assert found_in(sound_of((0, 0.5), (0.5, 0.05), (0, 1.0))) == []


def test_what_is_too_long_is_cut_and_goes_on() -> None:
    found = found_in(sound_of((0.5, 7.0), (0, 1.0)))
    assert len(found) == 3
    assert [round((u.end_ns - u.start_ns) / 1e9, 1) for u in found[:2]] == [3.0, 3.0]
    assert found[1].start_ns == pytest.approx(found[0].end_ns, abs=0.04e9)


def test_a_gap_in_the_stream_ends_it() -> None:
    detector = Loudness()
    finder = UtteranceFinder(detector, SETTINGS)
    assert found_in(sound_of((0.5, 1.0)), finder=finder) == []
    assert finder.pending is not None
    (found,) = found_in(sound_of((0, 1.0)), finder=finder, start_ns=90_000_000_000)
    assert found.end_ns == pytest.approx(1.0e9, abs=0.04e9)
    assert detector.resets == 2


def test_what_goes_on_can_be_heard() -> None:
    finder = UtteranceFinder(Loudness(), SETTINGS)
    found_in(sound_of((0, 0.5), (0.5, 1.0)), finder=finder)
    pending = finder.pending
    assert pending is not None
    assert not pending.is_final
    assert pending.end_ns - pending.start_ns == pytest.approx(1.0e9, abs=0.07e9)


def test_silence_is_not_kept() -> None:
    finder = UtteranceFinder(Loudness(), SETTINGS)
    found_in(sound_of((0, 30.0)), finder=finder)
    assert finder._held is not None
    assert len(finder._held) < RATE_HZ
