"""A process that hosts all nodes of a stack; samples between them pass by reference.

container STACK [--set node.param=value] [--input node.port=topic] [--ros-args ...]
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_default_context, remove_ros_args

from mm_perception.channel import Bus
from mm_perception.errors import ConfigError, MmPerceptionError
from mm_perception.graph import NodeSpec, StackSpec, load_stack, resolve_auto
from mm_perception.graph_overrides import apply_overrides
from mm_perception.ros import convert, dds
from mm_perception.ros.node import PluginNode
from mm_perception.ros.tf_listener import TfListener
from mm_perception.ros.transport import RosTransport

if TYPE_CHECKING:
    from mm_perception.ros.run_record import RunRecord

_ADAPT_PERIOD_S = 0.5
#: Discovery takes so long; after it, silence would look like work.
_PATIENCE_S = 3.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options, also those of `mmp run`."""
    parser.add_argument('stack', help='name of a stack in config/stacks, or a YAML file')
    parser.add_argument('--set', action='append', default=[], metavar='NODE.PARAM=VALUE')
    parser.add_argument('--input', action='append', default=[], metavar='NODE.PORT[.STREAM]=TOPIC')
    parser.add_argument('--only', metavar='NODE', help='host just this node of the stack')
    parser.add_argument('--no-autostart', action='store_true', help='leave nodes unconfigured')
    parser.add_argument('--local-only', action='store_true', help='bind 127.0.0.1, nothing else')
    parser.add_argument(
        '--wait', type=float, default=10.0, metavar='S', help='wait for topics of auto inputs'
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the executable `container`."""
    parser = argparse.ArgumentParser(prog='container', description=__doc__)
    configure(parser)
    words = list(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args(remove_ros_args(['container', *words])[1:])
    try:
        return run_stack(args, words)
    except MmPerceptionError as error:
        sys.stderr.write(f'container: {error}\n')
        return 2


def run_stack(
    args: argparse.Namespace, ros_args: Sequence[str], record: RunRecord | None = None
) -> int:
    """Run a stack until a signal; 0 after a clean end, 1 if no node could start.

    Args:
        args: Options of `configure`.
        ros_args: For ROS.
        record: Takes what the nodes take and give, from when they have started.

    Raises:
        MmPerceptionError: The stack is not sound, or its topics do not come.
    """
    stack = apply_overrides(load_stack(args.stack), args.set, args.input)
    if args.only:
        stack = replace(stack, name=args.only, nodes=stack.needed_by(args.only))
    dds.prepare(local_only=True if args.local_only else None)
    # Our own handlers: rclpy's would tear the context down under the workers.
    rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
    stop = _Stop()
    container = None
    try:
        container = Container(stack, wait_s=args.wait, stop=stop, only=args.only or '')
        if not args.no_autostart and not container.start():
            return 1
        if record is not None:
            record.begin(container.stack, container.nodes)
        container.spin()
        return 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        try:
            if record is not None:
                record.end()
        finally:  # a record on a full disk shall not keep plugins from giving up what they hold
            if container is not None:
                container.close()
                container = None
            rclpy.try_shutdown()
        # Nodes lie in cycles; while one is left, its participant keeps 64 MB of /dev/shm, and
        # `leave` would leave them there for good.
        gc.collect()
        # A second signal shall not spoil the end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def leave(status: int) -> NoReturn:
    """End the process at once, without the interpreter's own clean-up.

    Collecting what torch has allocated took 2 to 6 s; `ros2 launch` waits for 5.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class _Stop:
    """Set by SIGINT and SIGTERM; a second signal during the clean-up changes nothing."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        self.is_set = True


class Container:
    """The nodes of one stack in one process, with one executor in the caller's thread."""

    def __init__(self, stack: StackSpec, *, wait_s: float, stop: _Stop, only: str = '') -> None:
        self._stop = stop
        self._bus = Bus()
        self._transport = RosTransport(self._bus, get_default_context())
        self._tf = TfListener()
        self._helper = Node(f'{stack.name}_container', start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._helper)
        self.nodes: list[PluginNode] = []
        resolved: list[NodeSpec] = []
        for spec in stack.nodes:
            resolved.append(self._resolve(spec, resolved, wait_s))
        #: What runs, its topics found.
        self.stack = replace(stack, nodes=tuple(resolved))
        hosted = [spec for spec in resolved if only in ('', spec.name)]
        for spec in hosted:
            node = PluginNode(spec, self._bus, self._transport, self._tf)
            self._executor.add_node(node)
            self.nodes.append(node)
        if any(spec.plugin_class().uses_transforms for spec in hosted):
            self._tf.attach(self._helper)
        # Steady: with simulated time nothing would happen before the first /clock.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._helper.create_timer(_ADAPT_PERIOD_S, self._look_around, clock=clock)

    def start(self) -> bool:
        """Configure and activate every node; one that fails does not stop the others."""
        started = 0
        for node in self.nodes:
            if self._stop.is_set:
                return True
            node.trigger_configure()
            if node.runner is not None:
                node.trigger_activate()
            if node.state_name == 'active':
                started += 1
                node.get_logger().info('active')
        return started > 0

    def spin(self) -> None:
        """Serve callbacks until a signal comes."""
        while rclpy.ok() and not self._stop.is_set:
            try:
                self._executor.spin_once(timeout_sec=0.2)
            except (KeyboardInterrupt, ExternalShutdownException):
                raise
            except Exception:  # noqa: BLE001 - one node's callback shall not end the others
                text = f'a callback failed:\n{traceback.format_exc()}'
                self._helper.get_logger().error(text, throttle_duration_sec=2.0)

    def close(self) -> None:
        """Stop workers, destroy nodes."""
        self._transport.close()
        for node in self.nodes:
            self._executor.remove_node(node)
            node.destroy_node()
        self._executor.shutdown()
        self._helper.destroy_node()

    def _look_around(self) -> None:
        self._transport.adapt()
        for node in self.nodes:
            node.do_requested()

    def _resolve(self, spec: NodeSpec, above: Sequence[NodeSpec], wait_s: float) -> NodeSpec:
        """Find topics for `auto` inputs; publishers may need some seconds to be discovered."""
        if not spec.is_open:
            return spec
        deadline_s = time.monotonic() + wait_s
        found_before: NodeSpec | None = None
        has_told = False
        while True:
            try:
                found = resolve_auto(spec, self._available(), above)
                if found == found_before:  # the same twice: discovery has settled
                    return found
                found_before = found
            except ConfigError as error:
                if self._stop.is_set:
                    raise KeyboardInterrupt from error
                if time.monotonic() > deadline_s:
                    fix = f'waited {wait_s:g} s for it: start its publisher, or give --wait 120'
                    raise ConfigError(
                        error.field, error.value, f'{error.expected}; {fix}; else: mmp doctor'
                    ) from error
                if not has_told and time.monotonic() > deadline_s - wait_s + _PATIENCE_S:
                    has_told = True
                    self._helper.get_logger().info(
                        f'waiting for {error.expected} (up to {wait_s:g} s, see --wait)'
                    )
            self._executor.spin_once(timeout_sec=0.1)
            time.sleep(0.5)

    def _available(self) -> dict[str, list[type[Any]]]:
        return {
            topic: [s for t in types for s in convert.sample_types_of(t)]
            for topic, types in self._helper.get_topic_names_and_types()
            if self._helper.count_publishers(topic)
        }


if __name__ == '__main__':
    leave(main())
