"""Replay a bag online: a container process hosts the stack, this process plays and records."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from mm_perception.bag.offline import full_topic, topics_asked
from mm_perception.bag.pacing import Pacer
from mm_perception.bag.reader import BagReader
from mm_perception.bag.writer import BagWriter
from mm_perception.errors import BagError, ConfigError, MmPerceptionError
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.plugin import Queue
from mm_perception.ros import convert, dds
from mm_perception.ros.diagnostics import TIMING
from mm_perception.ros.health import Health
from mm_perception.ros.player import Player
from mm_perception.ros.recorder import Recorder
from mm_perception.ros.wire import message_class, serialize
from mm_perception.samples import Sample
from mm_perception.watching import Watch, unwatched

_START_S = 180.0
_END_S = 15.0
_DRAIN_S = 3.0
_LOOK_S = 0.5
#: Diagnostics come once a second; a busy machine is given some of them.
_PROMPT_S = 5.0


class OnlineReplay:
    """One replay through real ROS 2 nodes, on 127.0.0.1 and a domain of its own.

    Args:
        stack: The stack; inputs are resolved.
        stack_file: The same as a file, for the container process.
        reader: The bag.
        out: Result bag to write.
        prompts: Sent before the first message.
        rate: Bag seconds per wall second.
    """

    def __init__(
        self,
        stack: StackSpec,
        stack_file: Path,
        reader: BagReader,
        out: Path,
        *,
        prompts: Sequence[Sample] = (),
        rate: float = 1.0,
    ) -> None:
        self._stack, self._stack_file, self._reader = stack, stack_file, reader
        self._prompts, self._rate = tuple(prompts), rate
        self._states = {'/diagnostics', *(full_topic(TIMING, spec.name) for spec in stack.nodes)}
        self._writer = BagWriter(out)
        self._pacer = Pacer(reader.start_ns, rate)
        #: Messages that were played, of so many.
        self.sent = self.num_messages = 0
        self.problem = ''
        self._is_playing = False
        self._last_look_s = 0.0
        self.wall_s = 0.0

    def run(self, watch: Watch = unwatched) -> None:
        """Play the bag once; Ctrl-C ends it, what was recorded is kept.

        Args:
            watch: Shows the start of the nodes, and the progress of the replay.
        """
        os.environ['ROS_DOMAIN_ID'] = str(dds.free_domain())
        dds.prepare(local_only=True)
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = Node('mmp_replay', start_parameter_services=False)
        #: What the nodes say of themselves.
        self.health = Health(node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        command = [sys.executable, '-m', 'mm_perception.ros.container', str(self._stack_file)]
        command += ['--local-only', '--ros-args', '-p', 'use_sim_time:=true']
        # A group of its own: Ctrl-C reaches this process only, which then ends that one.
        container = subprocess.Popen(command, start_new_session=True)
        spinner = threading.Thread(target=_spin, args=(executor,), name='recorder')
        is_void = False
        try:
            self._replay(node, container, spinner, watch)
        except KeyboardInterrupt:
            self.problem = 'interrupted'
        except MmPerceptionError:
            is_void = not self._is_playing
            raise
        finally:
            container.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                container.wait(_END_S)
            executor.shutdown()
            if spinner.ident is not None:
                spinner.join()
            self._writer.__exit__(None, None, None)
            node.destroy_node()
            rclpy.try_shutdown()
            # Not before: Fast DDS may crash where a node ends just after another was killed.
            container.kill()
            container.wait()
            if is_void:  # weights were missing: nothing to keep
                shutil.rmtree(self._writer.path)

    def _replay(
        self,
        node: Node,
        container: Any,
        spinner: threading.Thread,
        watch: Watch,
    ) -> None:
        fed = self._fed_topics()
        latched = [t for t in fed if t == '/tf_static']
        player = Player(node, self._reader, topics=fed, publishes_clock=True, latched=latched)
        for topic in player.publishers:
            info = self._reader.topics[topic]
            self._writer.add_topic(topic, info.type_name, latched=topic in latched or info.latched)
        outputs = self._output_topics()
        recorder = Recorder(node, self._writer, partial(self._wants, outputs), self._log_time)
        prompt_publishers = self._make_prompt_publishers(node)
        spinner.start()
        with watch(0, 'starting the nodes'):
            self._wait_until_ready(node, container, player, recorder, outputs)
        started_s = time.monotonic()
        self._pacer = Pacer(self._reader.start_ns, self._rate)
        player.send_clock(self._reader.start_ns)
        self._send_prompts(prompt_publishers, recorder)
        play_from = Pacer(self._reader.start_ns, self._rate)
        self._pacer = play_from
        self.num_messages = sum(self._reader.topics[topic].count for topic in player.publishers)
        self._is_playing = self.health.counts = True
        try:
            with watch(self.num_messages, 'replay') as progress:
                player.play(
                    play_from, progress=progress,
                    on_sent=lambda record: self._keep(record, recorder),
                )  # fmt: skip
                self._drain(player, recorder, outputs, progress)
        finally:
            self.sent, self.wall_s = player.sent, time.monotonic() - started_s

    def _fed_topics(self) -> list[str]:
        """What the nodes take, with all parts of it, and where the cameras are."""
        inputs = {
            full_topic(topic, spec.name) + suffix
            for spec in self._stack.nodes
            for port, streams in spec.inputs.items()
            for topic in streams.values()
            for suffix in _parts_of(spec.plugin_class().inputs[port].sample_type)
        }
        infos = {
            t
            for t, i in self._reader.topics.items()
            if i.type_name == 'sensor_msgs/msg/CameraInfo'
        }
        return sorted(({*inputs, *infos, '/tf', '/tf_static'}) & self._reader.topics.keys())

    def _output_topics(self) -> list[str]:
        return [
            full_topic(topic, spec.name)
            for spec in self._stack.nodes
            for streams in spec.wiring().outputs.values()
            for topic in streams.values()
        ]

    def _wants(self, outputs: Sequence[str], topic: str) -> bool:
        """Results; and how the nodes are, which has no time in the bag before it is played."""
        return _belongs(topic, outputs) or (self._is_playing and topic in self._states)

    def _make_prompt_publishers(self, node: Node) -> list[tuple[Any, type[Sample]]]:
        """A publisher for each topic on which this stack is asked, and what it takes."""
        publishers = []
        for kind in dict.fromkeys(map(type, self._prompts)):
            topics = topics_asked(self._stack, kind)
            if not topics:
                raise ConfigError('--prompt', kind.__name__, 'a stack with an input for it')
            type_name = convert.published(kind)[0].type_name
            for topic in topics:
                self._writer.add_topic(topic, type_name)
                publisher = node.create_publisher(message_class(type_name), topic, 10)
                publishers.append((publisher, kind))
        return publishers

    def _wait_until_ready(
        self, node: Node, container: Any, player: Player, recorder: Recorder, outputs: list[str]
    ) -> None:
        """Every output is published and recorded, every reference input is subscribed."""
        references = [
            full_topic(topic, spec.name)
            for spec in self._stack.nodes
            for topic in spec.inputs.get('image', {}).values()
        ]
        deadline_s = time.monotonic() + _START_S
        while True:
            if container.poll() is not None:
                raise BagError(
                    'replay', f'the container ended with status {container.returncode}',
                    'see its messages above',
                )  # fmt: skip
            recorder.look()
            heard = all(
                p.get_subscription_count() for t, p in player.publishers.items() if t in references
            )
            if heard and all(node.count_publishers(topic) for topic in outputs):
                break
            if time.monotonic() > deadline_s:
                raise BagError('replay', f'not ready after {_START_S:.0f} s', 'run: mmp doctor')
            time.sleep(0.2)
        recorder.look()
        time.sleep(1.0)  # the container looks at the graph twice a second and adapts its QoS

    def _send_prompts(
        self, publishers: list[tuple[Any, type[Sample]]], recorder: Recorder
    ) -> None:
        for publisher, kind in publishers:
            deadline_s = time.monotonic() + 10.0
            while not publisher.get_subscription_count() and time.monotonic() < deadline_s:
                time.sleep(0.05)
            for prompt in [p for p in self._prompts if type(p) is kind]:
                message = convert.to_msgs(prompt)['']
                publisher.publish(message)
                with recorder.lock:
                    topic = publisher.topic_name
                    self._writer.write(topic, self._reader.start_ns, serialize(message))
        deadline_s = time.monotonic() + _PROMPT_S
        while publishers and self._prompts and time.monotonic() < deadline_s:
            if self._have_prompts_arrived():
                return
            time.sleep(0.05)

    def _have_prompts_arrived(self) -> bool:
        """By the nodes' own count: the first picture must not come before them."""
        for spec in self._stack.nodes:
            values = self.health.values.get(spec.name, {})
            for port, streams in spec.inputs.items():
                asked = [p for p in self._prompts if _is_queue_of(spec, port, type(p))]
                labels = [f'input/{port}/{name}' if name else f'input/{port}' for name in streams]
                if sum(int(values.get(f'{label}/count', '0')) for label in labels) < len(asked):
                    return False
        return True

    def _keep(self, record: Any, recorder: Recorder) -> None:
        if time.monotonic() - self._last_look_s > _LOOK_S:
            self._last_look_s = time.monotonic()
            recorder.look()
        with recorder.lock:
            self._writer.write(record.topic, record.log_time_ns, record.data)

    def _drain(
        self, player: Player, recorder: Recorder, outputs: Sequence[str],
        progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Wait until no more results come."""
        last, quiet_since_s = -1, time.monotonic()
        deadline_s = time.monotonic() + 60.0
        while time.monotonic() < deadline_s and time.monotonic() - quiet_since_s < _DRAIN_S:
            progress(player.sent)  # where Ctrl-C is heard
            player.send_clock(self._pacer.now_ns())
            count = sum(n for topic, n in recorder.counts.items() if _belongs(topic, outputs))
            if count != last:
                last, quiet_since_s = count, time.monotonic()
            time.sleep(0.02)

    def _log_time(self) -> int:
        return self._pacer.now_ns()


def _is_queue_of(spec: NodeSpec, port: str, sample_type: type[Sample]) -> bool:
    kind = spec.plugin_class().inputs[port]
    return isinstance(kind, Queue) and kind.sample_type is sample_type


def _belongs(topic: str, outputs: Sequence[str]) -> bool:
    return any(topic == output or topic.startswith(output + '/') for output in outputs)


def _parts_of(sample_type: type[Sample]) -> Sequence[str]:
    """Suffixes of the topics that a sample comes on: masks are a picture and detections."""
    assembler = convert.assemble(sample_type)
    return ('',) if assembler is None else ('', *assembler.suffixes)


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return
