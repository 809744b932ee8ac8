from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.imaging.colour import demosaic, rgb_from_yuv420, rgb_from_yuv422


@pytest.mark.parametrize(
    ('pattern', 'at_origin', 'at_one_one'),
    [('rggb', 0, 2), ('bggr', 2, 0), ('gbrg', 1, 1), ('grbg', 1, 1)],
)
def test_convention_bayer_origin(pattern, at_origin, at_one_one) -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[0::2, 0::2] = 90
    mosaic[1::2, 1::2] = 60
    rgb = demosaic(mosaic, pattern)
    assert rgb[4, 4, at_origin] == 90
    assert rgb[5, 5, at_one_one] == 60


def test_grey_mosaics_are_grey_in_both_depths() -> None:
    for dtype, value in ((np.uint8, 77), (np.uint16, 40_000)):
        rgb = demosaic(np.full((5, 7), value, dtype), 'rggb')
        assert rgb.dtype == dtype
        assert (rgb == value).all()


@pytest.mark.parametrize('shape', [(2, 9), (9, 2), (1, 1)])
def test_mosaics_without_neighbours(shape) -> None:
    with pytest.raises(ShapeError, match='at least 3 x 3'):
        demosaic(np.zeros(shape, np.uint8), 'rggb')


def test_convention_yuv_black_white_and_order() -> None:
    # One pair of pixels: U 90, V 240, Y 81 is red by BT.601.
    uyvy = np.array([[[90, 81], [240, 81]]], np.uint8)
    red = rgb_from_yuv422(uyvy, 'uyvy')[0, 0]
    np.testing.assert_allclose(red, [255, 0, 0], atol=3)
    np.testing.assert_array_equal(rgb_from_yuv422(uyvy[..., ::-1], 'yuyv')[0, 0], red)
    planes = np.full((3, 2), 81, np.uint8)
    planes[2] = [90, 240]
    np.testing.assert_allclose(rgb_from_yuv420(planes, 'nv12')[0, 0], red, atol=2)
    planes[2] = [240, 90]
    np.testing.assert_allclose(rgb_from_yuv420(planes, 'nv21')[0, 0], red, atol=2)


def test_yuv_of_odd_size() -> None:
    with pytest.raises(ShapeError, match='even width'):
        rgb_from_yuv422(np.zeros((2, 3, 2), np.uint8), 'uyvy')
    for shape in ((4, 4), (3, 3)):
        with pytest.raises(ShapeError, match='even width and height'):
            rgb_from_yuv420(np.zeros(shape, np.uint8), 'nv12')
