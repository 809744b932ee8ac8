"""What the plugins that use SAM 2 share: one engine per process, and samples from its results."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.model_cache import Shared
from mm_perception.samples import Image, Masks, Prompt, merge_masks
from mm_perception.weights import locate

if TYPE_CHECKING:
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine, Sam2Result
    from mm_perception.samples.sample import Array

#: Number formats of the network; half precision needs less memory and time on a GPU.
DTYPES = ('float32', 'bfloat16', 'float16')


def shared_engine(
    weights: str, device: str, image_size: int, dtype: str = 'float32'
) -> Shared[Sam2Engine]:
    """The one engine of this process for these weights."""

    def load() -> Sam2Engine:
        import torch

        from mm_perception.nets.sam2 import Sam2Engine

        number: torch.dtype = getattr(torch, dtype)
        return Sam2Engine.load(locate(weights, 'sam2'), device, number, image_size or None)

    return Shared(('sam2', weights, device, image_size, dtype), load)


def to_object_prompt(prompt: Prompt, object_id: int, is_known: bool) -> ObjectPrompt:
    """A prompt in the network's form."""
    from mm_perception.nets.sam2 import ObjectPrompt

    has_points = len(prompt.points) > 0
    return ObjectPrompt(
        object_id,
        'refine' if is_known else 'add',
        points=prompt.points if has_points else None,
        labels=prompt.point_labels if has_points else None,
        box=prompt.box,
        mask=prompt.mask,
    )


def check_object_prompt(step: ObjectPrompt, size: tuple[int, int], engine: Sam2Engine) -> None:
    """Check a prompt alone, before it could make a whole step fail.

    Args:
        step: For a new object or one that exists.
        size: Height and width of the picture, pixels.
        engine: That will get it.

    Raises:
        PromptError: Outside the picture, empty, contradictory.
        ShapeError: An array of the wrong shape.
    """
    from mm_perception.nets.sam2.prompts import check_prompts

    # Whether the object exists is the caller's knowledge: here only coordinates are checked.
    check_prompts([replace(step, kind='add')], (), size, engine.image_size)


def overlay(rgb: Array, masks: Masks) -> Image:
    """The picture with masks, for people."""
    from mm_perception.drawing import draw_masks

    data = draw_masks(rgb, masks)
    return Image(stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, data=data)


def masks_sample(
    result: Sam2Result,
    labels: Mapping[int, str],
    stamp_ns: int,
    frame_id: str,
    min_visible: float,
    min_iou: float,
    unshown: Collection[int] = (),
) -> Masks:
    """Masks of one frame; objects that are probably hidden own no pixel.

    Args:
        result: Of the session.
        labels: Object id to label.
        stamp_ns: Of the picture.
        frame_id: Of the picture.
        min_visible: Probability from which an object counts as visible.
        min_iou: IoU that the network expects of its mask, from which it counts as visible.
        unshown: Objects that count as hidden whatever the network says.
    """
    ids = tuple(int(i) for i in result.object_ids)
    chances = 1 / (1 + np.exp(-result.object_logits.float().cpu().numpy()))
    ious = result.iou.float().cpu().numpy()
    is_seen = (chances >= min_visible) & (ious >= min_iou) & ~np.isin(ids, list(unshown))
    visible = tuple(is_seen.tolist())
    logits = result.full_logits().cpu().numpy().copy()
    logits[~is_seen] = -1.0
    scores = ious.clip(0, 1) * chances
    return Masks(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        id_map=merge_masks(logits, ids),
        ids=ids,
        labels=tuple(labels.get(i, '') for i in ids),
        scores=scores.astype(np.float32),
        visible=visible,
    )
