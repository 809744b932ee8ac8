"""What CLIP is trained to lower."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mm_perception.training.clip_batches import Batch

NEVER = -1e4  #: A logit of what is not asked.


def scenes_apart(
    scenes: Tensor, own: Tensor, false: Tensor, turned: Tensor, batch: Batch
) -> dict[str, Tensor]:
    """Own captions of scenes among those that are false, and relations among the turned."""
    count, device = len(scenes), scenes.device
    same = batch.same[:count, :count].to(device)
    asked = torch.cat([torch.ones_like(same), batch.false_of.to(device)], dim=1)
    logits = (scenes @ torch.cat([own, false]).t()).masked_fill(~asked, NEVER)
    target = torch.cat([same, torch.zeros_like(asked[:, count:])], dim=1)
    right = target.gather(1, logits.argmax(1, keepdim=True)).float().mean()
    true, wrong = turned.chunk(2)
    surer = (scenes[batch.turned_of.to(device)] * (true - wrong)).sum(1)
    return {
        'false': 0.5 * cross_entropy(logits, target), '_told': right.detach(),
        'turned': 0.5 * functional.softplus(-surer).sum() / max(1, len(surer)),
        '_turned_told': (surer.detach() > 0).float().mean(),
    }  # fmt: skip


def cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    """Rows share their weight among all that is right."""
    target = same / same.sum(1, keepdim=True)
    return -(target * logits.log_softmax(1)).sum(1).mean()


def far_from_sum(captions: Tensor, names: Tensor, colours: Tensor) -> Tensor:
    """How far the vector of 'a red car' points from the sum of those of 'car' and 'red'.

    Sums hold for pairs that no caption ever had; a code of its own for each pair would not.
    """
    return 1 - (captions * functional.normalize(names + colours, dim=-1)).sum(-1).mean()
