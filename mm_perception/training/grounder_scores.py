"""How well texts find what they name in held-out worlds, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from transformers import Sam3Processor

from mm_perception.evaluation.masks import Mask
from mm_perception.nets.grounders import Grounder, load_grounder
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.nets.grounders.sam3 import Sam3
from mm_perception.training.data import LARGEST_SHARE, Crop, Pixels, final_clips, normalised
from mm_perception.training.grounder_losses import read_places
from mm_perception.training.sam2_batches import KINDS
from mm_perception.watching import Watch, unwatched
from mm_perception.world.clips import Clip, ThingTruth
from mm_perception.world.language import Phrase, absent_phrase, phrase
from mm_perception.world.materials import COLOURS
from mm_perception.world.variety import Split, is_novel_pair

SMALLEST_PX = 100  # area of the things that must be found
MIN_SCORE = 0.35  # the text tracker, for which a CLIP looks too, takes 0.3
_PICTURES = 480
_ABLATED = 427  # questions that are asked again with something left out


@dataclass(frozen=True)
class Question:
    """A text about a picture.

    Attributes:
        rgb: (H, W, 3).
        phrase: The text.
        truth: (H, W) what it means; nothing if it names nothing that is there.
        ignored: (H, W) what it means that is too small to be asked for.
        is_novel: It names a colour and a class that training never showed together.
    """

    rgb: Pixels
    phrase: Phrase
    truth: Mask
    ignored: Mask
    is_novel: bool


def grounder_of(model: Any, tokenizer: Any, device: torch.device) -> Grounder:
    """A grounder on the model itself."""
    from mm_perception.training.grounder import image_processor

    return Sam3(Sam3Processor(image_processor(), tokenizer), model, 'training', str(device))


def questions(clips: Sequence[Clip], seed: int, most: int = 4) -> list[Question]:
    """Texts about the first pictures: as many that name something as that name nothing.

    Of the absent ones more than half are nearly true: of a class or a colour that is there.
    """
    rng, asked = np.random.default_rng(seed), []
    for clip in clips:
        areas = np.bincount(clip.ids[0].ravel(), minlength=256)
        seen = [thing for thing in clip.things if areas[thing.instance]]
        limits = SMALLEST_PX, LARGEST_SHARE * clip.ids[0].size
        large = [t for t in seen if t.colour and limits[0] <= areas[t.instance] <= limits[1]]
        for index in rng.permutation(len(large))[:most]:
            thing = large[int(index)]
            colour = thing.colour if rng.random() < 0.75 else ''
            asked.append(_question(clip, phrase(rng, thing.kind, colour), areas, thing))
            asked.append(_question(clip, absent_phrase(rng, seen), areas, None))
    return asked


def _question(
    clip: Clip, said: Phrase, areas: npt.NDArray[np.int64], thing: ThingTruth | None
) -> Question:
    meant = [t.instance for t in clip.things if said.means(t)]
    large = [number for number in meant if areas[number] >= SMALLEST_PX]
    small = [number for number in meant if areas[number] < SMALLEST_PX]
    ids = clip.ids[0]
    is_novel = thing is not None and bool(said.colour) and is_novel_pair(said.colour, thing.kind)
    return Question(clip.rgb[0], said, np.isin(ids, large), np.isin(ids, small), is_novel)


@dataclass(frozen=True)
class Scores:
    """Of questions.

    Attributes:
        overlaps: IoU of all that was found with what was meant, of each present text.
        novel: Which of them name a pair that training never showed.
        alarms: Of each absent text, whether anything was found.
    """

    overlaps: npt.NDArray[np.float64]
    novel: npt.NDArray[np.bool_]
    alarms: npt.NDArray[np.bool_]


def ask(
    grounder: Grounder, asked: Sequence[Question], min_score: float = MIN_SCORE,
    progress: Callable[[int], None] = lambda done: None,
) -> Scores:  # fmt: skip
    """Put questions to a grounder."""
    overlaps, novel, alarms = [], [], []
    for done, question in enumerate(asked, 1):
        found = grounder.ground(question.rgb, [question.phrase.text], min_score)
        if question.truth.any():
            union = np.zeros(question.truth.shape, np.bool_)
            for item in found:
                union |= item.mask if item.mask is not None else False
            union &= ~question.ignored
            both, either = (union & question.truth).sum(), (union | question.truth).sum()
            overlaps.append(both / either)
            novel.append(question.is_novel)
        elif not question.ignored.any():
            alarms.append(bool(found))
        progress(done)
    return Scores(np.array(overlaps), np.array(novel, np.bool_), np.array(alarms, np.bool_))


def quick_scores(grounder: Grounder, clips: Sequence[Clip]) -> dict[str, float]:
    """Overlap of present texts and share of absent ones that find something."""
    scores = ask(grounder, questions(clips, 0, most=2))
    return {'iou': float(scores.overlaps.mean()), 'false_alarms': float(scores.alarms.mean())}


@torch.no_grad()
def dense_scores(pupil: Any, clips: Sequence[Clip]) -> dict[str, float]:
    """Share of things whose class, whose colour, and both are right in most of their places."""
    from mm_perception.training.grounder import IMAGE_SIDE, STRIDE

    right: list[tuple[bool, bool]] = []
    for clip in clips:
        height, width = clip.rgb.shape[1:3]
        crop = Crop((0, 0, width, height), IMAGE_SIDE)
        pixels = torch.from_numpy(normalised(crop.picture(clip.rgb[0]))[None])
        seen = pupil.see(pixels.to(next(pupil.parameters()).device))
        said = read_places(pupil.heads, seen.fpn_hidden_states[:-1])[0].cpu()
        kinds = said[: 1 + len(KINDS)].argmax(0).numpy()
        colours = said[1 + len(KINDS) : 2 + len(KINDS) + len(COLOURS)].argmax(0).numpy()
        ids = crop.labels(clip.ids[0], IMAGE_SIDE)[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        for thing in clip.things:
            own = ids == thing.instance
            if thing.colour and own.sum() * STRIDE**2 >= SMALLEST_PX:
                kind = (kinds[own] == 1 + KINDS.index(thing.kind)).mean() > 0.5
                colour = (colours[own] == 1 + list(COLOURS).index(thing.colour)).mean() > 0.5
                right.append((bool(kind), bool(colour)))
    table = np.array(right)
    return {
        'kinds': float(table[:, 0].mean()), 'colours': float(table[:, 1].mean()),
        'both': float(table.all(1).mean()),
    }  # fmt: skip


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on worlds that nothing else has seen, beside what needs no network or less of one."""
    grounder = load_grounder('sam3', GrounderSettings(weights=str(weights), device=device))
    with watch(_PICTURES, 'making pictures') as progress:
        asked = questions(final_clips(_PICTURES, progress=progress), 1, most=3)
    with watch(80, 'making pictures of known things') as progress:
        familiar = questions(final_clips(80, Split.TRAIN, progress), 1, most=3)
    part = asked[:_ABLATED]
    grey_part = [replace(q, rgb=_without_colour(q.rgb)) for q in part]
    bare_part = [replace(q, phrase=_without_colour_word(q.phrase)) for q in part]

    def asking(title: str, some: Sequence[Question]) -> Scores:
        with watch(len(some), title) as progress:
            return ask(grounder, some, progress=progress)

    known = asking('asking for known things', familiar)
    scores = asking('asking', asked)
    grey = asking('asking without colour in the picture', grey_part)
    bare = asking('asking without colour in the text', bare_part)
    whole = [q.truth.mean() for q in asked if q.truth.any()]
    found = float((scores.overlaps > 0).mean())
    return {
        'mean IoU, texts that name something': _rounded(scores.overlaps),
        'the same, colours and classes never seen together':
            _rounded(scores.overlaps[scores.novel]),
        'false alarms, texts that name nothing there': _rounded(scores.alarms),
        'mean IoU in new worlds of known things': _rounded(known.overlaps),
        'false alarms in new worlds of known things': _rounded(known.alarms),
        'present texts (never seen together)':
            f'{len(scores.overlaps)} ({int(scores.novel.sum())})',
        'absent texts': len(scores.alarms),
        'present texts that overlap with what they mean': round(found, 3),
        'baseline IoU: all of the picture': round(float(np.mean(whole)), 3),
        'picture without colour: IoU': _rounded(grey.overlaps),
        'picture without colour: false alarms': _rounded(grey.alarms),
        'text without its colour: IoU': _rounded(bare.overlaps),
        'text without its colour: false alarms': _rounded(bare.alarms),
    }  # fmt: skip


def _without_colour(rgb: Pixels) -> Pixels:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None], 3, axis=2)


def _without_colour_word(said: Phrase) -> Phrase:
    words = said.text.replace(f' in {said.colour}', '').replace(f' wearing {said.colour}', '')
    return replace(said, text=words.replace(f'{said.colour} ', '') if said.colour else words)


def _rounded(values: npt.NDArray[Any]) -> float:
    return round(float(values.mean()), 3) if len(values) else float('nan')
