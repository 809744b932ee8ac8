"""Masks of SAM 2 over the whole picture, each compared by CLIP with texts and background phrases.

A mask answers a text if CLIP prefers that text to every background phrase; the score is the
softmax share of the text against the background alone, so that a text that is absent does not win
for lack of rivals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm_perception.model_cache import Shared
from mm_perception.nets.clip import shared_clip
from mm_perception.nets.grounders.grounder import Found, Grounder, GrounderSettings
from mm_perception.nets.sam2 import Sam2Engine
from mm_perception.nets.sam2.proposals import Proposal, propose
from mm_perception.segmenting import shared_engine

_MARGIN = 0.12  # of the box, so that the crop shows the outline
_DIM = 0.35  # how much of the surroundings is left around the mask


class ClipProposals(Grounder):
    """SAM 2 proposals scored by CLIP."""

    def __init__(self, settings: GrounderSettings) -> None:
        self._settings = settings
        self._sam2: Shared[Sam2Engine] = shared_engine(
            settings.segmenter_weights, settings.device, settings.image_size, settings.dtype
        )
        try:
            self._clip = shared_clip(settings.weights, settings.device)
        except BaseException:
            self._sam2.release()
            raise
        self.weights_sha256 = self._clip.model.sha256

    def ground(
        self, image: npt.NDArray[np.uint8], texts: Sequence[str], min_score: float
    ) -> list[Found]:
        """See `Grounder.ground`."""
        settings = self._settings
        proposals = propose(
            self._sam2.model, image, grid=settings.grid, min_iou=settings.min_iou,
            min_stability=settings.min_stability,
        )  # fmt: skip
        if not proposals or not texts:
            return []
        crops = [crop_of(image, proposal) for proposal in proposals]
        scores = self._scores(crops, texts)
        found = [
            Found(text, proposals[p].box, float(scores[p, text]), proposals[p].mask)
            for p, text in zip(*np.nonzero(scores >= min_score), strict=True)
        ]
        return without_parts(sorted(found, key=lambda f: -f.score))

    def close(self) -> None:
        """Give both models back."""
        self._sam2.release()
        self._clip.release()

    def _scores(
        self, crops: Sequence[npt.NDArray[np.uint8]], texts: Sequence[str]
    ) -> npt.NDArray[np.float64]:
        """(proposals, texts): share of each text against the background phrases."""
        clip = self._clip.model
        images = clip.embed_images(crops).astype(np.float64) * clip.logit_scale
        wanted = images @ clip.embed_texts(texts).T
        if not self._settings.background:
            return np.asarray(1 / (1 + np.exp(-wanted)), np.float64)
        rivals = images @ clip.embed_texts(self._settings.background).T
        strongest = np.maximum(wanted, rivals.max(axis=1, keepdims=True))
        own = np.exp(wanted - strongest)
        others = np.exp(rivals[:, None, :] - strongest[:, :, None]).sum(axis=2)
        return np.asarray(own / (own + others), np.float64)


def crop_of(image: npt.NDArray[np.uint8], proposal: Proposal) -> npt.NDArray[np.uint8]:
    """The proposal's square surroundings, dimmed outside its mask.

    Args:
        image: (H, W, 3) uint8 RGB.
        proposal: In that picture.

    Returns:
        (S, S, 3) uint8; what lies outside the picture is mid-grey.
    """
    x0, y0, x1, y1 = proposal.box.tolist()
    side = int(max(x1 - x0, y1 - y0) * (1 + 2 * _MARGIN)) + 1
    left, top = int((x0 + x1 - side) / 2), int((y0 + y1 - side) / 2)
    crop = np.full((side, side, 3), 127, np.uint8)
    height, width = image.shape[:2]
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    piece = image[rows, columns].astype(np.float32)
    inside = proposal.mask[rows, columns, None]
    dimmed = np.where(inside, piece, _DIM * piece + (1 - _DIM) * 127)
    target = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    crop[target] = dimmed.astype(np.uint8)
    return crop


def without_parts(found: Sequence[Found]) -> list[Found]:
    """Drop masks that lie mostly inside a better one for the same text."""
    kept: list[Found] = []
    for one in found:
        if one.mask is None:
            kept.append(one)
            continue
        rivals = [k for k in kept if k.text_index == one.text_index and k.mask is not None]
        areas = [float((one.mask & k.mask).sum()) for k in rivals if k.mask is not None]
        smaller = [
            min(float(one.mask.sum()), float(k.mask.sum())) for k in rivals if k.mask is not None
        ]
        if all(a < 0.5 * s for a, s in zip(areas, smaller, strict=True)):
            kept.append(one)
    return kept


def load(settings: GrounderSettings) -> Grounder:
    """Load both models."""
    return ClipProposals(settings)
