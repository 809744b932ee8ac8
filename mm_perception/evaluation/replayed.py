"""Score what a replay has recorded against the truth of its drive, and find what happened in it.

A replay in real time answers the pictures that it has time for. Those are scored; the share of
them is told apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_perception.bag.offline import resolve_stack
from mm_perception.bag.reader import BagReader
from mm_perception.evaluation.answers import answering_node, recorded_answers
from mm_perception.evaluation.cases import add_cases, world_facts
from mm_perception.evaluation.naming import FOUND_IOU, Answer, Name, map_of
from mm_perception.evaluation.questions import Questions
from mm_perception.evaluation.result import (
    DESCRIPTIONS,
    STACK,
    Case,
    Evaluation,
    NodeFacts,
    Settings,
)
from mm_perception.evaluation.scenes import Scene, World, read_pictures, read_world
from mm_perception.graph import StackSpec
from mm_perception.reporting.pictures import Overlay, close_up, whole

Floats = npt.NDArray[np.float64]
_WORST = 4
_APART_S = 0.5
#: What a node says of itself that is worth telling, besides what it calls so.
_MODEL = ('device', 'grounder', 'network', 'licence')


@dataclass(frozen=True, eq=False)
class Moment:
    """A picture that is worth a look.

    Attributes:
        title: What happens in it.
        time_s: From the first picture of the drive.
        iou: Overlap; NaN where the picture does not show the object.
        pictures: JPEG by what it shows, `truth` and `found`.
    """

    title: str
    time_s: float
    iou: float
    pictures: Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class Story:
    """How the object of a text was followed through one camera.

    Attributes:
        case: The text with its scores.
        covers: (T,) share of the picture that the object covers.
        marked: (T,) bool, whether anything was marked.
        moments: Whole pictures, with what was found: when it came, hid, came back and left.
        worst: Close-ups of the frames of least overlap.
    """

    case: Case
    covers: Floats
    marked: npt.NDArray[np.bool_]
    moments: Sequence[Moment]
    worst: Sequence[Moment]

    @property
    def ious(self) -> Floats:
        """(T,) overlap, NaN in frames that do not show the object."""
        return self.case.present[STACK].ious

    @property
    def silent(self) -> float:
        """Share of the frames that do not show the object in which nothing is marked."""
        away = np.isnan(self.ious)
        return float((~self.marked[away]).mean()) if away.any() else float('nan')


def score_replay(
    stack: StackSpec, drive: Path, result: Path, name: Name, asked: str = ''
) -> tuple[Evaluation, list[Story]]:
    """Score one text.

    Args:
        stack: What was replayed, with a node that takes texts and gives masks.
        drive: The bag with the truth.
        result: What `mmp replay` wrote; its prompt was the text of the name.
        name: What was asked for.
        asked: The words of the prompt, where they are others than those of the name.

    Returns:
        Scores over all cameras, and a story for each camera that shows the object.

    Raises:
        BagError: A bag cannot be used.
    """
    with BagReader(drive) as reader:
        stack = resolve_stack(stack, reader)
    log, world = recorded_answers(result / 'bag', answering_node(stack)), read_world(drive)
    evaluation = Evaluation(
        stack.name, {spec.name: dict(spec.parameters) for spec in stack.nodes},
        Settings(num_present=1, num_absent=0), {STACK: DESCRIPTIONS[STACK]},
    )  # fmt: skip
    _note_run(evaluation, stack, json.loads((result / 'summary.json').read_text()))
    stories, heard, shares = [], [], []
    for scene in world.scenes:
        stamps_ns = log.answered(scene.image_topic)
        if not stamps_ns:
            continue
        part = scene.only(stamps_ns)
        heard.append(scene)
        shares.append(len(part.truth) / len(scene.truth))
        answer = log.answer(scene.image_topic, asked or name.text, part.truth)
        answers, questions = {STACK: {name.text: answer}}, Questions((name,), ())
        for case in add_cases(evaluation, world, part, scene.camera, questions, answers):
            stories.append(_tell(case, world, part, name, answer))
    share = float(np.mean(shares)) if shares else 0.0
    evaluation.worlds.append(world_facts(world, heard, share))
    return evaluation, stories


def _tell(case: Case, world: World, scene: Scene, name: Name, answer: Answer) -> Story:
    truth = [map_of(name, masks) for masks in scene.truth]
    covers = np.array([np.count_nonzero(ids) / ids.size for ids in truth])
    times, ious = np.array(scene.times_s), case.present[STACK].ious
    points = turning_points(ious, covers)
    worst = worst_frames(ious, times)
    frames = {*(index for _, index in points), *worst}
    stamps = {scene.truth[index].stamp_ns: index for index in frames}
    whole_of, part_of = {}, {}
    for stamp_ns, rgb in read_pictures(world.bag, scene.image_topic, stamps.keys()):
        index = stamps[stamp_ns]
        found = Overlay(answer.id_maps[index], answer.scores[index])
        whole_of[index] = {'found': whole(rgb, found, name.text)}
        part_of[index] = close_up(rgb, {'truth': Overlay(truth[index]), 'found': found})
    return Story(
        case, covers, np.array([bool(ids.any()) for ids in answer.id_maps]),
        [Moment(t, times[i], ious[i], whole_of[i]) for t, i in points if i in whole_of],
        [Moment('', times[i], ious[i], part_of[i]) for i in worst if i in part_of],
    )  # fmt: skip


def turning_points(ious: Floats, covers: Floats) -> list[tuple[str, int]]:
    """What happens to an object, and in which frames.

    Args:
        ious: (T,) overlap, NaN in frames that do not show it.
        covers: (T,) share of the picture that it covers.

    Returns:
        In order of time, each frame once.
    """
    good = np.nan_to_num(ious) >= FOUND_IOU
    if not good.any():
        return [('in view, but not found', int(np.argmax(covers)))]
    first = int(np.argmax(good))
    points = {first: 'found'}
    shown = np.flatnonzero(~np.isnan(ious))
    gaps = [(a, b) for a, b in pairwise(shown.tolist()) if b - a > 1]
    if gaps:
        before, after = max(gaps, key=lambda gap: gap[1] - gap[0])
        points.setdefault(int(before + after) // 2, 'hidden')
        back = np.flatnonzero(good[after:])
        if len(back):
            points.setdefault(int(after + back[0]), 'found again')
    points.setdefault(int(np.argmax(np.where(good, covers, 0))), 'largest')
    if shown[-1] < len(ious) - 1:
        points.setdefault(int(shown[-1] + len(ious)) // 2, 'out of view')
    return [(points[index], index) for index in sorted(points)]


def worst_frames(ious: Floats, times_s: Floats) -> list[int]:
    """Frames of least overlap, worst first, some time apart."""
    chosen: list[int] = []
    for index in np.argsort(ious, kind='stable').tolist():  # NaN comes last
        if np.isnan(ious[index]) or len(chosen) == _WORST:
            break
        if all(abs(times_s[index] - times_s[other]) >= _APART_S for other in chosen):
            chosen.append(index)
    return chosen


def _note_run(evaluation: Evaluation, stack: StackSpec, summary: Mapping[str, Any]) -> None:
    """Take over what `mmp replay` has counted."""
    if summary['problem']:
        evaluation.problems.append(summary['problem'])
    for name, node in summary['nodes'].items():
        evaluation.nodes[name] = NodeFacts(
            plugin=stack.node(name).plugin,
            inferences=node.get('inferences', 0),
            inference_ms=[node[key] for key in ('inference_p50_ms',) if key in node],
            inference_p95_ms=[node[key] for key in ('inference_p95_ms',) if key in node],
            failures=dict(node['failures']),
            last_failure=str(node.get('last_failure', '')),
            model={key: str(node[key]) for key in node if _is_of_model(key)},
            drops=dict(node['drops']),
        )


def _is_of_model(key: str) -> bool:
    return key in _MODEL or key.endswith(('weights', '_sha256', '_licence'))
