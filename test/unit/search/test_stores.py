"""What every store promises: SQLite in memory and in a folder, Qdrant's engine, a Qdrant server.

There is no server here. What takes its place is the local mode of Qdrant's client, which has the
calls and answers of the client that talks to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.search.entry import Where
from mm_perception.search.sqlite_store import SqliteStore
from mm_perception.search.store import Store, open_store
from test.unit.search.entries import SECOND_NS, SPACE, entry

AHEAD = np.array([1, 0, 0, 0], np.float32)


@pytest.fixture(params=['memory', 'folder', 'engine', 'server'])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    monkeypatch.setattr(
        'mm_perception.search.qdrant_store.QdrantClient', lambda url, api_key: _server()
    )
    address = {
        'memory': '', 'folder': f'{tmp_path}/i', 'engine': f'qdrant:{tmp_path}/q',
        'server': 'http://nowhere:6333',
    }  # fmt: skip
    with open_store(address[request.param]) as opened:
        yield opened


def _server() -> QdrantClient:
    client = QdrantClient(':memory:')
    client.create_payload_index = lambda *arguments: None  # it has none, and warns
    return client


def seconds(found: list) -> list[float]:
    return [hit.entry.stamp_ns / SECOND_NS for hit in found]


def test_the_nearest_come_first_with_their_cosine(store: Store) -> None:
    store.add([entry(angle, second) for second, angle in enumerate((1.0, 0.2, 0.5, 3.0))])
    found = store.search(SPACE, AHEAD, Where(), 3)
    assert seconds(found) == [1, 2, 0]
    assert [hit.score for hit in found] == pytest.approx(np.cos([0.2, 0.5, 1.0]), abs=1e-5)


def test_what_comes_out_is_what_went_in(store: Store) -> None:
    whole = entry(0.1, 1.5)
    track = entry(
        0.3, 2.5, end_ns=3 * SECOND_NS, frame_id='camera', source='digest', bag='drive',
        topic='/front/image', track_id='7', label='car', box=(1.0, 2.0, 30.0, 40.5),
    )  # fmt: skip
    store.add([whole, track])
    for back, sent in zip(store.entries(SPACE, Where(), 9), (whole, track), strict=True):
        assert back.vector == pytest.approx(sent.vector, abs=1e-6)
        same = replace(back, vector=sent.vector)
        assert vars(same) == vars(sent)


def test_the_same_picture_twice_is_one_entry_and_the_later_word_counts(store: Store) -> None:
    store.add([entry(0.1, 1.0)])
    store.add([entry(0.1, 1.0, end_ns=9 * SECOND_NS), entry(0.1, 1.0, track_id='3')])
    assert store.count(SPACE) == 2
    assert store.entries(SPACE, Where(), 1)[0].end_ns in (SECOND_NS, 9 * SECOND_NS)
    assert max(e.end_ns for e in store.entries(SPACE, Where(), 9)) == 9 * SECOND_NS


@pytest.mark.parametrize(
    ('where', 'expected'),
    [
        (Where(stream='back'), [2]), (Where(stream='/front/image'), [1]),
        (Where(bag='drive'), [1, 3]), (Where(source='digest'), [3]), (Where(track_id='7'), [4]),
        (Where(after_ns=3 * SECOND_NS), [3, 4]), (Where(before_ns=2 * SECOND_NS), [1, 2]),
        (Where(after_ns=2 * SECOND_NS, before_ns=3 * SECOND_NS, bag='drive'), [3]),
        (Where(stream='nobody'), []),
    ],
)  # fmt: skip
def test_conditions(store: Store, where: Where, expected: list[int]) -> None:
    store.add([
        entry(0, 1, topic='/front/image', bag='drive'), entry(0, 2, stream='back'),
        entry(0, 3, bag='drive', source='digest'), entry(0, 4, track_id='7'),
    ])  # fmt: skip
    assert sorted(seconds(store.search(SPACE, AHEAD, where, 9))) == expected
    assert [e.stamp_ns / SECOND_NS for e in store.entries(SPACE, where, 9)] == expected
    store.remove(SPACE, where)
    assert store.count(SPACE) == 4 - len(expected)


def test_a_span_counts_where_any_part_of_it_lies(store: Store) -> None:
    store.add([entry(0, 1, end_ns=5 * SECOND_NS)])
    inside = Where(after_ns=3 * SECOND_NS, before_ns=4 * SECOND_NS)
    assert store.search(SPACE, AHEAD, inside, 9)


def test_spaces_do_not_mix(store: Store) -> None:
    other = replace(entry(0, 1), space='other@2', vector=np.ones(7, np.float32) / 7**0.5)
    store.add([entry(0, 1), other])
    assert store.spaces() == [SPACE, 'other@2']
    assert len(store.search(SPACE, AHEAD, Where(), 9)) == 1
    assert store.search('nobody@3', AHEAD, Where(), 9) == []
    assert store.count('nobody@3') == 0


def test_trimming_leaves_the_newest_of_running_cameras_and_all_recordings(store: Store) -> None:
    store.add([entry(0, second, source='digest' if second == 0 else '') for second in range(6)])
    store.trim(SPACE, 3, 0)
    assert [e.stamp_ns // SECOND_NS for e in store.entries(SPACE, Where(), 9)] == [0, 3, 4, 5]
    store.trim(SPACE, 9, 5 * SECOND_NS)
    assert [e.stamp_ns // SECOND_NS for e in store.entries(SPACE, Where(), 9)] == [0, 5]


def test_what_was_removed_is_not_found_and_its_place_is_used_again(store: Store) -> None:
    store.add([entry(0.0, 1), entry(0.4, 2), entry(0.8, 3)])
    store.remove(SPACE, Where(before_ns=SECOND_NS))
    assert seconds(store.search(SPACE, AHEAD, Where(), 9)) == [2, 3]
    store.add([entry(0.2, 4)])
    assert seconds(store.search(SPACE, AHEAD, Where(), 9)) == [4, 2, 3]
    assert seconds(store.search(SPACE, -AHEAD, Where(), 1)) == [3]


def test_notes(store: Store) -> None:
    assert store.note('bag 1') == ''
    store.write_note('bag 1', 'half')
    store.write_note('bag 1', 'whole')
    assert store.note('bag 1') == 'whole'
    assert store.notes()['bag 1'] == 'whole'


@pytest.mark.parametrize('kind', ['', 'qdrant:'])
def test_a_folder_keeps_it_all(tmp_path: Path, kind: str) -> None:
    with open_store(f'{kind}{tmp_path}/i') as store:
        store.add([entry(0.1 * second, second) for second in range(20)])
        store.write_note('k', 'v')
    with open_store(f'{kind}{tmp_path}/i') as store:
        assert seconds(store.search(SPACE, AHEAD, Where(), 2)) == [0, 1]
        assert (store.count(SPACE), store.spaces(), store.note('k')) == (20, [SPACE], 'v')


def test_one_process_reads_while_another_writes(tmp_path: Path) -> None:
    writer, reader = SqliteStore(tmp_path), SqliteStore(tmp_path)
    writer.add([entry(1.0, 0)])
    assert len(reader.search(SPACE, AHEAD, Where(), 9)) == 1
    writer.add([entry(0.001 * second, second) for second in range(1, 3000)])
    assert len(reader.search(SPACE, AHEAD, Where(), 5000)) == 3000
    reader.add([entry(0.0, 9000)])
    assert seconds(writer.search(SPACE, AHEAD, Where(), 1)) == [9000]
    writer.close()
    reader.close()


def test_addresses_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='mmp index'):
        open_store(f'{tmp_path}/nothing', makes=False)
    (tmp_path / 'file').write_text('x')
    with pytest.raises(ConfigError, match='a folder to write in'):
        open_store(f'{tmp_path}/file')
    with pytest.raises(ConfigError, match='where Qdrant answers'):
        open_store('http://127.0.0.1:9')


def test_vectors_of_another_length_are_refused(tmp_path: Path) -> None:
    with open_store('') as store:
        store.add([entry(0)])
        with pytest.raises(ShapeError):
            store.add([replace(entry(0, 1), vector=np.ones(3, np.float32))])
        with pytest.raises(ShapeError):
            store.search(SPACE, np.ones(3, np.float32), Where(), 1)
