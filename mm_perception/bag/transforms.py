"""TF of a recording, read at once."""

from __future__ import annotations

from mm_perception.bag.reader import BagReader
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import deserialize

#: Topics of TF, and whether what they say holds for ever.
TF_TOPICS = {'/tf': False, '/tf_static': True}


def read_transforms(reader: BagReader, buffer: TransformBuffer | None = None) -> TransformBuffer:
    """All transforms of a bag, added to a buffer where one is given."""
    buffer = TransformBuffer(None) if buffer is None else buffer
    for record in reader.records(TF_TOPICS.keys() & reader.topics.keys()):
        for transform in deserialize(record.data, record.type_name).transforms:
            buffer.add(transform, is_static=TF_TOPICS[record.topic])
    return buffer
