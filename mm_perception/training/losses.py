"""Losses that several trainings share."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the soft Dice coefficient (Milletari et al., V-Net, 2016, section 3), (...).

    Args:
        logits: (..., H, W).
        target: (..., H, W) of 0 and 1.
    """
    found = logits.sigmoid().flatten(-2)
    real = target.flatten(-2)
    return 1 - (2 * (found * real).sum(-1) + 1) / (found.sum(-1) + real.sum(-1) + 1)


def mask_losses(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy and Dice, five to two, (...) each: per pixel, and whatever the size."""
    real = target.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, real, reduction='none')
    return 5 * entropy.flatten(-2).mean(-1), 2 * dice_loss(logits, real)


def mask_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of what is above 0, (...); 1 if both are empty."""
    found, real = logits > 0, target > 0.5
    both = (found & real).flatten(-2).sum(-1).float()
    either = (found | real).flatten(-2).sum(-1).float()
    return (both + 1e-6) / (either + 1e-6)
