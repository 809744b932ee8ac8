"""Texts that name one thing, and several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.samples.sample import Array
from mm_perception.search.entry import Found, unit
from mm_perception.search.wording import Weights, alike, parts_of
from test.unit.search.entries import entry
from test.unit.search.fake_clip import FakeClip

CLIP = FakeClip()
WEIGHTS = Weights(min_share=0.0, share=0.1, parts=2.0)


def seen(colour: tuple[float, float, float], second: float, **changes: Any) -> Any:
    return entry(0, second, vector=unit(np.array([*colour, 0.01])), **changes)


def nearest(entries: list[Any]) -> Any:
    def search(vector: Array) -> list[Found]:
        return [Found(e, float(e.vector @ vector)) for e in entries]

    return search


def test_convention_of_parts() -> None:
    text = 'a red car left of the blue van in a street'
    assert parts_of(text) == ['a red car', 'the blue van in a street']
    assert parts_of('a red car') == ['a red car']
    assert parts_of('a person with a ball, a sofa and rain') == ['a person', 'a ball', 'a sofa']


def test_every_thing_has_to_be_in_the_picture() -> None:
    """Both pictures look the same as a whole; the tracks of the second show both things."""
    purple = (1.0, 0.0, 1.0)
    entries = [
        seen(purple, 1), seen((1, 0, 0), 1, track_id='1'), seen((1, 0, 0), 1, track_id='2'),
        seen(purple, 9), seen((1, 0, 0), 9, track_id='3'), seen((0, 0, 1), 9, track_id='4'),
    ]  # fmt: skip
    hits = alike(CLIP, nearest(entries), 'a red car and a blue van', WEIGHTS)
    scores = {hit.entry.stamp_ns // 10**9: hit.score for hit in hits}
    assert scores.keys() == {1, 9}
    assert scores[9] > scores[1] + 0.05


def test_a_track_of_another_camera_or_moment_shows_nothing() -> None:
    here = seen((1, 0, 0), 1)
    alone = alike(CLIP, nearest([here]), 'a red car and a blue van', WEIGHTS)[0].score
    for elsewhere in ({'stream': 'back'}, {'second': 5.0}, {'source': 'other'}):
        other = seen((0, 0, 1), **{'second': 1.0, 'track_id': '4', **elsewhere})
        hits = alike(CLIP, nearest([here, other]), 'a red car and a blue van', WEIGHTS)
        assert [hit.score for hit in hits] == [pytest.approx(alone)]


def test_scores_stay_between_minus_one_and_one_and_nothing_gives_nothing() -> None:
    same = seen((1, 0, 0), 1)
    for text in ('red', 'a red car', 'a red car and a red van'):
        assert all(-1 <= hit.score <= 1 for hit in alike(CLIP, nearest([same]), text, WEIGHTS))
        assert alike(CLIP, nearest([]), text, WEIGHTS) == []
