"""Serialized messages beside the executor: taken and published without rclpy's copies."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image as ImageMessage

from mm_perception.ros import dds, rcl_abi
from mm_perception.ros.image_publisher import ImagePublisher
from mm_perception.ros.intake import Intake, NotByExecutor
from mm_perception.samples import Image

pytestmark = pytest.mark.ros
TOPIC = '/intake_test/image'


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setenv(dds.PROFILE_VARIABLES[0], str(dds.write_profile(16, local_only=True)))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SYSTEM_DEFAULT')
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=dds.free_domain())
    node = Node('intake_test', context=context, start_parameter_services=False)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture(params=['rcl', 'rclpy'])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Through rcl's C API, and where that cannot be had."""
    if request.param == 'rclpy':
        monkeypatch.setattr(rcl_abi, '_library', lambda: None)
    else:
        assert rcl_abi._library() is not None
    return request.param


def until(done: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def picture(value: int = 7, size: tuple[int, int] = (48, 64)) -> Image:
    data = np.full((*size, 3), value, np.uint8)
    return Image(stamp_ns=5_000_000_007, frame_id='cam', encoding='rgb8', data=data)


def pair(node: Node) -> tuple[object, object]:
    publisher = node.create_publisher(ImageMessage, TOPIC, 10)
    subscription = node.create_subscription(
        ImageMessage, TOPIC, lambda message: None, 10, callback_group=NotByExecutor()
    )
    until(lambda: publisher.get_subscription_count() == 1)
    return publisher, subscription


def take(subscription: object) -> memoryview:
    found: list[memoryview | None] = []
    until(lambda: bool(found.append(rcl_abi.take_bytes(subscription)) or found[-1]))
    assert found[-1] is not None
    return found[-1]


def test_bytes_arrive_as_they_were_sent(node: Node, way: str) -> None:
    publisher, subscription = pair(node)
    assert rcl_abi.take_bytes(subscription) is None
    message = ImageMessage(height=2, width=3, step=9, encoding='rgb8', data=bytes(range(18)))
    raw = serialize_message(message)
    rcl_abi.publish_bytes(publisher, np.frombuffer(raw, np.uint8))
    taken = take(subscription)
    assert taken.readonly
    assert bytes(taken) == raw
    assert rcl_abi.take_bytes(subscription) is None


def test_pictures_are_what_rclpy_would_send(node: Node, way: str) -> None:
    publisher, subscription = pair(node)
    pictures = ImagePublisher(publisher)
    for value, size in ((1, (48, 64)), (2, (10, 20)), (3, (48, 64))):  # the buffer is used again
        pictures.publish(picture(value, size))
        taken: list[memoryview] = []
        until(
            lambda found=taken: bool(found.append(rcl_abi.take_bytes(subscription)) or found[-1])
        )
        message = deserialize_message(bytes(taken[-1]), ImageMessage)
        assert (message.height, message.width, message.step) == (*size, size[1] * 3)
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 7)
        assert set(message.data) == {value}


def test_what_was_taken_lives_as_long_as_it_is_used_and_no_longer(node: Node) -> None:
    publisher, subscription = pair(node)
    pictures = ImagePublisher(publisher)
    kept: list[memoryview] = []

    def round_trips(count: int) -> float:
        for index in range(count):
            pictures.publish(picture(index % 250, (480, 640)))
            kept.append(take(subscription))
            del kept[:-3]
        gc.collect()
        return psutil.Process().memory_info().rss / 2**20

    before = round_trips(100)
    assert round_trips(300) - before < 50, '300 pictures of 0.9 MB stayed'
    assert [view[-1] for view in kept] == [47, 48, 49]


def test_a_destroyed_publisher_is_an_error_not_a_crash(node: Node, way: str) -> None:
    publisher, _ = pair(node)
    node.destroy_publisher(publisher)
    with pytest.raises(RuntimeError):
        rcl_abi.publish_bytes(publisher, np.zeros(8, np.uint8))


def test_intake_takes_what_the_executor_leaves(node: Node, way: str) -> None:
    by_executor: list[object] = []
    publisher = node.create_publisher(ImageMessage, TOPIC, 10)
    group = NotByExecutor()
    subscription = node.create_subscription(
        ImageMessage, TOPIC, by_executor.append, 10, callback_group=group
    )
    until(lambda: publisher.get_subscription_count() == 1)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    intake = Intake(node.context)
    got: list[int] = []

    def note(raw: memoryview) -> None:
        got.append(raw[-1])
        if raw[-1] == 2:
            raise ValueError('a callback fails')

    try:
        intake.listen(subscription, note)
        for value in (1, 2, 3):
            ImagePublisher(publisher).publish(picture(value))
            executor.spin_once(timeout_sec=0.1)
        until(lambda: got == [1, 2, 3])
        assert by_executor == []
        intake.forget(subscription)
        node.destroy_subscription(subscription)
        assert intake._thread is not None
        assert intake._thread.is_alive()
    finally:
        intake.close()
        executor.shutdown()
    intake.close()
    assert intake._thread is None


def test_failure_to_take_costs_one_turn(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, subscription = pair(node)
    wait, failures = Intake._wait, iter([MemoryError('made to fail')])

    def fail_once(*given: object) -> object:
        for failure in failures:
            raise failure
        return wait(*given)

    monkeypatch.setattr(Intake, '_wait', fail_once)
    intake, taken = Intake(node.context), []
    intake.listen(subscription, taken.append)

    def arrives() -> bool:
        publisher.publish(ImageMessage(height=1, width=1, step=1, encoding='mono8', data=b'x'))
        time.sleep(0.05)
        return bool(taken)

    until(arrives)
    intake.close()
