from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm_perception.errors import ShapeError
from mm_perception.imaging.compressed import claimed_size, decode_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)


def file(ending: str) -> np.ndarray:
    return cv2.imencode(ending, cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR))[1]


@pytest.mark.parametrize('ending', ['.png', '.jpg'])
def test_convention_size_is_height_then_width(ending) -> None:
    assert claimed_size(file(ending)) == (5, 9)


def test_convention_colours_are_rgb() -> None:
    np.testing.assert_array_equal(decode_picture(file('.png')), PICTURE)


def test_progressive_jpeg() -> None:
    data = cv2.imencode('.jpg', PICTURE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    assert b'\xff\xc2' in data.tobytes()
    assert decode_picture(data).shape == PICTURE.shape


@pytest.mark.parametrize('data', [b'', b'GIF89a', b'\xff', b'\xff\xd8', b'\xff\xd8\xff\xd9'])
def test_other_bytes(data) -> None:
    with pytest.raises(ShapeError):
        claimed_size(np.frombuffer(data, np.uint8))


@pytest.mark.parametrize('ending', ['.png', '.jpg'])
@pytest.mark.parametrize('num_lost', [5, 20, 100])
def test_a_file_without_its_end_is_not_left_to_the_decoder(ending, num_lost) -> None:
    # Some versions of OpenCV fill the rest with grey and say nothing.
    data = file(ending)[:-num_lost]
    with pytest.raises(ShapeError, match='cut off'):
        claimed_size(data)


def test_damage_that_only_the_decoder_sees() -> None:
    data = file('.png').copy()
    data[45:60] ^= 0xFF
    with pytest.raises(ShapeError, match='a readable file'):
        decode_picture(data)


def test_too_large() -> None:
    data = file('.png').copy()
    data[16:24] = np.frombuffer((20_000).to_bytes(4, 'big') * 2, np.uint8)
    with pytest.raises(ShapeError, match='a claim of 20000x20000'):
        decode_picture(data)
