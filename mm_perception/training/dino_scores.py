"""How well patches of held-out worlds are told apart by texts, and scenes found by captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.dino.text_map import halves
from mm_perception.training.data import Crop, Pixels, normalised
from mm_perception.training.dino import IMAGE_SIDE, PATCH
from mm_perception.training.dino_batches import PLACES
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.clips import Clip
from mm_perception.world.language import scene_caption, scenery_of
from mm_perception.world.materials import COLOURS

#: Class names as a label list has them: a pedestrian is a person; then what is behind them.
LABELS = (*(kind for kind in KINDS if kind != 'pedestrian'), *PLACES)
GALLERY = 50
_AT_ONCE = 16  # pictures
_NONE = 255


def label_map(clip: Clip, frame: int = 0) -> tuple[Pixels, Pixels]:
    """Which of `LABELS`, and which colour (from 0; 255 for none), is in every pixel, (H, W)."""
    labels = np.full(256, LABELS.index(clip.place), np.uint8)
    colours = np.full(256, _NONE, np.uint8)
    for thing in clip.things:
        kind = 'person' if thing.kind == 'pedestrian' else thing.kind
        labels[thing.instance] = LABELS.index(kind)
        if thing.colour:
            colours[thing.instance] = list(COLOURS).index(thing.colour)
    return labels[clip.ids[frame]], colours[clip.ids[frame]]


def mean_iou(found: npt.NDArray[Any], real: npt.NDArray[Any], count: int) -> tuple[float, int]:
    """Mean over the classes that are there, and how many these are; pixels of all pictures."""
    table = np.bincount(real.ravel().astype(int) * count + found.ravel(), minlength=count**2)
    table = table.reshape(count, count)
    both = np.diag(table)
    either = table.sum(0) + table.sum(1) - both
    is_there = table.sum(1) > 0
    return float((both[is_there] / either[is_there]).mean()), int(is_there.sum())


@torch.no_grad()
def quick_scores(
    pupil: Any, say: Callable[[Sequence[str]], Tensor], clips: Sequence[Clip]
) -> dict[str, float]:
    """Of the first pictures of clips.

    Args:
        pupil: See `mm_perception.training.dino.Pupil`.
        say: N texts to (N, 2 * D).
        clips: Held-out ones.
    """
    device = next(pupil.parameters()).device
    crops = [Crop((0, 0, *clip.rgb.shape[2:0:-1]), IMAGE_SIDE) for clip in clips]
    rgb = np.stack([crop.picture(clip.rgb[0]) for crop, clip in zip(crops, clips, strict=True)])
    pixels = torch.from_numpy(normalised(rgb)).to(device)
    seen = [pupil.see(block) for block in pixels.split(_AT_ONCE)]
    patches, whole = (torch.cat([getattr(s, k) for s in seen]) for k in ('patches', 'whole'))
    cells = IMAGE_SIDE // PATCH
    maps = [label_map(clip) for clip in clips]
    real, colours = (
        np.stack([crop.labels(m[k], cells).ravel() for crop, m in zip(crops, maps, strict=True)])
        for k in (0, 1)
    )
    found, hues = (
        (patches @ halves(say(texts))[:, 1].T).argmax(-1).cpu().numpy()
        for texts in (LABELS, tuple(COLOURS))
    )
    is_thing, is_coloured = real < len(LABELS) - len(PLACES), colours != _NONE
    return {
        'miou': mean_iou(found, real, len(LABELS))[0],
        'patches_right': float((found == real).mean()),
        'things_right': float((found == real)[is_thing].mean()),
        'colours_right': float((hues == colours)[is_coloured].mean()),
        'recall_at_1': recall(whole, say, clips),
    }


def recall(whole: Tensor, say: Callable[[Sequence[str]], Tensor], clips: Sequence[Clip]) -> float:
    """Share of scenes whose own caption is nearest among at most `GALLERY` different ones."""
    rng = np.random.default_rng(0)
    captions: dict[str, int] = {}
    for row, clip in enumerate(clips):
        scenery = scenery_of(clip, 0)
        caption = scene_caption(rng, scenery)
        if len(scenery.things) > 1:
            captions.setdefault(caption, row)
    texts, rows = list(captions)[:GALLERY], list(captions.values())[:GALLERY]
    if not texts:
        return float('nan')
    likeness = whole[rows].flatten(1) @ halves(say(texts)).flatten(1).T
    return float((likeness.argmax(1).cpu().numpy() == np.arange(len(rows))).mean())
