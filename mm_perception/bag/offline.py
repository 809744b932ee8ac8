"""Run a stack on a bag without ROS nodes: nothing is dropped, the same bytes come out each time.

Messages are taken in order of their log time. After each one every runner steps until it has
nothing left to do, in the order of the stack. Results carry the log time of what caused them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mm_perception.bag.canonical import canonical
from mm_perception.bag.reader import BagReader, Record
from mm_perception.bag.transforms import TF_TOPICS, read_transforms
from mm_perception.bag.writer import BagWriter
from mm_perception.channel import Bus, Deferred, from_topic
from mm_perception.device import resolve_device
from mm_perception.errors import (
    BagError,
    ConfigError,
    MalformedMessageError,
    MmPerceptionError,
    did_you_mean,
)
from mm_perception.graph import NodeSpec, StackSpec, resolve_auto
from mm_perception.plugin import Queue
from mm_perception.ros import convert
from mm_perception.ros.convert.header import stamp_and_frame
from mm_perception.ros.convert.join import StampJoin
from mm_perception.ros.wire import deserialize, serialize, type_name_of
from mm_perception.runner import Runner, Wiring
from mm_perception.samples import Prompt, Sample

_FAR_FUTURE_NS = 1 << 62


def available_topics(reader: BagReader) -> dict[str, tuple[type[Sample], ...]]:
    """Topics of a bag with the samples they can become."""
    return {
        name: convert.sample_types_of(topic.type_name)
        for name, topic in reader.topics.items()
        if topic.count
    }


def resolve_stack(stack: StackSpec, reader: BagReader) -> StackSpec:
    """Find the bag's topics for every input that is `auto`."""
    return resolve_among(stack, available_topics(reader))


def resolve_among(stack: StackSpec, available: Mapping[str, Iterable[type]]) -> StackSpec:
    """Find topics for every input that is `auto`.

    Args:
        stack: The stack.
        available: Topic to the sample types that it can become.

    Raises:
        ConfigError: A reference input finds no topic.
    """
    for index, spec in enumerate(stack.nodes):
        stack = stack.with_node(resolve_auto(spec, available, stack.nodes[:index]))
    return stack


@dataclass
class OfflineReport:
    """What an offline run did.

    Attributes:
        messages: Messages read.
        wall_s: Seconds it took.
        problem: Why it ended early; empty if it did not.
        nodes: The runners by node name, with their counters.
        model_info: What each plugin said of its weights while it was loaded.
    """

    messages: int = 0
    wall_s: float = 0.0
    problem: str = ''
    nodes: dict[str, Runner] = field(default_factory=dict)
    model_info: dict[str, dict[str, str]] = field(default_factory=dict)


class OfflineRun:
    """A stack connected to a bag.

    Args:
        stack: The stack; inputs that are `auto` are looked up in the bag.
        bag: Folder to read.
        out: Folder to write.
        prompts: Given before the first message to every queue of their type that no node feeds.
        passes_inputs: Copy inputs, calibrations and TF into the result, so that it stands alone.
    """

    def __init__(
        self,
        stack: StackSpec,
        bag: Path,
        out: Path,
        *,
        prompts: Sequence[Sample] = (),
        passes_inputs: bool = True,
    ) -> None:
        self._reader = BagReader(bag)
        self.stack = resolve_stack(stack, self._reader)
        self._prompts = tuple(prompts)
        self._now_ns = self._reader.start_ns
        self._bus = Bus()
        #: Of damaged messages of TF.
        self._holes: list[MmPerceptionError] = []
        self._transforms = read_transforms(self._reader, report=self._holes.append)
        self.runners = [self._make_runner(spec) for spec in self.stack.nodes]
        self._inputs = self._input_topics()
        self._parts = self._parts_of()
        self._passed = self._topics_to_pass() if passes_inputs else ()
        self._writer = BagWriter(out)
        try:
            self._declare_topics()
        except MmPerceptionError:  # a prompt that nobody takes: no result, so no folder
            self._writer.close()
            shutil.rmtree(out)
            raise
        #: Why the result cannot be written.
        self._broken: Exception | None = None
        #: Called with every sample that a node publishes: (topic, sample).
        self.on_output: Callable[[str, Sample], None] = lambda topic, sample: None
        #: Called with every picture that goes into the stack: (topic, item).
        self.on_input: Callable[[str, Sample | Deferred], None] = lambda topic, item: None
        #: Called when every message is taken, or Ctrl-C came, before the plugins forget.
        self.on_end: Callable[[], None] = lambda: None

    @property
    def num_messages(self) -> int:
        """Messages that will be read."""
        return sum(self._reader.topics[t].count for t in self._read_topics())

    def run(self, progress: Callable[[int], None] = lambda done: None) -> OfflineReport:
        """Load the plugins, take every message; Ctrl-C ends it cleanly, what is done is kept."""
        report = OfflineReport(nodes={r.name: r for r in self.runners})
        started_s = time.perf_counter()
        has_begun, is_void = False, False
        try:
            for runner, spec in zip(self.runners, self.stack.nodes, strict=True):
                runner.load(resolve_device(spec.configs()[1].device))
                runner.activate(threaded=False)
                report.model_info[runner.name] = runner.plugin.model_info()
            progress(0)  # from here on a file is written: what ends it comes between messages
            self._tell_holes()
            self._give_prompts()
            has_begun = True
            for record in self._reader.records(self._read_topics()):
                self._take(record)
                report.messages += 1
                progress(report.messages)
            self._advance(_FAR_FUTURE_NS)
            self.on_end()
        except BagError as error:
            report.problem = str(error)
        except KeyboardInterrupt:
            report.problem = 'interrupted'
            if report.messages:
                self.on_end()
        except MmPerceptionError:
            is_void = not has_begun
            raise
        finally:
            report.wall_s = time.perf_counter() - started_s
            for runner in self.runners:
                runner.deactivate()
                runner.close()
            self._writer.__exit__(None, None, None)
            if is_void:  # weights were missing: nothing to keep
                shutil.rmtree(self._writer.path)
            self._reader.__exit__(None, None, None)
        return report

    def _make_runner(self, spec: NodeSpec) -> Runner:
        plugin_config, node_config = spec.configs()
        full = full_wiring(spec)
        return Runner(
            spec.name, spec.plugin_class(), plugin_config, self._bus, full,
            lossless=True,
            now_ns=lambda: self._now_ns,
            max_age_s=node_config.max_age_s,
            works_unheard=node_config.works_unheard,
            lookup_transform=self._transforms.lookup,
        )  # fmt: skip

    def _input_topics(self) -> dict[str, type[Sample]]:
        """Topics of the bag that feed an input."""
        wanted = {
            topic: runner.plugin.inputs[port].sample_type
            for runner in self.runners
            for port, streams in runner.wiring.inputs.items()
            for topic in streams.values()
        }
        found = {t: s for t, s in wanted.items() if t in self._reader.topics}
        made = {t for r in self.runners for s in r.wiring.outputs.values() for t in s.values()}
        for runner in self.runners:
            trigger = runner.wiring.inputs.get(runner.matcher.trigger, {})
            lost = [t for t in trigger.values() if t not in found and t not in made]
            if lost:
                there = ', '.join(sorted(self._reader.topics))
                hint = did_you_mean(lost[0], self._reader.topics)
                raise ConfigError(
                    f'{runner.name} input', lost, f'topics of the bag; {hint}there are: {there}'
                )
        return found

    def _topics_to_pass(self) -> tuple[str, ...]:
        kinds = ('sensor_msgs/msg/CameraInfo',)
        names = [t for t, info in self._reader.topics.items() if info.type_name in kinds]
        # Masks are a picture and detections: one without the other shows nothing to anybody.
        known = {*TF_TOPICS, *self._parts}
        return tuple(sorted({*self._inputs, *names, *(known & self._reader.topics.keys())}))

    def _read_topics(self) -> list[str]:
        parts = self._parts.keys() & self._reader.topics.keys()  # the map of others has one layer
        return sorted({*self._inputs, *self._passed, *parts})

    def _parts_of(self) -> dict[str, tuple[str, str, Any]]:
        """Topics of inputs that come in parts: to the input, the suffix and what joins them."""
        parts: dict[str, tuple[str, str, Any]] = {}
        for topic, sample_type in self._inputs.items():
            assembler = convert.assemble(sample_type)
            if assembler is None:
                continue
            if isinstance(assembler, StampJoin):
                held = {name for name, info in self._reader.topics.items() if info.count}
                assembler.expect(s for s in assembler.suffixes if topic + s in held)
            for suffix in assembler.suffixes:
                parts[topic + suffix] = topic, suffix, assembler
        return parts

    def _declare_topics(self) -> None:
        for topic in self._passed:
            info = self._reader.topics[topic]
            self._writer.add_topic(
                topic, info.type_name, latched=TF_TOPICS.get(topic, info.latched)
            )
        for runner in self.runners:
            for port, streams in runner.wiring.outputs.items():
                for topic in streams.values():
                    self._connect_output(topic, runner.plugin.outputs[port].sample_type)
        for kind in {Prompt: None, **dict.fromkeys(map(type, self._prompts))}:
            topics = topics_asked(self.stack, kind)
            if kind in map(type, self._prompts) and not topics:
                asked = next(prompt for prompt in self._prompts if type(prompt) is kind)
                shown = getattr(asked, 'text', '') or kind.__name__
                raise ConfigError('--prompt', shown, 'a stack with an input for it')
            for topic in topics:
                self._writer.add_topic(topic, convert.published(kind)[0].type_name)

    def _connect_output(self, topic: str, sample_type: type[Sample]) -> None:
        for wire in convert.published(sample_type):
            self._writer.add_topic(topic + wire.suffix, wire.type_name, latched=wire.latched)
        self._bus.channel(topic, sample_type).subscribe(partial(self._write_output, topic))

    def _write_output(self, topic: str, item: Sample | Deferred) -> None:
        sample = item.resolve() if isinstance(item, Deferred) else item
        parts = {topic + suffix: _bytes(m) for suffix, m in convert.to_msgs(sample).items()}
        try:
            for part, data in parts.items():
                self._writer.write(part, self._now_ns, data)
            self.on_output(topic, sample)
        except Exception as error:  # a full disk: no fault of the plugin, which would be blamed
            self._broken = self._broken or error
            raise

    def _write(self, topic: str, message: Any) -> None:
        self._writer.write(topic, self._now_ns, _bytes(message))

    def _tell_holes(self) -> None:
        for runner in self.runners:
            for error in self._holes if runner.plugin.uses_transforms else ():
                runner.plugin.context.report(error)

    def _give_prompts(self) -> None:
        for prompt in self._prompts:
            for topic in topics_asked(self.stack, type(prompt)):
                self._write(topic, convert.to_msgs(prompt)[''])
                self._bus.channel(topic, type(prompt)).publish(prompt)

    def _take(self, record: Record) -> None:
        self._advance(record.log_time_ns)
        if record.topic in self._passed:
            self._writer.write(record.topic, record.log_time_ns, record.data)
        if record.topic in self._parts:
            self._take_part(record)
            return
        sample_type = self._inputs.get(record.topic)
        if sample_type is None:
            return
        message = self._read(record, record.topic)
        if message is None:
            return
        stamp_ns, frame_id = stamp_and_frame(message, record.log_time_ns)
        make = partial(convert.from_msg, message, sample_type, record.log_time_ns)
        item = Deferred(stamp_ns, frame_id, make, record.topic, len(record.data))
        self._publish(record.topic, item)

    def _read(self, record: Record, topic: str) -> Any | None:
        """The message; None for damaged bytes, of which its plugins hear, and the run goes on."""
        try:
            return deserialize(record.data, record.type_name)
        except MalformedMessageError as error:
            from_topic(error, record.topic)
            for runner in self.runners:
                if any(topic in s.values() for s in runner.wiring.inputs.values()):
                    runner.plugin.context.report(error)
            return None

    def _take_part(self, record: Record) -> None:
        """Masks, boxes and maps come in several messages; a bad one is the plugin's to report."""
        topic, suffix, assembler = self._parts[record.topic]
        message = self._read(record, topic)
        if message is None:
            return
        stamp_ns, frame_id = stamp_and_frame(message, record.log_time_ns)
        try:
            item = assembler.add(suffix, message)
        except MmPerceptionError as error:
            failed = partial(_fail, error)
            self._publish(topic, Deferred(stamp_ns, frame_id, failed, topic))
            return
        if item is not None:
            self._publish(topic, item)

    def _publish(self, topic: str, item: Sample | Deferred) -> None:
        self.on_input(topic, item)
        self._bus.channel(topic, self._inputs[topic]).publish(item)
        self._work()

    def _advance(self, now_ns: int) -> None:
        if now_ns < _FAR_FUTURE_NS:
            self._now_ns = now_ns
        for runner in self.runners:
            runner.matcher.advance(now_ns)
        self._work()

    def _work(self) -> None:
        while sum(runner.step() for runner in self.runners):  # every one steps: no any()
            if self._broken is not None:
                raise self._broken


def _bytes(message: Any) -> bytes:
    return canonical(serialize(message), type_name_of(message))


def _fail(error: MmPerceptionError) -> Sample:
    raise error


def topics_asked(stack: StackSpec, sample_type: type[Sample]) -> list[str]:
    """Topics on which users ask: of queues of a type, without those that a node publishes."""
    wirings = [(spec.plugin_class(), full_wiring(spec)) for spec in stack.nodes]
    made = {t for _, w in wirings for streams in w.outputs.values() for t in streams.values()}
    return sorted(
        {
            topic
            for plugin_class, wiring in wirings
            for port, streams in wiring.inputs.items()
            for topic in streams.values()
            if isinstance(plugin_class.inputs[port], Queue)
            and plugin_class.inputs[port].sample_type is sample_type
        }
        - made
    )


def full_wiring(spec: NodeSpec) -> Wiring:
    """Topics of a node by their full names."""
    wiring = spec.wiring()
    return Wiring(_full(wiring.inputs, spec.name), _full(wiring.outputs, spec.name))


def _full(ports: Mapping[str, Mapping[str, str]], node: str) -> dict[str, dict[str, str]]:
    return {
        port: {stream: full_topic(topic, node) for stream, topic in streams.items()}
        for port, streams in ports.items()
    }


def full_topic(topic: str, node: str) -> str:
    """A topic's full name without namespace or remaps: `~` is the node, others get a slash."""
    if topic.startswith('~'):
        return f'/{node}{topic[1:]}'
    return topic if topic.startswith('/') else f'/{topic}'
