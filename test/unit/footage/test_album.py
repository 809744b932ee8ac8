"""Folders of pictures: in order, as they are where ROS reads them, upright."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from mm_perception.errors import FootageError
from mm_perception.footage.album import Album
from test.data.footage import HEIGHT, WIDTH, frame, write_pictures


@pytest.mark.parametrize(('ending', 'kind'), [('.jpg', 'jpeg'), ('.png', 'png')])
def test_files_stay_as_they_are_in_the_order_of_their_numbers(
    tmp_path: Path, ending: str, kind: str
) -> None:
    album = Album(write_pictures(tmp_path, 11, ending), rate_hz=5.0)
    stills = list(album.pictures())
    files = [(tmp_path / f'img{i}{ending}').read_bytes() for i in range(1, 12)]
    assert [still.compressed() for still in stills] == [(data, kind) for data in files]
    assert [still.offset_ns // 10**6 for still in stills[:3]] == [0, 200, 400]
    assert [still.offset_ns // 10**6 for still in album.pictures(every=5)] == [0, 1000, 2000]


def test_others_become_jpeg(tmp_path: Path) -> None:
    (still,) = Album(write_pictures(tmp_path, 1, '.bmp')).pictures()
    assert np.array_equal(still.pixels(), frame(0))
    assert still.compressed()[1] == 'jpeg'
    deep = (frame(0).astype(np.uint16) << 8)[..., ::-1]
    assert cv2.imwrite(str(tmp_path / 'img0.png'), deep)
    still = next(Album(tmp_path).pictures())
    assert still.pixels().dtype == np.uint8  # 16 bits per colour: no stack takes that


def test_a_jpeg_that_lies_on_its_side_is_turned(tmp_path: Path) -> None:
    exif = PilImage.Exif()
    exif[0x0112] = 6
    PilImage.fromarray(frame(0)).save(tmp_path / 'a.jpg', exif=exif)
    rgb = next(Album(tmp_path).pictures()).pixels()
    assert rgb.shape == (WIDTH, HEIGHT, 3)
    assert rgb[4, 48].argmax() == 0


def test_narrow_pictures_keep_their_proportions(tmp_path: Path) -> None:
    still = next(Album(write_pictures(tmp_path, 1)).pictures())
    assert still.narrowed(80).pixels().shape == (HEIGHT // 2, 80, 3)
    assert still.narrowed(500) is still


def test_a_damaged_picture_is_left_out_and_told(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    data = (tmp_path / 'img2.jpg').read_bytes()
    (tmp_path / 'img2.jpg').write_bytes(data[:300])
    album = Album(tmp_path)
    assert [still.offset_ns // 10**6 for still in album.pictures()] == [0, 200]
    assert list(album.problems) == ['img2.jpg']


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'a.mp4').touch()
    with pytest.raises(FootageError, match=r'in it: a\.mp4; give'):
        Album(tmp_path)
    (tmp_path / 'b.jpg').write_bytes(b'no picture')
    with pytest.raises(FootageError, match=r'b\.jpg: '):
        Album(tmp_path)


def test_the_first_file_tells_when(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    os.utime(tmp_path / 'img1.jpg', ns=(10**18, 10**18))
    assert Album(tmp_path).begin_ns == 10**18
