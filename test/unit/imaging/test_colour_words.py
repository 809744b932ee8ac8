"""Which colour words fit pixels."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.imaging.colour_words import colour_shares


@pytest.mark.parametrize(
    ('rgb', 'word'),
    [
        ((200, 30, 30), 'red'), ((120, 70, 30), 'brown'), ((240, 130, 25), 'orange'),
        ((232, 208, 45), 'yellow'), ((50, 165, 60), 'green'), ((45, 85, 210), 'blue'),
        ((140, 60, 175), 'purple'), ((240, 150, 190), 'pink'), ((245, 244, 240), 'white'),
        ((120, 121, 119), 'grey'), ((20, 20, 22), 'black'),
    ],
)  # fmt: skip
def test_convention_beside_a_white_wall(rgb, word) -> None:
    picture = np.full((8, 8, 3), 250, np.uint8)
    mask = np.zeros((8, 8), np.bool_)
    mask[2:6, 2:6] = True
    picture[mask] = rgb
    shares = colour_shares(picture, mask)
    assert max(shares, key=shares.get) == word
    assert sum(shares.values()) == pytest.approx(1)


def test_half_and_half_and_a_dim_room() -> None:
    picture = np.full((8, 8, 3), 125, np.uint8)
    picture[:4, :4], picture[4:, :4] = (100, 15, 15), (120, 120, 120)
    mask = np.zeros((8, 8), np.bool_)
    mask[:, :4] = True
    shares = colour_shares(picture, mask)
    assert shares['red'] == shares['white'] == pytest.approx(0.5)


def test_an_empty_mask_has_no_colour() -> None:
    with pytest.raises(ShapeError, match='at least one pixel'):
        colour_shares(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.bool_))
