"""Prompts and what became of them."""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.image import image_from, image_to
from mm_perception.ros.wire import message_class
from mm_perception.samples import Image, Prompt, PromptAction, PromptState, PromptStatus
from mm_perception.samples.sample import Array

PROMPT = 'mm_perception_msgs/msg/Prompt'
POINT = 'geometry_msgs/msg/PointStamped'
STATUS = 'mm_perception_msgs/msg/PromptStatus'


def prompt_from(message: Any, received_ns: int) -> Prompt:
    """mm_perception_msgs/Prompt to Prompt.

    Raises:
        MalformedMessageError: Numbers that are no action, no points or no box.
        PromptError: The prompt asks for nothing, or for something impossible.
    """
    if message.action > max(action.value for action in PromptAction):
        raise MalformedMessageError(
            PROMPT, f'action {message.action}', 'use ADD, REFINE, REMOVE, CLEAR'
        )
    points = np.array(message.points_xy, np.float32)
    box = np.array(message.box_xyxy, np.float32)
    if len(points) % 2 or len(box) not in (0, 4):
        raise MalformedMessageError(
            PROMPT, f'{len(points)} numbers in points_xy, {len(box)} in box_xyxy', 'give pairs'
        )
    return Prompt(
        **fields_of(message, received_ns),
        action=PromptAction(message.action),
        prompt_id=message.id,
        stream=message.stream,
        track_id=message.track_id,
        text=message.text,
        points=points.reshape(-1, 2),
        point_labels=np.array(message.point_labels, np.int8),
        box=box if len(box) else None,
        mask=_mask_from(message.mask),
        max_frames=message.max_frames,
    )


def _mask_from(message: Any) -> Array | None:
    if message.width == 0:
        return None
    picture = image_from(message, 0)
    if picture.encoding != 'mono8':
        raise MalformedMessageError(PROMPT, f'mask is {message.encoding}', 'send mono8')
    return picture.data > 0


def prompt_to(sample: Prompt) -> Any:
    """Prompt to mm_perception_msgs/Prompt."""
    message = message_class(PROMPT)(
        header=header_of(sample),
        action=sample.action.value,
        id=sample.prompt_id,
        stream=sample.stream,
        track_id=sample.track_id,
        text=sample.text,
        max_frames=sample.max_frames,
    )
    message.points_xy = array.array('f', sample.points.tobytes())
    message.point_labels = array.array('b', sample.point_labels.tobytes())
    if sample.box is not None:
        message.box_xyxy = array.array('f', sample.box.tobytes())
    if sample.mask is not None:
        mask = Image(stamp_ns=sample.stamp_ns, data=sample.mask.astype(np.uint8) * 255,
                     encoding='mono8')  # fmt: skip
        message.mask = image_to(mask)
    return message


def text_prompt_from(message: Any, received_ns: int) -> Prompt:
    """std_msgs/String to a text prompt for the newest picture; the text is its id."""
    return Prompt(stamp_ns=0, text=message.data, prompt_id=message.data)


def point_prompt_from(message: Any, received_ns: int) -> Prompt:
    """geometry_msgs/PointStamped to a prompt: x and y are pixels on the object.

    Viewers send it for a click in a picture. The id is made of the place, so that the same click
    twice is the same prompt.

    Raises:
        PromptError: The point is not finite.
    """
    x, y = message.point.x, message.point.y
    with np.errstate(over='ignore'):  # what overflows is not finite, and refused
        points = np.array([[x, y]], np.float32)
    return Prompt(
        **fields_of(message, received_ns),
        prompt_id=f'point {x:.0f} {y:.0f}',
        points=points,
        point_labels=np.ones(1, np.int8),
    )


def status_from(message: Any, received_ns: int) -> PromptStatus:
    """mm_perception_msgs/PromptStatus to PromptStatus.

    Raises:
        MalformedMessageError: The state is no state, or the score is not finite.
    """
    if not math.isfinite(message.score):
        raise MalformedMessageError(STATUS, f'score {message.score}', 'send 0 to 1')
    if message.state > max(state.value for state in PromptState):
        raise MalformedMessageError(STATUS, f'state {message.state}')
    return PromptStatus(
        **fields_of(message, received_ns),
        prompt_id=message.id,
        stream=message.stream,
        state=PromptState(message.state),
        track_ids=tuple(message.track_ids),
        score=message.score,
        message=message.message,
    )


def status_to(sample: PromptStatus) -> Any:
    """PromptStatus to mm_perception_msgs/PromptStatus."""
    return message_class(STATUS)(
        header=header_of(sample),
        id=sample.prompt_id,
        stream=sample.stream,
        state=sample.state.value,
        track_ids=list(sample.track_ids),
        score=float(sample.score),
        message=sample.message,
    )
