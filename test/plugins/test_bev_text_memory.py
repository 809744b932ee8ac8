"""Cells that roll along, what stands apart in a scan, and parts of a picture for points."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import PromptError
from mm_perception.nets.clip import load_clip
from mm_perception.nets.clip.likeness import unknown_words
from mm_perception.plugins.bev_text.memory import CellMemory
from mm_perception.plugins.bev_text.question import Question
from mm_perception.plugins.bev_text.regions import regions_of
from mm_perception.plugins.bev_text.segments import segments_of
from mm_perception.samples import Masks
from mm_perception.weights import locate

A, B = np.eye(2, dtype=np.float32)


def memory(most_sights: int = 10) -> CellMemory:
    """8 by 8 cells of 1 m around the origin."""
    cells = CellMemory(4.0, 1.0, most_sights)
    cells.move(np.zeros(2))
    return cells


def see(
    cells: CellMemory, *points: tuple[float, float, float], vector=A, stamp_ns: int = 1
) -> None:
    kinds = np.zeros((len(points), 1), int)
    cells.add(np.array(points, float), kinds, vector[None], stamp_ns)


def picture(cells: CellMemory) -> np.ndarray:
    """1 where something is known."""
    slots, *_ = cells.known()
    return cells.grid(slots, np.ones(len(slots)), -1)


def test_a_cell_lies_where_the_grid_says() -> None:
    cells = memory()
    see(cells, (2.5, -3.5, 0.0))
    grid = picture(cells)
    assert cells.corner_m == (-4.0, -4.0)
    assert np.argwhere(grid == 1).tolist() == [[0, 6]]  # row along y, column along x
    slots, *_ = cells.known()
    np.testing.assert_allclose(cells.places(slots), [[2.5, -3.5, 0.0]])


@pytest.mark.parametrize('centre', [(2.0, 0.0), (-3.0, 1.0), (0.0, 3.0), (1.0, -2.0), (5.2, 7.9)])
def test_cells_stay_where_they_are_when_the_grid_rolls(centre: tuple[float, float]) -> None:
    cells = memory()
    places = np.array([(x + 0.5, y + 0.5) for x in range(-4, 4) for y in range(-4, 4)])
    see(cells, *((x, y, 0.1) for x, y in places))
    cells.move(np.array(centre))
    low = np.floor(centre) - 4
    kept = places[((places > low) & (places < low + 8)).all(1)]
    slots, *_ = cells.known()
    found = cells.places(slots)[:, :2]
    assert sorted(map(tuple, found)) == sorted(map(tuple, kept))
    rows, columns = np.nonzero(picture(cells) == 1)
    on_grid = np.stack([columns, rows], 1) + 0.5 + cells.corner_m
    assert sorted(map(tuple, on_grid)) == sorted(map(tuple, kept))


def test_what_fell_out_does_not_come_back() -> None:
    cells = memory()
    see(cells, (-3.5, 0.5, 0.0))
    cells.move(np.array([30.0, 0.0]))
    cells.move(np.zeros(2))
    assert not (picture(cells) == 1).any()


def test_a_cell_is_the_mean_of_its_sights_and_later_ones_count_more() -> None:
    cells = memory(most_sights=4)
    for vector in (A, A, A, B):
        see(cells, (0.5, 0.5, 0.0), vector=vector)
    _, seen, _ = cells.known()
    np.testing.assert_allclose(seen[0], np.array([3, 1]) / np.hypot(3, 1), rtol=1e-5)
    for _ in range(20):
        see(cells, (0.5, 0.5, 0.0), vector=B)
    np.testing.assert_allclose(cells.known()[1][0], B, atol=0.01)


def test_one_sees_from_above_what_is_on_top() -> None:
    cells = memory()
    kinds = np.array([[0], [1]])
    points = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 1.5]])
    cells.add(points, kinds, np.stack([A, B]), 1)
    _, seen, heights = cells.known()
    np.testing.assert_allclose(seen, [B])
    np.testing.assert_allclose(heights, [1.5])


def test_height_is_over_the_ground_nearby() -> None:
    cells = memory()
    see(cells, (0.5, 0.5, 7.0), (1.5, 0.5, 5.6), (-3.5, 0.5, 1.0))
    slots, _, heights = cells.known()
    found = dict(zip(cells.places(slots)[:, 0].tolist(), heights.tolist(), strict=True))
    assert found == {0.5: pytest.approx(1.4), 1.5: pytest.approx(0), -3.5: pytest.approx(0)}


def test_a_ray_that_passes_a_thing_does_not_hide_it_but_what_left_is_forgotten() -> None:
    cells = memory()
    see(cells, (0.5, 0.5, 1.5), (1.5, 0.5, 0.0))
    for after_ns, is_there in ((400_000_000, True), (600_000_000, False)):
        see(cells, (0.5, 0.5, 0.0), vector=B, stamp_ns=1 + after_ns)
        slots, seen, heights = cells.known()
        index = cells.places(slots)[:, 0].tolist().index(0.5)
        np.testing.assert_allclose(seen[index], A if is_there else B)
        assert heights[index] == pytest.approx(1.5 if is_there else 0)


def test_what_a_ray_goes_through_has_left() -> None:
    origin, behind, short = (
        np.array(p) for p in ([-3.0, 0.5, 1.0], [[3.0, 0.5, 1.0]], [[0.4, 0.5, 1.0]])
    )
    for after_ns, ends, is_there in (
        (600_000_000, behind, False), (400_000_000, behind, True), (600_000_000, short, True),
        (600_000_000, behind + np.array([0, 0, 3.0]), True),
    ):  # fmt: skip
        cells = memory()
        see(cells, (0.5, 0.5, 0.0))
        see(cells, (0.5, 0.5, 1.7))
        cells.look_through(origin, ends, 1 + after_ns)
        assert len(cells.known()[0]) == is_there


def test_cells_nobody_sees_are_forgotten_and_vectors_of_another_length_begin_anew() -> None:
    cells = memory()
    see(cells, (0.5, 0.5, 0.0), stamp_ns=5)
    see(cells, (1.5, 0.5, 0.0), stamp_ns=9)
    cells.forget(6)
    assert len(cells.known()[0]) == 1
    assert cells.newest_ns == 9
    cells.clear()
    assert cells.newest_ns < 0


def test_things_stand_apart_and_ground_and_walls_do_not() -> None:
    ground = np.array([(x, y, 0.02 * x) for x in range(20) for y in range(-5, 6)], float)
    post = np.array([[5.1, 2.1, 0.1 + z] for z in (0.4, 0.8, 1.2)])
    other = post + np.array([4.0, 0.0, 0.1])
    wall = np.array([(x, 5.9, 1.5) for x in np.arange(0, 20, 0.2)])
    found = segments_of(np.concatenate([ground, post, other, wall]), 0.2)
    ends = np.cumsum([len(ground), len(post), len(other)])
    parts = [set(part.tolist()) for part in np.split(found, ends)]
    assert parts[0] == {-1}
    assert parts[3] == {-1}
    assert {len(parts[1]), len(parts[2])} == {1}
    assert parts[1] | parts[2] == {0, 1}
    assert segments_of(np.zeros((0, 3)), 0.2).shape == (0,)


def test_points_carry_their_mask_else_their_segment_else_their_patches() -> None:
    rgb = np.zeros((60, 120, 3), np.uint8)
    rgb[10:30, 10:30] = 50
    rgb[30:, 60:] = 200
    id_map = np.zeros((60, 120), np.uint16)
    id_map[10:30, 10:30] = 4
    masks = Masks(
        stamp_ns=0, frame_id='c', id_map=id_map, ids=(4,), labels=('?',),
        scores=np.ones(1, np.float32),
    )  # fmt: skip
    # Inside of the mask, on its rim, two of a segment, one free.
    pixels = np.array(
        [[20, 20], [18, 22], [24, 16], [29, 29], [100, 5], [110, 15], [80, 50]], float
    )
    segments = np.array([-1, -1, -1, -1, 3, 3, -1])
    found = regions_of(rgb, pixels, segments, masks, (1.0, 0.5), 60)
    mask, rim, segment, free = (found.carried[i] for i in (0, 3, 4, 6))
    assert mask[1] == -1
    assert found.crops[mask[0]].shape == (24, 24, 3)  # the square around it with a margin
    assert rim.tolist() == [-1, -1]
    assert found.crops[segment[0]].shape[0] <= 13
    assert (found.carried[5] == segment).all()
    assert [found.crops[i].shape for i in free] == [(60, 60, 3), (30, 30, 3)]
    assert (found.crops[free[1]] == 200).all()
    assert len(found.crops) == 4  # nothing is embedded that no point is in


def test_the_rim_of_a_mask_is_of_it_where_the_scan_says_so() -> None:
    id_map = np.zeros((60, 120), np.uint16)
    id_map[10:30, 10:30] = 4
    masks = Masks(
        stamp_ns=0, frame_id='c', id_map=id_map, ids=(4,), labels=('?',),
        scores=np.ones(1, np.float32),
    )  # fmt: skip
    pixels = np.array(
        [[20, 20], [18, 22], [24, 16], [29, 29], [30, 20], [29, 10], [35, 20]], float
    )
    segments = np.array([0, 0, 0, 0, 0, 1, 0])
    found = regions_of(np.zeros((60, 120, 3), np.uint8), pixels, segments, masks, (1.0,), 60)
    own, outside, of_another, away = (found.carried[i, 0] for i in (3, 4, 5, 6))
    assert own == outside == found.carried[0, 0]
    assert of_another == -1
    assert away not in (-1, own)


def test_a_small_mask_is_no_mask() -> None:
    masks = Masks(
        stamp_ns=0, frame_id='c', id_map=np.ones((5, 5), np.uint16), ids=(1,), labels=('?',),
        scores=np.ones(1, np.float32),
    )  # fmt: skip
    rgb = np.zeros((5, 5, 3), np.uint8)
    found = regions_of(rgb, np.array([[2.0, 2.0]]), np.array([-1]), masks, (1.0,), 26)
    assert [crop.shape for crop in found.crops] == [(5, 5, 3)]


@pytest.mark.parametrize(
    ('text', 'layer', 'caption', 'stands'),
    [
        ('Where can I drive?', 'drivable', 'a road', False),
        ('traffic cones', '', 'traffic cone', True),
        ('a red car on the road', '', 'a red car on the road', True),
        ('the crosswalk', 'crossing', 'a pedestrian crossing', False),
        ('a building', '', 'a building', None),
    ],
)
def test_texts_are_understood(text: str, layer: str, caption: str, stands: bool | None) -> None:
    assert Question.of(text) == Question(text, layer, caption, stands)


def test_words_that_the_weights_do_not_know_are_refused() -> None:
    clip = load_clip(locate('nano', 'clip'))
    assert unknown_words(clip, 'a red traffic cone') == []
    assert unknown_words(clip, 'a brick building') == ['brick', 'building']
    for text in ('a person', 'an orange cone', 'the cone', 'a cone'):
        assert unknown_words(clip, text) == [], text
    with pytest.raises(PromptError, match="'building'; ask with other words"):
        Question.of('a building').asked_of(clip, np.zeros((0, 1)), np.zeros(0), (), 0.2)
