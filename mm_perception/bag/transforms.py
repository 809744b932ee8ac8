"""TF of a recording, read at once."""

from __future__ import annotations

from mm_perception.bag.reader import BagReader
from mm_perception.channel import from_topic
from mm_perception.errors import MalformedMessageError
from mm_perception.inputs import Report
from mm_perception.ros.tf import TransformBuffer
from mm_perception.ros.wire import deserialize

#: Topics of TF, and whether what they say holds for ever.
TF_TOPICS = {'/tf': False, '/tf_static': True}


def read_transforms(
    reader: BagReader, buffer: TransformBuffer | None = None, report: Report | None = None
) -> TransformBuffer:
    """All transforms of a bag.

    Args:
        reader: Of the bag.
        buffer: What they are added to; a new one where none is given.
        report: Takes the error of a damaged message, which is left out; without it the error is
            raised.

    Raises:
        MalformedMessageError: A message is damaged.
    """
    buffer = TransformBuffer(None) if buffer is None else buffer
    for record in reader.records(TF_TOPICS.keys() & reader.topics.keys()):
        try:
            message = deserialize(record.data, record.type_name)
        except MalformedMessageError as error:
            if report is None:
                raise
            report(from_topic(error, record.topic))
            continue
        for transform in message.transforms:
            buffer.add(transform, is_static=TF_TOPICS[record.topic])
    return buffer
