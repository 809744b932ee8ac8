"""Texts, labels, embeddings."""

from __future__ import annotations

import array
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.wire import message_class
from mm_perception.samples import Embedding, Labels, Text

STRING = 'std_msgs/msg/String'
TEXT = 'mm_perception_msgs/msg/TextStamped'
CLASSIFICATION = 'vision_msgs/msg/Classification'
EMBEDDING = 'mm_perception_msgs/msg/Embedding'
#: What half precision leaves of a norm of 1 in a few thousand dimensions, with room.
_NORM_TOLERANCE = 0.01


def string_from(message: Any, received_ns: int) -> Text:
    """std_msgs/String to Text, stamped when it was received."""
    return Text(stamp_ns=received_ns, text=message.data)


def text_from(message: Any, received_ns: int) -> Text:
    """TextStamped to Text."""
    return Text(**fields_of(message, received_ns), text=message.text, language=message.language)


def text_to(sample: Text) -> Any:
    """Text to TextStamped."""
    cls = message_class(TEXT)
    return cls(header=header_of(sample), text=sample.text, language=sample.language)


def labels_from(message: Any, received_ns: int) -> Labels:
    """vision_msgs/Classification to Labels, best first.

    Raises:
        MalformedMessageError: A score is not finite.
    """
    scores = np.array([result.score for result in message.results], np.float32)
    if not np.isfinite(scores).all():
        raise MalformedMessageError(CLASSIFICATION, 'a score is not finite', 'check the model')
    order = np.argsort(-scores, kind='stable')
    return Labels(
        **fields_of(message, received_ns),
        names=tuple(message.results[i].class_id for i in order),
        scores=scores[order],
    )


def labels_to(sample: Labels) -> Any:
    """Labels to vision_msgs/Classification."""
    hypothesis = message_class('vision_msgs/msg/ObjectHypothesis')
    results = [
        hypothesis(class_id=name, score=float(score))
        for name, score in zip(sample.names, sample.scores, strict=True)
    ]
    return message_class(CLASSIFICATION)(header=header_of(sample), results=results)


def embedding_from(message: Any, received_ns: int) -> Embedding:
    """mm_perception_msgs/Embedding to Embedding.

    Raises:
        MalformedMessageError: Its length is not 1, which all comparisons rely on.
    """
    vector = np.array(message.vector, np.float32)
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    if not abs(norm - 1) < _NORM_TOLERANCE:  # also catches NaN
        raise MalformedMessageError(
            EMBEDDING, f'{len(vector)} numbers of norm {norm:.3g}', 'divide by the Euclidean norm'
        )
    return Embedding(**fields_of(message, received_ns), vector=vector, model=message.model)


def embedding_to(sample: Embedding) -> Any:
    """Embedding to mm_perception_msgs/Embedding."""
    vector = array.array('f', sample.vector.tobytes())
    cls = message_class(EMBEDDING)
    return cls(header=header_of(sample), model=sample.model, vector=vector)
