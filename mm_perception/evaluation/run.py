"""Evaluate a stack: ask it for things in worlds with a truth, score the answers, compare."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.bag.offline import OfflineReport
from mm_perception.evaluation.answers import answering_node
from mm_perception.evaluation.asking import ask
from mm_perception.evaluation.baselines import ClipGrid, answer_of, kind_boxes
from mm_perception.evaluation.cases import add_cases, world_facts
from mm_perception.evaluation.naming import (
    Answer,
)
from mm_perception.evaluation.questions import Questions, choose_questions, seen_names
from mm_perception.evaluation.result import (
    BOXES,
    CLIP_GRID,
    DESCRIPTIONS,
    STACK,
    Evaluation,
    NodeFacts,
    Settings,
)
from mm_perception.evaluation.scenes import Scene, World, find_topics, read_pictures, read_world
from mm_perception.graph import StackSpec
from mm_perception.samples.sample import Array
from mm_perception.watching import Watch, unwatched

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine


def evaluate(
    stack: StackSpec,
    bags: Sequence[Path],
    out: Path,
    settings: Settings | None = None,
    *,
    clip: ClipEngine | None = None,
    watch: Watch = unwatched,
) -> Evaluation:
    """Evaluate a stack on bags that hold their truth.

    Each world is run several times, see `Questions.runs`.

    Args:
        stack: With one node that takes prompts and gives masks.
        bags: As `mmp world` makes them.
        out: Folder; the results of each run are written below `bags` in it.
        settings: What is asked, and what counts.
        clip: For the baseline on a grid, which is left out without it.
        watch: Shows progress.

    Raises:
        ConfigError: The stack does not answer texts.
        BagError: A bag cannot be used.
        KeyboardInterrupt: Ctrl-C in the first world; later the worlds before it are kept.
    """
    answering_node(stack)
    for bag in bags:
        find_topics(bag)  # before hours of work on the others
    settings, started_s = settings or Settings(), time.perf_counter()
    systems = [STACK, BOXES] + ([CLIP_GRID] if clip else [])
    result = Evaluation(
        stack.name, {spec.name: dict(spec.parameters) for spec in stack.nodes}, settings,
        {name: DESCRIPTIONS[name] for name in systems},
    )  # fmt: skip
    for number, bag in enumerate(bags, 1):
        world = read_world(bag)
        title = f'world {number} of {len(bags)}'
        try:
            _evaluate_world(
                result, stack, world, out / 'bags' / f'{number:03d}', clip, title, watch
            )
        except KeyboardInterrupt:
            if not result.worlds:
                raise
            result.is_interrupted = True
            result.problems.append(f'interrupted in {title}')
            break
    result.wall_s = time.perf_counter() - started_s
    return result


def _evaluate_world(
    result: Evaluation, stack: StackSpec, world: World, out: Path, clip: ClipEngine | None,
    title: str, watch: Watch,
) -> None:  # fmt: skip
    questions = _questions(world, result.settings)
    if not questions.present:
        result.notes.append(f'{title}: nothing with a colour is in view at the start.')
    asked = []
    runs = questions.runs()
    for number, names in enumerate(runs, 1):
        out.mkdir(parents=True, exist_ok=True)
        texts, part = [name.text for name in names], f'{title}, run {number} of {len(runs)}'
        asked.append(ask(stack, world, texts, out / f'{number:02d}', title=part, watch=watch))
        _note_run(result, stack, asked[-1].report, part)
    heard = [s for s in world.scenes if any(s.image_topic in a.answered for a in asked)]
    shares = [share for one in asked for share in one.answered.values()]
    result.worlds.append(world_facts(world, heard, float(np.mean(shares)) if shares else 0.0))
    for scene in heard:
        answers = {STACK: {key[1]: a for one in asked for key, a in one.answers.items()
                           if key[0] == scene.image_topic}}  # fmt: skip
        answers[BOXES] = {
            name.text: kind_boxes(scene.truth, name, result.settings.min_pixels)
            for name in questions.all
        }
        if clip is not None:
            with watch(len(scene.truth), f'{title}, {CLIP_GRID}') as progress:
                answers[CLIP_GRID] = _ask_clip(clip, world, scene, questions, progress)
        camera = scene.camera if len(heard) > 1 else ''
        add_cases(result, world, scene, camera, questions, answers)


def _questions(world: World, settings: Settings) -> Questions:
    """What to ask; the same for the same world."""
    seen = {
        name
        for scene in world.scenes
        for name in seen_names(scene.first(settings.start_s), settings.min_pixels)
    }
    rng = np.random.default_rng(zlib.crc32(repr(sorted(world.names)).encode()))
    return choose_questions(
        seen, world.names, rng,
        num_present=settings.num_present, num_absent=settings.num_absent,
    )  # fmt: skip


def _ask_clip(
    clip: ClipEngine, world: World, scene: Scene, questions: Questions,
    progress: Callable[[int], None],
) -> dict[str, Answer]:  # fmt: skip
    texts, grid = [name.text for name in questions.all], ClipGrid(clip)
    stamps = [masks.stamp_ns for masks in scene.truth]
    found: dict[int, dict[str, Array]] = {}
    for stamp_ns, rgb in read_pictures(world.bag, scene.image_topic, stamps):
        found[stamp_ns] = grid.look(rgb, texts)
        progress(len(found))
    nothing = np.zeros(scene.truth[0].id_map.shape, np.uint16)
    return {
        text: answer_of([found.get(stamp_ns, {}).get(text, nothing) for stamp_ns in stamps])
        for text in texts
    }


def _note_run(result: Evaluation, stack: StackSpec, report: OfflineReport, title: str) -> None:
    if report.problem == 'interrupted':
        raise KeyboardInterrupt  # a run ends cleanly; what was asked for is the end of them all
    if report.problem:
        result.problems.append(f'{title}: {report.problem}')
    for name, runner in report.nodes.items():
        facts = result.nodes.setdefault(name, NodeFacts(stack.node(name).plugin))
        facts.inferences += runner.stats.inferences
        for key, ms in runner.stats.timings_ms().items():
            if key == 'inference_p50_ms':
                facts.inference_ms.append(round(ms, 3))
            elif key == 'inference_p95_ms':
                facts.inference_p95_ms.append(round(ms, 3))
        for kind, number in runner.stats.failures.items():
            facts.failures[kind] = facts.failures.get(kind, 0) + number
        if runner.stats.last_failure:
            facts.last_failure = runner.stats.last_failure.message
        facts.model.update(report.model_info.get(name, {}))
