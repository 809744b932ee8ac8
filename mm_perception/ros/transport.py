"""ROS topics at the edge of the bus: one subscription per topic and process.

Subscriptions adapt to the publishers: best effort until a publisher is seen, then reliable and
transient local as far as all publishers offer it, and the message type that they send. Publishers
cost nothing until somebody subscribes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from mm_perception.cdr import COMPRESSED, IMAGE, ImageView, read_head
from mm_perception.channel import Bus, Channel, Deferred, Subscription, from_topic
from mm_perception.errors import MalformedMessageError, MmPerceptionError
from mm_perception.plugin import Output, Port, Queue
from mm_perception.ros import convert
from mm_perception.ros.convert.header import stamp_and_frame
from mm_perception.ros.convert.image import image_from
from mm_perception.ros.convert.masks import ANNOTATED, id_picture, mask_tables
from mm_perception.ros.convert.outlines import annotations_to
from mm_perception.ros.image_publisher import ImagePublisher
from mm_perception.ros.intake import Intake, NotByExecutor
from mm_perception.ros.names import name_for
from mm_perception.ros.wire import deserialize, message_class
from mm_perception.samples import Image, Masks, Sample

log = logging.getLogger('mm_perception.transport')
#: Types whose messages are worth decoding late.
_BULKY = (IMAGE, COMPRESSED, 'sensor_msgs/msg/PointCloud2')
Report = Callable[[BaseException], None]


@dataclass(frozen=True)
class _Offer:
    """What the publishers of a topic send, and how."""

    type_name: str
    is_reliable: bool
    is_latched: bool


@dataclass
class _User:
    node: Node
    port: Port
    report: Report


@dataclass
class _Feed:
    """One topic that comes in: its channel, who wants it, and who owns the subscription."""

    topic: str
    channel: Channel[Any]
    users: list[_User] = field(default_factory=list)
    owner: Node | None = None
    subscription: Any = None
    offer: _Offer | None = None
    side_subscriptions: list[Any] = field(default_factory=list)


class RosTransport:
    """Connects a bus to the ROS graph.

    Args:
        bus: Channels of this process.
        context: Of the nodes.
    """

    def __init__(self, bus: Bus, context: Context) -> None:
        self._bus = bus
        self._intake = Intake(context)
        self._feeds: dict[str, _Feed] = {}
        #: Topics that nodes of this process publish: by reference, not subscribed.
        self._own: dict[str, Node] = {}

    def listen(self, node: Node, topic: str, port: Port, report: Report) -> None:
        """Feed a channel from a topic, unless a node of this process publishes it."""
        feed = self._feeds.get(topic)
        if feed is None:
            channel = self._bus.channel(topic, port.sample_type)
            feed = self._feeds[topic] = _Feed(topic, channel)
        feed.users.append(_User(node, port, report))
        self._adapt(feed)

    def leave(self, node: Node) -> None:
        """A node goes out of service: others that want its topics take the subscriptions over."""
        self._own = {topic: owner for topic, owner in self._own.items() if owner is not node}
        for topic, feed in list(self._feeds.items()):
            feed.users = [user for user in feed.users if user.node is not node]
            if feed.owner is node:
                self._drop(feed)
            if feed.users:
                self._adapt(feed)
            else:
                self._drop(feed)
                del self._feeds[topic]

    def adapt(self) -> None:
        """Look at the graph again; called a few times a second."""
        for feed in list(self._feeds.values()):
            try:
                self._adapt(feed)
            except (MmPerceptionError, RuntimeError) as error:  # the others go on
                self._report(feed, error)

    def close(self) -> None:
        """Take no more; the nodes are destroyed next."""
        self._intake.close()

    def publish(
        self, node: Node, topic: str, output: Output, report: Report
    ) -> tuple[Subscription, list[Any]]:
        """Publish a channel; returns the subscription on it and the ROS publishers."""
        self._own[topic] = node
        if topic in self._feeds:
            self._adapt(self._feeds[topic])
        publishers = {
            wire.suffix: node.create_publisher(
                message_class(wire.type_name), name_for(node, topic + wire.suffix),
                _output_qos(is_latched=wire.latched, is_debug=output.is_debug),
            )
            for wire in convert.published(output.sample_type)
        }  # fmt: skip
        channel = self._bus.channel(topic, output.sample_type)
        wants = partial(_has_subscribers, publishers)
        pictures = None
        if issubclass(output.sample_type, Image | Masks):
            pictures = ImagePublisher(publishers[''])
        listener = partial(_send, publishers, pictures, report)
        return channel.subscribe(listener, wants), list(publishers.values())

    def _adapt(self, feed: _Feed) -> None:
        if feed.topic in self._own:
            self._drop(feed)
            return
        offer = self._look(feed)
        if feed.subscription is not None and offer == feed.offer:
            return
        self._drop(feed)
        self._subscribe(feed, offer)

    def _look(self, feed: _Feed) -> _Offer:
        """What the publishers offer now; a guess where there is none yet."""
        accepted = convert.accepted_types(feed.channel.sample_type)
        node = feed.users[0].node
        infos = node.get_publishers_info_by_topic(name_for(node, feed.topic))
        fitting = [info for info in infos if info.topic_type in accepted]
        if not fitting:
            if feed.offer is not None:
                return feed.offer
            compressed = [t for t in accepted if 'Compressed' in t]
            is_compressed = feed.topic.endswith('/compressed') and compressed
            return _Offer(compressed[0] if is_compressed else accepted[0], False, False)
        types = {info.topic_type for info in fitting}
        chosen = next(t for t in accepted if t in types)
        profiles = [info.qos_profile for info in fitting if info.topic_type == chosen]
        return _Offer(
            chosen,
            all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles),
            all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles),
        )

    def _subscribe(self, feed: _Feed, offer: _Offer) -> None:
        user = feed.users[0]
        qos = _input_qos(offer, user.port)
        callback = partial(self._receive, feed)
        assembler = convert.assemble(feed.channel.sample_type)
        if assembler is not None:
            wires = convert.published(feed.channel.sample_type)
            for wire in (w for w in wires if w.suffix in assembler.suffixes):
                part = partial(self._receive_part, feed, assembler, wire.suffix)
                name = name_for(user.node, feed.topic + wire.suffix)
                feed.side_subscriptions.append(
                    user.node.create_subscription(message_class(wire.type_name), name, part, qos)
                )
            feed.subscription = feed.side_subscriptions[0]
        else:
            cls = message_class(offer.type_name)
            is_bulky = offer.type_name in _BULKY and not isinstance(user.port, Queue)
            feed.subscription = user.node.create_subscription(
                cls, name_for(user.node, feed.topic), callback, qos,
                callback_group=NotByExecutor() if is_bulky else None,
            )  # fmt: skip
            if is_bulky:
                take = partial(self._receive_bytes, feed, offer.type_name)
                self._intake.listen(feed.subscription, take)
        feed.owner, feed.offer = user.node, offer

    def _drop(self, feed: _Feed) -> None:
        if feed.owner is not None:
            extra = feed.side_subscriptions or [feed.subscription]
            for subscription in extra:
                self._intake.forget(subscription)
                feed.owner.destroy_subscription(subscription)
        feed.side_subscriptions = []
        feed.subscription = feed.owner = None

    def _receive(self, feed: _Feed, message: Any) -> None:
        """In the executor's thread: decoding is done later, once, and only if it is needed."""
        if not feed.users:
            return
        received_ns = feed.users[0].node.get_clock().now().nanoseconds
        stamp_ns, frame_id = stamp_and_frame(message, received_ns)
        make = partial(convert.from_msg, message, feed.channel.sample_type, received_ns)
        if any(isinstance(user.port, Queue) for user in feed.users):
            self._hand_over(feed, make)
        else:
            feed.channel.publish(Deferred(stamp_ns, frame_id, make, feed.topic))

    def _receive_bytes(self, feed: _Feed, type_name: str, raw: memoryview) -> None:
        """In the thread of the intake: decoded when a worker takes it, a dropped one never."""
        head = read_head(type_name, raw)
        if head is None:
            problem = f'{raw.nbytes} bytes do not begin with a header'
            self._report(feed, MalformedMessageError(type_name, problem))
            return
        make = partial(_decode, raw, type_name, feed.channel.sample_type)
        item = Deferred(head.stamp_ns, head.frame_id, make, feed.topic, raw.nbytes)
        feed.channel.publish(item)

    def _receive_part(self, feed: _Feed, assembler: Any, suffix: str, message: Any) -> None:
        try:
            sample = assembler.add(suffix, message)
        except MmPerceptionError as error:
            self._report(feed, error)
            return
        if sample is not None:
            feed.channel.publish(sample)

    def _hand_over(self, feed: _Feed, make: Callable[[], Sample]) -> None:
        """Events are converted at once: a bad one is reported and does not spoil the good ones."""
        try:
            sample = make()
        except MmPerceptionError as error:
            self._report(feed, error)
            return
        feed.channel.publish(sample)

    def _report(self, feed: _Feed, error: Exception) -> None:
        from_topic(error, feed.topic)
        for user in feed.users:
            user.report(error)


def _decode(raw: memoryview, type_name: str, sample_type: type[Sample]) -> Sample:
    if type_name == IMAGE and sample_type is Image:
        return image_from(ImageView(raw), 0)  # by reference; what rclpy makes is a copy
    return convert.from_msg(deserialize(bytes(raw), type_name), sample_type)


def _input_qos(offer: _Offer, port: Port) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=50 if isinstance(port, Queue) else 2,
        reliability=ReliabilityPolicy.RELIABLE
        if offer.is_reliable
        else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL
        if offer.is_latched
        else DurabilityPolicy.VOLATILE,
    )


def _output_qos(*, is_latched: bool, is_debug: bool) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1 if is_latched else 5,
        reliability=ReliabilityPolicy.BEST_EFFORT if is_debug else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )


def _has_subscribers(publishers: dict[str, Any]) -> bool:
    try:
        return any(publisher.get_subscription_count() for publisher in publishers.values())
    except RuntimeError:  # InvalidHandle: another thread has just destroyed them
        return False


def _send(
    publishers: dict[str, Any],
    pictures: ImagePublisher | None,
    report: Report,
    item: Sample | Deferred,
) -> None:
    """In the worker's thread. Nothing is converted while nobody subscribes."""
    if not _has_subscribers(publishers):
        return
    try:
        sample = item.resolve() if isinstance(item, Deferred) else item
        if pictures is not None and isinstance(sample, Image):
            pictures.publish(sample)
            return
        if pictures is not None and isinstance(sample, Masks):
            pictures.publish(id_picture(sample))
            messages = mask_tables(sample)
            if publishers[ANNOTATED].get_subscription_count():  # outlines take a while to find
                messages[ANNOTATED] = annotations_to(sample)
        else:
            messages = convert.to_msgs(sample)
        for suffix, message in messages.items():
            publishers[suffix].publish(message)
    except MmPerceptionError as error:
        report(error)
    except RuntimeError as error:  # RCLError: the middleware is saturated or shutting down
        report(error)
    except Exception as error:
        log.exception('a sample could not be published')
        name = type(item).__name__
        problem = f'a {name} cannot be written as messages: {type(error).__name__}: {error}'
        fix = 'mend the plugin that made it; the log has the traceback'
        report(MalformedMessageError(name, problem, fix))
