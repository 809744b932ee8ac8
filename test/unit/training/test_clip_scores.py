"""What scores of CLIP count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.training import clip_scores
from mm_perception.training.clip_scores import final_scores, relations
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


class Painter:
    """Knows the colour and class of everything red; texts and crops point along one axis each."""

    def embed_images(self, pictures: list[Any]) -> np.ndarray:
        is_red = [float(p[..., 0].mean()) > float(p[..., 2].mean()) for p in pictures]
        return np.float32([[red, 0] for red in is_red])

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        return np.float32([[text == 'a red car', 0] for text in texts])


def test_scores_tell_what_is_clear_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The car is known, the van is not; of half of the clips the van is hardly visible."""
    clip = moving_square(1)
    clips = [replace(clip, visible=np.float32([[1.0, share]])) for share in (0.3, 1.0)] * 60
    monkeypatch.setattr(clip_scores, 'final_clips', lambda *args, **named: clips)
    monkeypatch.setattr(clip_scores, 'load_clip', lambda *args: Painter())
    table = final_scores(Path('weights'), 'cpu')
    assert table['zero-shot colour and class, all pairs'] == 0.5  # every car
    clear = 'zero-shot colour and class, all pairs, things 40 % or more visible'
    assert table[clear] == 0.667  # of two cars and a van
    assert table['crops (of pairs never seen together; visible)'].startswith('240 (')
