"""Does CLIP agree to a box: shares among rivals, with an engine whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from mm_perception.nets.clip.engine import ClipEngine, Picture
from mm_perception.nets.clip.likeness import likely_rivals, likeness, share


class Painter(ClipEngine):
    """Pictures are their mean colour; texts are the colours that they name, else grey."""

    name = sha256 = licence = 'test'
    logit_scale = 50.0

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        self.seen += [image.shape for image in images]
        return torch.tensor(np.stack([image.mean((0, 1)) + 1.0 for image in images]))

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        table = {'red': (1.0, 0, 0), 'green': (0.0, 1, 0), 'blue': (0.0, 0, 1)}
        rows = [next((v for k, v in table.items() if k in t), (1.0, 1, 1)) for t in texts]
        return torch.tensor(rows)


@pytest.fixture
def image() -> np.ndarray:
    rgb = np.full((60, 80, 3), 120, np.uint8)
    rgb[20:40, 10:30] = (250, 0, 0)
    return rgb


BOX = np.array([10, 20, 30, 40], np.float32)


def test_the_right_colour_gets_nearly_all_that_the_thing_leaves(image: np.ndarray) -> None:
    clip = Painter()
    right, wrong = likeness(clip, image, [BOX, BOX], ['the red car', 'the blue car'])
    (thing,) = likeness(clip, image, [BOX], ['the car'])
    assert right == pytest.approx(thing, rel=0.05)  # colour certain, thing unknown to this engine
    assert wrong < 1e-6
    assert thing == pytest.approx(2 / 28, rel=0.01)  # car and vehicle among all nouns


def test_the_crop_is_a_square_around_the_box_inside_the_picture(image: np.ndarray) -> None:
    clip = Painter()
    likeness(clip, image, [BOX, np.array([70, 50, 80, 60], np.float32)], ['a car', 'a car'])
    assert clip.seen[0] == (24, 24, 3)
    assert clip.seen[1] == (11, 11, 3)


def test_boxes_that_are_nothing_or_outside_do_no_harm(image: np.ndarray) -> None:
    clip = Painter()
    assert likeness(clip, image, [], []).shape == (0,)
    boxes = [np.array([79, 59, 79, 59], np.float32), np.array([-9, -9, 900, 900], np.float32)]
    assert np.isfinite(likeness(clip, image, boxes, ['a car', 'a car'])).all()


def test_the_background_competes_but_for_what_cannot_be_told_apart() -> None:
    clip = Painter()
    seen = clip.embed_images([np.full((4, 4, 3), 90, np.uint8)])  # grey, as all things are
    (alone,) = share(clip, seen, 'a car')
    assert alone == pytest.approx(2 / 28, rel=0.01)
    same = share(clip, seen, 'a car', ('a road', 'grass'))  # grey too: no rivals
    assert same[0] == pytest.approx(alone)
    red = clip.embed_images([np.full((4, 4, 3), (255, 0, 0), np.uint8)])
    (without,) = share(clip, red, 'a car')
    once, twice = (share(clip, red, 'a car', ('red',) * n)[0] for n in (1, 2))
    assert once < 1e-3 < without
    assert once == pytest.approx(twice)
    assert share(clip, seen[:0], 'a car').shape == (0,)


def test_likely_rivals_mean_something_else_and_the_likeliest_comes_first(
    image: np.ndarray,
) -> None:
    found = likely_rivals(Painter(), image, BOX, 'the blue car', 3)
    assert found[0] == 'the red car'
    assert len(found) == 3
    every = likely_rivals(Painter(), image, BOX, 'the blue lorry', 99)
    assert not {'the blue lorry', 'the blue truck', 'the blue vehicle'} & set(every)
    assert {'the blue car', 'the red lorry'} <= set(every)
