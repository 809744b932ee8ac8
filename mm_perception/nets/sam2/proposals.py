"""Everything in a picture that looks like an object: a grid of points, each decoded to a mask.

After "Segment Anything" (arXiv 2304.02643), section 5 and appendix B: masks that the decoder
itself doubts, or that change with the threshold, are dropped, then duplicates are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.sam2.engine import Sam2Engine

_STABILITY_OFFSET = 1.0
_POINTS_PER_BATCH = 64


@dataclass(frozen=True)
class Proposal:
    """One mask.

    Attributes:
        mask: (H, W) bool in the original picture.
        box: (4,) float32 xyxy, pixels of the original picture.
        iou: How good the decoder thinks it is, 0..1.
    """

    mask: npt.NDArray[np.bool_]
    box: npt.NDArray[np.float32]
    iou: float


@torch.inference_mode()
def propose(
    engine: Sam2Engine,
    image: npt.NDArray[np.uint8],
    *,
    grid: int = 16,
    min_iou: float = 0.7,
    min_stability: float = 0.85,
    max_overlap: float = 0.7,
    max_area: float = 0.6,
    max_proposals: int = 64,
) -> list[Proposal]:
    """Class-agnostic masks, best first.

    Args:
        engine: SAM 2.
        image: (H, W, 3) uint8 RGB.
        grid: Points per side.
        min_iou: Drop masks whose predicted IoU is lower.
        min_stability: Drop masks whose area changes more than this with the threshold (IoU of the
            mask at a raised and a lowered threshold).
        max_overlap: Of two masks with a higher IoU only the better one stays.
        max_area: Drop masks that fill more than this share of the picture: they are background.
        max_proposals: Keep at most so many.
    """
    features = engine.encode(image)
    side = engine.image_size
    steps = (torch.arange(grid, device=engine.device) + 0.5) * side / grid
    points = torch.cartesian_prod(steps, steps).flip(
        1
    )  # (grid^2, 2) x, y; float32, see Sam2Engine
    conditioned = engine.heads.unconditioned(features)
    logits, ious = [], []
    for start in range(0, len(points), _POINTS_PER_BATCH):
        chunk = points[start : start + _POINTS_PER_BATCH]
        labels = torch.ones(len(chunk), 1, dtype=torch.int32, device=engine.device)
        decoded = engine.heads.decode(
            features, conditioned.expand(len(chunk), -1, -1, -1), chunk[:, None], labels,
            is_initial=True,
        )  # fmt: skip
        logits.append(decoded.mask_logits)
        ious.append(decoded.iou)
    kept_logits, kept_ious = _filter(
        torch.cat(logits), torch.cat(ious), min_iou, min_stability, max_area
    )
    order = _suppress(kept_logits > 0, kept_ious, max_overlap)[:max_proposals]
    return [
        proposal
        for index in order
        if (proposal := _proposal(kept_logits[index], float(kept_ious[index]), image.shape[:2]))
    ]


def _filter(
    logits: Tensor, ious: Tensor, min_iou: float, min_stability: float, max_area: float
) -> tuple[Tensor, Tensor]:
    raised = (logits > _STABILITY_OFFSET).flatten(1).sum(1).float()
    lowered = (logits > -_STABILITY_OFFSET).flatten(1).sum(1).float()
    area = (logits > 0).flatten(1).float().mean(1)
    keep = (ious >= min_iou) & (raised / lowered.clamp(min=1) >= min_stability)
    keep &= (area <= max_area) & (raised > 0)
    return logits[keep], ious[keep]


def _suppress(masks: Tensor, scores: Tensor, max_overlap: float) -> list[int]:
    """Greedy non-maximum suppression by mask IoU; indices, best first."""
    flat = masks.flatten(1).float()
    inter = flat @ flat.T
    area = flat.sum(1)
    iou = inter / (area[:, None] + area[None] - inter).clamp(min=1)
    kept: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if all(float(iou[index, other]) <= max_overlap for other in kept):
            kept.append(index)
    return kept


def _proposal(logits: Tensor, iou: float, size: tuple[int, ...]) -> Proposal | None:
    full = torch.nn.functional.interpolate(logits[None, None], (size[0], size[1]), mode='bilinear')
    mask = (full[0, 0] > 0).cpu().numpy()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return None
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    return Proposal(mask, box, iou)
