"""mm_perception_msgs/Event."""

from __future__ import annotations

import array
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.imaging.compressed import encode_jpeg
from mm_perception.ros.convert.compressed_image import COMPRESSED, compressed_from
from mm_perception.ros.convert.header import fields_of, header_of, ns_of, time_message
from mm_perception.ros.convert.image import byte_array
from mm_perception.ros.wire import message_class
from mm_perception.samples import Event

EVENT = 'mm_perception_msgs/msg/Event'


def event_from(message: Any, received_ns: int) -> Event:
    """Event message to sample.

    Raises:
        MalformedMessageError: A box that is none, impossible numbers, or a damaged picture.
    """
    box = np.array(message.box_xyxy, np.float32)
    if len(box) not in (0, 4):
        raise MalformedMessageError(EVENT, f'{len(box)} numbers in box_xyxy', 'give 4 or none')
    picture = compressed_from(message.picture, received_ns) if len(message.picture.data) else None
    try:
        return Event(
            **fields_of(message, received_ns),
            kind=message.kind,
            start_ns=ns_of(message.start),
            end_ns=ns_of(message.end),
            stream=message.stream,
            track_ids=tuple(message.track_ids),
            label=message.label,
            rule=message.rule,
            score=float(message.score),
            message=message.message,
            box=box if len(box) else None,
            picture=picture,
        )
    except ShapeError as error:
        raise MalformedMessageError(EVENT, str(error)) from error


def event_to(sample: Event) -> Any:
    """Sample to Event message; the picture as JPEG."""
    message = message_class(EVENT)(
        header=header_of(sample),
        kind=sample.kind,
        start=time_message(sample.start_ns),
        end=time_message(sample.end_ns),
        stream=sample.stream,
        track_ids=list(sample.track_ids),
        label=sample.label,
        rule=sample.rule,
        score=float(sample.score),
        message=sample.message,
    )
    if sample.box is not None:
        message.box_xyxy = array.array('f', sample.box.tobytes())
    if sample.picture is not None:
        message.picture = message_class(COMPRESSED)(
            header=header_of(sample.picture), format='rgb8; jpeg compressed bgr8'
        )
        message.picture.data = byte_array(encode_jpeg(sample.picture.data))
    return message
