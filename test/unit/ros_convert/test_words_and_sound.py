from __future__ import annotations

import array
import math

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros import convert
from mm_perception.ros.wire import message_class
from mm_perception.samples import AudioClip, Embedding, Labels, Text
from test.unit.ros_convert.messages import STAMP_NS

SOUND = {
    'S16LE': np.array([[1, -2], [32767, -32768], [0, 5]], np.int16),
    'F32LE': np.array([[0.5], [-1.0]], np.float32),
}


def audio(encoding: str = 'S16LE'):
    sample = AudioClip(
        stamp_ns=STAMP_NS, frame_id='microphone', data=SOUND[encoding], rate_hz=16000
    )
    return convert.to_msgs(sample)['']


@pytest.mark.parametrize('encoding', SOUND)
def test_audio_round_trip_without_a_copy(encoding) -> None:
    message = audio(encoding)
    assert message.encoding == encoding
    back = convert.from_msg(message, AudioClip)
    np.testing.assert_array_equal(back.data, SOUND[encoding])
    assert np.shares_memory(back.data, np.frombuffer(message.data, np.uint8))
    assert (back.rate_hz, back.stamp_ns, back.frame_id) == (16000, STAMP_NS, 'microphone')


def test_convention_audio_is_interleaved_and_little_endian() -> None:
    assert audio().data[:8].tobytes() == bytes([1, 0, 0xFE, 0xFF, 0xFF, 0x7F, 0x00, 0x80])


def test_audio_of_no_length_round_trip() -> None:
    empty = AudioClip(stamp_ns=0, data=np.zeros((0, 2), np.int16), rate_hz=8000)
    assert convert.from_msg(convert.to_msgs(empty)[''], AudioClip).data.shape == (0, 2)


@pytest.mark.parametrize(
    'change',
    [
        {'channels': 0},
        {'channels': 255},
        {'sample_rate_hz': 0},
        {'data': array.array('B', bytes(7))},
    ],
)
def test_audio_that_contradicts_itself(change) -> None:
    message = audio()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(MalformedMessageError, match='channels, '):
        convert.from_msg(message, AudioClip)


def test_audio_not_finite_or_of_another_encoding() -> None:
    message = audio('F32LE')
    message.data = array.array('B', np.array([np.nan], np.float32).tobytes())
    with pytest.raises(MalformedMessageError, match='not finite'):
        convert.from_msg(message, AudioClip)
    message.encoding = 'MP3'
    with pytest.raises(UnsupportedEncodingError, match='S16LE'):
        convert.from_msg(message, AudioClip)


def test_text_round_trip() -> None:
    sample = Text(stamp_ns=STAMP_NS, frame_id='microphone', text='grüß dich', language='de-CH')
    back = convert.from_msg(convert.to_msgs(sample)[''], Text)
    assert (back.text, back.language) == ('grüß dich', 'de-CH')
    assert (back.stamp_ns, back.frame_id) == (STAMP_NS, 'microphone')


def test_convention_messages_without_header_are_stamped_when_received() -> None:
    message = message_class('std_msgs/msg/String')(data='hello')
    assert convert.from_msg(message, Text, 42).stamp_ns == 42
    assert convert.stamp_and_frame(message, 42) == (42, '')
    assert convert.from_msg(audio(), AudioClip, 42).stamp_ns == STAMP_NS
    assert convert.stamp_and_frame(audio(), 42) == (STAMP_NS, 'microphone')


def test_labels_round_trip_best_first() -> None:
    sample = Labels(
        stamp_ns=STAMP_NS, names=('cat', 'dog'), scores=np.array([0.75, 0.25], np.float32)
    )
    message = convert.to_msgs(sample)['']
    message.results = message.results[::-1]
    back = convert.from_msg(message, Labels)
    assert back.names == ('cat', 'dog')
    np.testing.assert_array_equal(back.scores, sample.scores)


@pytest.mark.parametrize('score', [math.nan, math.inf])
def test_labels_not_finite(score) -> None:
    sample = Labels(stamp_ns=0, names=('cat',), scores=np.array([score], np.float32))
    with pytest.raises(MalformedMessageError, match='not finite'):
        convert.from_msg(convert.to_msgs(sample)[''], Labels)


def test_embedding_round_trip() -> None:
    sample = Embedding(
        stamp_ns=STAMP_NS, vector=np.array([0.6, 0, -0.8], np.float32), model='clip'
    )
    back = convert.from_msg(convert.to_msgs(sample)[''], Embedding)
    np.testing.assert_array_equal(back.vector, sample.vector)
    assert back.model == 'clip'


@pytest.mark.parametrize('vector', [[], [0.0, 0.0], [3.0, 4.0], [math.nan], [math.inf, 1.0]])
def test_embedding_of_another_length_than_one(vector) -> None:
    sample = Embedding(stamp_ns=0, vector=np.array(vector, np.float32), model='clip')
    with pytest.raises(MalformedMessageError, match='norm'):
        convert.from_msg(convert.to_msgs(sample)[''], Embedding)
