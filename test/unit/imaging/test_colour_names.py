"""Colours and their words."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.imaging.colour_names import colour_shares


@pytest.mark.parametrize(
    ('rgb', 'word'),
    [
        ((255, 0, 0), 'red'), ((120, 70, 20), 'brown'), ((128, 128, 128), 'grey'),
        ((255, 180, 190), 'pink'), ((245, 245, 240), 'white'), ((20, 20, 25), 'black'),
        ((20, 60, 200), 'blue'), ((30, 160, 60), 'green'), ((240, 220, 20), 'yellow'),
        ((240, 130, 10), 'orange'), ((130, 40, 190), 'purple'),
    ],
)  # fmt: skip
def test_convention_colours(rgb: tuple[int, int, int], word: str) -> None:
    picture = np.full((3, 4, 3), rgb, np.uint8)
    assert colour_shares(picture, np.ones((3, 4), bool))[word] == 1.0


def test_no_pixel_has_no_colour() -> None:
    assert colour_shares(np.zeros((3, 4, 3), np.uint8), np.zeros((3, 4), bool)) == {}


def test_shares_add_up() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    shares = colour_shares(picture, np.ones((20, 20), bool))
    assert sum(shares.values()) == pytest.approx(1)
