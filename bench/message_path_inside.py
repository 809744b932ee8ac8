"""Everything in one process.

`python -m bench.message_path_inside usual|ours NUM WIDTH HEIGHT RATE SECONDS`

usual  source, nodes and sink are nodes of one executor, as composed rclpy nodes are
ours   the camera driver is a part of the graph: pictures and masks pass by reference

Prints one JSON object: published, latencies per output, CPU seconds of the whole process.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np

from bench import message_path_roles as roles
from bench.noop_plugin import NoOp, NoOpConfig
from mm_perception.channel import Bus
from mm_perception.runner import Runner, Wiring
from mm_perception.samples import Image

_DRAIN_S = 0.5
_YIELD_S = 1e-4
#: With rate 0 the source, which shares the interpreter, waits for answers to all but so many.
_IN_FLIGHT = 3


def usual(num: int, width: int, height: int, rate_hz: float, seconds: float) -> dict[str, Any]:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.node import Node

    rclpy.init()
    outputs = [f'/noop_{i}/mask' for i in range(num)]
    source, sink = Node('source'), roles.Sink(outputs)
    publisher = source.create_publisher(roles.Image, roles.PICTURES, roles.qos_profile_sensor_data)
    executor = SingleThreadedExecutor()
    nodes = [roles.Usual(f'noop_{i}', output) for i, output in enumerate(outputs)]
    for node in (source, sink, *nodes):
        executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            return

    thread = threading.Thread(target=spin)
    thread.start()
    while publisher.get_subscription_count() < num:
        time.sleep(0.05)
    message = roles.picture(width, height)
    roles.send(publisher, message, 30.0, 1.0)
    time.sleep(_DRAIN_S)
    sink.report()
    before_s = time.process_time()
    published = roles.send(
        publisher,
        message,
        rate_hz,
        seconds,
        lambda count: bool(rate_hz) or count - sink.num_answered() < _IN_FLIGHT,
    )
    time.sleep(_DRAIN_S)
    cpu_s = time.process_time() - before_s
    result = {'published': published, 'cpu_s': cpu_s, **sink.report()}
    rclpy.shutdown()
    thread.join()
    return result


def ours(num: int, width: int, height: int, rate_hz: float, seconds: float) -> dict[str, Any]:
    bus = Bus()
    camera = bus.channel(roles.PICTURES, Image)
    latencies: list[list[float]] = [[] for _ in range(num)]
    runners = []
    for i in range(num):
        output = f'/noop_{i}/mask'
        wiring = Wiring({'image': {'': roles.PICTURES}}, {'mask': {'': output}})
        runner = Runner(f'noop_{i}', NoOp, NoOpConfig(), bus, wiring)
        bus.channel(output, Image).subscribe(_hear(latencies[i]))
        runner.load('cpu')
        runner.activate()
        runners.append(runner)
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    before_s, count, start_s = time.process_time(), 0, time.monotonic()
    while (elapsed_s := time.monotonic() - start_s) < seconds:
        if rate_hz and (wait_s := count / rate_hz - elapsed_s) > 0:
            time.sleep(wait_s)
        if not rate_hz and count - min(map(len, latencies)) >= _IN_FLIGHT:
            time.sleep(_YIELD_S)
            continue
        camera.publish(Image(stamp_ns=time.time_ns(), frame_id='camera', data=noise))
        count += 1
    time.sleep(_DRAIN_S)
    cpu_s = time.process_time() - before_s
    for runner in runners:
        runner.deactivate()
    return {'published': count, 'cpu_s': cpu_s, 'latencies_ms': latencies}


def _hear(latencies_ms: list[float]) -> Any:
    def hear(item: Any) -> None:
        latencies_ms.append(round((time.time_ns() - item.stamp_ns) / 1e6, 4))

    return hear


def main() -> None:
    way, num, width, height, rate, seconds = sys.argv[1:]
    run = {'usual': usual, 'ours': ours}[way]
    print(json.dumps(run(int(num), int(width), int(height), float(rate), float(seconds))))


if __name__ == '__main__':
    main()
