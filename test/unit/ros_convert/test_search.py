"""The service of `video_search`."""

from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import RequestError
from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import SearchHit, SearchReply, SearchRequest
from test.unit.ros_convert.messages import STAMP_NS, image

SERVICE = message_class(convert.service_of(SearchRequest))


def test_a_text_with_its_conditions() -> None:
    request = SERVICE.Request(text='a car', bag='drive', stream='front')
    request.after.sec, request.before.sec, request.before.nanosec = 3, 5, 7
    sample = convert.request_from_ros(request, SearchRequest)
    assert (sample.text, sample.bag, sample.stream) == ('a car', 'drive', 'front')
    assert (sample.after_ns, sample.before_ns, sample.limit) == (3 * 10**9, 5 * 10**9 + 7, 10)
    assert sample.image is None


def test_a_picture_or_a_track_as_an_example() -> None:
    request = SERVICE.Request(image=image(np.zeros((2, 3, 3), np.uint8), 'bgr8'), limit=3)
    sample = convert.request_from_ros(request, SearchRequest)
    assert (sample.image.data.shape, sample.limit) == ((2, 3, 3), 3)
    assert convert.request_from_ros(SERVICE.Request(track_id='7'), SearchRequest).track_id == '7'


def test_a_request_for_nothing_or_two_things_is_refused() -> None:
    for request in (SERVICE.Request(), SERVICE.Request(text='a', track_id='7')):
        with pytest.raises(RequestError, match='one of text, image and track_id'):
            convert.request_from_ros(request, SearchRequest)


def test_hits_with_and_without_a_box() -> None:
    jpeg = np.array([0xFF, 0xD8, 1], np.uint8)
    whole = SearchHit(
        stamp_ns=STAMP_NS, frame_id='camera', start_ns=STAMP_NS - 1, end_ns=STAMP_NS + 1,
        score=0.5, jpeg=jpeg, bag='drive', topic='/image',
    )  # fmt: skip
    track = SearchHit(
        stamp_ns=STAMP_NS, start_ns=STAMP_NS, end_ns=STAMP_NS, score=0.25, jpeg=jpeg,
        stream='front', track_id='7', label='car', box=np.array([1, 2, 3, 4], np.float32),
    )  # fmt: skip
    reply = SearchReply(stamp_ns=0, hits=(whole, track), message='two', model='net@1')
    response = convert.fill_response(reply, SERVICE.Response())
    assert (response.success, response.message, response.model) == (True, 'two', 'net@1')
    first, second = response.hits
    assert (first.bag, first.topic, first.frame_id, first.score) == (
        'drive',
        '/image',
        'camera',
        0.5,
    )
    assert (first.end.nanosec - first.start.nanosec, list(first.box_xyxy)) == (2, [])
    assert bytes(first.thumbnail.data) == jpeg.tobytes()
    assert (second.track_id, second.label, list(second.box_xyxy)) == ('7', 'car', [1, 2, 3, 4])
