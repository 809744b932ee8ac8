"""Ask a stack on a bag for texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_perception.bag.offline import OfflineReport, OfflineRun
from mm_perception.evaluation.answers import AnswerLog, answering_node
from mm_perception.evaluation.naming import Answer
from mm_perception.evaluation.scenes import World
from mm_perception.graph import StackSpec
from mm_perception.samples import Prompt
from mm_perception.watching import Watch, unwatched


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
    prompts = [Prompt(text=text, prompt_id=text) for text in texts]
    run = OfflineRun(stack, world.bag, out, prompts=prompts, passes_inputs=False)
    log = AnswerLog(answering_node(run.stack))
    run.on_output = log.take
    with watch(run.num_messages, title) as progress:
        report = run.run(progress)
    answers, answered = {}, {}
    for scene in world.scenes:
        found = log.answered(scene.image_topic)
        if found is None:
            continue
        answered[scene.image_topic] = float(np.mean([m.stamp_ns in found for m in scene.truth]))
        for text in texts:
            answer = log.answer(scene.image_topic, text, scene.truth)
            answers[scene.image_topic, text] = answer
    return Asked(answers, answered, report)
