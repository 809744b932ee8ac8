"""PocketSphinx: a command, other words, and neither."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.speech.sphinx import SphinxRecogniser, agree


@pytest.mark.parametrize(
    ('command', 'anything', 'same'),
    [
        ('find the red car', 'fine the red are', True),
        ('segment all light on that', 'and i know my fellow americans', False),
        ('yes', '', False),
    ],
)
def test_convention_two_searches_agree(command: str, anything: str, same: bool) -> None:
    assert agree(command, anything) == same


def test_noise_is_no_command() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    heard = SphinxRecogniser().recognise(noise)
    assert len(heard.text.split()) < 3
    assert 0 <= heard.confidence <= 1
