"""What the plugins that use SAM 2 share: one engine per process, and samples from its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.model_cache import Shared
from mm_perception.samples import Masks, Prompt, merge_masks
from mm_perception.weights import locate

if TYPE_CHECKING:
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine, Sam2Result


def shared_engine(weights: str, device: str, image_size: int) -> Shared[Sam2Engine]:
    """The one engine of this process for these weights."""

    def load() -> Sam2Engine:
        from mm_perception.nets.sam2 import Sam2Engine

        return Sam2Engine.load(locate(weights, 'sam2'), device, image_size=image_size or None)

    return Shared(('sam2', weights, device, image_size), load)


def engine_info(engine: Sam2Engine, weights: str) -> dict[str, str]:
    """Facts for diagnostics."""
    return {
        'weights': weights,
        'weights_sha256': engine.weights_sha256,
        'licence': engine.licence,
        'image_size': str(engine.image_size),
    }


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


def masks_sample(
    result: Sam2Result, labels: Mapping[int, str], stamp_ns: int, frame_id: str, min_visible: float
) -> Masks:
    """Masks of one frame; objects that are probably hidden own no pixel.

    Args:
        result: Of the session.
        labels: Object id to label.
        stamp_ns: Of the picture.
        frame_id: Of the picture.
        min_visible: Probability from which an object counts as visible.
    """
    ids = tuple(int(i) for i in result.object_ids)
    chances = 1 / (1 + np.exp(-result.object_logits.float().cpu().numpy()))
    visible = tuple(bool(chance >= min_visible) for chance in chances)
    logits = result.full_logits().cpu().numpy().copy()
    logits[[not v for v in visible]] = -1.0
    scores = result.iou.float().cpu().numpy().clip(0, 1) * chances
    return Masks(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        id_map=merge_masks(logits, ids),
        ids=ids,
        labels=tuple(labels.get(i, '') for i in ids),
        scores=scores.astype(np.float32),
        visible=visible,
    )
