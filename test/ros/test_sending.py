"""What the runtime does with samples and replies that no message can carry, and failing topics."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mm_perception.errors import MalformedMessageError

pytest.importorskip('rclpy')

from mm_perception.channel import Bus
from mm_perception.ports import Latest, Request
from mm_perception.ros import convert
from mm_perception.ros.node import PluginNode
from mm_perception.ros.transport import RosTransport, _has_subscribers, _send
from mm_perception.ros.wire import message_class
from mm_perception.samples import MatchReply, MatchRequest, Text


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


@pytest.mark.parametrize(
    ('reply', 'told'), [(None, 'NoneType'), (ZeroDivisionError('made to fail'), 'made to fail')]
)
def test_request_is_always_answered(reply: Any, told: str) -> None:
    async def ask(*_: Any) -> Any:
        if reply is not None:
            raise reply
        return None

    logger = SimpleNamespace(error=lambda text: None)
    node: Any = SimpleNamespace(
        _reply=ask, _spec=SimpleNamespace(plugin='fake'), get_logger=lambda: logger
    )
    kind = Request(MatchRequest, reply_type=MatchReply)
    service = message_class(convert.service_of(MatchRequest))
    answer = asyncio.run(
        PluginNode._on_request(node, 'match', kind, service.Request(), service.Response())
    )
    assert not answer.success
    assert told in answer.message


def test_topic_that_cannot_be_subscribed_holds_up_no_other(monkeypatch: Any) -> None:
    transport = RosTransport(Bus(), None)  # type: ignore[arg-type]
    seen, errors = [], []

    def adapt(feed: Any) -> None:
        seen.append(feed.topic)
        if feed.topic == '/a' and len(seen) > 2:
            raise RuntimeError('made to fail')

    monkeypatch.setattr(transport, '_adapt', adapt)
    for topic in ('/a', '/b'):
        transport.listen(None, topic, Latest(Text), errors.append)  # type: ignore[arg-type]
    transport.adapt()
    assert seen == ['/a', '/b', '/a', '/b']
    assert [str(error) for error in errors] == ['/a: made to fail']


def test_plugin_that_cannot_be_closed_is_told_and_the_node_is_free_again() -> None:
    def close() -> None:
        raise ZeroDivisionError('made to fail')

    told: list[tuple[str, str]] = []
    node: Any = SimpleNamespace(
        _track=None, _replies=None, _request_services=[], _runner=SimpleNamespace(close=close),
        _explain=lambda error, what: told.append((str(error), what)),
    )  # fmt: skip
    PluginNode._forget(node)
    assert node._runner is None
    assert told == [('made to fail', 'give everything back')]
