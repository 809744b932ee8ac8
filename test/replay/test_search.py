"""A drive is indexed and found again: by the command, by the stack, and after an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.cli.main import main
from mm_perception.errors import ConfigError, MalformedMessageError
from mm_perception.graph import load_stack, parse_stack
from mm_perception.nets.clip import load_clip
from mm_perception.samples import Image
from mm_perception.search.bags import BagIndexer, BagSettings, bag_digest
from mm_perception.search.entry import Where
from mm_perception.search.indexer import Sameness, space_of
from mm_perception.search.store import open_store
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from test.data.coloured_bag import IMAGE, START_NS, paint, write_coloured_bag
from test.replay.masker_stack import records_of

TRUTH = '/ground_truth/output/masks/camera_front'
ALL = BagSettings(sameness=Sameness(cosine=1.0, longest_s=0.05))


@pytest.fixture(scope='module')
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('search') / 'drive'
    return write_drive(folder, Drive(7, 1.5, 10.0, cameras=one_camera(320, 180), lidar=None))


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_coloured_bag(tmp_path / 'coloured', 6)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_what_is_in_a_drive_is_found_by_its_name(
    drive: Path, tmp_path: Path, printed: Any
) -> None:
    index = tmp_path / 'index'
    status, out, _ = printed('index', drive, '--index', index, '--masks', TRUTH)
    assert status == 0, out
    assert 'drive: 15 pictures' in out
    objects = json.loads((drive / 'objects.json').read_text())
    status, out, _ = printed('search', 'a vehicle', '--index', index, '--json')
    assert status == 0
    best = json.loads(out)['hits'][0]
    assert objects[best['track_id']].split()[-1] in ('car', 'van', 'truck', 'bus')
    with BagReader(drive) as reader:
        assert reader.start_ns <= best['start_ns'] <= best['stamp_ns'] <= reader.end_ns
    status, out, _ = printed('search', '--track', best['track_id'], '--index', index)
    assert 'no such track' not in out


def test_the_stack_remembers_and_answers_on_its_topic(drive: Path, tmp_path: Path) -> None:
    index = tmp_path / 'index'
    inputs = {'image': '/camera_front/image_raw', 'masks': TRUTH}
    values = {'works_unheard': True, 'index': str(index)}
    stack = parse_stack('s', {'nodes': {'video_search': {'inputs': inputs, 'parameters': values}}})
    run = OfflineRun(stack, drive, tmp_path / 'out')
    report = run.run()
    assert report.problem == ''
    assert not report.nodes['video_search'].stats.failures
    assert len(list(records_of(tmp_path / 'out', '/video_search/output/embedding'))) == 15
    with open_store(str(index)) as store:
        (space,) = store.spaces()
        entries = store.entries(space, Where(), 1000)
    assert {e.track_id for e in entries} > {''}
    shipped = load_stack('search').node('video_search')
    assert shipped.parameters['works_unheard'] is True
    assert shipped.links() == {'masks': ('text_tracker', 'masks')}


@pytest.mark.parametrize('kind', ['', 'qdrant:'])
def test_a_bag_is_indexed_once_under_any_name(
    bag: Path, tmp_path: Path, printed: Any, kind: str
) -> None:
    index = ('--index', f'{kind}{tmp_path}/index', '--weights', 'random')
    assert printed('index', bag, *index)[0] == 0
    moved = bag.rename(tmp_path / 'moved')
    status, out, _ = printed('index', moved, *index)
    assert (status, 'is in the index already' in out) == (0, True)
    other = write_coloured_bag(tmp_path / 'other', 5)
    assert bag_digest(other) != bag_digest(moved)
    assert 'other: 5 pictures' in printed('index', moved, other, *index)[1]


@pytest.mark.parametrize('address', ['', 'qdrant:index'])
def test_an_interrupted_bag_goes_on_where_it_stopped(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = load_clip('random')
    with open_store(address) as store:

        def interrupt(done: int) -> None:
            if done == 3:
                raise KeyboardInterrupt

        first = BagIndexer(bag, engine, store, ALL).run(interrupt)
        assert (first.state, first.pictures) == ('interrupted', 3)
        assert store.count(space_of(engine)) == 3
        second = BagIndexer(bag, engine, store, ALL).run()
        assert (second.state, second.pictures) == ('complete', 4)  # the third again
        stamps = [e.stamp_ns for e in store.entries(space_of(engine), Where(), 99)]
        assert stamps == [START_NS + i * 100_000_000 for i in range(6)]
        assert BagIndexer(bag, engine, store, ALL).run().state == 'known'


def test_interrupted_command_says_how_to_go_on(
    bag: Path, tmp_path: Path, printed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mm_perception.search.bags.deserialize', _interrupt)
    status, _, err = printed('index', bag, '--index', tmp_path / 'i', '--weights', 'random')
    assert (status, 'goes on from here' in err) == (130, True)


def _interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_depth_is_left_out_and_what_is_broken_is_reported(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = Image(stamp_ns=0, data=np.ones((4, 4), np.float32), encoding='32FC1')
    broken = MalformedMessageError('sensor_msgs/msg/Image', 'no pixels')
    answers: Any = iter([depth, broken] * 3)

    def convert_(*arguments: object) -> Image:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr('mm_perception.search.bags.convert.from_msg', convert_)
    with open_store('') as store:
        report = BagIndexer(bag, load_clip('random'), store, ALL).run()
    assert (report.state, report.pictures, report.left_out) == ('complete', 0, {IMAGE})
    assert len(report.problems) == 1
    assert 'no pixels' in report.problems[0]


def test_a_fault_of_ours_does_not_make_a_bag_complete(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store('') as store:
        failing = BagIndexer(bag, load_clip('random'), store, ALL)
        with monkeypatch.context() as patch:
            patch.setattr('mm_perception.search.bags.deserialize', lambda *a: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                failing.run()
        assert BagIndexer(bag, load_clip('random'), store, ALL).run().pictures == 6


def test_every_so_many_seconds(bag: Path) -> None:
    with open_store('') as store:
        report = BagIndexer(bag, load_clip('random'), store, BagSettings(every_s=0.2)).run()
        assert report.pictures == 3


def test_a_picture_finds_its_moment_and_a_sheet_shows_it(
    bag: Path, tmp_path: Path, printed: Any
) -> None:
    index = ('--index', tmp_path / 'index', '--weights', 'random')
    printed('index', bag, *index)
    example = tmp_path / 'example.png'
    cv2.imwrite(str(example), paint(('red box', 'blue bar'))[0][..., ::-1])
    for sheet in ('hits.png', 'hits.html'):
        status, out, _ = printed('search', '--image', example, '--sheet', tmp_path / sheet, *index)
        assert status == 0
        assert IMAGE in out
    assert cv2.imread(str(tmp_path / 'hits.png')).std() > 10
    assert 'data:image/jpeg;base64' in (tmp_path / 'hits.html').read_text()
    assert printed('search', '--image', example, '--before', 1, *index)[0] == 1


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('search', 'a car', '--index', 'nowhere'), 'mmp index'),
        (('search', 'a car', '--sheet', 'hits.pdf'), '.png or .html'),
        (('search', 'a car', '--limit', '0'), 'at least 1'),
        (('search', 'a car', '--after', '5', '--before', '4'), 'not before --after'),
        (('search', '--image', 'nothing.png'), 'a JPEG or PNG file'),
        (('index', 'nothing'), 'does not exist'),
        (('index', '.', '--every', '-1'), 'at least 0'),
        (('index', '.', '--index', ''), 'qdrant:FOLDER, or URL'),
    ],
)
def test_mistakes_are_one_line_with_the_fix(
    arguments: tuple[str, ...], message: str, printed: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, _, err = printed(*arguments)
    assert status == 2
    assert message in err
    assert err.count('\n') == 1


def test_masks_that_are_not_there_are_refused(bag: Path) -> None:
    with open_store('') as store, pytest.raises(ConfigError, match='--masks'):
        BagIndexer(bag, load_clip('random'), store, BagSettings(masks=('/nothing',)))


def test_tracks_of_a_replay_are_found_without_being_named(tmp_path: Path) -> None:
    """The truth of a world is left out unless it is asked for; results of a node are not."""
    bag = write_coloured_bag(tmp_path / 'bag', 4)
    with open_store('') as store:
        assert BagIndexer(bag, load_clip('random'), store, ALL).run().tracks == 0
        with BagReader(bag) as reader:
            topic = next(t for t in reader.topics if f'{t}/detections' in reader.topics)
        settings = BagSettings(masks=(topic,), track_every_s=0.0)
        report = BagIndexer(bag, load_clip('random'), store, settings).run()
        assert report.tracks == 4 * 6
        assert np.isclose(report.pictures, 4)
