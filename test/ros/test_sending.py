"""What leaves a channel for ROS: a sample that no message can carry is told, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from mm_perception.errors import MalformedMessageError

pytest.importorskip('rclpy')

from mm_perception.ros.transport import _has_subscribers, _send
from mm_perception.samples import Text


class Publisher:
    """As far as the transport knows one."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def get_subscription_count(self) -> int:
        return 1

    def publish(self, message: Any) -> None:
        """As rclpy: C code encodes the text."""
        self.sent.append(message.text.encode())


class Gone(Publisher):
    def get_subscription_count(self) -> int:
        raise RuntimeError('cannot use Destroyable because destruction was requested')


def test_sample_that_cannot_be_written_is_reported_with_its_type() -> None:
    publisher, errors = Publisher(), []
    publishers = {'': publisher, '/markers': Publisher()}
    broken = Text(stamp_ns=1, text=chr(0xDC80))  # half of a surrogate pair is no UTF-8
    _send(publishers, None, errors.append, broken)
    (error,) = errors
    assert isinstance(error, MalformedMessageError)
    assert 'a Text cannot be written' in str(error)
    assert 'UnicodeEncodeError' in str(error)
    _send({'': publisher}, None, errors.append, Text(stamp_ns=2, text='well'))
    assert publisher.sent == [b'well']


def test_publisher_that_is_gone_is_heard_by_nobody() -> None:
    assert not _has_subscribers({'': Gone()})
