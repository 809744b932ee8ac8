"""How well BEVFormer finds boxes and maps in held-out drives, by what it is given to see.

The last moment of each clip is judged; those before it warm the memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mm_perception.evaluation.boxes3d import Pair, score_boxes
from mm_perception.nets.bevformer import BevBoxes, BevFormerConfig
from mm_perception.nets.bevformer.weights import load_model
from mm_perception.samples import Boxes3D
from mm_perception.training.bevformer_baselines import (
    boxes_in_base,
    clusters,
    constant_boxes,
    mean_maps,
    mean_sizes,
)
from mm_perception.training.bevformer_batches import (
    MODALITIES,
    Modality,
    Setup,
    fixed_batch,
    turned_maps,
)
from mm_perception.training.bevformer_frames import look
from mm_perception.training.data import FINAL_SEED, worlds_folder
from mm_perception.watching import Watch, counted, unwatched
from mm_perception.world.bev_clips import (
    MAP_LAYERS,
    REACH_M,
    UNKNOWN,
    BevClip,
    BevPlan,
    TrueBoxes,
    make_bev_clips,
)
from mm_perception.world.rigs import RigSplit
from mm_perception.world.variety import Split

MOST_BOXES = 100  # of a moment
#: What is found so near to a thing that nobody can see is neither right nor wrong, metres.
IGNORED_M = 2.0
#: Of speeds: of a thing that is faster, by the box of its class nearest to it.
MOVING_MPS, NEAR_M = 0.5, 2.0
_BATCH = 8
_FINAL_CLIPS = 100
_FINAL_OTHERS = 50  # with other rigs, and of known things


@dataclass(frozen=True, eq=False)
class Found:
    """What is found at the last moment of a clip.

    Attributes:
        boxes: In base_link.
        maps: (layers, rows, columns) float32 probabilities, frame BEV; None without a map.
    """

    boxes: Boxes3D
    maps: npt.NDArray[np.float32] | None


@torch.inference_mode()
def find(
    model: Any,
    clips: Sequence[BevClip],
    device: torch.device | str,
    modality: Modality = 'both',
    *,
    has_memory: bool = True,
    watch: Watch = unwatched,
) -> list[Found]:
    """Run the network through clips.

    Args:
        model: A BevFormer in eval mode.
        clips: Any number.
        device: Where it is.
        modality: What it is given.
        has_memory: Whether it sees what comes before the last moment.
        watch: Shows progress.
    """
    found = []
    for first in counted(range(0, len(clips), _BATCH), watch, f'finding in {modality}'):
        batch = fixed_batch(clips[first : first + _BATCH], modality)
        previous: torch.Tensor | None = None
        output: Any = None
        for frame in batch.frames if has_memory else (batch.frames[-1].as_first(),):
            output = look(model, frame.to(device), previous)
            previous = output.bev
        maps = None if output.map_logits is None else output.map_logits.float().sigmoid()
        for index, boxes in enumerate(model.boxes(output)):
            layers = None if maps is None else maps[index].cpu().numpy()
            found.append(Found(in_base(boxes), layers))
    return found


def in_base(boxes: BevBoxes) -> Boxes3D:
    """The surest boxes of frame BEV within reach, in base_link."""
    base_from_bev = torch.from_numpy(np.linalg.inv(Setup().bev_from_base))
    moved = boxes.moved(base_from_bev)
    rows = moved.xyz_lwh_yaw.double().cpu().numpy()
    speeds = moved.velocity_xy.double().cpu().numpy()
    scores, labels = moved.scores.cpu().numpy(), moved.labels.cpu().numpy()
    kept = np.flatnonzero((np.abs(rows[:, :2]) <= REACH_M).all(axis=1))
    kept = kept[np.argsort(-scores[kept], kind='stable')][:MOST_BOXES]
    return boxes_in_base(
        rows[kept, :3], rows[kept, 3:6], rows[kept, 6], speeds[kept], labels[kept], scores[kept]
    )


def truth_of(boxes: TrueBoxes) -> Boxes3D:
    """True boxes in base_link."""
    ones = np.ones(len(boxes))
    return boxes_in_base(
        boxes.centres, boxes.sizes, boxes.yaws, boxes.velocities, boxes.classes, ones
    )


def pair_of(truth: TrueBoxes, found: Boxes3D) -> Pair:
    """What is judged, and what is found but for what lies on unjudged truth.

    A box lies there if it is less than `IGNORED_M` away, and nearer than to what is judged.
    """
    judged = truth.is_judged
    centres = truth.centres[:, :2].astype(np.float64)
    away = np.linalg.norm(found.centres[:, None, :2] - centres, axis=-1)  # (found, truth)
    hidden = away[:, ~judged].min(axis=1, initial=np.inf)
    ignored = (hidden < IGNORED_M) & (hidden < away[:, judged].min(axis=1, initial=np.inf))
    return _chosen(truth_of(truth), judged), _chosen(found, ~ignored)


def _chosen(boxes: Boxes3D, mask: npt.NDArray[np.bool_]) -> Boxes3D:
    labels = tuple(label for label, keep in zip(boxes.labels, mask, strict=True) if keep)
    assert boxes.velocities is not None  # of both truth and network
    return Boxes3D(
        stamp_ns=boxes.stamp_ns, frame_id=boxes.frame_id, centres=boxes.centres[mask],
        sizes=boxes.sizes[mask], quats_xyzw=boxes.quats_xyzw[mask], scores=boxes.scores[mask],
        labels=labels, velocities=boxes.velocities[mask],
    )  # fmt: skip


def map_ious(
    clips: Sequence[BevClip], maps: Sequence[npt.NDArray[np.float32]]
) -> dict[str, float]:
    """IoU of each layer over all known cells, where the probability is a half or more.

    Args:
        clips: With the truth at their last moments.
        maps: Of each, (layers, rows, columns), frame BEV.

    Returns:
        By layer; a layer that is nowhere, neither true nor found, is left out.
    """
    both, either = np.zeros(len(MAP_LAYERS)), np.zeros(len(MAP_LAYERS))
    for clip, layers in zip(clips, maps, strict=True):
        truth = turned_maps(clip.maps[-1], Setup())
        known, real, said = truth != UNKNOWN, truth == 1, layers >= 0.5
        both += (real & said).sum(axis=(1, 2))
        either += ((real | said) & known).sum(axis=(1, 2))
    return {name: float(both[i] / either[i]) for i, name in enumerate(MAP_LAYERS) if either[i] > 0}


def speed_errors(pairs: Sequence[Pair]) -> dict[str, float]:
    """How far off the velocity is of things that move and are found, m/s.

    Args:
        pairs: Judged truth and boxes.

    Returns:
        `speed_error`, the mean, and `speed_error_if_still`, the same if all were said to stand;
        nothing if nothing is found.
    """
    errors, speeds = [], []
    for truth, found in pairs:
        assert truth.velocities is not None
        assert found.velocities is not None
        for index, label in enumerate(truth.labels):
            real = truth.velocities[index]
            own = np.array([name == label for name in found.labels], np.bool_)
            if np.linalg.norm(real) <= MOVING_MPS or not own.any():
                continue
            away = np.linalg.norm(found.centres[own, :2] - truth.centres[index, :2], axis=1)
            # Of those that are near the surest, as in a tracker.
            near = np.where(away < NEAR_M, found.scores[own], -1.0)
            if near.max() >= 0:
                said = found.velocities[own][int(near.argmax())]
                errors.append(float(np.linalg.norm(said - real)))
                speeds.append(float(np.linalg.norm(real)))
    if not errors:
        return {}
    return {'speed_error': float(np.mean(errors)), 'speed_error_if_still': float(np.mean(speeds))}


def pairs_of(clips: Sequence[BevClip], boxes: Sequence[Boxes3D]) -> list[Pair]:
    """Of the last moments of clips."""
    return [pair_of(clip.boxes[-1], own) for clip, own in zip(clips, boxes, strict=True)]


def modalities_of(config: BevFormerConfig) -> tuple[Modality, ...]:
    """What a network is judged with, the most first."""
    return MODALITIES if config.backbone is not None else ('lidar',)


def quick_scores(
    model: Any,
    clips: Sequence[BevClip],
    device: torch.device | str,
    watch: Watch = unwatched,
) -> dict[str, float]:
    """mAP, NDS and mean IoU of the map by modality, and the error of velocities.

    Args:
        model: A BevFormer in eval mode.
        clips: Held-out ones.
        device: Where the model is.
        watch: Shows progress.
    """
    boxes: dict[str, float] = {}
    maps: dict[str, float] = {}
    speeds: dict[str, float] = {}
    modalities = modalities_of(model.config)
    for modality in modalities:
        found = find(model, clips, device, modality, watch=watch)
        pairs = pairs_of(clips, [item.boxes for item in found])
        scores = score_boxes(pairs)
        boxes |= {f'map_{modality}': scores.mean_ap, f'nds_{modality}': scores.nds}
        layers = [item.maps for item in found if item.maps is not None]
        if layers:
            ious = map_ious(clips, layers)
            maps[f'iou_{modality}'] = float(np.mean(list(ious.values())))
            if modality == modalities[0]:
                maps |= {f'iou_{name}': value for name, value in ious.items()}
        if modality == modalities[0]:
            boxes |= {f'ap_{n}': float(np.mean(list(c.ap.values())))
                      for n, c in scores.classes.items()}  # fmt: skip
            speeds = speed_errors(pairs)
    alone = find(model, clips, device, modalities[0], has_memory=False, watch=watch)
    pairs = pairs_of(clips, [item.boxes for item in alone])
    boxes['map_one_frame'] = score_boxes(pairs).mean_ap
    errors = speed_errors(pairs)
    if errors:
        speeds['speed_error_one_frame'] = errors['speed_error']
    return {**boxes, **maps, **speeds}


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on drives that nothing else has seen, beside what needs no network.

    The constant baselines know the mean of the very clips that they are judged by.
    """
    model = load_model(str(weights)).model.to(device)
    has_pictures = model.config.backbone is not None
    drives = _clips(Split.HELD_OUT, RigSplit.TRAIN, has_pictures, _FINAL_CLIPS, watch)
    table = _named(quick_scores(model, drives, device, watch))
    for name, split, rigs in (
        ('other rigs', Split.HELD_OUT, RigSplit.HELD_OUT),
        ('known things', Split.TRAIN, RigSplit.TRAIN),
    ):
        others = _clips(split, rigs, has_pictures, _FINAL_OTHERS, watch)
        found = quick_scores(model, others, device, watch)
        chosen = ('map_', 'nds_', 'iou_both', 'iou_cameras', 'iou_lidar')
        table |= _named({k: v for k, v in found.items() if k.startswith(chosen)}, f'{name}: ')
    with watch(0, 'baselines'):
        table |= _baselines(drives)
    judged = [clip.boxes[-1].is_judged.sum() for clip in drives]
    return {**table, 'clips': len(drives), 'judged boxes': int(np.sum(judged))}


def _baselines(drives: Sequence[BevClip]) -> dict[str, float]:
    sizes, always = mean_sizes(drives), constant_boxes(drives, MOST_BOXES)
    table: dict[str, float] = {}
    for name, boxes in (
        ('the commonest boxes, always', [always] * len(drives)),
        ('clusters of LiDAR points', [clusters(clip.points[-1], sizes) for clip in drives]),
    ):
        scores = score_boxes(pairs_of(drives, boxes))
        found = {'map_': scores.mean_ap, 'nds_': scores.nds}
        table |= _named(found, f'baseline ({name}): ')
    ious = map_ious(drives, [mean_maps(drives)] * len(drives))
    found = {
        'iou_': float(np.mean(list(ious.values()))),
        **{f'iou_{k}': v for k, v in ious.items()},
    }
    return table | _named(found, 'baseline (the mean map, always): ')


def _named(scores: dict[str, float], prefix: str = '') -> dict[str, float]:
    """Names for people, and figures of three digits."""
    titles = {
        'map_': 'mAP', 'nds_': 'NDS', 'ap_': 'AP', 'iou_': 'IoU of the map',
        'speed_error': 'velocity error of what moves (m/s)',
    }  # fmt: skip
    table = {}
    for key, value in scores.items():
        start = next(start for start in titles if key.startswith(start))
        rest = key.removeprefix(start).strip('_').replace('_', ' ')
        table[f'{prefix}{titles[start]}{", " if rest else ""}{rest}'] = round(value, 3)
    return table


def _clips(
    split: Split, rigs: RigSplit, has_pictures: bool, count: int, watch: Watch
) -> list[BevClip]:
    plans = [
        BevPlan(FINAL_SEED + i, split, rig_split=rigs, has_pictures=has_pictures)
        for i in range(count)
    ]
    clips = []
    with watch(count, 'making drives') as progress:
        made = make_bev_clips(worlds_folder(), plans, os.cpu_count() or 1)
        for done, path in enumerate(made, 1):
            clips.append(BevClip.load(path))
            progress(done)
    return clips
