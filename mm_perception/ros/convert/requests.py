"""Requests: services whose two halves are samples."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

from mm_perception.errors import ConfigError, RequestError, ShapeError
from mm_perception.ros.convert.compressed_image import COMPRESSED
from mm_perception.ros.convert.header import header_of, ns_of, time_message
from mm_perception.ros.convert.image import byte_array, image_from
from mm_perception.ros.convert.prompt import prompt_from
from mm_perception.ros.wire import message_class
from mm_perception.samples import (
    EmbedTextReply,
    EmbedTextRequest,
    MatchReply,
    MatchRequest,
    Prompt,
    PromptReply,
    SearchHit,
    SearchReply,
    SearchRequest,
    Text,
)
from mm_perception.samples.sample import Sample

_MOST_HITS = 10


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


def _search_from(request: Any) -> Sample:
    try:
        return SearchRequest(
            text=request.text,
            image=image_from(request.image, 0) if request.image.width else None,
            track_id=request.track_id,
            bag=request.bag,
            stream=request.stream,
            after_ns=ns_of(request.after),
            before_ns=ns_of(request.before),
            limit=request.limit or _MOST_HITS,
        )
    except ShapeError as error:
        raise RequestError('not a search', error.actual, f'give {error.expected}') from error


def _hit_to(hit: SearchHit) -> Any:
    message = message_class('mm_perception_msgs/msg/SearchHit')(
        start=time_message(hit.start_ns),
        end=time_message(hit.end_ns),
        stamp=time_message(hit.stamp_ns),
        bag=hit.bag,
        topic=hit.topic,
        stream=hit.stream,
        frame_id=hit.frame_id,
        track_id=hit.track_id,
        label=hit.label,
        score=float(hit.score),
    )
    if hit.box is not None:
        message.box_xyxy = array.array('f', hit.box.tobytes())
    message.thumbnail = message_class(COMPRESSED)(
        header=header_of(hit), format='rgb8; jpeg compressed bgr8'
    )
    message.thumbnail.data = byte_array(hit.jpeg)
    return message


_SERVICES: dict[type[Sample], tuple[str, Callable[[Any], Sample]]] = {
    Prompt: ('mm_perception_msgs/srv/SetPrompt', lambda r: prompt_from(r.prompt, 0)),
    Text: ('mm_perception_msgs/srv/SetPrompt', _text_from),
    MatchRequest: ('mm_perception_msgs/srv/MatchImageText', _match_from),
    EmbedTextRequest: (
        'mm_perception_msgs/srv/EmbedText',
        lambda r: EmbedTextRequest(texts=tuple(r.texts)),
    ),
    SearchRequest: ('mm_perception_msgs/srv/SearchVideo', _search_from),
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
    elif isinstance(reply, SearchReply):
        response.message, response.model = reply.message, reply.model
        response.hits = [_hit_to(hit) for hit in reply.hits]
    else:
        raise ConfigError('reply type', type(reply).__name__, 'a reply that a service carries')
    return response
