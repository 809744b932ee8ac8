"""Channels pass by reference and convert once."""

from __future__ import annotations

import pytest

from mm_perception.channel import Bus, Deferred, resolve
from mm_perception.errors import ConfigError, MalformedMessageError, ShapeError
from mm_perception.samples import Image, Sample, Text
from test.fakes import image


def test_listeners_get_the_same_object() -> None:
    channel = Bus().channel('/image', Image)
    first, second = [], []
    channel.subscribe(first.append)
    channel.subscribe(second.append)
    sample = image()
    channel.publish(sample)
    assert first[0] is second[0] is sample


def test_closed_listener_gets_nothing() -> None:
    channel = Bus().channel('/image', Image)
    got = []
    subscription = channel.subscribe(got.append)
    subscription.close()
    subscription.close()
    channel.publish(image())
    assert got == []
    assert not channel.is_wanted()


def test_wanted_follows_the_listeners() -> None:
    channel = Bus().channel('/image', Image)
    channel.subscribe(lambda item: None, wants=lambda: False)
    assert not channel.is_wanted()
    channel.subscribe(lambda item: None)
    assert channel.is_wanted()


def test_one_topic_has_one_type() -> None:
    bus = Bus()
    bus.channel('/a', Image)
    with pytest.raises(ConfigError, match=r'Text.*Image'):
        bus.channel('/a', Text)


def test_wrong_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match='Text'):
        Bus().channel('/a', Image).publish(Text(stamp_ns=1, text='x'))


def test_deferred_converts_once() -> None:
    calls = []
    deferred = Deferred(5, 'camera', lambda: calls.append(1) or image(5))
    assert calls == []
    assert resolve(deferred) is resolve(deferred)
    assert calls == [1]


def test_deferred_raises_its_error_every_time() -> None:
    def fail() -> Image:
        raise ShapeError('x', 'y', 'z')

    deferred = Deferred(5, 'camera', fail)
    for _ in range(2):
        with pytest.raises(ShapeError):
            deferred.resolve()


def test_error_of_a_conversion_begins_with_the_topic_once() -> None:
    def fail() -> Sample:
        raise MalformedMessageError('sensor_msgs/msg/Image', 'no pixels')

    deferred = Deferred(1, 'camera', fail, '/front/image')
    for _ in range(2):
        with pytest.raises(MalformedMessageError) as caught:
            deferred.resolve()
        assert (
            str(caught.value) == '/front/image: sensor_msgs/msg/Image: no pixels; check the driver'
        )
