"""Bags that are sound, and bags that are not."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm_perception.bag.definition import definition_problem, message_definition
from mm_perception.bag.reader import BagReader, Record
from mm_perception.errors import BagError, MmPerceptionError
from test.data.shape_bag import IMAGE, INFO, PERIOD_NS, START_NS, TOPICS, write_shape_bag


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shape_bag(tmp_path_factory.mktemp('bag') / 'shape')


def read(path: Path) -> tuple[list[Record], str]:
    """What could be read, and why no more."""
    records: list[Record] = []
    try:
        with BagReader(path) as reader:
            records.extend(reader.records())
    except BagError as error:
        return records, str(error)
    return records, ''


def test_topics_have_type_count_hash_and_qos(bag: Path) -> None:
    with BagReader(bag) as reader:
        topics = reader.topics
    assert {name: topic.type_name for name, topic in topics.items()} == TOPICS
    assert [topics[t].count for t in (IMAGE, INFO, '/tf_static')] == [6, 6, 1]
    assert {name for name, topic in topics.items() if topic.latched} == {'/tf_static'}
    assert all(topic.type_hash.startswith('RIHS01_') for topic in topics.values())


def test_messages_come_in_order_of_time(bag: Path) -> None:
    records, problem = read(bag)
    times = [record.log_time_ns for record in records]
    assert not problem
    assert times == sorted(times)
    assert (times[0], times[-1]) == (START_NS, START_NS + 5 * PERIOD_NS)


def test_only_the_topics_asked_for_come(bag: Path) -> None:
    with BagReader(bag) as reader:
        assert {record.topic for record in reader.records([IMAGE])} == {IMAGE}
        assert not list(reader.records(['/nothing']))


def test_messages_before_the_start_are_skipped(bag: Path) -> None:
    start_ns = START_NS + 3 * PERIOD_NS
    with BagReader(bag) as reader:
        times = [r.log_time_ns for r in reader.records([IMAGE], start_ns=start_ns)]
    assert times == [START_NS + i * PERIOD_NS for i in (3, 4, 5)]


def test_a_file_stands_for_its_folder(bag: Path) -> None:
    records, problem = read(next(bag.glob('*.mcap')))
    assert (len(records), problem) == (25, '')


@pytest.mark.parametrize('mode', ['NONE', 'MESSAGE', 'FILE'])
def test_sqlite_and_compressed_bags_are_read(bag: Path, tmp_path: Path, mode: str) -> None:
    """What `ros2 bag record -s sqlite3 --compression-mode ... ` writes."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    writer = Writer(tmp_path / 'other', version=9, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    whole, _ = read(bag)
    with BagReader(bag) as reader, writer:
        made = {
            t.name: writer.add_connection(
                t.name, t.type_name, msgdef=message_definition(t.type_name), rihs01=t.type_hash
            )
            for t in reader.topics.values()
        }
        for record in whole:
            writer.write(made[record.topic], record.log_time_ns, record.data)
    records, problem = read(tmp_path / 'other')
    assert not problem
    assert sorted(records, key=_key) == sorted(whole, key=_key)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r'nowhere.*does not exist'):
        BagReader(tmp_path / 'nowhere')


def test_a_folder_that_is_no_bag_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r'metadata\.yaml'):
        BagReader(tmp_path)


def test_the_definition_of_our_own_types_is_understood(bag: Path) -> None:
    with BagReader(bag) as reader:
        assert {definition_problem(topic) for topic in reader.topics.values()} == {''}


def test_another_definition_or_an_unknown_type_is_named(bag: Path) -> None:
    with BagReader(bag) as reader:
        image = reader.topics[IMAGE]
    other = replace(image, type_hash='RIHS01_' + '0' * 64)
    assert 'another definition' in definition_problem(other)
    assert 'no_such_msgs' in definition_problem(replace(image, type_name='no_such_msgs/msg/A'))
    assert not definition_problem(replace(image, type_hash=''))


def test_a_file_that_was_cut_off_gives_what_came_before(tmp_path: Path) -> None:
    """What a recorder leaves that was killed: no index, the last chunk half written."""
    bag = write_shape_bag(tmp_path / 'cut', num_frames=300)
    whole, _ = read(bag)
    file = next(bag.glob('*.mcap'))
    os.truncate(file, file.stat().st_size * 2 // 3)
    records, problem = read(bag)
    assert 0 < len(records) < len(whole)
    assert sorted(records, key=_key) == sorted(whole, key=_key)[: len(records)]
    assert f'damaged after {len(records)} messages' in problem
    assert str(file) in problem


def test_a_cut_off_bag_tells_its_topics_and_its_damage(tmp_path: Path) -> None:
    bag = write_shape_bag(tmp_path / 'cut', num_frames=300)
    with BagReader(bag) as reader:
        whole = reader.topics
        assert not reader.damage
    file = next(bag.glob('*.mcap'))
    os.truncate(file, file.stat().st_size * 2 // 3)
    with BagReader(bag) as reader:
        assert reader.damage
        assert reader.start_ns == START_NS
        for name, topic in reader.topics.items():
            assert topic == replace(whole[name], count=topic.count, type_hash='')
        assert 0 < reader.topics[IMAGE].count < 300


def test_a_file_without_metadata_is_read(bag: Path, tmp_path: Path) -> None:
    copy = tmp_path / 'alone.mcap'
    shutil.copy(next(bag.glob('*.mcap')), copy)
    records, problem = read(copy)
    whole, _ = read(bag)
    assert not problem
    assert sorted(records, key=_key) == sorted(whole, key=_key)
    with BagReader(copy) as alone, BagReader(bag) as in_folder:
        hashes_left_out = {n: replace(t, type_hash='') for n, t in in_folder.topics.items()}
        assert alone.topics == hashes_left_out, 'the hashes are in metadata.yaml only'
        assert [r.log_time_ns for r in alone.records(['/tf'], start_ns=START_NS + 1)] == [
            START_NS + i * PERIOD_NS for i in range(1, 6)
        ]


def test_one_of_several_files_points_to_the_folder(bag: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bag, tmp_path / 'split')
    shutil.copy(copy / 'shape.mcap', copy / 'shape_1.mcap')
    (copy / 'shape.mcap').write_bytes(b'')
    with pytest.raises(BagError, match='give the folder'):
        BagReader(copy / 'shape.mcap')


def _key(record: Record) -> tuple[int, str, bytes]:
    return record.log_time_ns, record.topic, record.data


def test_damage_in_the_data_ends_the_bag_with_a_reason(bag: Path, tmp_path: Path) -> None:
    """The index is sound, the records in the chunk are not: their lengths lead nowhere."""
    copy = shutil.copytree(bag, tmp_path / 'damaged')
    file = next(copy.glob('*.mcap'))
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b'\xff' * 20_000
    file.write_bytes(data)
    _, problem = read(copy)
    assert 'damaged after' in problem


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_a_bag_error_or_messages(
    bag: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Bits flipped, bytes overwritten, the end cut off: no other error, no hang, no gigabytes."""
    copy = tmp_path / 'fuzzed'
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bag, copy)
    target = data.draw(st.sampled_from(sorted(copy.iterdir())))
    content = bytearray(target.read_bytes())
    near = st.integers(0, 300) | st.integers(len(content) - 4000, len(content) - 1)
    place = near | st.integers(0, len(content) - 1)
    for _ in range(data.draw(st.integers(0, 4))):
        position = min(max(data.draw(place), 0), len(content) - 1)
        content[position] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(place) :]
    target.write_bytes(content)
    records, _ = read(copy)
    assert len(records) <= 25
    assert sum(len(record.data) for record in records) < 10 * 2**20


def test_bag_errors_are_ours() -> None:
    assert issubclass(BagError, MmPerceptionError)
