"""Bags that other tools open, the same bytes each time, and never one over another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mm_perception.bag.definition import message_definition
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.errors import BagError, MissingDependencyError
from mm_perception.ros.wire import type_hash
from test.data.shape_bag import IMAGE, TOPICS, write_shape_bag


def bytes_of(bag: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(bag.iterdir())}


def metadata_of(bag: Path) -> dict[str, Any]:
    content = yaml.safe_load((bag / 'metadata.yaml').read_text())
    return dict(content['rosbag2_bagfile_information'])


def test_the_same_messages_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_shape_bag(tmp_path / 'one' / 'bag')
    second = write_shape_bag(tmp_path / 'two' / 'bag')
    assert bytes_of(first) == bytes_of(second)
    assert list(bytes_of(first)) == ['bag.mcap', 'metadata.yaml']


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/a', 'std_msgs/msg/String')
        writer.write('/a', 5, b'\0\1\0\0\2\0\0\0x\0\0\0')
        writer.write('/a', 7, b'\0\1\0\0\2\0\0\0y\0\0\0')
    with BagReader(tmp_path / 'bag') as reader:
        records = [(r.topic, r.log_time_ns, r.data) for r in reader.records()]
    assert records == [
        ('/a', 5, b'\0\1\0\0\2\0\0\0x\0\0\0'),
        ('/a', 7, b'\0\1\0\0\2\0\0\0y\0\0\0'),
    ]


def test_metadata_tells_rosbag2_types_hashes_and_qos(tmp_path: Path) -> None:
    info = metadata_of(write_shape_bag(tmp_path / 'bag'))
    assert info['storage_identifier'] == 'mcap'
    assert info['relative_file_paths'] == ['bag.mcap']
    topics = {
        t['topic_metadata']['name']: t['topic_metadata'] for t in info['topics_with_message_count']
    }
    assert {name: topic['type'] for name, topic in topics.items()} == TOPICS
    assert topics[IMAGE]['type_description_hash'] == type_hash(TOPICS[IMAGE])
    durability = {n: t['offered_qos_profiles'][0]['durability'] for n, t in topics.items()}
    assert durability['/tf_static'] == 'transient_local'
    assert durability[IMAGE] == 'volatile'


def test_schemas_hold_every_type_that_is_referred_to() -> None:
    """Foxglove needs them: it has no ROS installation to look into."""
    text = message_definition('sensor_msgs/msg/CameraInfo')
    parts = [line for line in text.splitlines() if line.startswith('MSG: ')]
    assert parts == [
        'MSG: std_msgs/Header',
        'MSG: sensor_msgs/RegionOfInterest',
        'MSG: builtin_interfaces/Time',
    ]


def test_a_definition_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingDependencyError, match='no_such_msgs'):
        message_definition('no_such_msgs/msg/Thing')


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'bag').mkdir()
    with BagWriter(tmp_path / 'bag'):
        pass  # an empty folder is nothing
    assert (tmp_path / 'bag' / 'metadata.yaml').is_file()
    with pytest.raises(BagError, match='exists already'):
        BagWriter(tmp_path / 'bag')


def test_a_bag_without_messages_opens(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/a', 'std_msgs/msg/String')
    with BagReader(tmp_path / 'bag') as reader:
        assert [topic.count for topic in reader.topics.values()] == [0]
        assert not list(reader.records())


def test_an_unfinished_bag_does_not_have_the_name_of_a_finished_one(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / 'bag')
    writer.add_topic('/a', 'std_msgs/msg/String')
    assert not (tmp_path / 'bag').exists()
    assert (tmp_path / 'bag.incomplete').exists()
    writer.close()
    assert (tmp_path / 'bag' / 'metadata.yaml').is_file()
    assert not (tmp_path / 'bag.incomplete').exists()
