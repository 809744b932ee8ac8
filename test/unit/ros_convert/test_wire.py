from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mm_perception.bag.canonical import canonical
from mm_perception.errors import ConfigError, MalformedMessageError, MissingDependencyError
from mm_perception.ros import wire
from test.unit.ros_convert.messages import stamped

DETECTIONS = 'vision_msgs/msg/Detection2DArray'
HASHES = json.loads(
    (Path(__file__).parents[2] / 'setup' / 'data' / 'upstream_type_hashes.json').read_text()
)


def test_classes_and_names_of_messages_and_services() -> None:
    for name in ('sensor_msgs/msg/Image', 'mm_perception_msgs/srv/SetPrompt'):
        cls = wire.message_class(name)
        assert wire.type_name_of(cls) == name
    assert wire.type_name_of(stamped(DETECTIONS)) == DETECTIONS


@pytest.mark.parametrize(
    ('name', 'error', 'words'),
    [
        ('Image', ConfigError, 'package/msg/Name'),
        ('sensor_msgs/Image', ConfigError, 'package/msg/Name'),
        ('os/msg/../System', ConfigError, 'package/msg/Name'),
        ('sensor_msgs/msg/NoSuch', ConfigError, 'a type that sensor_msgs defines'),
        ('no_such_msgs/msg/Image', MissingDependencyError, 'ros-.ROS_DISTRO-no-such-msgs'),
    ],
)
def test_names_without_a_class(name, error, words) -> None:
    with pytest.raises(error, match=words):
        wire.message_class(name)


def test_hash_of_a_standard_type_is_the_upstream_one() -> None:
    assert wire.type_hash('vision_msgs/msg/Detection2DArray').startswith('RIHS01_')
    flat = json.dumps(HASHES)
    assert wire.type_hash('vision_msgs/msg/Detection2DArray') in flat


def test_bytes_round_trip() -> None:
    message = stamped(DETECTIONS)
    detection = wire.message_class('vision_msgs/msg/Detection2D')
    result = wire.message_class('vision_msgs/msg/ObjectHypothesisWithPose')()
    result.hypothesis.class_id, result.pose.covariance[35] = 'grün', 2.5
    message.detections = [detection(id=str(i), results=[result] * i) for i in range(4)]
    assert wire.deserialize(wire.serialize(message), DETECTIONS) == message


@pytest.mark.parametrize(
    'type_name',
    [
        'diagnostic_msgs/msg/DiagnosticArray',
        'mm_perception_msgs/msg/PromptStatus',
        'mm_perception_msgs/msg/SkeletonArray',
        'tf2_msgs/msg/TFMessage',
        'visualization_msgs/msg/MarkerArray',
        'nav_msgs/msg/Path',
    ],
)
def test_the_walk_over_lengths_accepts_what_rclpy_wrote(type_name) -> None:
    # Fill every sequence with two elements, recursively, so that each kind of skip is taken.
    message = filled(wire.message_class(type_name))
    data = wire.serialize(message)
    assert wire.deserialize(data, type_name) == message
    # Without padding bytes at the end, so that every cut takes something away.
    exact = canonical(data, type_name)
    assert wire.deserialize(exact, type_name) == message
    for cut in [*range(0, len(exact), 7), len(exact) - 1]:
        with pytest.raises(MalformedMessageError):
            wire.deserialize(exact[:cut], type_name)


@pytest.mark.parametrize('length', range(9))
def test_the_walk_over_lengths_knows_where_numbers_are_aligned(length) -> None:
    message = filled(wire.message_class(DETECTIONS))
    message.header.frame_id = 'f' * length
    for detection in message.detections:
        detection.header.frame_id = 'g' * (8 - length)
    assert wire.deserialize(wire.serialize(message), DETECTIONS) == message


def filled(cls):
    message = cls()
    for name, kind in zip(cls.get_fields_and_field_types(), cls.SLOT_TYPES, strict=True):
        inner = getattr(kind, 'value_type', kind)
        is_sequence = type(kind).__name__.endswith('Sequence')
        if hasattr(inner, 'namespaces'):
            part = wire.message_class('/'.join([*inner.namespaces, inner.name]))
            count = 2 if is_sequence else getattr(kind, 'size', 0)
            setattr(message, name, [filled(part)] * count if count else filled(part))
        elif type(inner).__name__ == 'UnboundedString':
            setattr(message, name, ['abc', 'd'] if is_sequence else 'abcde')
    return message


@pytest.mark.parametrize(
    'data', [b'', b'\0\1\0', b'\7\1\0\0' + bytes(40), b'\0\3\0\0' + bytes(40)]
)
def test_bytes_without_a_cdr_header(data) -> None:
    with pytest.raises(MalformedMessageError, match='CDR header'):
        wire.deserialize(data, 'std_msgs/msg/Header')


@pytest.mark.parametrize('count', [3, 1000, 2**31, 2**32 - 1])
def test_a_length_that_cannot_be_is_told_with_its_number(count) -> None:
    data = b'\0\1\0\0' + struct.pack('<iII', 0, 0, 1) + bytes(4) + struct.pack('<I', count)
    with pytest.raises(MalformedMessageError, match=f'{count} elements are claimed'):
        wire.deserialize(data + bytes(8), DETECTIONS)


def test_lying_lengths_never_cost_memory() -> None:
    # In a process of its own: its peak is the measure, and a crash would be seen.
    path = Path(__file__).with_name('lying_lengths.py')
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stderr[-2000:]
    growth_mb = json.loads(done.stdout)
    assert len(growth_mb) > 10
    # The peak only ever rises, so the sum is the peak. Measured: 184 MB without the walk, 4 with.
    assert sum(growth_mb.values()) < 40, growth_mb
