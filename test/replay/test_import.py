"""`mmp import`, as a user calls it: film or pictures in, a bag out that a stack takes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_perception.bag.offline import available_topics
from mm_perception.bag.reader import BagReader
from mm_perception.cli import main as mmp
from mm_perception.footage import bag as footage_bag
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import AudioClip, CameraInfo, Image
from test.data.footage import write_film, write_pictures

START = '2025-03-01T10:00:00'
START_NS = 1_740_823_200 * 10**9
PICTURES = '/camera/image_raw/compressed'


def imported(*words: str | Path) -> int:
    return mmp.main(['import', *map(str, words)])


def samples(bag: Path, topic: str) -> list[Any]:
    with BagReader(bag) as reader:
        kind = available_topics(reader)[topic][0]
        return [
            convert.from_msg(deserialize(r.data, r.type_name), kind, r.log_time_ns)
            for r in reader.records([topic])
        ]


def test_a_film_becomes_a_camera_and_a_microphone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, out = write_film(tmp_path / 'a.mp4', sound_s=0.5), tmp_path / 'bag'
    assert imported(film, '--out', out, '--start', START, '--fov', '90') == 0
    pictures = samples(out, PICTURES)
    assert all(isinstance(p, Image) for p in pictures)
    assert {p.frame_id for p in pictures} == {'camera_optical'}
    info = samples(out, '/camera/camera_info')
    assert isinstance(info[0], CameraInfo)
    assert [i.stamp_ns for i in info] == [p.stamp_ns for p in pictures]
    assert info[0].k[0, 0] == pytest.approx(80.0)
    sound = samples(out, '/camera/audio')
    assert isinstance(sound[0], AudioClip)
    assert (sound[0].rate_hz, sound[0].data.shape[1]) == (16_000, 1)
    shown = capsys.readouterr().out
    for words in (f'{PICTURES}: 5 messages', 'is a guess', '2025-03-01 10:00:00', 'mmp replay'):
        assert words in shown
    steps = np.diff([p.stamp_ns for p in pictures]) // 10**6
    assert steps.tolist() == [100, 100, 150, 50]
    assert 0 <= pictures[0].stamp_ns - START_NS < 10**8


def test_a_stack_takes_it_with_auto(tmp_path: Path) -> None:
    bag, out = tmp_path / 'bag', tmp_path / 'out'
    assert imported(write_film(tmp_path / 'a.mp4'), '--out', bag) == 0
    words = ['--stack', 'colour', '--prompt', 'red', '--offline', '--no-film', '--out', str(out)]
    assert mmp.main(['replay', str(bag), *words]) == 0
    assert '"red"' in (out / 'summary.json').read_text()


def test_several_films_are_several_cameras(tmp_path: Path) -> None:
    left, right = (write_film(tmp_path / f'{n}.mp4', (0, 100)) for n in ('left', 'Right 2'))
    assert imported(left, right, '--out', tmp_path / 'bag', '--start', '5', '--start', '6.5') == 0
    first = samples(tmp_path / 'bag', '/left/image_raw/compressed')
    second = samples(tmp_path / 'bag', '/right_2/image_raw/compressed')
    assert second[0].stamp_ns - first[0].stamp_ns == 1_500_000_000
    assert second[0].frame_id == 'right_2_optical'


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for side in ('left', 'right'):
        (tmp_path / side).mkdir()
        write_film(tmp_path / side / 'film.mp4', (0, 100))
    films = [tmp_path / side / 'film.mp4' for side in ('left', 'right')]
    assert imported(*films, '--out', tmp_path / 'bag') == 0
    with BagReader(tmp_path / 'bag') as reader:
        assert '/left_film/image_raw/compressed' in reader.topics


def test_pictures_stay_as_they_are(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / 'pictures', 4)
    words = ('--rate', '5', '--topic', '/front/image_raw', '--frame-id', 'front')
    assert imported(folder, '--out', tmp_path / 'bag', '--start', '7', *words) == 0
    with BagReader(tmp_path / 'bag') as reader:
        records = list(reader.records())
        messages = [deserialize(r.data, r.type_name) for r in records]
    assert [bytes(m.data) for m in messages] == [
        (folder / f'img{i}.jpg').read_bytes() for i in (1, 2, 3, 4)
    ]
    assert [r.log_time_ns for r in records] == [7 * 10**9 + i * 2 * 10**8 for i in range(4)]
    assert {(m.header.frame_id, m.format) for m in messages} == {('front', 'jpeg')}
    assert imported(*sorted(folder.iterdir()), '--out', tmp_path / 'one_by_one') == 0
    assert len(samples(tmp_path / 'one_by_one', PICTURES)) == 4


def test_raw_narrow_and_thin(tmp_path: Path) -> None:
    film, out = write_film(tmp_path / 'a.mp4'), tmp_path / 'bag'
    assert imported(film, '--out', out, '--raw', '--every', '2', '--width', '80') == 0
    pictures = samples(out, '/camera/image_raw')
    assert [p.data.shape for p in pictures] == [(48, 80, 3)] * 3


def test_a_damaged_picture_is_told_and_the_rest_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / 'pictures', 3)
    (folder / 'img2.jpg').write_bytes(b'')
    assert imported(folder, '--out', tmp_path / 'bag') == 1
    assert 'img2.jpg' in capsys.readouterr().out
    assert len(samples(tmp_path / 'bag', PICTURES)) == 2


@pytest.mark.parametrize(
    ('words', 'phrase'),
    [
        (['nothing.mp4'], 'does not exist'),
        (['a.mp4', '--rate', '5'], 'films have times of their own'),
        (['a.mp4', '--fov', '200'], 'from 1 to 179'),
        (['a.mp4', '--topic', '/a b'], 'letters, digits'),
        (['a.mp4', '--topic', '/a', '--topic', '/b'], 'once per camera: there are 1'),
        (['a.mp4', '--width', '3'], 'from 16'),
        (['a.mp4', '--out', 'there'], 'an empty or new folder'),
        (['a.mp4', '--out', 'a.mp4'], 'a folder; there is a file'),
        (['a.mp4', 'there/depth.mp4'], "'/depth/image_raw'; expected a name"),
        (['a.mp4', '--topic', '/left/disparity'], 'stacks do not take for distances'),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], phrase: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / 'a.mp4')
    (tmp_path / 'there').mkdir()
    write_film(tmp_path / 'there' / 'depth.mp4')
    assert imported(*(words if '--out' in words else [*words, '--out', 'bag'])) == 2
    assert phrase in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.mp4', 'there']


def test_an_empty_folder_may_be_there_and_a_single_film_may_have_any_name(tmp_path: Path) -> None:
    out = tmp_path / 'bag'
    out.mkdir()
    assert imported(write_film(tmp_path / 'depth.mp4'), '--out', out) == 0
    assert len(samples(out, PICTURES)) == 5
    both = (tmp_path / 'depth.mp4', write_film(tmp_path / 'a.mp4'))
    names = ('--topic', '/inverse', '--topic', '/a/image_raw')
    assert imported(*both, '--out', tmp_path / 'both', *names) == 0


def test_ctrl_c_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film, out = write_film(tmp_path / 'a.mp4'), tmp_path / 'bag'
    real = footage_bag.canonical

    def press(data: bytes, type_name: str) -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return real(data, type_name)

    monkeypatch.setattr(footage_bag, 'canonical', press)
    assert imported(film, '--out', out) == 130
    assert f'kept 1 of 5 pictures in {out}' in capsys.readouterr().out
    assert len(samples(out, PICTURES)) == 1
