"""How well patches of held-out worlds are told apart by texts, and scenes found by captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.clip import ClipEngine, load_clip
from mm_perception.nets.dino import DinoEngine, load_dino
from mm_perception.nets.dino.labelling import Vocabulary, paint
from mm_perception.nets.dino.text_map import halves
from mm_perception.training.data import Crop, Pixels, final_clips, normalised
from mm_perception.training.dino import IMAGE_SIDE, PATCH
from mm_perception.training.dino_batches import PLACES
from mm_perception.training.sam2_batches import KINDS
from mm_perception.watching import Watch, counted, unwatched
from mm_perception.weights import NANO
from mm_perception.world.clips import Clip
from mm_perception.world.language import scene_caption, scenery_of
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import Split

#: Class names as a label list has them: a pedestrian is a person; then what is behind them.
LABELS = (*(kind for kind in KINDS if kind != 'pedestrian'), *PLACES)
GALLERIES = (50, 100)
_SCENES, _PAINTED, _KNOWN = 160, 80, 40  # pictures
Vectors = npt.NDArray[np.float32]
_RANKS = (1, 5, 10)
_SIDES = (0.34, 0.17)  # of the patches that CLIP alone looks at, in heights of the picture
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
    seen = [pupil.see(block) for block in torch.split(pixels, _AT_ONCE)]
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
    captions = captions_of(clips)
    rows = list(captions.values())
    return {
        'miou': mean_iou(found, real, len(LABELS))[0],
        'patches_right': float((found == real).mean()),
        'things_right': float((found == real)[is_thing].mean()),
        'colours_right': float((hues == colours)[is_coloured].mean()),
        'recall_at_1': recalls(
            whole[rows].flatten(1).cpu().numpy(),
            halves(say(list(captions))).flatten(1).cpu().numpy(), min(50, len(captions)),
        )[1],
    }  # fmt: skip


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on worlds that nothing else has seen, beside those of CLIP alone and of chance."""
    with watch(_SCENES, 'making pictures') as progress:
        clips = final_clips(_SCENES, progress=progress)
    with watch(_KNOWN, 'making pictures of known things') as progress:
        known = final_clips(_KNOWN, Split.TRAIN, progress)
    clip = load_clip(str(NANO / 'clip'), device)
    engine = load_dino(str(weights), '', clip, device)
    sights = [engine.look(c.rgb[0]) for c in counted(clips, watch, 'looking')]
    some = clips[:_PAINTED]
    seen = segmentation(engine, some, [sight.patches for sight in sights], watch)
    patches = [patches_of(clip, c.rgb[0]) for c in counted(some, watch, 'looking with CLIP alone')]
    alone = segmentation(clip, some, patches, watch)
    looks = [engine.look(c.rgb[0]) for c in counted(known, watch, 'looking at known things')]
    familiar = segmentation(engine, known, [sight.patches for sight in looks], watch)
    real = np.concatenate([label_map(c)[0].ravel() for c in some])
    commonest = np.full_like(real, np.bincount(real).argmax())
    drawn = np.random.default_rng(0).integers(len(LABELS), size=real.shape).astype(np.uint8)
    found = {
        'mIoU of pixels, all classes': seen['miou'],
        'pictures (classes that they show)': f'{len(some)} ({seen["classes"]})',
        'baseline: mIoU of CLIP alone, patches of two sizes': alone['miou'],
        'baseline: mIoU of the commonest class everywhere':
            round(mean_iou(commonest, real, len(LABELS))[0], 3),
        'chance of mIoU': round(mean_iou(drawn, real, len(LABELS))[0], 3),
        'mIoU in new worlds of known things': familiar['miou'],
        'pixels of things right': seen['things'],
        'the same by CLIP alone': alone['things'],
        'colour of pixels of things right, of 11': seen['colours'],
        'the same colours by CLIP alone': alone['colours'],
    }  # fmt: skip
    captions = captions_of(clips)
    ours = np.stack([sights[row].whole for row in captions.values()])
    theirs = clip.embed_images([clips[row].rgb[0] for row in captions.values()])
    texts = list(captions)
    for size in GALLERIES:
        by_us = recalls(ours, engine.whole_vectors(texts), size)
        by_clip = recalls(theirs, clip.embed_texts(texts), size)
        for rank in _RANKS:
            found[f'recall@{rank} of {size} scenes'] = by_us[rank]
            found[f'the same by CLIP alone, @{rank} of {size}'] = by_clip[rank]
            found[f'chance of recall@{rank} of {size}'] = rank / size
    return found


def segmentation(
    engine: DinoEngine | ClipEngine,
    clips: Sequence[Clip],
    patches: Sequence[Vectors],
    watch: Watch = unwatched,
) -> dict[str, float]:
    """Mean IoU over `LABELS`, and shares of the pixels of things whose class, or colour, is right.

    A colour is asked for alone, among all colours.

    Args:
        engine: Of the texts.
        clips: Their first pictures are painted.
        patches: (h, w, D) of each, in the space of the texts.
        watch: Shows progress.
    """
    pairs: list[list[Pixels]] = [[], [], [], []]
    words = [_vocabulary(engine, texts) for texts in (LABELS, tuple(COLOURS))]
    for clip, seen in counted(list(zip(clips, patches, strict=False)), watch, 'painting'):
        size = clip.ids.shape[1], clip.ids.shape[2]
        for index, real in enumerate(label_map(clip)):
            shares = words[index].shares(seen, engine.logit_scale)
            painted = paint(shares, size, words[index].ids, 0.0)[0]
            pairs[2 * index].append((painted.ravel() - 1).astype(np.uint8))
            pairs[2 * index + 1].append(real.ravel())
    found, real, hues, colours = (np.concatenate(part) for part in pairs)
    miou, classes = mean_iou(found, real, len(LABELS))
    is_thing, is_coloured = real < len(LABELS) - len(PLACES), colours != _NONE
    return {
        'miou': round(miou, 3), 'classes': classes,
        'things': round(float((found == real)[is_thing].mean()), 3),
        'colours': round(float((hues == colours)[is_coloured].mean()), 3),
    }  # fmt: skip


def _vocabulary(engine: DinoEngine | ClipEngine, texts: Sequence[str]) -> Vocabulary:
    if isinstance(engine, DinoEngine):
        vectors = engine.patch_vectors(texts)
    else:
        vectors = engine.embed_texts(texts)
    return Vocabulary(tuple(texts), tuple(range(1, len(texts) + 1)), vectors)


def patches_of(clip: ClipEngine, rgb: Pixels) -> npt.NDArray[np.float32]:
    """What CLIP alone makes of parts of a picture, (h, w, D) float32 unit vectors.

    The mean of patches of two sizes, as `plugins/bev_text` has them where nothing stands apart
    (LERF, Kerr et al., 2023, section 3.2); the coarse ones are repeated to the grid of the fine.
    """
    height, width = rgb.shape[:2]
    levels = []
    for side in _SIDES:
        down = max(1, round(1 / side))
        across = max(1, round(width / height * down))
        y, x = (np.linspace(0, s, n + 1).astype(int) for s, n in ((height, down), (width, across)))
        crops = [
            np.ascontiguousarray(rgb[y[r] : y[r + 1], x[c] : x[c + 1]])
            for r in range(down) for c in range(across)
        ]  # fmt: skip
        levels.append(clip.embed_images(crops).reshape(down, across, -1))
    fine = levels[-1]
    rows, columns = (np.arange(n) for n in fine.shape[:2])
    total = np.zeros_like(fine)
    for level in levels:
        total += level[
            rows[:, None] * level.shape[0] // len(rows), columns * level.shape[1] // len(columns)
        ]
    norms = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.asarray(total / np.maximum(norms, 1e-9), np.float32)


def captions_of(clips: Sequence[Clip]) -> dict[str, int]:
    """Captions of scenes with at least two things, all different, and the clip of each."""
    rng = np.random.default_rng(0)
    found: dict[str, int] = {}
    for row, clip in enumerate(clips):
        scenery = scenery_of(clip, 0)
        caption = scene_caption(rng, scenery)
        if len(scenery.things) > 1:
            found.setdefault(caption, row)
    return found


def recalls(seen: Vectors, said: Vectors, size: int) -> dict[int, float]:
    """How often a caption's own scene is among the nearest few, in galleries of `size` scenes.

    Args:
        seen: (N, E) unit vectors of scenes.
        said: (N, E) of their captions.
        size: At most N; what is left after whole galleries is not used.
    """
    places: list[int] = []
    for first in range(0, len(seen) - size + 1, size):
        part = slice(first, first + size)
        likeness = said[part] @ seen[part].T
        places += (likeness > np.diag(likeness)[:, None]).sum(1).tolist()
    return {rank: round(float((np.array(places) < rank).mean()), 3) for rank in _RANKS}
