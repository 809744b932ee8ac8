"""Record what the nodes of this process take and give, as the result that `mmp report` reads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from mm_perception.bag.transforms import TF_TOPICS
from mm_perception.bag.writer import BagWriter
from mm_perception.graph import StackSpec, write_stack
from mm_perception.reporting.machine import machine, versions
from mm_perception.reporting.run import STACK, SUMMARY
from mm_perception.ros.convert.motion import ODOMETRY
from mm_perception.ros.health import Health
from mm_perception.ros.names import NamedNode
from mm_perception.ros.recorder import CHATTER, Recorder

_LOOK_S = 0.5
_CALIBRATION = 'sensor_msgs/msg/CameraInfo'
#: Small, and needed to look at a result: where things are, and how pictures are drawn in space.
_ALWAYS = (*TF_TOPICS, '/diagnostics')
_ALWAYS_TYPES = (ODOMETRY, _CALIBRATION)


class RunRecord:
    """A folder with the bag, the stack and a summary of a run; recorded in a thread of its own.

    Topics are those that the nodes really have, after remapping.

    Args:
        out: Folder to write, empty or new.
        command: The command line that was given.
    """

    def __init__(self, out: Path, command: str) -> None:
        self.out, self._command = out, command
        self._date = datetime.now(timezone.utc).isoformat(timespec='seconds')
        self._wanted: set[str] = set()
        self._thread: threading.Thread | None = None
        self._is_ending = False
        #: The first failure to record.
        self._problem = ''

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to keep."""
        return self._thread is not None

    def begin(self, stack: StackSpec, nodes: Sequence[Node]) -> None:
        """Record from now on.

        Args:
            stack: That runs, its topics found.
            nodes: Whose topics are recorded.

        Raises:
            BagError: The folder cannot be written.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        write_stack(stack, self.out / STACK)
        self._stack, self._nodes = stack, tuple(nodes)
        self._writer = BagWriter(self.out / 'bag')
        self._node = NamedNode(f'{stack.name}_recorder', start_parameter_services=False)
        self._health = Health(self._node)
        self._health.counts = True
        self._recorder = Recorder(self._node, self._writer, self._wanted.__contains__, self._now)
        self._began_s = time.monotonic()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # /clock may not have come yet
        self._node.create_timer(_LOOK_S, self._look, clock=steady)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._look()
        self._thread = threading.Thread(target=self._spin, name='recorder')
        self._thread.start()

    def end(self) -> None:
        """Finish the bag and write the summary; nothing where it has not begun."""
        if self._thread is None:
            return
        self._is_ending = True
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._writer.close()
        num = sum(self._recorder.counts.values())
        summary = {
            'versions': versions(), 'machine': machine(), 'date': self._date,
            'command': self._command, 'stack': self._stack.name, 'mode': 'live',
            'messages': num, 'of_messages': num,
            'wall_s': round(time.monotonic() - self._began_s, 3), 'problem': self._problem,
            'nodes': {node.get_name(): self._numbers(node) for node in self._nodes},
            'diagnostics': self._health.counted(), 'not_recorded': self._recorder.left_out,
        }  # fmt: skip
        (self.out / SUMMARY).write_text(json.dumps(summary, indent=2) + '\n')
        self._nodes = ()  # they must go with the context, or /dev/shm keeps their segment
        del self._node, self._health, self._recorder, self._executor

    def _numbers(self, node: Node) -> dict[str, Any]:
        return self._health.numbers(node.get_fully_qualified_name().lstrip('/'))

    def _look(self) -> None:
        """Which topics there are changes: a node is configured, a camera is plugged in."""
        if not self._now():
            return  # simulated time has not begun
        self._wanted |= {
            topic
            for topic, types in self._node.get_topic_names_and_types()
            if topic in _ALWAYS or types[0] in _ALWAYS_TYPES
        }
        for node in self._nodes:
            self._node.asked_as |= getattr(node, 'asked_as', {})
            who = node.get_name(), node.get_namespace()
            for topics in (
                self._node.get_publisher_names_and_types_by_node(*who),
                self._node.get_subscriber_names_and_types_by_node(*who),
            ):
                self._wanted |= {topic for topic, _ in topics}
        self._wanted -= {'/clock', *CHATTER}
        self._recorder.look()

    def _now(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _spin(self) -> None:
        """Until `end`; what fails, such as a full disk, goes into the summary and ends nothing."""
        while not self._is_ending:
            try:
                self._executor.spin()
            except ExternalShutdownException:
                return
            except Exception as error:  # noqa: BLE001 - else the recording ends in silence
                if not self._problem:
                    self._problem = f'{type(error).__name__}: {error}'
                    text = f'the recording has a gap, or ends here: {self._problem}'
                    self._node.get_logger().error(text)
