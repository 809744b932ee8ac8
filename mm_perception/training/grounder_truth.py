"""What a batch of the grounder teaches, computed where the network is: masks, boxes, places."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mm_perception.training.clip import DEVIATION, MEAN
from mm_perception.training.grounder_batches import Batch


@dataclass(frozen=True)
class Lesson:
    """B pictures with K texts each: T = B * K texts of up to M instances.

    Attributes:
        pixels: (B, 3, S, S).
        kinds: (B, h, h) int64, class of every cell, 0 for none.
        colours: (B, h, h) int64, colour of the thing in every cell, 0 for none.
        reach: (B, 4, h, h), how far the thing in a cell reaches to its left, top, right and
            bottom, in shares of the picture.
        input_ids: (T, L) tokens.
        attention_mask: (T, L) of 0 and 1.
        masks: (T, M, h, h) share of the cell that an instance covers; zeros beyond `counts`.
        boxes: (T, M, 4) xyxy in shares of the picture.
        counts: (T,) int64, how many instances a text means.
        ignored: (T, h, h) bool, cells with something that a text means but is too small.
        is_blind: See `Phase`.
    """

    pixels: Tensor
    kinds: Tensor
    colours: Tensor
    reach: Tensor
    input_ids: Tensor
    attention_mask: Tensor
    masks: Tensor
    boxes: Tensor
    counts: Tensor
    ignored: Tensor
    is_blind: bool = False


def lesson_of(batch: Batch, device: torch.device, stride: int) -> Lesson:
    """The lesson of a batch.

    Args:
        batch: Of pictures with a side that the stride divides.
        device: Where to.
        stride: Px of the network's input per cell.
    """
    batch = batch.to(device)
    own = batch.ids[:, None] == torch.arange(
        1, batch.kinds.shape[1], device=device, dtype=torch.uint8
    ).view(-1, 1, 1)  # (B, N, S, S), of each number
    boxes = torch.stack([*_ends(own.any(2)), *_ends(own.any(3))], -1)[..., [0, 2, 1, 3]]
    masks, reals, counts, ignored = _meant(batch, _shares(own, stride), boxes)
    kinds, colours, reach = _places(batch, boxes, stride)
    return Lesson(
        relit(batch.rgb, batch.light), kinds, colours, reach, batch.input_ids,
        batch.attention_mask, masks, reals, counts, ignored, batch.is_blind,
    )  # fmt: skip


def relit(rgb: Tensor, light: Tensor) -> Tensor:
    """Pictures (B, S, S, 3) uint8 in another light, (B, 3, S, S) in units of deviation.

    Args:
        rgb: Pictures.
        light: (B, 3, 3), gamma, gain and lift of each channel.
    """
    gamma, gain, lift = light[:, :, None, None].unbind(1)
    values = ((rgb.float() / 255) ** gamma * gain + lift).clamp(0, 1)
    mean, deviation = values.new_tensor(MEAN), values.new_tensor(DEVIATION)
    return ((values - mean) / deviation).permute(0, 3, 1, 2)


def _ends(is_there: Tensor) -> tuple[Tensor, Tensor]:
    """Begin and end of what is true along the last axis (..., S), in shares of it."""
    side = is_there.shape[-1]
    at = torch.arange(side, device=is_there.device)
    first = torch.where(is_there, at, side).amin(-1)
    return first / side, torch.where(is_there, at + 1, 0).amax(-1) / side


def _shares(own: Tensor, stride: int) -> Tensor:
    """(B, N, S, S) bool to the share of each cell that is true, (B, N, h, h)."""
    batch, num, side = own.shape[:3]
    cells = own.view(batch, num, side // stride, stride, side // stride, stride)
    return cells.sum((3, 5), dtype=torch.int32) / stride**2


def _meant(batch: Batch, shares: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Masks, boxes and counts of what texts mean, and what is ignored."""
    if not batch.large.numel():
        nothing = shares.new_zeros(0)
        return nothing, nothing, batch.large.flatten(), nothing
    times = len(batch.large) // len(shares)
    picture = torch.arange(len(shares), device=shares.device).repeat_interleave(times)[:, None]
    small, large = batch.small, batch.large
    ignored = (shares[picture, small - 1] > 0) & (small > 0)[..., None, None]
    ignored = ignored.any(1)
    is_meant = (large > 0)[..., None]
    masks = shares[picture, large - 1] * (is_meant[..., None] & ~ignored[:, None])
    return masks, boxes[picture, large - 1] * is_meant, (large > 0).sum(1), ignored


def _places(batch: Batch, boxes: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Class, colour and reach of every cell: that of the pixel in its middle."""
    middle = slice(stride // 2, None, stride)
    cells = batch.ids[:, middle, middle].long()
    picture = torch.arange(len(cells), device=cells.device)[:, None, None]
    around = boxes[picture, cells - 1].permute(0, 3, 1, 2)
    side = cells.shape[-1]
    places = (torch.arange(side, device=cells.device) + 0.5) / side
    y, x = torch.meshgrid(places, places, indexing='ij')
    away = torch.stack([x, y, x, y]) - around
    signs = away.new_tensor([1, 1, -1, -1]).view(4, 1, 1)
    reach = away * signs * (cells > 0)[:, None]
    return batch.kinds[picture, cells], batch.colours[picture, cells], reach
