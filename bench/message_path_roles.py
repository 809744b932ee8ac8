"""The processes of bench_message_path: `python -m bench.message_path_roles ROLE ...`.

source  publishes pictures at a rate; 0 is as fast as it can
sink    receives masks, measures latency from the picture's stamp
usual   the node one finds everywhere: subscribe, convert, infer in the callback, tobytes, publish
bare    the transport alone: count serialized pictures, answer with a mask serialized before

They print `ready`, then read commands from stdin: `go` (source), `report` and `pause` (sink);
end of file ends them. A paused sink keeps its subscriptions and takes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from bench.counter import Counter

RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
PICTURES = '/camera/image_raw'
_MATCH_S = 90.0
_YIELD_S = 1e-4
_PAUSE_S = 0.05


def picture(width: int, height: int) -> Image:
    """A frame of noise, rgb8."""
    noise = np.random.default_rng(1).integers(0, 255, width * height * 3, np.uint8)
    message = Image(width=width, height=height, step=3 * width, encoding='rgb8')
    message.header.frame_id = 'camera'
    message.data = noise.tobytes()
    return message


def empty_mask(width: int, height: int) -> Image:
    message = Image(width=width, height=height, step=2 * width, encoding='mono16')
    message.header.frame_id = 'camera'
    message.data = bytes(2 * width * height)
    return message


def set_stamp(message: Image, now_ns: int) -> None:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, 10**9)


def stamp_of(raw: bytes) -> int:
    """Stamp of a serialized message that starts with a header, little endian."""
    sec, nanosec = np.frombuffer(raw, '<u4', 2, 4).tolist()
    return int(sec) * 10**9 + int(nanosec)


class Usual(Node):
    """As in public Python nodes; converts as cv_bridge's imgmsg_to_cv2 does for bgr8."""

    def __init__(self, name: str, output: str) -> None:
        super().__init__(name)
        self._publisher = self.create_publisher(Image, output, RELIABLE)
        self._counter = Counter()
        self.create_subscription(Image, PICTURES, self._on_image, qos_profile_sensor_data)
        self._mask = np.zeros((0, 0), np.uint16)

    def _on_image(self, message: Image) -> None:
        rgb = np.ndarray((message.height, message.width, 3), np.uint8, message.data)
        mask = self._infer(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        result = Image(header=message.header, height=message.height, width=message.width)
        result.encoding, result.step = 'mono16', 2 * message.width
        result.data = mask.tobytes()
        self._publisher.publish(result)
        self._counter.add()

    def _infer(self, bgr: Any) -> Any:
        if self._mask.shape != bgr.shape[:2]:
            self._mask = np.zeros(bgr.shape[:2], np.uint16)
        return self._mask


class Bare(Node):
    """Serialized bytes in, serialized bytes out; only the stamp is written anew."""

    def __init__(self, name: str, output: str, width: int, height: int) -> None:
        super().__init__(name)
        self._publisher = self.create_publisher(Image, output, RELIABLE)
        self._counter = Counter()
        self._mask = bytearray(serialize_message(empty_mask(width, height)))
        self.create_subscription(
            Image, PICTURES, self._on_bytes, qos_profile_sensor_data, raw=True
        )

    def _on_bytes(self, raw: bytes) -> None:
        self._mask[4:12] = raw[4:12]
        self._publisher.publish(bytes(self._mask))
        self._counter.add()


class Sink(Node):
    """Receives the masks of all nodes, without decoding them."""

    def __init__(self, outputs: list[str]) -> None:
        super().__init__('sink')
        self.outputs = outputs
        self._lock = threading.Lock()
        self._latencies_ns: list[list[int]] = [[] for _ in outputs]
        self.is_paused = False
        for index, output in enumerate(outputs):
            self.create_subscription(Image, output, self._hear(index), RELIABLE, raw=True)

    def _hear(self, index: int) -> Any:
        def hear(raw: bytes) -> None:
            latency_ns = time.time_ns() - stamp_of(raw)
            with self._lock:
                self._latencies_ns[index].append(latency_ns)

        return hear

    def num_answered(self) -> int:
        """Pictures that every node has answered since the last report."""
        with self._lock:
            return min(map(len, self._latencies_ns))

    def report(self) -> dict[str, Any]:
        """Counts and latencies since the last report."""
        with self._lock:
            latencies, self._latencies_ns = self._latencies_ns, [[] for _ in self.outputs]
        return {'latencies_ms': [[round(ns / 1e6, 4) for ns in each] for each in latencies]}


def run_source(node: Node, args: argparse.Namespace) -> None:
    """Obey `go RATE SECONDS`: publish, then print how many pictures went out."""
    publisher = node.create_publisher(Image, PICTURES, qos_profile_sensor_data)
    message = picture(args.width, args.height)
    end_s = time.monotonic() + _MATCH_S
    while publisher.get_subscription_count() < args.matches and time.monotonic() < end_s:
        time.sleep(0.05)
    num = publisher.get_subscription_count()
    say('ready' if num >= args.matches else f'{num} of {args.matches} subscriptions')
    for line in sys.stdin:
        _, rate, seconds = line.split()
        say(json.dumps({'published': send(publisher, message, float(rate), float(seconds))}))


def send(
    publisher: Any,
    message: Image,
    rate_hz: float,
    seconds: float,
    may_send: Callable[[int], bool] = lambda count: True,
) -> int:
    """Publish for some seconds; `may_send` is asked before every picture."""
    count, start_s = 0, time.monotonic()
    while (elapsed_s := time.monotonic() - start_s) < seconds:
        if rate_hz and (wait_s := count / rate_hz - elapsed_s) > 0:
            time.sleep(wait_s)
        if not may_send(count):
            time.sleep(_YIELD_S)
            continue
        set_stamp(message, time.time_ns())
        publisher.publish(message)
        count += 1
    return count


def spin(node: Node) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()


def listen(node: Sink) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with suppress(ExternalShutdownException):
        while rclpy.ok():
            if node.is_paused:
                time.sleep(_PAUSE_S)
            else:
                executor.spin_once(timeout_sec=_PAUSE_S)


def run_sink(node: Sink) -> None:
    thread = threading.Thread(target=listen, args=(node,))
    thread.start()
    end_s = time.monotonic() + _MATCH_S
    while time.monotonic() < end_s and not all(map(node.count_publishers, node.outputs)):
        time.sleep(0.05)
    missing = [output for output in node.outputs if not node.count_publishers(output)]
    say(f'nobody publishes {missing}' if missing else 'ready')
    for line in sys.stdin:
        node.is_paused = line.strip() == 'pause'
        say(json.dumps(node.report()))
    rclpy.shutdown()
    thread.join()


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('role', choices=('source', 'sink', 'usual', 'bare'))
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--matches', type=int, default=1, help='subscriptions to wait for')
    parser.add_argument('--output', action='append', default=[])
    parser.add_argument('--profile', action='store_true', help='our Fast DDS profile')
    parser.add_argument('--malloc', action='store_true', help='our allocator settings')
    args = parser.parse_args()
    apply_settings(args)
    rclpy.init()
    if args.role == 'source':
        run_source(Node('source'), args)
    elif args.role == 'sink':
        run_sink(Sink(args.output))
    else:
        name = args.output[0].strip('/').replace('/', '_')
        bare = args.role == 'bare'
        node = (
            Bare(name, args.output[0], args.width, args.height)
            if bare
            else Usual(name, args.output[0])
        )
        say('ready')
        spin(node)
    rclpy.try_shutdown()


def apply_settings(args: argparse.Namespace) -> None:
    if args.profile:
        from mm_perception.ros import dds

        dds.apply_profile()
    if args.malloc:
        from mm_perception.ros import dds

        dds.tune_malloc()


if __name__ == '__main__':
    main()
