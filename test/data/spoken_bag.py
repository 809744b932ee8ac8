"""A bag to which somebody speaks and points: another bag with more messages in it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

from mm_perception.bag.canonical import canonical
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.ros import convert
from mm_perception.ros.wire import serialize, type_name_of
from mm_perception.samples import Sample


def write_spoken_bag(folder: Path, bag: Path, added: Sequence[tuple[int, str, Sample]]) -> Path:
    """Write a bag with more messages in it.

    Args:
        folder: To make.
        bag: To copy.
        added: Log time in ns, topic and sample, in order of time.
    """
    with BagReader(bag) as reader, BagWriter(folder) as writer:
        for name, topic in reader.topics.items():
            writer.add_topic(
                name, topic.type_name, latched=topic.latched, reliable=topic.is_reliable
            )
        for _, topic, sample in added:
            writer.add_topic(topic, convert.published(type(sample))[0].type_name)
        old = ((r.log_time_ns, r.topic, r.data) for r in reader.records())
        new = ((time_ns, topic, _bytes_of(sample)) for time_ns, topic, sample in added)
        for time_ns, topic, data in heapq.merge(old, new, key=lambda entry: entry[0]):
            writer.write(topic, time_ns, data)
    return folder


def _bytes_of(sample: Sample) -> bytes:
    message = convert.to_msgs(sample)['']
    return canonical(serialize(message), type_name_of(message))
