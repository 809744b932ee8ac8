"""Films keep their times, stand upright, and their sound is one channel of 16 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm_perception.errors import FootageError
from mm_perception.footage.film import RATE_HZ, Film
from mm_perception.footage.still import name_of
from test.data.footage import HEIGHT, TONE_HZ, WIDTH, turn_film, write_film


@pytest.mark.parametrize('ending', ['.mp4', '.mkv', '.mov'])
def test_pictures_come_with_the_times_of_the_film(tmp_path: Path, ending: str) -> None:
    film = Film(write_film(tmp_path / f'film{ending}'))
    stills = list(film.pictures())
    assert [s.offset_ns // 10**6 for s in stills] == [0, 100, 200, 350, 400]
    assert stills[0].pixels().shape == (HEIGHT, WIDTH, 3)
    assert stills[0].pixels()[8, 4].argmax() == 0  # red, not blue
    assert [s.offset_ns // 10**6 for s in film.pictures(every=2)] == [0, 200, 400]
    assert not film.has_sound


def test_a_film_of_a_telephone_stands_upright(tmp_path: Path) -> None:
    film = Film(turn_film(write_film(tmp_path / 'film.mp4')))
    rgb = next(film.pictures()).pixels()
    assert rgb.shape == (WIDTH, HEIGHT, 3)
    assert rgb[4, 48].argmax() == 0  # clockwise: what was at the left is at the top
    assert rgb[4, 48].max() > 150


def test_sound_is_one_channel_of_16_khz(tmp_path: Path) -> None:
    film = Film(write_film(tmp_path / 'film.mp4', sound_s=1.0))
    pieces = list(film.sound())
    assert film.has_sound
    assert {piece.dtype for _, piece in pieces} == {np.dtype(np.int16)}
    assert pieces[0][1].shape == (RATE_HZ // 10, 1)
    assert pieces[5][0] - pieces[4][0] == 10**8
    sound = np.concatenate([piece for _, piece in pieces])[:, 0]
    assert len(sound) == pytest.approx(RATE_HZ, rel=0.1)
    loudest = np.abs(np.fft.rfft(sound[:RATE_HZ])).argmax() * RATE_HZ / min(len(sound), RATE_HZ)
    assert loudest == pytest.approx(TONE_HZ, abs=2)


def test_the_film_tells_when_it_was_begun_else_its_file_does(tmp_path: Path) -> None:
    told = Film(write_film(tmp_path / 'told.mp4', created='2025-03-01T10:00:00.000000Z'))
    assert told.begin_ns == 1_740_823_200 * 10**9
    silent = Film(write_film(tmp_path / 'silent.mp4'))
    assert silent.begin_ns == (tmp_path / 'silent.mp4').stat().st_mtime_ns


def test_what_is_damaged_ends_it_and_is_told(tmp_path: Path) -> None:
    path = write_film(tmp_path / 'film.mkv', tuple(range(0, 4000, 40)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    film = Film(path)
    assert 10 < len(list(film.pictures())) < 100


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'film.mp4'
    path.write_bytes(b'no film at all' * 100)
    with pytest.raises(FootageError, match='is no film, or cut off'):
        Film(path)
    text = tmp_path / 'notes.txt'
    text.write_text('hello\nworld\n' * 50)
    with pytest.raises(FootageError, match='is a text'):
        Film(text)
    cut = write_film(tmp_path / 'cut.mp4')
    cut.write_bytes(cut.read_bytes()[:500])
    with pytest.raises(FootageError, match=r'cut off|can be decoded'):
        Film(cut)


@pytest.mark.parametrize(
    ('name', 'word'),
    [
        ('GoPro 01 (left).MP4', 'gopro_01_left'), ('2.mp4', 'camera_2'), ('前.mp4', 'camera'),
        ('output.mp4', 'camera_output'),
    ],
)  # fmt: skip
def test_convention_names_of_topics(name: str, word: str) -> None:
    assert name_of(Path(name)) == word
