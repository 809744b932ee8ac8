"""mm_perception_msgs/AudioChunk."""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_perception.errors import MalformedMessageError, UnsupportedEncodingError
from mm_perception.ros.convert.header import fields_of, header_of
from mm_perception.ros.convert.image import byte_array
from mm_perception.ros.wire import message_class
from mm_perception.samples import AudioClip

AUDIO = 'mm_perception_msgs/msg/AudioChunk'
_ENCODINGS: dict[str, np.dtype[Any]] = {'S16LE': np.dtype('<i2'), 'F32LE': np.dtype('<f4')}


def audio_from(message: Any, received_ns: int) -> AudioClip:
    """AudioChunk to AudioClip, without a copy.

    Raises:
        UnsupportedEncodingError: Neither S16LE nor F32LE.
        MalformedMessageError: No rate, no channel, bytes that are no whole samples, or
            numbers that are not finite.
    """
    if message.encoding not in _ENCODINGS:
        raise UnsupportedEncodingError(AUDIO, message.encoding, _ENCODINGS)
    dtype = _ENCODINGS[message.encoding]
    channels, rate, size = message.channels, message.sample_rate_hz, len(message.data)
    if not channels or not rate or size % (channels * dtype.itemsize):
        raise MalformedMessageError(
            AUDIO, f'{size} bytes of {message.encoding}, {channels} channels, {rate} Hz'
        )
    data = np.frombuffer(message.data, np.uint8).view(dtype).reshape(-1, channels)
    if not np.isfinite(data).all():
        raise MalformedMessageError(AUDIO, 'a sample is not finite', 'check the microphone driver')
    return AudioClip(**fields_of(message, received_ns), data=data, rate_hz=rate)


def audio_to(sample: AudioClip) -> Any:
    """AudioClip to AudioChunk."""
    message = message_class(AUDIO)()
    message.header = header_of(sample)
    message.sample_rate_hz = int(sample.rate_hz)
    message.channels = sample.data.shape[1]
    message.encoding = 'S16LE' if sample.data.dtype == np.int16 else 'F32LE'
    dtype = _ENCODINGS[str(message.encoding)]
    message.data = byte_array(sample.data.astype(dtype, copy=False))
    return message
