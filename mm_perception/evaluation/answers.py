"""What a node answered to texts, put together from what it published or what was recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mm_perception.bag.offline import full_wiring
from mm_perception.bag.reader import BagReader
from mm_perception.errors import ConfigError
from mm_perception.evaluation.naming import Answer
from mm_perception.evaluation.scenes import read_masks
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.matcher import trigger_port
from mm_perception.plugin import Queue
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Masks, Prompt, PromptState, PromptStatus, Sample
from mm_perception.samples.sample import Array

_DENIALS = (PromptState.NOT_FOUND, PromptState.REJECTED)


def answering_node(stack: StackSpec) -> NodeSpec:
    """The node that takes texts and gives masks.

    Raises:
        ConfigError: There is none, or more than one.
    """
    nodes = [spec for spec in stack.nodes if _takes_prompts(spec) and _gives_masks(spec)]
    if len(nodes) != 1:
        expected = 'a stack with one node that takes prompts and gives masks'
        raise ConfigError('stack', stack.name, expected)
    return nodes[0]


class AnswerLog:
    """Everything that one node published.

    Args:
        spec: The node; its inputs are resolved.
    """

    def __init__(self, spec: NodeSpec) -> None:
        wiring, ports = full_wiring(spec), spec.plugin_class().inputs
        self._streams = {
            topic: stream for stream, topic in wiring.inputs.get(trigger_port(ports), {}).items()
        }
        self._outputs = {t: s for streams in wiring.outputs.values() for s, t in streams.items()}
        self._masks: dict[str, dict[int, Masks]] = defaultdict(dict)
        self._statuses: dict[tuple[str, str], list[PromptStatus]] = defaultdict(list)

    def take(self, topic: str, sample: Sample) -> None:
        """Keep a sample if it is of this node."""
        stream = self._outputs.get(topic)
        if stream is None:
            return
        if isinstance(sample, Masks):
            self._masks[stream][sample.stamp_ns] = sample
        elif isinstance(sample, PromptStatus):
            self._statuses[sample.stream, sample.prompt_id].append(sample)

    def answered(self, image_topic: str) -> frozenset[int] | None:
        """Stamps of the pictures for which masks came; None if the node has no such input."""
        stream = self._streams.get(image_topic)
        return None if stream is None else frozenset(self._masks[stream])

    def answer(self, image_topic: str, text: str, truth: Sequence[Masks]) -> Answer:
        """What a text was answered in every frame of a camera.

        Args:
            image_topic: Its pictures.
            text: The text, which is also the id of its prompt.
            truth: Of the frames; where no masks came, nothing is marked.
        """
        stream = self._streams[image_topic]
        told, maps = self._statuses[stream, text], []
        for frame in truth:
            masks = self._masks[stream].get(frame.stamp_ns)
            if masks is None:
                maps.append(np.zeros(frame.id_map.shape, np.uint16))
            else:
                maps.append(_answering(masks, text, told))
        return Answer(
            tuple(maps),
            is_claimed=any(status.state is PromptState.FOUND for status in told),
            is_denied=any(status.state in _DENIALS for status in told),
            scores=tuple(self._scores(stream, frame.stamp_ns) for frame in truth),
        )

    def _scores(self, stream: str, stamp_ns: int) -> dict[int, float]:
        masks = self._masks[stream].get(stamp_ns)
        if masks is None:
            return {}
        return dict(zip(masks.ids, masks.scores.tolist(), strict=True))


def recorded_answers(bag: Path, spec: NodeSpec) -> AnswerLog:
    """What a node answered, from the bag that a replay wrote.

    Args:
        bag: The folder.
        spec: The node; its inputs are resolved.

    Raises:
        BagError: It is no bag.
    """
    log, outputs = AnswerLog(spec), spec.plugin_class().outputs
    for port, streams in full_wiring(spec).outputs.items():
        kind = outputs[port].sample_type
        for topic in streams.values():
            samples: Iterable[Sample] = ()
            if kind is Masks:
                samples = read_masks(bag, topic).values()
            elif kind is PromptStatus:
                samples = _statuses(bag, topic)
            for sample in samples:
                log.take(topic, sample)
    return log


def _statuses(bag: Path, topic: str) -> Iterator[Sample]:
    with BagReader(bag) as reader:
        for record in reader.records([topic]):
            message = deserialize(record.data, record.type_name)
            yield convert.from_msg(message, PromptStatus, record.log_time_ns)


def _answering(masks: Masks, text: str, told: Sequence[PromptStatus]) -> Array:
    """Tracks that carry the text as their label, or were last said to answer it."""
    ids = {i for i, label in zip(masks.ids, masks.labels, strict=True) if label == text}
    newest = [status for status in told if status.stamp_ns <= masks.stamp_ns][-1:]
    if newest and newest[0].state is PromptState.FOUND:
        ids |= {int(track) for track in newest[0].track_ids if track.isdecimal()}
    return np.where(np.isin(masks.id_map, sorted(ids)), masks.id_map, 0).astype(np.uint16)


def _takes_prompts(spec: NodeSpec) -> bool:
    """Whether the stack connects an input for prompts."""
    ports = (spec.plugin_class().inputs[name] for name in spec.inputs)
    return any(isinstance(port, Queue) and port.sample_type is Prompt for port in ports)


def _gives_masks(spec: NodeSpec) -> bool:
    return any(output.sample_type is Masks for output in spec.plugin_class().outputs.values())
