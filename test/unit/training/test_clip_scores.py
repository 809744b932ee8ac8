"""What scores of CLIP count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.training.clip_scores import relations
from test.unit.training.clips import moving_square


class Reader:
    """Sees a red car to the left of a blue van; how it reads texts is given."""

    def __init__(self, sign: float) -> None:
        self._sign = sign

    def embed_images(self, pictures: list[Any]) -> np.ndarray:
        return np.tile(np.float32([1, 0]), (len(pictures), 1))

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """One where the car is said to be left, whichever thing comes first."""
        is_left = [('left' in text) == ('red' in text.split(' of ')[0]) for text in texts]
        return np.float32([[self._sign * left, 0] for left in is_left])


@pytest.mark.parametrize(('sign', 'share'), [(1.0, 1.0), (-1.0, 0.0)])
def test_relations_count_where_the_true_caption_is_nearer(sign: float, share: float) -> None:
    clips = [moving_square(1)] * 4
    engine: Any = Reader(sign)
    assert relations(engine, clips) == (share, 8)


def test_a_picture_without_relations_has_no_share() -> None:
    engine: Any = Reader(1.0)
    found, count = relations(engine, [])
    assert np.isnan(found)
    assert count == 0
