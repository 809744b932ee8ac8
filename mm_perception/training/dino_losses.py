"""What DINOv2 is taught: each patch its class and its colour, each picture what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from mm_perception.nets.dino.text_map import halves
from mm_perception.training.clip_sights import NUM_COLOURS
from mm_perception.training.dino_batches import (
    NAMES,
    NUM_CLASSES,
    PAIRS,
    PLACES,
    Batch,
    Lesson,
    names_classes,
)
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.materials import COLOURS

_NEVER = -1e4  # a logit of what is not asked
_ROWS = 4096  # patches that are compared with phrases
_FEWEST = 3  # points of a picture that show what it surely shows


@dataclass(frozen=True)
class Seen:
    """What the network makes of B pictures.

    Attributes:
        patches: (B, P, D) unit vectors.
        whole: (B, 2, D), of class token and mean patch; see `text_map.halves`.
    """

    patches: Tensor
    whole: Tensor

    @classmethod
    def of(cls, tokens: Tensor, registers: int) -> Seen:
        """From the last hidden state of a Dinov2WithRegistersModel, (B, 1 + registers + P, D)."""
        tokens = tokens.float()
        patches = tokens[:, 1 + registers :]
        whole = halves(torch.cat([tokens[:, 0], patches.mean(1)], dim=-1))
        return cls(functional.normalize(patches, dim=-1), whole)


@dataclass(frozen=True)
class Said:
    """Vectors of the texts of a batch, each (N, 2, D); see `text_map.halves`."""

    captions: Tensor
    names: Tensor
    colours: Tensor
    phrases: Tensor

    @classmethod
    def of(cls, vectors: Tensor, scenes: int) -> Said:
        """From (N, 2 * D), not normalised."""
        parts = [scenes, len(NAMES), len(COLOURS)]
        pairs = halves(vectors.float())
        return cls(*torch.split(pairs, [*parts, len(pairs) - sum(parts)]))


#: Most patches show ground, sky and walls; what matters is things.
_THING_WEIGHT = 4.0


@cache
def tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Which names mean which class, which classes go with which colour, which names with which.

    Returns:
        Bool of (names, classes), (classes, 1 + colours), (names, 1 + colours); none goes with all.
        What training never shows together is never told to be apart; but what never has a colour
        goes with all, so that a red patch is told that it is no street.
    """
    goes = torch.zeros((NUM_CLASSES, NUM_COLOURS), dtype=torch.bool)
    for kind, colour in PAIRS:
        goes[1 + KINDS.index(kind), 1 + list(COLOURS).index(colour)] = True
    goes[~goes.any(1)] = True
    goes[:, 0] = True
    names = torch.from_numpy(names_classes())
    both = (names[:, :, None] & goes).any(1)
    return names.to(device), goes.to(device), both.to(device)


def losses_of(
    seen: Seen, said: Said, lesson: Lesson, batch: Batch, scales: tuple[Tensor, Tensor, Tensor]
) -> dict[str, Tensor]:
    """All parts of the loss.

    Args:
        seen: Pictures.
        said: Texts.
        lesson: What is in the patches.
        batch: What the texts mean, on the same device.
        scales: Factor on cosines of patches, that on those of pictures, and an offset of these.
    """
    fine, coarse, offset = scales
    patches = fine * seen.patches
    # Of a text only its second half is compared with patches.
    names, colours, phrases = (
        2**0.5 * part[:, 1] for part in (said.names, said.colours, said.phrases)
    )
    likeness = coarse * seen.whole[: len(said.captions)].flatten(1) @ said.captions.flatten(1).T
    same = batch.same
    right = same.gather(1, likeness.argmax(1, keepdim=True)).float().mean()
    return {
        'class': _classes(patches @ names.T, lesson),
        'colour': _colours(patches @ colours.T, lesson),
        'phrase': _phrases(patches, torch.cat([phrases, names[-len(PLACES) :]]), lesson, batch),
        'sum': _far_from_sum(phrases, names[batch.nouns], colours[batch.colours]),
        'contrast': (_cross_entropy(likeness, same) + _cross_entropy(likeness.T, same.T)) / 2,
        'shown': _shown(coarse * seen.whole[:, 0] @ said.names[:, 0].T * 2 + offset,
                        coarse * seen.whole[:, 0] @ said.phrases[:, 0].T * 2 + offset,
                        lesson, batch),
        '_right': right.detach(),
    }  # fmt: skip


def _classes(logits: Tensor, lesson: Lesson) -> Tensor:
    """Of (B, P, names): what names mean is shared by all that mean the same."""
    names, _, goes = tables(logits.device)
    total = logits.new_zeros(())
    for classes, colours in zip(lesson.classes.unbind(-1), lesson.colours.unbind(-1), strict=True):
        masked = logits.masked_fill(~goes.T[colours], _NEVER).flatten(0, 1)
        same = names.T[classes].flatten(0, 1)
        parts = -(same / same.sum(1, keepdim=True) * masked.log_softmax(1)).sum(1)
        weights = torch.where(colours > 0, _THING_WEIGHT, 1.0).flatten()
        total = total + (parts * weights).sum() / weights.sum()
    return total / lesson.classes.shape[-1]


def _colours(logits: Tensor, lesson: Lesson) -> Tensor:
    """Of (B, P, colours), where a thing has one, among those that its class goes with."""
    _, goes, _ = tables(logits.device)
    total = logits.new_zeros(())
    for classes, colours in zip(lesson.classes.unbind(-1), lesson.colours.unbind(-1), strict=True):
        masked = logits.masked_fill(~goes[classes, 1:], _NEVER).flatten(0, 1)
        target = (colours - 1).flatten()
        total = total + functional.cross_entropy(
            masked, target, ignore_index=-1, reduction='sum'
        ) / (target >= 0).sum().clamp(min=1)
    return total / lesson.classes.shape[-1]


def _phrases(patches: Tensor, texts: Tensor, lesson: Lesson, batch: Batch) -> Tensor:
    """Some coloured patches among phrases that share colour or class with them, and places."""
    colours, classes = lesson.colours[..., 0].flatten(), lesson.classes[..., 0].flatten()
    weights = (colours > 0).float() + 1e-9
    rows = torch.multinomial(weights, min(_ROWS, len(weights)), replacement=True)
    is_kind = batch.kinds.T[classes[rows]]
    is_colour = colours[rows, None] - 1 == batch.colours
    same = functional.pad(is_kind & is_colour, (0, len(PLACES)))
    rival = functional.pad(is_kind | is_colour, (0, len(PLACES)), value=True)
    logits = (patches.flatten(0, 1)[rows] @ texts.T).masked_fill(~rival, _NEVER)
    is_told = same.any(1).float()
    parts = -(same / same.sum(1, keepdim=True).clamp(min=1) * logits.log_softmax(1)).sum(1)
    return (parts * is_told).sum() / is_told.sum().clamp(min=1)


def _shown(names: Tensor, phrases: Tensor, lesson: Lesson, batch: Batch) -> Tensor:
    """Whether a picture shows what a text names, each for itself (Zhai et al., 2023, SigLIP).

    Of what few points show nothing is said: it may be too small to be seen.
    """
    table, _, _ = tables(names.device)
    kinds = functional.one_hot(lesson.classes.flatten(1), NUM_CLASSES).float()
    colours = functional.one_hot(lesson.colours.flatten(1), NUM_COLOURS).float()
    counts = kinds.transpose(1, 2) @ colours  # (B, classes, 1 + colours)
    named = counts.sum(2) @ table.T.float()
    phrased = (counts[..., 1:] * 1.0)[..., batch.colours].transpose(1, 2)
    phrased = (phrased * batch.kinds.float()).sum(2)
    logits, found = torch.cat([names, phrases], 1), torch.cat([named, phrased], 1)
    is_shown = found >= _FEWEST
    parts = functional.binary_cross_entropy_with_logits(logits, is_shown.float(), reduction='none')
    is_clear = (is_shown | (found == 0)).float()
    return 4 * (parts * is_clear).sum() / is_clear.sum()


def _far_from_sum(phrases: Tensor, names: Tensor, colours: Tensor) -> Tensor:
    """How far the vector of 'a red car' points from the sum of those of 'car' and 'red'."""
    return 1 - (phrases * functional.normalize(names + colours, dim=-1)).sum(-1).mean()


def _cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    """Rows share their weight among all that is right."""
    target = same / same.sum(1, keepdim=True)
    return -(target * logits.log_softmax(1)).sum(1).mean()
