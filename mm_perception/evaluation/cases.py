"""Turn answers into scored cases, with pictures of what went worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mm_perception.evaluation.naming import (
    AbsentScore,
    Answer,
    PresentScore,
    map_of,
    score_absent,
    score_present,
)
from mm_perception.evaluation.questions import Questions
from mm_perception.evaluation.result import STACK, Case, Evaluation, WorldFacts
from mm_perception.evaluation.scenes import Scene, World, read_pictures
from mm_perception.reporting.pictures import Overlay, close_up
from mm_perception.samples.sample import Array


def add_cases(
    result: Evaluation, world: World, scene: Scene, camera: str, questions: Questions,
    answers: Mapping[str, Mapping[str, Answer]],
) -> list[Case]:  # fmt: skip
    """Score every text in one camera, and draw what went worst.

    Args:
        result: Takes the cases.
        world: Where it was asked.
        scene: The camera; its truth may be that of some of the pictures only.
        camera: Name to show; empty for an only camera.
        questions: What was asked.
        answers: By system and text, of the pictures of the scene's truth.

    Returns:
        What was added: a case for each text but those that name what this camera never sees.
    """
    added: list[Case] = []
    to_draw: dict[int, list[tuple[Case, dict[str, Overlay]]]] = {}
    for name in questions.all:
        truth = [map_of(name, masks) for masks in scene.truth]
        is_present = name in questions.present
        scores: dict[str, PresentScore | AbsentScore] = {
            system: score_present(truth, by_text[name.text], result.settings.min_pixels)
            if is_present
            else score_absent(by_text[name.text])
            for system, by_text in answers.items()
        }
        case = Case(world.bag.name, camera, name.text, is_present, scene.times_s, scores)
        if is_present and np.isnan(case.present[STACK].mean_iou):
            continue  # another camera sees it
        added.append(case)
        answer = answers[STACK][name.text]
        case.frame = _frame_to_show(case, truth, answer.id_maps)
        if case.frame is not None:
            scored = answer.scores[case.frame]
            shown = {'found': Overlay(answer.id_maps[case.frame], scored)}
            if is_present:
                shown['truth'] = Overlay(truth[case.frame])
            to_draw.setdefault(scene.truth[case.frame].stamp_ns, []).append((case, shown))
    for stamp_ns, rgb in read_pictures(world.bag, scene.image_topic, to_draw.keys()):
        for case, shown in to_draw[stamp_ns]:
            case.pictures = close_up(rgb, shown)
    result.cases += added
    return added


def world_facts(world: World, scenes: Sequence[Scene], answered: float) -> WorldFacts:
    """What is told of a world.

    Args:
        world: The world.
        scenes: Its cameras that the stack listens to.
        answered: Share of their pictures for which masks came.
    """
    first = world.scenes[0].truth[0].id_map
    return WorldFacts(
        name=world.bag.name,
        bag=str(world.bag),
        cameras=len(scenes),
        frames=sum(len(scene.truth) for scene in scenes),
        size=(first.shape[1], first.shape[0]),
        seconds=round(max((scene.times_s[-1] for scene in scenes), default=0.0), 3),
        answered=round(float(answered), 4),
    )


def _frame_to_show(case: Case, truth: Sequence[Array], found: Sequence[Array]) -> int | None:
    """The frame of least overlap, and of those the one that shows most of the object.

    For an absent text that with most pixels marked; None if there is none.
    """
    if case.is_present:
        ious = case.present[STACK].ious
        worst = np.flatnonzero(ious == np.nanmin(ious))
        frames: list[int] = worst.tolist()
        return max(frames, key=lambda t: np.count_nonzero(truth[t]))
    sizes = [np.count_nonzero(ids) for ids in found]
    return int(np.argmax(sizes)) if any(sizes) else None
