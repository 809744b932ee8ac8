from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_perception.errors import ShapeError
from mm_perception.imaging.masks import id_colours, paint_ids, resize_nearest


def test_convention_resize_takes_pixel_centres() -> None:
    assert resize_nearest(np.array([[1, 2]], np.uint16), 1, 4).tolist() == [[1, 1, 2, 2]]
    assert resize_nearest(np.array([[1, 2, 3, 4]], np.uint16), 1, 2).tolist() == [[2, 4]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.integers(1, 20))
def test_resize_invents_no_id_and_keeps_the_dtype(rows, columns, height, width) -> None:
    id_map = np.arange(1, rows * columns + 1, dtype=np.uint16).reshape(rows, columns) * 7
    resized = resize_nearest(id_map, height, width)
    assert resized.shape == (height, width)
    assert resized.dtype == np.uint16
    assert np.isin(resized, id_map).all()
    assert (np.diff(resized.astype(int), axis=0) >= 0).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_enlarging_by_a_whole_number_repeats(rows, columns, factor) -> None:
    mask = np.random.default_rng(rows).integers(0, 2, (rows, columns)).astype(bool)
    expected = mask.repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(resize_nearest(mask, rows * factor, columns * factor), expected)


@pytest.mark.parametrize(('shape', 'size'), [((0, 3), (2, 2)), ((2, 2), (0, 2)), ((2,), (2, 2))])
def test_resize_of_nothing(shape, size) -> None:
    with pytest.raises(ShapeError, match='positive size'):
        resize_nearest(np.zeros(shape, np.uint16), *size)


def test_convention_background_is_black_and_an_id_keeps_its_colour() -> None:
    colours = id_colours(np.array([0, 1, 2, 3, 65535]))
    assert colours.dtype == np.uint8
    assert colours[0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(id_colours(np.array([3]))[0], colours[3])


def test_the_first_ids_are_told_apart() -> None:
    colours = id_colours(np.arange(1, 13)).astype(int)
    distances = np.abs(colours[:, None] - colours[None]).max(-1) + 255 * np.eye(12, dtype=int)
    assert distances.min() >= 30


def test_painting_leaves_the_background_and_the_input_alone() -> None:
    rgb = np.full((2, 3, 3), 100, np.uint8)
    rgb.flags.writeable = False
    id_map = np.array([[0, 5, 5], [0, 0, 9]], np.uint16)
    painted = paint_ids(rgb, id_map, opacity=0.5)
    assert (painted[id_map == 0] == 100).all()
    colours = id_colours(np.array([5, 9])).astype(float)
    np.testing.assert_allclose(painted[0, 1], 50 + colours[0] / 2, atol=0.5)
    np.testing.assert_allclose(painted[1, 2], 50 + colours[1] / 2, atol=0.5)
    np.testing.assert_array_equal(paint_ids(rgb, id_map, opacity=0), rgb)


def test_painting_another_size() -> None:
    with pytest.raises(ShapeError, match='picture'):
        paint_ids(np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2), np.uint16))
