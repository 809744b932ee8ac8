from __future__ import annotations

import array

import numpy as np
import pytest

from mm_perception.errors import ConfigError, MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros import convert
from mm_perception.samples import Image, PointCloud
from test.unit.ros_convert.messages import STAMP_NS, image

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (4, 6, 3), np.uint8)
ARRAYS = {
    'rgb8': COLOUR,
    'rgba8': RNG.integers(0, 256, (4, 6, 4), np.uint8),
    'mono8': COLOUR[..., 0],
    'mono16': RNG.integers(0, 65536, (4, 6), np.uint16),
    '16UC1': RNG.integers(0, 65536, (4, 6), np.uint16),
    '32FC1': np.array([[0.5, np.nan, np.inf], [1.0, -2.0, 3.25]], np.float32),
}


@pytest.mark.parametrize('encoding', ARRAYS)
def test_round_trip_keeps_pixels_stamp_and_frame(encoding) -> None:
    sample = Image(stamp_ns=STAMP_NS, frame_id='camera', data=ARRAYS[encoding], encoding=encoding)
    message = convert.to_msgs(sample)['']
    assert isinstance(message.data, array.array)
    back = convert.from_msg(message, Image)
    np.testing.assert_array_equal(back.data, sample.data)
    assert (back.encoding, back.stamp_ns, back.frame_id) == (encoding, STAMP_NS, 'camera')
    assert not back.data.flags.writeable


@pytest.mark.parametrize('padding', [0, 16])
@pytest.mark.parametrize('encoding', ARRAYS)
def test_native_layouts_are_views_of_the_message(encoding, padding) -> None:
    pixels = ARRAYS[encoding]
    message = image(pixels, encoding, row_bytes=pixels.nbytes // len(pixels) + padding)
    sample = convert.from_msg(message, Image)
    np.testing.assert_array_equal(sample.data, pixels)
    assert np.shares_memory(sample.data, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize('encoding', ['mono16', '16UC1', '32FC1'])
def test_big_endian_numbers_are_swapped(encoding) -> None:
    pixels = ARRAYS[encoding]
    sample = convert.from_msg(image(pixels.byteswap(), encoding, big=True), Image)
    np.testing.assert_array_equal(sample.data, pixels)
    assert sample.data.dtype.isnative


def test_rows_that_begin_inside_a_number_are_copied() -> None:
    pixels = ARRAYS['mono16']
    sample = convert.from_msg(image(pixels, 'mono16', row_bytes=15), Image)
    np.testing.assert_array_equal(sample.data, pixels)
    assert sample.data.strides == (12, 2)  # torch.from_numpy refuses strides of 15


@pytest.mark.parametrize('encoding', ['bgr8', '8UC3'])
def test_convention_samples_are_rgb(encoding) -> None:
    blue = np.zeros((2, 2, 3), np.uint8)
    blue[..., 0] = 255  # first byte of BGR
    sample = convert.from_msg(image(blue, encoding, row_bytes=9), Image)
    assert sample.encoding == 'rgb8'
    assert sample.data[1, 1].tolist() == [0, 0, 255]


def test_convention_bgra_keeps_alpha_last() -> None:
    sample = convert.from_msg(image(np.array([[[1, 2, 3, 4]]], np.uint8), 'bgra8'), Image)
    assert sample.data[0, 0].tolist() == [3, 2, 1, 4]


@pytest.mark.parametrize(
    ('pattern', 'colours'),
    [('rggb', 'r..b'), ('bggr', 'b..r'), ('gbrg', '.br.'), ('grbg', '.rb.')],
)
@pytest.mark.parametrize('bits', [8, 16])
def test_convention_bayer_pattern_names_the_first_pixels(pattern, colours, bits) -> None:
    mosaic = np.zeros((8, 8), np.uint8 if bits == 8 else np.uint16)
    red = colours.index('r')
    mosaic[red // 2 :: 2, red % 2 :: 2] = 200 if bits == 8 else 200 << 8
    sample = convert.from_msg(image(mosaic, f'bayer_{pattern}{bits}'), Image)
    inner = sample.data[2:-2, 2:-2].reshape(-1, 3)
    assert inner[:, 0].max() == 200
    assert not inner[:, 1:].any()


@pytest.mark.parametrize(
    ('encoding', 'luma_first'),
    [('yuv422', False), ('uyvy', False), ('yuv422_yuy2', True), ('yuyv', True)],
)
def test_convention_yuv422(encoding, luma_first) -> None:
    luma = np.array([[16, 235], [235, 16]], np.uint8)
    grey = np.full_like(luma, 128)
    packed = np.stack([luma, grey] if luma_first else [grey, luma], axis=-1)
    sample = convert.from_msg(image(packed, encoding, row_bytes=6), Image)
    expected = np.where(luma == 16, 0, 255)
    np.testing.assert_allclose(sample.data, np.repeat(expected[..., None], 3, 2), atol=2)


@pytest.mark.parametrize(('encoding', 'colour'), [('nv12', (110, 240)), ('nv21', (240, 110))])
def test_convention_yuv420_red(encoding, colour) -> None:
    # BT.601: red is Y 81, U 90, V 240; U before V in nv12.
    planes = np.full((6, 4), 81, np.uint8)
    planes[4:, 0::2], planes[4:, 1::2] = colour
    message = image(planes, encoding, height=4)
    sample = convert.from_msg(message, Image)
    assert sample.data.shape == (4, 4, 3)
    red, green, blue = sample.data[2, 2]
    assert red > 230
    assert max(green, blue) < 80


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'step': 17}, 'a row needs 18 bytes'),
        ({'step': 19}, '76 bytes are needed'),
        ({'step': 2**32 - 1}, 'are needed'),
        ({'height': 5}, '90 bytes are needed'),
        ({'height': 2**32 - 1}, 'are needed'),
        ({'width': 2**32 - 1}, 'a row needs'),
        ({'width': 0}, 'no pixels'),
        ({'height': 0}, 'no pixels'),
        ({'data': array.array('B')}, 'are needed'),
    ],
)
def test_contradictions_are_refused_with_the_numbers(change, words) -> None:
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(image(COLOUR, 'rgb8', **change), Image)


@pytest.mark.parametrize(
    ('shape', 'encoding', 'words'),
    [
        ((2, 3, 2), 'uyvy', 'even width'),
        ((2, 3, 2), 'yuv422', 'even width'),
        ((3, 4), 'nv12', 'even height'),
        ((2, 2), 'bayer_rggb8', 'at least 3 x 3'),
    ],
)
def test_sizes_that_an_encoding_cannot_have(shape, encoding, words) -> None:
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(image(np.zeros(shape, np.uint8), encoding), Image)


def test_unknown_encoding_lists_the_known() -> None:
    with pytest.raises(UnsupportedEncodingError, match=r"'yuv999'.*rgb8"):
        convert.from_msg(image(COLOUR, 'yuv999'), Image)


def test_a_message_of_another_type_is_named() -> None:
    with pytest.raises(ConfigError, match='PointCloud2'):
        convert.from_msg(image(COLOUR, 'rgb8'), PointCloud)


def test_strided_sample_is_packed() -> None:
    sample = Image(stamp_ns=0, data=COLOUR[:, ::2], encoding='rgb8')
    message = convert.to_msgs(sample)['']
    assert (message.step, len(message.data)) == (9, 36)
    np.testing.assert_array_equal(convert.from_msg(message, Image).data, COLOUR[:, ::2])
