"""Requests: services whose two halves are samples."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

from mm_perception.errors import ConfigError, RequestError
from mm_perception.ros.convert.header import time_message
from mm_perception.ros.convert.image import image_from
from mm_perception.ros.convert.prompt import prompt_from
from mm_perception.samples import (
    EmbedTextReply,
    EmbedTextRequest,
    MatchReply,
    MatchRequest,
    Prompt,
    PromptReply,
    Text,
)
from mm_perception.samples.sample import Sample


def _match_from(request: Any) -> Sample:
    image = image_from(request.image, 0) if request.image.width else None
    return MatchRequest(
        stamp_ns=image.stamp_ns if image else 0,
        frame_id=image.frame_id if image else '',
        image=image,
        stream=request.stream,
        texts=tuple(request.texts),
    )


def _text_from(request: Any) -> Sample:
    prompt = prompt_from(request.prompt, 0)
    if prompt.is_geometric:
        raise RequestError('points, box or mask', prompt.prompt_id, 'ask with a text alone')
    return Text(stamp_ns=prompt.stamp_ns, text=prompt.text)


_SERVICES: dict[type[Sample], tuple[str, Callable[[Any], Sample]]] = {
    Prompt: ('mm_perception_msgs/srv/SetPrompt', lambda r: prompt_from(r.prompt, 0)),
    Text: ('mm_perception_msgs/srv/SetPrompt', _text_from),
    MatchRequest: ('mm_perception_msgs/srv/MatchImageText', _match_from),
    EmbedTextRequest: (
        'mm_perception_msgs/srv/EmbedText',
        lambda r: EmbedTextRequest(texts=tuple(r.texts)),
    ),
}


def service_of(request_type: type[Sample]) -> str:
    """The ROS service type that carries a request type.

    Raises:
        ConfigError: There is none.
    """
    if request_type not in _SERVICES:
        known = ', '.join(t.__name__ for t in _SERVICES)
        raise ConfigError('request type', request_type.__name__, f'one of {known}')
    return _SERVICES[request_type][0]


def request_from_ros(request: Any, request_type: type[Sample]) -> Sample:
    """The sample in a service request.

    Raises:
        MmPerceptionError: What is wrong with the request.
    """
    service_of(request_type)
    return _SERVICES[request_type][1](request)


def fill_response(reply: Sample | BaseException, response: Any) -> Any:
    """Fill a service response from a reply, or from the error that took its place."""
    if isinstance(reply, BaseException):
        response.success, response.message = False, str(reply)
        return response
    response.success = True
    if isinstance(reply, PromptReply):
        response.success = reply.success
        response.track_ids, response.message = list(reply.track_ids), reply.message
        response.stamp = time_message(reply.stamp_ns)
    elif isinstance(reply, MatchReply):
        response.scores = array.array('f', reply.scores.tobytes())
        response.cosines = array.array('f', reply.cosines.tobytes())
        response.stamp = time_message(reply.stamp_ns)
    elif isinstance(reply, EmbedTextReply):
        response.model, response.dimension = reply.model, reply.vectors.shape[1]
        response.vectors = array.array('f', reply.vectors.tobytes())
    else:
        raise ConfigError('reply type', type(reply).__name__, 'a reply that a service carries')
    return response
