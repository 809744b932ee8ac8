"""Ask a stack on a bag for texts, and put together what it answered, frame by frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm_perception.bag.offline import OfflineReport, OfflineRun
from mm_perception.errors import ConfigError
from mm_perception.evaluation.naming import Answer
from mm_perception.evaluation.scenes import World
from mm_perception.graph import NodeSpec, StackSpec
from mm_perception.matcher import trigger_port
from mm_perception.plugin import Queue
from mm_perception.runner import Runner
from mm_perception.samples import Masks, Prompt, PromptState, PromptStatus, Sample
from mm_perception.samples.sample import Array

#: Makes what shows progress, from the number of steps and a title; it is called with steps done.
Watch = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
_DENIALS = (PromptState.NOT_FOUND, PromptState.REJECTED)


@contextmanager
def unwatched(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """A `Watch` that shows nothing."""
    yield lambda done: None


@dataclass(frozen=True, eq=False)
class Asked:
    """What a stack answered.

    Attributes:
        answers: By image topic and text.
        answered: Share of pictures, by image topic, for which masks came at all.
        report: Of the run, with the counters of its nodes.
    """

    answers: Mapping[tuple[str, str], Answer]
    answered: Mapping[str, float]
    report: OfflineReport


def answering_node(stack: StackSpec) -> NodeSpec:
    """The node that takes texts and gives masks.

    Raises:
        ConfigError: There is none, or more than one.
    """
    nodes = [spec for spec in stack.nodes if _prompt_ports(spec) and _port_of(spec, Masks)]
    if len(nodes) != 1:
        expected = 'a stack with one node that takes prompts and gives masks'
        raise ConfigError('stack', stack.name, expected)
    return nodes[0]


def ask(
    stack: StackSpec,
    world: World,
    texts: Sequence[str],
    out: Path,
    *,
    title: str = '',
    watch: Watch = unwatched,
) -> Asked:
    """Run a stack on a bag with texts that are all asked at the start.

    Args:
        stack: The stack.
        world: The bag.
        texts: Each becomes a prompt of its own; all share one map of ids, so where two tracks
            claim a pixel the stack decides.
        out: New folder for the bag with the results.
        title: For `watch`.
        watch: Shows progress.
    """
    name = answering_node(stack).name
    prompts = [Prompt(text=text, prompt_id=text) for text in texts]
    run = OfflineRun(stack, world.bag, out, prompts=prompts, passes_inputs=False)
    (runner,) = (r for r in run.runners if r.name == name)
    log = _Log(runner)
    run.on_output = log.take
    with watch(run.num_messages, title) as progress:
        report = run.run(progress)
    answers, answered = {}, {}
    for scene in world.scenes:
        stream = log.stream_of(scene.image_topic)
        if stream is None:
            continue
        found = log.masks[stream]
        answered[scene.image_topic] = float(np.mean([m.stamp_ns in found for m in scene.truth]))
        for text in texts:
            answers[scene.image_topic, text] = log.answer(stream, text, scene.truth)
    return Asked(answers, answered, report)


@dataclass
class _Log:
    """Everything that one node published.

    Attributes:
        masks: By stream and stamp.
        statuses: By stream and prompt, in order.
    """

    runner: Runner
    masks: dict[str, dict[int, Masks]] = field(default_factory=lambda: defaultdict(dict))
    statuses: dict[tuple[str, str], list[PromptStatus]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def stream_of(self, image_topic: str) -> str | None:
        """The stream that has a topic as its picture."""
        plugin = self.runner.plugin
        port = trigger_port(plugin.inputs)
        streams = self.runner.wiring.inputs.get(port, {})
        return next((s for s, topic in streams.items() if topic == image_topic), None)

    def take(self, topic: str, sample: Sample) -> None:
        """Keep a sample if it is of this node."""
        for streams in self.runner.wiring.outputs.values():
            for stream, name in streams.items():
                if name != topic:
                    continue
                if isinstance(sample, Masks):
                    self.masks[stream][sample.stamp_ns] = sample
                elif isinstance(sample, PromptStatus):
                    self.statuses[sample.stream, sample.prompt_id].append(sample)

    def answer(self, stream: str, text: str, truth: Sequence[Masks]) -> Answer:
        """What a text was answered in every frame of a stream."""
        told = self.statuses[stream, text]
        maps = []
        for frame in truth:
            masks = self.masks[stream].get(frame.stamp_ns)
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
        masks = self.masks[stream].get(stamp_ns)
        if masks is None:
            return {}
        return dict(zip(masks.ids, masks.scores.tolist(), strict=True))


def _answering(masks: Masks, text: str, told: Sequence[PromptStatus]) -> Array:
    """Tracks that carry the text as their label, or were last said to answer it."""
    ids = {i for i, label in zip(masks.ids, masks.labels, strict=True) if label == text}
    newest = [status for status in told if status.stamp_ns <= masks.stamp_ns][-1:]
    if newest and newest[0].state is PromptState.FOUND:
        ids |= {int(track) for track in newest[0].track_ids if track.isdecimal()}
    return np.where(np.isin(masks.id_map, sorted(ids)), masks.id_map, 0).astype(np.uint16)


def _prompt_ports(spec: NodeSpec) -> list[str]:
    """Prompt inputs that the stack connects."""
    ports = spec.plugin_class().inputs
    return [
        name
        for name in spec.inputs
        if isinstance(ports[name], Queue) and ports[name].sample_type is Prompt
    ]


def _port_of(spec: NodeSpec, sample_type: type[Sample]) -> str | None:
    outputs = spec.plugin_class().outputs
    return next((n for n, output in outputs.items() if output.sample_type is sample_type), None)
