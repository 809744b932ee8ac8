from __future__ import annotations

import math

import numpy as np
import pytest

from mm_perception.errors import ConfigError, MalformedMessageError, PromptError, RequestError
from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import (
    EmbedTextReply,
    EmbedTextRequest,
    Image,
    MatchReply,
    MatchRequest,
    Prompt,
    PromptAction,
    PromptReply,
    PromptState,
    PromptStatus,
    Text,
)
from test.unit.ros_convert.messages import STAMP_NS, image, stamped

MASK = np.eye(3, 4, dtype=np.bool_)


def prompt(**changes) -> Prompt:
    values = {
        'stamp_ns': STAMP_NS,
        'action': PromptAction.REFINE,
        'prompt_id': 'p1',
        'stream': 'front',
        'track_id': '7',
        'text': 'the red mug',
        'points': np.array([[1.5, 2], [3, 4.25]], np.float32),
        'point_labels': np.array([1, 0], np.int8),
        'box': np.array([0, 1, 5.5, 7], np.float32),
        'mask': MASK,
        'max_frames': 5,
    }
    return Prompt(**{**values, **changes})


def assert_equal(a: Prompt, b: Prompt) -> None:
    for name in ('stamp_ns', 'action', 'prompt_id', 'stream', 'track_id', 'text', 'max_frames'):
        assert getattr(a, name) == getattr(b, name)
    for name in ('points', 'point_labels', 'box', 'mask'):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize('action', PromptAction)
@pytest.mark.parametrize('changes', [{}, {'box': None, 'mask': None}])
def test_prompt_round_trip(action, changes) -> None:
    sample = prompt(action=action, **changes)
    assert_equal(convert.from_msg(convert.to_msgs(sample)[''], Prompt), sample)


def test_convention_actions_and_states_are_those_of_the_interfaces() -> None:
    for enum, name in ((PromptAction, 'Prompt'), (PromptState, 'PromptStatus')):
        cls = message_class(f'mm_perception_msgs/msg/{name}')
        assert {e.name: getattr(cls, e.name) for e in enum} == {e.name: e.value for e in enum}


def test_convention_point_stamped_is_a_foreground_pixel() -> None:
    message = stamped('geometry_msgs/msg/PointStamped')
    message.point.x, message.point.y = 12.0, 34.5
    sample = convert.from_msg(message, Prompt)
    assert (sample.action, sample.stamp_ns) == (PromptAction.ADD, STAMP_NS)
    assert sample.points.tolist() == [[12.0, 34.5]]
    assert sample.point_labels.tolist() == [1]
    assert sample.prompt_id


def test_string_is_a_text_prompt_for_the_newest_picture() -> None:
    message = message_class('std_msgs/msg/String')(data='red mug')
    sample = convert.from_msg(message, Prompt, 99)
    assert (sample.text, sample.stamp_ns, sample.prompt_id) == ('red mug', 0, 'red mug')


@pytest.mark.parametrize(
    ('name', 'value', 'error'),
    [
        ('action', 4, MalformedMessageError),
        ('action', 255, MalformedMessageError),
        ('points_xy', [1.0, 2.0, 3.0], MalformedMessageError),
        ('points_xy', [math.nan, 1.0, 2.0, 3.0], PromptError),
        ('points_xy', [1.0, 2.0], PromptError),
        ('point_labels', [1, 2], PromptError),
        ('box_xyxy', [1.0, 2.0, 3.0], MalformedMessageError),
        ('box_xyxy', [1.0, 2.0, 1.0, 5.0], PromptError),
        ('box_xyxy', [1.0, 2.0, math.inf, 5.0], PromptError),
        ('mask', image(np.zeros((2, 2), np.uint16), 'mono16'), MalformedMessageError),
        ('mask', image(np.zeros((2, 2), np.uint8), 'mono8', height=9), MalformedMessageError),
    ],
)
def test_prompts_that_cannot_be(name, value, error) -> None:
    message = convert.to_msgs(prompt())['']
    setattr(message, name, value)
    with pytest.raises(error):
        convert.from_msg(message, Prompt)


def test_points_that_are_no_place_and_words_that_are_empty() -> None:
    message = stamped('geometry_msgs/msg/PointStamped')
    message.point.x = math.nan
    with pytest.raises(PromptError, match='not finite'):
        convert.from_msg(message, Prompt)
    with pytest.raises(PromptError, match='asks for nothing'):
        convert.from_msg(message_class('std_msgs/msg/String')(data=' '), Prompt)


def test_status_round_trip() -> None:
    sample = PromptStatus(
        stamp_ns=STAMP_NS, frame_id='camera', prompt_id='p1', stream='front',
        state=PromptState.FOUND, track_ids=('7', '9'), score=0.5, message='two',
    )  # fmt: skip
    message = convert.to_msgs(sample)['']
    back = convert.from_msg(message, PromptStatus)
    assert vars(back) == vars(sample)
    message.score = math.nan
    with pytest.raises(MalformedMessageError, match='score'):
        convert.from_msg(message, PromptStatus)
    message.score, message.state = 0.0, 6
    with pytest.raises(MalformedMessageError, match='state 6'):
        convert.from_msg(message, PromptStatus)


def service(request_type):
    return message_class(convert.service_of(request_type))


def test_prompt_as_a_request() -> None:
    request = service(Prompt).Request(prompt=convert.to_msgs(prompt())[''])
    assert_equal(convert.request_from_ros(request, Prompt), prompt())
    reply = PromptReply(stamp_ns=STAMP_NS, track_ids=('7',), message='started')
    response = convert.fill_response(reply, service(Prompt).Response())
    assert response.success
    assert (response.track_ids, response.message) == (['7'], 'started')
    assert response.stamp.sec * 10**9 + response.stamp.nanosec == STAMP_NS


def test_a_text_as_a_request() -> None:
    words = Prompt(text='traffic cones')
    request = service(Text).Request(prompt=convert.to_msgs(words)[''])
    sample = convert.request_from_ros(request, Text)
    assert sample.text == 'traffic cones'
    request.prompt = convert.to_msgs(prompt())['']
    with pytest.raises(RequestError, match='ask with a text alone'):
        convert.request_from_ros(request, Text)


def test_match_as_a_request() -> None:
    request = service(MatchRequest).Request(stream='front', texts=['a', 'b'])
    sample = convert.request_from_ros(request, MatchRequest)
    assert (sample.image, sample.stream, sample.texts) == (None, 'front', ('a', 'b'))
    request.image = image(np.zeros((2, 3, 3), np.uint8), 'bgr8')
    sample = convert.request_from_ros(request, MatchRequest)
    assert (sample.image.data.shape, sample.stamp_ns) == ((2, 3, 3), STAMP_NS)
    reply = MatchReply(
        stamp_ns=STAMP_NS,
        scores=np.array([0.75, 0.25], np.float32),
        cosines=np.array([0.5, -0.5], np.float32),
    )
    response = convert.fill_response(reply, service(MatchRequest).Response())
    assert response.success
    assert (list(response.scores), list(response.cosines)) == ([0.75, 0.25], [0.5, -0.5])
    request.image.step = 1
    with pytest.raises(MalformedMessageError):
        convert.request_from_ros(request, MatchRequest)


def test_convention_embeddings_are_row_after_row() -> None:
    request = service(EmbedTextRequest).Request(texts=['a', 'b'])
    assert convert.request_from_ros(request, EmbedTextRequest).texts == ('a', 'b')
    vectors = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    reply = EmbedTextReply(stamp_ns=0, vectors=np.asfortranarray(vectors), model='clip')
    response = convert.fill_response(reply, service(EmbedTextRequest).Response())
    assert (response.success, response.model, response.dimension) == (True, 'clip', 3)
    assert list(response.vectors) == [1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize('request_type', [Prompt, MatchRequest, EmbedTextRequest])
def test_an_error_becomes_a_refusal_with_its_words(request_type) -> None:
    error = RequestError('no picture yet', 'front', 'wait for a picture')
    response = convert.fill_response(error, service(request_type).Response())
    assert not response.success
    assert response.message == str(error)


def test_types_without_a_service() -> None:
    with pytest.raises(ConfigError, match='MatchRequest'):
        convert.service_of(Image)
    with pytest.raises(ConfigError, match='Text'):
        convert.fill_response(Text(stamp_ns=0, text=''), service(Prompt).Response())
