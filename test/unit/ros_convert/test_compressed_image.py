from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import PIL.Image
import pytest

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros import convert
from mm_perception.samples import Image
from test.unit.ros_convert.messages import compressed

RED = np.zeros((48, 64, 3), np.uint8)
RED[..., 0] = 250
DEPTH = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000


def encoded(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode('.png', pixels)[1].tobytes()


@pytest.mark.parametrize('form', ['jpeg', 'png'])
def test_convention_colour_is_rgb(form) -> None:
    sample = convert.from_msg(compressed(encoded(RED, form), f'bgr8; {form} compressed'), Image)
    assert (sample.encoding, sample.data.shape) == ('rgb8', (48, 64, 3))
    np.testing.assert_allclose(sample.data, RED, atol=4)


def test_alpha_and_grey() -> None:
    rgba = np.dstack([RED, np.full(RED.shape[:2], 7, np.uint8)])
    sample = convert.from_msg(compressed(encoded(rgba, 'png'), 'png'), Image)
    assert sample.encoding == 'rgba8'
    np.testing.assert_array_equal(sample.data, rgba)
    grey = convert.from_msg(compressed(encoded(RED[..., 0], 'jpeg')), Image)
    assert (grey.encoding, grey.data.shape) == ('mono8', (48, 64))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr'])
def test_mosaic_that_was_compressed_as_it_is_has_colours(pattern, bits) -> None:
    # compressed_image_transport knows no Bayer and compresses it like brightness.
    mosaic = np.zeros((8, 8), np.uint8 if bits == 8 else np.uint16)
    first = 0 if pattern == 'rggb' else 1
    mosaic[first::2, first::2] = 200 if bits == 8 else 200 << 8
    message = compressed(png(mosaic), f'bayer_{pattern}{bits}; png compressed ')
    sample = convert.from_msg(message, Image)
    assert (sample.encoding, sample.data.shape) == ('rgb8', (8, 8, 3))
    inner = sample.data[2:-2, 2:-2].reshape(-1, 3)
    assert inner[:, 0].max() == 200
    assert not inner[:, 1:].any()


def test_convention_exif_does_not_turn_the_picture() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    file = io.BytesIO()
    PIL.Image.fromarray(RED).save(file, 'jpeg', exif=exif)
    assert convert.from_msg(compressed(file.getvalue()), Image).data.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ('form', 'encoding'),
    [('mono16; png compressed ', 'mono16'), ('16UC1; png compressed ', '16UC1'), ('png', '16UC1')],
)
def test_sixteen_bits_survive(form, encoding) -> None:
    sample = convert.from_msg(compressed(png(DEPTH), form), Image)
    assert sample.encoding == encoding
    np.testing.assert_array_equal(sample.data, DEPTH)


@pytest.mark.parametrize('form', ['16UC1; compressedDepth', '16UC1; compressedDepth png'])
def test_compressed_depth_in_millimetres(form) -> None:
    data = struct.pack('<iff', 0, 0.0, 0.0) + png(DEPTH)
    sample = convert.from_msg(compressed(data, form), Image)
    assert sample.encoding == '16UC1'
    np.testing.assert_array_equal(sample.data, DEPTH)


def test_convention_compressed_depth_in_metres() -> None:
    # A = 100, B = 1: the value 51 stands for 100 / (51 - 1) = 2 m; 0 is invalid; 1 would be at B.
    data = struct.pack('<iff', 0, 100.0, 1.0) + png(np.array([[51, 0], [101, 1]], np.uint16))
    sample = convert.from_msg(compressed(data, '32FC1; compressedDepth png'), Image)
    assert sample.encoding == '32FC1'
    np.testing.assert_array_equal(sample.data, np.array([[2, np.nan], [1, np.nan]], np.float32))


@pytest.mark.parametrize('form', ['32FC1; compressedDepth rvl', 'h264', 'bgr8; webp compressed'])
def test_other_formats_are_named(form) -> None:
    with pytest.raises(UnsupportedEncodingError, match=form):
        convert.from_msg(compressed(b'\0' * 40, form), Image)


def test_sixteen_bit_colour_is_refused() -> None:
    with pytest.raises(UnsupportedEncodingError, match='16-bit colour'):
        convert.from_msg(compressed(png(RED.astype(np.uint16)), 'png'), Image)


@pytest.mark.parametrize('kept', [0.0, 0.01, 0.5, 0.9, 0.99])
@pytest.mark.parametrize('form', ['jpeg', 'png'])
def test_cut_off_files_are_refused(form, kept) -> None:
    file = encoded(np.random.default_rng(0).integers(0, 256, RED.shape, np.uint8), form)
    with pytest.raises(MalformedMessageError):
        convert.from_msg(compressed(file[: int(len(file) * kept)], form), Image)


def jpeg_claiming(height: int, width: int, before_frame: bytes = b'') -> bytes:
    file = bytearray(encoded(RED, 'jpeg'))
    frame = file.index(b'\xff\xc0')
    file[frame + 5 : frame + 9] = struct.pack('>HH', height, width)
    return bytes(file[:frame]) + before_frame + bytes(file[frame:])


def png_claiming(height: int, width: int) -> bytes:
    file = bytearray(encoded(RED, 'png'))
    file[16:24] = struct.pack('>II', width, height)
    return bytes(file)


@pytest.mark.parametrize(
    'file',
    [
        jpeg_claiming(65500, 65500),
        jpeg_claiming(65500, 65500, b'\xff' * 3),  # fill bytes are legal before a marker
        png_claiming(2**31 - 1, 2**31 - 1),
        png_claiming(100_000, 1001),
        jpeg_claiming(0, 64),
    ],
)
def test_bombs_are_refused_before_they_are_decoded(file, monkeypatch) -> None:
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('the decoder saw a bomb'))
    with pytest.raises(MalformedMessageError, match='a claim of'):
        convert.from_msg(compressed(file), Image)


def test_a_jpeg_with_fill_bytes_is_read() -> None:
    sample = convert.from_msg(compressed(jpeg_claiming(48, 64, b'\xff' * 3)), Image)
    assert sample.data.shape == (48, 64, 3)


def test_a_jpeg_with_padding_after_its_end_is_read() -> None:
    sample = convert.from_msg(compressed(encoded(RED, 'jpeg') + bytes(100)), Image)
    assert sample.data.shape == (48, 64, 3)
