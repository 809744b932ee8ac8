"""Films that play, and sheets that show the whole of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from mm_perception.drawing.film import ContactSheet, Film
from mm_perception.errors import BagError


def shade(value: int, height: int = 90, width: int = 160) -> Any:
    return np.full((height, width, 3), value, np.uint8)


def frames_of(path: Path) -> list[tuple[float, Any]]:
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format='rgb24')) for f in container.decode(video=0)]


def test_pictures_come_at_the_time_of_their_stamps(tmp_path: Path) -> None:
    film = Film(tmp_path / 'film.mp4')
    for index, stamp_ms in enumerate((1000, 1100, 1500)):
        film.add(shade(60 + 60 * index), stamp_ms * 1_000_000)
    film.close()
    frames = frames_of(tmp_path / 'film.mp4')
    start_s = frames[0][0]
    assert [round(t - start_s, 2) for t, _ in frames] == [0.0, 0.1, 0.5]
    assert [round(f.mean() / 60) for _, f in frames] == [1, 2, 3]


def test_odd_sizes_and_another_size_later_are_fitted(tmp_path: Path) -> None:
    film = Film(tmp_path / 'film.mp4')
    film.add(shade(60, 91, 161), 0)
    film.add(shade(60, 45, 80), 100_000_000)
    film.close()
    assert [frame.shape for _, frame in frames_of(tmp_path / 'film.mp4')] == [(90, 160, 3)] * 2


def test_a_stamp_that_does_not_advance_is_left_out(tmp_path: Path) -> None:
    film = Film(tmp_path / 'film.mp4')
    for stamp_ns in (0, 100_000_000, 100_000_000, 50_000_000):
        film.add(shade(60), stamp_ns)
    film.close()
    assert len(frames_of(tmp_path / 'film.mp4')) == 2


def test_without_pictures_there_is_no_file(tmp_path: Path) -> None:
    Film(tmp_path / 'film.mp4').close()
    assert not (tmp_path / 'film.mp4').exists()
    assert not ContactSheet().write(tmp_path / 'sheet.png')


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    film = Film(tmp_path / 'nowhere' / 'film.mp4')
    film.add(shade(60), 0)
    with pytest.raises(BagError, match='nowhere'):
        film.close()


def test_a_sheet_spreads_over_the_whole_run(tmp_path: Path) -> None:
    """Of 100 pictures up to 16 are shown: the first, and then as far as the end."""
    sheet = ContactSheet()
    for index in range(100):
        sheet.add(shade(50 + 2 * index))
    assert sheet.write(tmp_path / 'sheet.png')
    shown = tiles_of(tmp_path / 'sheet.png')
    assert shown[0] == 50
    assert shown == sorted(shown)
    assert shown[-1] > 50 + 2 * 80
    assert 8 <= len(shown) <= 16


def test_a_sheet_shows_the_few_pictures_in_which_something_was_found(tmp_path: Path) -> None:
    """Two of 100 are enough, wherever they are; the others are spread as before."""
    sheet = ContactSheet()
    for index in range(100):
        sheet.add(shade(50 + 2 * index), has_found=index in (37, 91))
    assert sheet.write(tmp_path / 'sheet.png')
    shown = tiles_of(tmp_path / 'sheet.png')
    assert {50 + 2 * 37, 50 + 2 * 91} <= set(shown)
    assert shown[0] == 50
    assert shown == sorted(shown)
    assert 8 <= len(shown) <= 16


def tiles_of(path: Path) -> list[int]:
    """The shades of a sheet, without its ground."""
    picture = cv2.imread(str(path))
    height, width = picture.shape[0], picture.shape[1]
    assert width == 4 * 480
    tiles = [
        int(picture[y + 100, x + 100].mean())
        for y in range(0, height, 270)
        for x in range(0, width, 480)
    ]
    return [tile for tile in tiles if tile != 24]
