"""The generated clip: same seed, same pixels; the truth is where the colours are."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.bag.reader import BagReader
from mm_perception.world.demo_bag import IMAGE_TOPIC, TRUTH_TOPIC, write_demo_bag
from mm_perception.world.scoring import score_replay
from mm_perception.world.shapes import COLOURS, SHAPES, make_clip

SIZE = (120, 200)


def test_same_seed_same_pixels() -> None:
    first, second = (list(make_clip(3, 4, SIZE)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.rgb, b.rgb)
        assert np.array_equal(a.ids, b.ids)


def test_other_seed_other_pixels_and_names() -> None:
    one, two = make_clip(3, 1, SIZE), make_clip(4, 1, SIZE)
    assert one.names != two.names
    assert not np.array_equal(next(iter(one)).rgb, next(iter(two)).rgb)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('colour', COLOURS)
def test_every_thing_is_drawn_in_its_colour_where_the_truth_says(colour, shape) -> None:
    frame = next(iter(make_clip(5, 1, SIZE, (f'{colour} {shape}',))))
    inside = frame.rgb[frame.ids == 1].astype(float)
    assert 100 < len(inside) < frame.ids.size / 4
    distances = {name: np.abs(inside.mean(0) - rgb).sum() for name, rgb in COLOURS.items()}
    assert min(distances, key=distances.__getitem__) == colour


def test_things_move_and_stay_in_the_picture() -> None:
    frames = list(make_clip(6, 40, SIZE, ('red ball',)))
    centres = [np.argwhere(f.ids == 1).mean(0) for f in frames]
    assert np.abs(centres[0] - centres[10]).sum() > 3
    assert all((f.ids == 1).any() for f in frames)


def test_demo_bag_is_reproducible_and_holds_its_truth(tmp_path) -> None:
    for name in ('a', 'b'):
        write_demo_bag(tmp_path / name / 'bag', seed=2, num_frames=3)
    same = [(tmp_path / n / 'bag' / 'bag.mcap').read_bytes() for n in ('a', 'b')]
    assert same[0] == same[1]
    with BagReader(tmp_path / 'a' / 'bag') as reader:
        assert reader.topics[IMAGE_TOPIC].count == 3
        assert reader.topics[TRUTH_TOPIC].count == 3


def test_truth_scores_itself_as_perfect_where_colours_are_unique(tmp_path) -> None:
    bag = write_demo_bag(tmp_path / 'bag', seed=9, num_frames=3)
    assert score_replay(bag, bag, TRUTH_TOPIC) == {'mean_iou': 1.0, 'frames': 3, 'share': 1.0}
