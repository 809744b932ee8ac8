"""Typed commands on a bag, offline: masks come with "track ..." and go with "stop ..."."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mm_perception.bag.canonical import canonical
from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.cli.demo import SEED
from mm_perception.graph import load_stack, parse_stack
from mm_perception.ros.wire import deserialize, message_class, serialize
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from mm_perception.world.variety import Split
from test.data.coloured_bag import IMAGE, PERIOD_NS, START_NS, write_coloured_bag
from test.replay.masker_stack import records_of

SAY, STRING = '/say', 'std_msgs/msg/String'
TALK = {
    2: 'could you track the purple ball please',
    6: 'stop tracking it',
    9: 'track the green box and track the blue bar',
    12: 'stop following the box',
    15: 'stop',
}


def with_words(bag: Path, folder: Path, pictures: str, words: Mapping[int, str]) -> Path:
    """The bag with something typed right before some of its pictures."""
    message, times = message_class(STRING), [r.log_time_ns for r in records_of(bag, pictures)]
    typed = [(times[i] - 1, serialize(message(data=text))) for i, text in words.items()]
    with BagReader(bag) as reader, BagWriter(folder) as writer:
        for name, topic in reader.topics.items():
            writer.add_topic(name, topic.type_name, latched=topic.latched)
        writer.add_topic(SAY, STRING)
        records = [(r.log_time_ns, r.topic, r.data) for r in reader.records(list(reader.topics))]
        records += [(time_ns, SAY, canonical(data, STRING)) for time_ns, data in typed]
        for time_ns, topic, data in sorted(records, key=lambda record: record[0]):
            writer.write(topic, time_ns, data)
    return folder


def labels_on(bag: Path, topic: str) -> list[set[str]]:
    """What is masked in each picture, in order."""
    found = []
    for record in records_of(bag, f'{topic}/detections'):
        message: Any = deserialize(record.data, record.type_name)
        found.append({d.results[0].hypothesis.class_id for d in message.detections})
    return found


def texts_on(bag: Path, topic: str) -> list[str]:
    return [deserialize(r.data, r.type_name).text for r in records_of(bag, topic)]


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('say')
    return with_words(write_coloured_bag(folder / 'plain', 18), folder / 'bag', IMAGE, TALK)


def test_masks_come_and_go_with_what_is_typed(bag: Path, tmp_path: Path) -> None:
    """With the tracker of colours, which is exact: what is left is what the words did."""
    nodes = {
        'command': {'inputs': {'text': SAY, 'status': '/colour_tracker/output/status'}},
        'colour_tracker': {'inputs': {'image': 'auto', 'prompt': 'command.prompt'}},
    }
    report = OfflineRun(parse_stack('say', {'nodes': nodes}), bag, tmp_path / 'out').run()
    assert (report.problem, report.nodes['command'].stats.failures) == ('', {})
    masks = labels_on(tmp_path / 'out', '/colour_tracker/output/masks')
    ball, box, bar = 'the purple ball', 'the green box', 'the blue bar'
    assert masks == [
        *[set()] * 2, *[{ball}] * 4, *[set()] * 3, *[{box, bar}] * 3, *[{bar}] * 3, *[set()] * 3
    ]  # fmt: skip
    assert texts_on(tmp_path / 'out', '/command/output/say') == [
        f'Understood: track {ball}.', f'I stop tracking {ball}.', f'Understood: track {box}.',
        f'Understood: track {bar}.', f'I stop tracking {box}.', 'I stop tracking everything.',
    ]  # fmt: skip


def test_commands_keep_stamps_and_fields_on_the_wire(bag: Path, tmp_path: Path) -> None:
    stack = parse_stack('say', {'nodes': {'command': {'inputs': {'text': SAY}}}})
    assert OfflineRun(stack, bag, tmp_path / 'out').run().problem == ''
    (first, *_) = records_of(tmp_path / 'out', '/command/output/command')
    message: Any = deserialize(first.data, first.type_name)
    assert (message.intent, message.target) == ('track', 'the purple ball')
    stamp = message.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == START_NS + 2 * PERIOD_NS - 1


def test_the_shipped_stack_tracks_what_is_typed(tmp_path: Path) -> None:
    """On the street of the demo, with the weights that are shipped."""
    stack = load_stack('say')
    assert stack.node('text_tracker').links() == {'prompt': ('command', 'prompt')}
    drive = Drive(
        SEED, 1.2, 10.0, cameras=one_camera(320, 180), split=Split.HELD_OUT, lidar=None
    )  # fmt: skip
    words = {1: 'please track the red car', 8: 'stop tracking the car'}
    plain = write_drive(tmp_path / 'plain', drive)
    bag = with_words(plain, tmp_path / 'bag', '/camera_front/image_raw', words)
    report = OfflineRun(stack, bag, tmp_path / 'out').run()
    assert report.problem == ''
    masks = labels_on(tmp_path / 'out', '/text_tracker/output/masks')
    assert len(masks) == 12
    assert masks[0] == set()
    assert {'the red car'} in masks[1:8]
    assert masks[8:] == [set()] * 4
    assert texts_on(tmp_path / 'out', '/command/output/say')[-1] == 'I stop tracking the red car.'
