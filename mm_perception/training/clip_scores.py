"""How well CLIP tells held-out colours, classes and scenes apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from open_clip.transform import image_transform

from mm_perception.nets.clip.engine import ClipEngine, load_clip
from mm_perception.nets.clip.open_clip_engine import Loaded, OpenClipEngine
from mm_perception.training.clip import (
    DEVIATION,
    IMAGE_SIDE,
    MEAN,
    TEXT_LENGTH,
)
from mm_perception.training.clip_captions import turned_round
from mm_perception.training.clip_sights import SMALLEST_CROP_PX, is_main
from mm_perception.training.data import LARGEST_SHARE, Pixels, final_clips
from mm_perception.watching import Watch, counted, unwatched
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import scene_caption, scenery_of
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import Split, is_novel_pair

GALLERY = 50
#: Visibility from which a picture shows what a thing is; the lowest of the four levels of nuScenes
#: (Caesar et al., 2020) ends there.
CLEAR = 0.4
#: Pictures that scores are of, of held-out worlds and of those that are less strange: recall of
#: 0.8 in as many has a standard error of 0.014, in a quarter of them it would be 0.03.
_PICTURES, _FAMILIAR = 960, 480
_KINDS = (
    'car', 'van', 'truck', 'bus', 'person', 'cyclist', 'cone', 'barrier', 'ball', 'crate', 'table',
    'chair', 'sofa', 'lamp', 'fridge', 'cup', 'plant', 'television',
)  # fmt: skip


def engine_of(model: Any, tokenizer: Any, device: torch.device) -> OpenClipEngine:
    """An engine on the model itself."""
    preprocess = image_transform(
        IMAGE_SIDE, is_train=False, mean=MEAN, std=DEVIATION, resize_mode='squash',
        interpolation='bilinear',
    )  # fmt: skip

    def tokenize(texts: list[str]) -> torch.Tensor:
        found = tokenizer(
            texts, padding='max_length', truncation=True, max_length=TEXT_LENGTH,
            return_tensors='pt',
        )  # fmt: skip
        ids: torch.Tensor = found['input_ids']
        return ids

    return OpenClipEngine(Loaded(model, preprocess, tokenize, '', 'training'), str(device))


def quick_scores(engine: ClipEngine, clips: Sequence[Clip]) -> dict[str, float]:
    """Zero-shot on crops of novel pairs and of all, and recall in a gallery."""
    pictures, things, _ = crops(clips, range(0, 8, 4))
    right = zero_shot(engine, pictures, things)
    return {
        'novel_pairs': _mean(right[_are_novel(things)]), 'all_pairs': _mean(right),
        'recall_at_1': recall(engine, clips, 0),
    }  # fmt: skip


def crops(
    clips: Sequence[Clip], frames: Sequence[int]
) -> tuple[list[Pixels], list[ThingTruth], np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Crops of all that is large enough, not too close, and not mostly behind something else.

    Returns:
        The crops; what they show; the share of each that is visible, (N,).
    """
    pictures, things, visible = [], [], []
    for clip in clips:
        columns = {thing.instance: column for column, thing in enumerate(clip.things)}
        for frame in frames:
            for thing in scenery_of(clip, frame, SMALLEST_CROP_PX).things:
                own = clip.ids[frame] == thing.instance
                if own.mean() <= LARGEST_SHARE and is_main(clip.ids[frame], thing.instance):
                    x0, y0, x1, y1 = box_around(own, 0.1)
                    pictures.append(np.ascontiguousarray(clip.rgb[frame, y0:y1, x0:x1]))
                    things.append(thing)
                    visible.append(clip.visible[frame, columns[thing.instance]])
    return pictures, things, np.array(visible, np.float32)


def box_around(mask: npt.NDArray[np.bool_], margin: float) -> tuple[int, int, int, int]:
    """The square around a mask with a margin, cut where the picture ends: x0, y0, x1, y1 in px.

    Args:
        mask: (H, W), not empty.
        margin: Share of the longer side that is added on each side.
    """
    rows, columns = np.nonzero(mask)
    x0, x1, y0, y1 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    half = max(x1 - x0, y1 - y0) * (0.5 + margin)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    height, width = mask.shape
    return (
        max(0, int(x - half)), max(0, int(y - half)),
        min(width, int(np.ceil(x + half))), min(height, int(np.ceil(y + half))),
    )  # fmt: skip


def zero_shot(
    engine: ClipEngine,
    pictures: Sequence[Pixels],
    things: Sequence[ThingTruth],
    watch: Watch = unwatched,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether 'a COLOUR CLASS' of the right colour and class is nearest of all, (N,)."""
    pairs = [(colour, kind) for colour in COLOURS for kind in _KINDS]
    texts = engine.embed_texts([f'a {colour} {kind}' for colour, kind in pairs])
    starts = counted(range(0, len(pictures), 64), watch, 'naming things')
    seen = np.concatenate([engine.embed_images(pictures[i : i + 64]) for i in starts])
    best = (seen @ texts.T).argmax(1)
    told = [(t.colour, 'person' if t.kind == 'pedestrian' else t.kind) for t in things]
    return np.array([pairs[i] == real for i, real in zip(best, told, strict=True)])


def recall(engine: ClipEngine, clips: Sequence[Clip], seed: int) -> float:
    """Share of scenes whose own caption is nearest among `GALLERY` with different captions."""
    rng = np.random.default_rng(seed)
    pictures: list[Pixels] = []
    captions: list[str] = []
    for clip in clips:
        scenery = scenery_of(clip, 0)
        caption = scene_caption(rng, scenery)
        if len(scenery.things) > 1 and caption not in captions:
            pictures.append(clip.rgb[0])
            captions.append(caption)
    pictures, captions = pictures[:GALLERY], captions[:GALLERY]
    likeness = engine.embed_images(pictures) @ engine.embed_texts(captions).T
    return float((likeness.argmax(1) == np.arange(len(pictures))).mean())


def relations(engine: ClipEngine, clips: Sequence[Clip]) -> tuple[float, int]:
    """Share of captions that are nearer than with the relation turned round, and how many."""
    rng = np.random.default_rng(0)
    doubts = [(clip, turned_round(rng, scenery_of(clip, 0))) for clip in clips for _ in range(2)]
    told = [(clip, doubt) for clip, doubt in doubts if doubt]
    if not told:
        return float('nan'), 0
    texts = engine.embed_texts([d.true for _, d in told] + [d.false for _, d in told])
    seen = engine.embed_images([clip.rgb[0] for clip, _ in told])
    surer = (seen * (texts[: len(told)] - texts[len(told) :])).sum(1)
    return float((surer > 0).mean()), len(told)


def _mean(values: np.ndarray[Any, Any]) -> float:
    return round(float(values.mean()), 3) if len(values) else float('nan')


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on worlds that nothing else has seen, beside chance and a grey picture."""
    with watch(_PICTURES, 'making pictures') as progress:
        clips = final_clips(_PICTURES, progress=progress)
    engine = load_clip(str(weights), device)
    pictures, things, visible = crops(clips, (0,))
    novel = _are_novel(things)
    right = zero_shot(engine, pictures, things, watch)
    grey = [np.full_like(p, p.mean(dtype=np.float64)) for p in pictures]
    shapes = [np.repeat(p.mean(2, keepdims=True).astype(np.uint8), 3, axis=2) for p in pictures]
    with watch(_FAMILIAR, 'making pictures of known things') as progress:
        known_clips = final_clips(_FAMILIAR, Split.TRAIN, progress)
    known_things = crops(known_clips, (0,))
    known = zero_shot(engine, *known_things[:2], watch)
    with watch(_FAMILIAR, 'making pictures of known things in other colours') as progress:
        recoloured = crops(final_clips(_FAMILIAR, Split.RECOLOURED, progress), (0,))
    new_pairs, told = _are_novel(recoloured[1]), zero_shot(engine, *recoloured[:2], watch)
    recalls, known_recalls = (
        [
            recall(engine, some[i : i + 60], i)
            for i in counted(range(0, len(some), 60), watch, 'finding scenes by caption')
        ]
        for some in (clips, known_clips)
    )
    related, num_related = relations(engine, clips)
    without_form = zero_shot(engine, grey, things, watch)
    without_colour = zero_shot(engine, shapes, things, watch)
    pairs, zero_shot_of = len(COLOURS) * len(_KINDS), 'zero-shot colour and class,'
    return {
        **_also_clear(f'{zero_shot_of} pairs never seen together', right[novel], visible[novel]),
        **_also_clear(f'{zero_shot_of} all pairs', right, visible),
        **_also_clear('the same in new worlds of known things', known, known_things[2]),
        **_also_clear(
            'pairs never seen together of things known in other colours',
            told[new_pairs], recoloured[2][new_pairs],
        ),
        'crops (of pairs never seen together; visible)':
            f'{len(things)} ({novel.sum()}; {(visible >= CLEAR).sum()})',
        'crops of pairs never seen together in other colours (visible)':
            f'{new_pairs.sum()} ({(recoloured[2][new_pairs] >= CLEAR).sum()})',
        'chance of zero-shot': round(1 / pairs, 4),
        'the same without form: crops of one even colour': _mean(without_form),
        'the same without colour': _mean(without_colour),
        f'recall@1 of {GALLERY} scene captions (mean of {len(recalls)} galleries)':
            _mean(np.array(recalls)),
        f'recall@1 in new worlds of known things ({len(known_recalls)} galleries)':
            _mean(np.array(known_recalls)),
        'chance of recall': 1 / GALLERY,
        'captions told from those with the relation turned round': round(related, 3),
        'captions with a relation': num_related,
        'chance of relations': 0.5,
    }  # fmt: skip


def _also_clear(
    name: str, right: np.ndarray[Any, Any], visible: np.ndarray[Any, Any]
) -> dict[str, float]:
    clear = f'{name}, things {100 * CLEAR:.0f} % or more visible'
    return {name: _mean(right), clear: _mean(right[visible >= CLEAR])}


def _are_novel(things: Sequence[ThingTruth]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([is_novel_pair(thing.colour, thing.kind) for thing in things])
