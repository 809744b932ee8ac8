"""What a stack publishes on a rig, worked out of its file: a graph before the nodes run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mm_perception.bag.offline import resolve_among
from mm_perception.diagnosis.snapshot import Endpoint, Qos, Snapshot, Topic, Traffic
from mm_perception.diagnosis.stack import full_name
from mm_perception.errors import ConfigError
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.matcher import trigger_port
from mm_perception.plugin import Request
from mm_perception.ros import convert
from mm_perception.ros.convert.markers import WORDS_FRAME
from mm_perception.samples import Boxes3D, Image, Sample

DIAGNOSTICS = '/diagnostics'


@dataclass(frozen=True)
class Output:
    """What a node publishes on a port, of one camera where it answers for each.

    Attributes:
        node: Its name in the stack.
        stream: Of the port; empty where there is one for all.
        topic: Full name.
        camera: Topic of the pictures that it speaks of; empty if of no single camera.
        is_taken: Another node of the stack takes it.
    """

    node: str
    plugin: str
    port: str
    stream: str
    topic: str
    sample_type: type[Sample]
    is_debug: bool
    camera: str
    is_taken: bool = False


def sample_types(seen: Snapshot) -> dict[str, tuple[type[Sample], ...]]:
    """Published topics with the samples they can become; of a bag those that have messages."""
    return {
        name: tuple(s for end in topic.publishers for s in convert.sample_types_of(end.type))
        for name, topic in seen.topics.items()
        if topic.publishers and (seen.is_live or topic.traffic is None or topic.traffic.count)
    }


def resolved(stack: StackSpec, seen: Snapshot, namespace: str = '') -> StackSpec:
    """The stack on the topics that are there.

    Args:
        stack: As its file has it.
        seen: A running graph, or a bag.
        namespace: Of the nodes.

    Raises:
        ConfigError: An input that is `auto` finds none, or pictures that it names are not there.
    """
    available = sample_types(seen)
    stack = resolve_among(stack, available)
    made = {out.topic for out in outputs_of(stack, namespace)}
    for spec in stack.nodes:
        pictures = [t for t, port in inputs_of(spec, namespace) if port == _picture_port(spec)]
        for topic in pictures:
            if topic not in made and topic not in available:
                there = sorted(t for t, kinds in available.items() if Image in kinds)
                expected = f'pictures that are there: {", ".join(there) or "there are none"}'
                raise ConfigError(f'{spec.name} input', topic, expected)
    return stack


def outputs_of(stack: StackSpec, namespace: str = '') -> list[Output]:
    """Every port of every node, for each stream.

    Args:
        stack: Its topics are found: see `resolved`.
        namespace: Of the nodes.
    """
    found: list[Output] = []
    for spec in stack.nodes:
        cameras = _cameras(spec, {out.topic: out.camera for out in found}, namespace)
        for port, streams in spec.wiring().outputs.items():
            output = spec.plugin_class().outputs[port]
            found += [
                Output(
                    spec.name, spec.plugin, port, stream, full_name(topic, spec.name, namespace),
                    output.sample_type, output.is_debug,
                    cameras.get(stream, '') if output.per_stream else '',
                )
                for stream, topic in streams.items()
            ]  # fmt: skip
    taken = {topic for spec in stack.nodes for topic, _ in inputs_of(spec, namespace)}
    return [replace(out, is_taken=out.topic in taken) for out in found]


def inputs_of(spec: NodeSpec, namespace: str = '') -> Iterable[tuple[str, str]]:
    """Full name of each topic that a node takes, and the port that takes it."""
    for port, streams in spec.inputs.items():
        for topic in streams.values():
            yield full_name(topic, spec.name, namespace), port


def _cameras(spec: NodeSpec, known: Mapping[str, str], namespace: str) -> dict[str, str]:
    """Stream to its pictures: those that drive the node, or of which its masks were made."""
    port = _picture_port(spec)
    streams = spec.inputs.get(port or _trigger_port(spec), {})
    topics = {s: full_name(topic, spec.name, namespace) for s, topic in streams.items()}
    return {s: t if port and t not in known else known.get(t, '') for s, t in topics.items()}


def _trigger_port(spec: NodeSpec) -> str:
    ports = spec.plugin_class().inputs.items()
    return trigger_port({p: k for p, k in ports if not isinstance(k, Request)})


def _picture_port(spec: NodeSpec) -> str:
    """The port of the pictures that drive a node; empty where something else does."""
    port = _trigger_port(spec)
    return port if spec.plugin_class().inputs[port].sample_type is Image else ''


def timing_topic(node: str, namespace: str = '') -> str:
    """Where a node tells how long it takes."""
    return full_name('~/debug/timing', node, namespace)


def with_stack(seen: Snapshot, stack: StackSpec, namespace: str = '') -> Snapshot:
    """What would be there if the stack ran; what is there stays as it was seen.

    Args:
        seen: A running graph, or a bag.
        stack: Its topics are found: see `resolved`.
        namespace: Of the nodes.
    """
    offers = {DIAGNOSTICS: _topic(DIAGNOSTICS, '', 'diagnostic_msgs/msg/DiagnosticArray')}
    for spec in stack.nodes:
        timing = timing_topic(spec.name, namespace)
        offers[timing] = _topic(timing, spec.name, 'std_msgs/msg/Float64MultiArray')
    for out in outputs_of(stack, namespace):
        for wire in convert.published(out.sample_type):
            name = out.topic + wire.suffix
            qos = Qos(
                'best_effort' if out.is_debug else 'reliable',
                'transient_local' if wire.latched else 'volatile',
            )
            # A line of words has its frame, whatever it is about.
            is_words = wire.suffix == '/markers' and out.sample_type is not Boxes3D
            offers[name] = _topic(name, out.node, wire.type_name, qos, is_words=is_words)
    there = {name: topic for name, topic in seen.topics.items() if topic.publishers}
    return replace(seen, topics={**seen.topics, **offers, **there})


def _topic(
    name: str, node: str, kind: str, qos: Qos | None = None, *, is_words: bool = False
) -> Topic:
    traffic = Traffic(frame_ids=(WORDS_FRAME,)) if is_words else None
    return Topic(name, (Endpoint(f'/{node}', kind, qos or Qos()),), (), traffic)
