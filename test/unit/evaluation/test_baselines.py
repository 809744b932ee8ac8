"""The baselines: what they may know, and what they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError
from mm_perception.evaluation.baselines import (
    BoxLinker,
    ClipGrid,
    answer_of,
    box_iou,
    kind_boxes,
    paint_boxes,
)
from mm_perception.evaluation.naming import Name, map_of, score_absent, score_present
from test.unit.evaluation.shapes import nothing, square, truth_of

LABELS = {1: 'red car', 2: 'blue car', 3: 'red van'}


class ColourClip:
    """Sees the mean colour of a picture; knows a word for each channel."""

    logit_scale = 100.0
    _WORDS = ('red', 'green', 'blue')

    def embed_images(self, images: Sequence[Any]) -> Any:
        means = np.array([image.reshape(-1, 3).mean(0) for image in images]) + 1e-3
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> Any:
        rows = [[float(word in text.split()) for word in self._WORDS] for text in texts]
        vectors = np.array(rows) + 1e-3
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clip_grid(**options: Any) -> ClipGrid:
    engine: Any = ColourClip()
    return ClipGrid(engine, (6, 4), rivals=('green', 'blue'), **options)


def test_box_iou() -> None:
    assert box_iou((0, 0, 4, 4), (2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert box_iou((0, 0, 4, 4), (4, 0, 6, 4)) == 0.0


def test_boxes_keep_their_ids_while_they_overlap() -> None:
    linker = BoxLinker()
    assert linker.link([(0, 0, 10, 10), (20, 0, 30, 10)]) == [1, 2]
    assert linker.link([(22, 0, 32, 10), (2, 0, 12, 10)]) == [2, 1]
    assert linker.link([(50, 0, 60, 10)]) == [3]


def test_a_track_survives_a_short_gap_only() -> None:
    linker = BoxLinker(max_gap=2)
    box = (0.0, 0.0, 10.0, 10.0)
    assert linker.link([box]) == [1]
    for _ in range(2):
        linker.link([])
    assert linker.link([box]) == [1]
    for _ in range(3):
        linker.link([])
    assert linker.link([box]) == [2]


def test_the_smaller_box_is_on_top() -> None:
    painted = paint_boxes([(2, 2, 4, 4), (0, 0, 10, 10)], [5, 6], (12, 12))
    assert (painted[3, 3], painted[8, 8], painted[11, 11]) == (5, 6, 0)


def test_true_boxes_do_not_read_the_colour() -> None:
    """Perfect where the kind has one thing, wrong by half where it has two of a size."""
    alone = [truth_of(square(3, 5 + t), LABELS, t) for t in range(4)]
    name = Name('van', 'red')
    score = score_present([map_of(name, m) for m in alone], kind_boxes(alone, name))
    assert (score.mean_iou, score.tracks.hota) == (1.0, pytest.approx(1))
    both = [truth_of(square(2, 40, ids=square(1, 5 + t)), LABELS, t) for t in range(4)]
    name = Name('car', 'red')
    score = score_present([map_of(name, m) for m in both], kind_boxes(both, name))
    assert score.mean_iou == pytest.approx(0.5)


def test_true_boxes_raise_a_false_alarm_for_another_colour_and_reject_another_kind() -> None:
    frames = [truth_of(square(1, 5), LABELS, t) for t in range(3)]
    assert score_absent(kind_boxes(frames, Name('car', 'green'))).is_alarm
    assert score_absent(kind_boxes(frames, Name('bus', 'red'))).is_rejected


def test_true_boxes_are_no_masks() -> None:
    disk = nothing()
    rows, columns = np.mgrid[: disk.shape[0], : disk.shape[1]]
    disk[(rows - 20) ** 2 + (columns - 30) ** 2 <= 100] = 1
    frames = [truth_of(disk, LABELS)]
    score = score_present([disk], kind_boxes(frames, Name('car', 'red')))
    assert score.mean_iou == pytest.approx(317 / 21**2)  # pixels of the disk and of its box


def test_cells_that_look_like_the_text_become_a_box() -> None:
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[..., 1] = 200
    picture[20:60, 40:80] = (220, 10, 10)
    grid = clip_grid()
    (red,), (blue,) = grid.boxes(picture, ['the red car']), grid.boxes(picture, ['the blue car'])
    assert red == [(40.0, 20.0, 80.0, 60.0)]
    assert blue == []


def test_a_tie_with_a_rival_is_no_lead() -> None:
    picture = np.full((80, 120, 3), 100, np.uint8)
    assert clip_grid().boxes(picture, ['the red car']) == [[]]
    assert clip_grid(margin=-1.0).boxes(picture, ['the red car']) == [[(0.0, 0.0, 120.0, 80.0)]]


def test_groups_of_cells_are_followed() -> None:
    grid, maps = clip_grid(), []
    for left in (0, 0, 20, 20):
        picture = np.zeros((80, 120, 3), np.uint8)
        picture[..., 1] = 200
        picture[0:40, left : left + 40] = (220, 10, 10)
        maps.append(grid.look(picture, ['the red car'])['the red car'])
    assert [np.unique(ids).tolist() for ids in maps] == [[0, 1]] * 4
    assert answer_of(maps).is_claimed
    assert answer_of([nothing()]).is_denied


def test_a_grid_needs_rivals() -> None:
    engine: Any = ColourClip()
    with pytest.raises(ConfigError, match='rivals'):
        ClipGrid(engine, rivals=())


def test_true_engines_fit() -> None:
    from mm_perception.nets.clip import load_clip

    grid = ClipGrid(load_clip('random'), (3, 2))
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    found = grid.look(picture, ['the red car', 'the blue van'])
    assert [ids.shape for ids in found.values()] == [(48, 64)] * 2
