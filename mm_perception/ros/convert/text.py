"""Texts, labels, embeddings."""

from __future__ import annotations

import array
from typing import Any

import numpy as np

from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Embedding, Labels, Text
from mm_perception.samples.sample import Sample

STRING = 'std_msgs/msg/String'
TEXT = 'mm_perception_msgs/msg/TextStamped'
CLASSIFICATION = 'vision_msgs/msg/Classification'
EMBEDDING = 'mm_perception_msgs/msg/Embedding'


def string_from(message: Any, received_ns: int) -> Sample:
    """std_msgs/String to Text, stamped when it was received."""
    return Text(stamp_ns=received_ns, text=message.data)


def text_from(message: Any, received_ns: int) -> Sample:
    """TextStamped to Text."""
    return Text(**fields_of(message, received_ns), text=message.text, language=message.language)


def text_to(sample: Text) -> Any:
    """Text to TextStamped."""
    cls = message_class(TEXT)
    return cls(header=header_of(sample), text=sample.text, language=sample.language)


def labels_from(message: Any, received_ns: int) -> Sample:
    """vision_msgs/Classification to Labels."""
    return Labels(
        **fields_of(message, received_ns),
        names=tuple(result.class_id for result in message.results),
        scores=np.array([result.score for result in message.results], np.float32),
    )


def labels_to(sample: Labels) -> Any:
    """Labels to vision_msgs/Classification."""
    hypothesis = message_class('vision_msgs/msg/ObjectHypothesis')
    results = [
        hypothesis(class_id=name, score=float(score))
        for name, score in zip(sample.names, sample.scores, strict=True)
    ]
    return message_class(CLASSIFICATION)(header=header_of(sample), results=results)


def embedding_from(message: Any, received_ns: int) -> Sample:
    """mm_perception_msgs/Embedding to Embedding."""
    vector = np.array(message.vector, np.float32)
    return Embedding(**fields_of(message, received_ns), vector=vector, model=message.model)


def embedding_to(sample: Embedding) -> Any:
    """Embedding to mm_perception_msgs/Embedding."""
    vector = array.array('f', sample.vector.tobytes())
    cls = message_class(EMBEDDING)
    return cls(header=header_of(sample), model=sample.model, vector=vector)
