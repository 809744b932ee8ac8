"""How well SAM 2 segments and tracks what held-out clips show, through the streaming engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from mm_perception.evaluation.masks import Mask, VideoScore, mask_iou, score_object
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.nets.sam2.weights import load_model
from mm_perception.training.data import FINAL_SEED, Pixels, final_clips, load_clips
from mm_perception.training.sam2_batches import middle_of
from mm_perception.watching import Watch, counted, unwatched
from mm_perception.weights import LoadedModel
from mm_perception.world.clips import Clip
from mm_perception.world.variety import Split

SMALLEST_PX = 100  # area of the objects that count
SHOWN_IOU = 0.2  # what the plugins show by default


def engine_of(model: Any) -> Sam2Engine:
    """An engine on the model itself, not on a copy."""
    device = next(model.parameters()).device
    return Sam2Engine(LoadedModel(model, 'training', '', ''), device, torch.float32)


def score_pictures(
    model: Any, clips: Sequence[Clip], most: int = 0, watch: Watch = unwatched
) -> dict[str, float]:
    """Mean IoU from the true box and from the middle of the object, over the first frames.

    Args:
        model: A Sam2VideoModel in eval mode.
        clips: Held-out clips.
        most: Objects of a picture that are tried, 0 for all.
        watch: Shows progress.
    """
    engine = engine_of(model)
    by_box: list[float] = []
    by_point: list[float] = []
    for clip in counted(clips, watch, 'asking by box and point'):
        rgb, ids = clip.rgb[0], clip.ids[0]
        masks = list(visible(ids))[: most or None]
        if not masks:
            continue
        boxes = [ObjectPrompt(i + 1, box=box_of(mask)) for i, mask in enumerate(masks)]
        points = [
            ObjectPrompt(i + 1, points=[np.add(middle_of(mask), 0.5)])
            for i, mask in enumerate(masks)
        ]
        for prompts, values in ((boxes, by_box), (points, by_point)):
            found = engine.open_session(max_objects=256).step(rgb, prompts).masks()
            values += [mask_iou(mask, own) for own, mask in zip(found, masks, strict=True)]
    return {
        'box_iou': float(np.mean(by_box)),
        'point_iou': float(np.mean(by_point)),
        'objects': float(len(by_box)),
    }


def score_clips(model: Any, clips: Sequence[Clip], most: int = 4) -> float:
    """Mean IoU over all later frames of what is prompted by its box in the first one.

    Frames count where the object is visible, or where something is claimed: then as 0.
    """
    engine, values = engine_of(model), []
    for clip in clips:
        chosen = [int(clip.ids[0][mask][0]) for mask in visible(clip.ids[0])][:most]
        if not chosen:
            continue
        session = engine.open_session(max_objects=most)
        prompts = [ObjectPrompt(i + 1, box=box_of(clip.ids[0] == n)) for i, n in enumerate(chosen)]
        for index, (rgb, ids) in enumerate(zip(clip.rgb, clip.ids, strict=True)):
            found = session.step(rgb, [] if index else prompts).masks()
            for own, number in zip(found, chosen, strict=True):
                if index and (own.any() or (ids == number).any()):
                    values.append(mask_iou(ids == number, own))
    return float(np.mean(values))


def visible(ids: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.bool_]]:
    """Masks of the objects that are large enough, largest first."""
    numbers, areas = np.unique(ids, return_counts=True)
    for number in numbers[np.argsort(-areas, kind='stable')]:
        mask = ids == number
        if number and mask.sum() >= SMALLEST_PX:
            yield mask


def box_of(mask: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 around a mask, in px."""
    rows, columns = np.nonzero(mask)
    return (
        float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
    )  # fmt: skip


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on worlds that nothing else has seen, beside what needs no network.

    J and F are those of DAVIS over clips of 60 frames at 10 Hz, prompted by the first frame's box,
    of masks as the plugin shows them: not those that the network itself expects to be wrong.
    An object counts as hidden for a while if it shrinks to a quarter or less of what it was
    before and after.
    """
    model = load_model(str(weights)).model.to(device)
    with watch(100, 'making pictures') as progress:
        pictures = final_clips(100, progress=progress)
    with watch(60, 'making pictures of known things') as progress:
        familiar = final_clips(60, Split.TRAIN, progress)
    with watch(8, 'making films') as progress:
        films = load_clips(
            Split.HELD_OUT, 8, num_frames=60, step_s=0.1, first=FINAL_SEED, progress=progress
        )
    found = score_pictures(model, pictures, watch=watch)
    known = score_pictures(model, familiar, watch=watch)
    with watch(0, 'baselines'):
        simple = _simple_scores(pictures)
    followed = counted(films, watch, 'following through films')
    objects = [item for clip in followed for item in _follow(model, clip)]
    hidden = [item for item in objects if item.was_hidden]
    return {
        'mean IoU from one box': round(found['box_iou'], 3),
        'mean IoU from one point': round(found['point_iou'], 3),
        'mean IoU from one box in new worlds of known things': round(known['box_iou'], 3),
        'mean IoU from one point in new worlds of known things': round(known['point_iou'], 3),
        'objects (100 px or more)': int(found['objects']),
        'baseline: all of the box': simple['box'],
        'baseline: the largest ellipse in the box': simple['ellipse'],
        'baseline: GrabCut from the box (60 objects)': simple['grabcut'],
        'baseline: a disc around the point': simple['disc'],
        'J&F over 60 frames': _j_and_f([item.found for item in objects]),
        'J&F of objects hidden for a while': _j_and_f([item.found for item in hidden]),
        'objects followed (hidden for a while)': f'{len(objects)} ({len(hidden)})',
        'baseline J&F: the first mask stays': _j_and_f([item.first for item in objects]),
        'baseline J&F: optical flow carries the mask': _j_and_f([item.flow for item in objects]),
    }


@dataclass(frozen=True, eq=False)
class _Followed:
    """Scores of one object of a film, ours and of baselines."""

    found: VideoScore
    first: VideoScore
    flow: VideoScore
    was_hidden: bool


def _follow(model: Any, clip: Clip, most: int = 4) -> list[_Followed]:
    numbers = [int(clip.ids[0][mask][0]) for mask in visible(clip.ids[0])][:most]
    session = engine_of(model).open_session(max_objects=most)
    prompts = [ObjectPrompt(i + 1, box=box_of(clip.ids[0] == n)) for i, n in enumerate(numbers)]
    if not numbers:
        return []
    frames = [
        session.step(rgb, [] if index else prompts).masks(SHOWN_IOU)
        for index, rgb in enumerate(clip.rgb)
    ]
    flows = _flows(clip)
    result = []
    for row, number in enumerate(numbers):
        truth = [ids == number for ids in clip.ids]
        areas = np.array([mask.sum() for mask in truth])
        before, after = np.maximum.accumulate(areas), np.maximum.accumulate(areas[::-1])[::-1]
        result.append(
            _Followed(
                score_object(truth, [masks[row] for masks in frames]),
                score_object(truth, [truth[0]] * len(truth)),
                score_object(truth, _carried(truth[0], flows)),
                bool((4 * areas <= np.minimum(before, after)).any()),
            )
        )
    return result


def _flows(clip: Clip) -> list[npt.NDArray[np.float32]]:
    """Where each pixel of a frame comes from in the one before, (T - 1) of (H, W, 2)."""
    grey = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in clip.rgb]
    flow: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    return [flow.calc(now, before, None) for before, now in pairwise(grey)]


def _carried(mask: Mask, flows: Sequence[npt.NDArray[np.float32]]) -> list[Mask]:
    masks, now = [mask], np.asarray(mask, np.float32)
    rows, columns = np.indices(mask.shape, dtype=np.float32)
    for flow in flows:
        across, down = columns + flow[..., 0], rows + flow[..., 1]
        now = np.asarray(cv2.remap(now, across, down, cv2.INTER_LINEAR), np.float32)
        masks.append(now > 0.5)
    return masks


def _simple_scores(clips: Sequence[Clip], most_cuts: int = 60) -> dict[str, float]:
    """Mean IoU of what can be had without a network."""
    values: dict[str, list[float]] = {'box': [], 'ellipse': [], 'grabcut': [], 'disc': []}
    sides = [mask.sum() ** 0.5 for clip in clips for mask in visible(clip.ids[0])]
    radius = float(np.median(sides)) / 2
    for clip in clips:
        for mask in visible(clip.ids[0]):
            x0, y0, x1, y1 = (int(v) for v in box_of(mask))
            filled, oval, disc = (np.zeros(mask.shape, np.uint8) for _ in range(3))
            filled[y0:y1, x0:x1] = 1
            middle = ((x0 + x1 - 1) // 2, (y0 + y1 - 1) // 2)
            cv2.ellipse(oval, middle, ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, 1, -1)
            cv2.circle(disc, middle_of(mask), round(radius), 1, -1)
            values['box'].append(mask_iou(mask, filled > 0))
            values['ellipse'].append(mask_iou(mask, oval > 0))
            values['disc'].append(mask_iou(mask, disc > 0))
            if len(values['grabcut']) < most_cuts:
                values['grabcut'].append(mask_iou(mask, _cut(clip.rgb[0], (x0, y0, x1, y1))))
    return {name: round(float(np.mean(found)), 3) for name, found in values.items()}


def _cut(rgb: Pixels, box: tuple[int, int, int, int]) -> Mask:
    x0, y0, x1, y1 = box
    labels = np.zeros(rgb.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.setRNGSeed(0)
        area = (x0, y0, x1 - x0, y1 - y0)
        cv2.grabCut(rgb, labels, area, *models, 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # a box that leaves no background
        labels[y0:y1, x0:x1] = cv2.GC_FGD
    found: Mask = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return found


def _j_and_f(scores: Sequence[VideoScore]) -> float:
    return (
        round(float(np.mean([score.j_and_f for score in scores])), 3) if scores else float('nan')
    )
