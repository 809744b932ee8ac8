"""Typed, stamped publish/subscribe inside one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mm_perception.errors import ConfigError, MmPerceptionError
from mm_perception.samples import Sample

S = TypeVar('S', bound=Sample)
Listener = Callable[['Sample | Deferred'], None]


class Deferred:
    """A sample whose conversion is put off until somebody needs it, and then done once.

    A frame that is dropped from a full slot is never decoded, and four plugins on one camera
    share one decoded picture.

    Args:
        stamp_ns: Of the sample.
        frame_id: Likewise.
        make: Converts it.
        origin: Topic that it came on, which begins the message of an error: of six cameras that
            send Image the type does not tell which one is broken.
        num_bytes: How much memory it takes while it waits; 0 for what is small.
    """

    def __init__(
        self, stamp_ns: int, frame_id: str, make: Callable[[], Sample], origin: str = '',
        num_bytes: int = 0,
    ) -> None:  # fmt: skip
        self.stamp_ns = stamp_ns
        self.frame_id = frame_id
        self.num_bytes = num_bytes
        self._origin = origin
        self._make: Callable[[], Sample] | None = make
        self._sample: Sample | None = None
        self._error: MmPerceptionError | None = None
        self._lock = threading.Lock()

    def resolve(self) -> Sample:
        """Convert on the first call; later calls return the same object or error."""
        with self._lock:
            if self._make is not None:
                try:
                    self._sample = self._make()
                except MmPerceptionError as error:
                    self._error = from_topic(error, self._origin)
                self._make = None
            if self._error is not None:
                raise self._error
            if self._sample is None:
                raise ConfigError('Deferred.make', None, 'a function that returns a sample')
            return self._sample


E = TypeVar('E', bound=Exception)


def from_topic(error: E, topic: str) -> E:
    """The same error, whose message begins with a topic if one is given."""
    if topic:
        error.args = (f'{topic}: {error}',)
    return error


def resolve(item: Sample | Deferred) -> Sample:
    """The sample itself, converted now if it was deferred."""
    return item.resolve() if isinstance(item, Deferred) else item


class Subscription:
    """One listener of a channel; `close` ends it."""

    def __init__(
        self, channel: Channel[Any], listener: Listener, wants: Callable[[], bool] | None
    ) -> None:
        self._channel = channel
        self.listener = listener
        self.wants = wants

    def close(self) -> None:
        """Stop listening; closing twice is fine."""
        self._channel._remove(self)


class Channel(Generic[S]):
    """Carries one type of sample under one topic name, by reference.

    Attributes:
        topic: Full topic name.
        sample_type: Every sample is an instance of it.
    """

    def __init__(self, topic: str, sample_type: type[S]) -> None:
        self.topic = topic
        self.sample_type = sample_type
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()

    def publish(self, item: S | Deferred) -> None:
        """Hand a sample to every listener, in the caller's thread.

        Raises:
            ConfigError: The sample is of another type.
            Exception: What the first listener raised that failed, once all have been called.
        """
        if not isinstance(item, Deferred | self.sample_type):
            raise ConfigError(
                f'sample on {self.topic}', type(item).__name__, self.sample_type.__name__
            )
        failures = []
        for subscription in self._subscriptions:
            try:
                subscription.listener(item)
            except Exception as error:  # noqa: BLE001 - the others hear it all the same
                failures.append(error)
        if failures:
            raise failures[0]

    def subscribe(
        self, listener: Listener, wants: Callable[[], bool] | None = None
    ) -> Subscription:
        """Add a listener.

        Args:
            listener: Called with every sample; must be quick, it runs in the publisher's thread.
            wants: Tells whether the listener would use a sample now (a ROS publisher without
                subscribers would not); None means always.
        """
        subscription = Subscription(self, listener, wants)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def is_wanted(self) -> bool:
        """True if at least one listener would use a sample published now."""
        return any(s.wants is None or s.wants() for s in self._subscriptions)

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)


class Bus:
    """All channels of one process."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel[Any]] = {}
        self._lock = threading.Lock()

    def channel(self, topic: str, sample_type: type[S]) -> Channel[S]:
        """The channel of a topic, made when first asked for.

        Raises:
            ConfigError: The topic already carries another type of sample.
        """
        with self._lock:
            channel = self._channels.setdefault(topic, Channel(topic, sample_type))
        if channel.sample_type is not sample_type:
            raise ConfigError(
                f'type of {topic}', sample_type.__name__,
                f'{channel.sample_type.__name__}, as its other user declares',
            )  # fmt: skip
        return channel

    def channels(self) -> tuple[Channel[Any], ...]:
        """Every channel there is, in order of creation."""
        with self._lock:
            return tuple(self._channels.values())
