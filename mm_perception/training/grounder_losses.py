"""What the grounder answers to texts, and how wrong that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.training.grounder_truth import Lesson
from mm_perception.training.losses import dice_loss
from mm_perception.training.sam2_batches import KINDS
from mm_perception.world.materials import COLOURS

_SMALLEST_BOX = 1e-3  # share of the picture: smaller ones get no further weight
_SIZES = [1 + len(KINDS), 1 + len(COLOURS), 1, 4]


@dataclass(frozen=True)
class Answers:
    """To T texts by Q queries, from D decoder layers.

    Attributes:
        boxes: (D, T, Q, 4) xyxy in shares of the picture.
        logits: (D, T, Q) that it is what the text means.
        presence: (D, T) that anything is.
        masks: (T, Q, h, w) logits, of the last layer.
        semantic: (T, h, w) logits that a place is what the text means.
        texts: (T, C) mean features of the words.
        encoded: (T, C, h / 4, w / 4) features of places that have read the text.
    """

    boxes: Tensor
    logits: Tensor
    presence: Tensor
    masks: Tensor
    semantic: Tensor
    texts: Tensor
    encoded: Tensor


def answers_of(model: Any, seen: Any, input_ids: Tensor, attention_mask: Tensor) -> Answers:
    """The forward pass of Sam3Model with the answers of every decoder layer.

    Args:
        model: A Sam3Model.
        seen: Output of its vision encoder for B pictures.
        input_ids: (B * K, L), K texts for each picture.
        attention_mask: (B * K, L).
    """
    times = len(input_ids) // len(seen.fpn_hidden_states[0])
    maps = [level.repeat_interleave(times, 0) for level in seen.fpn_hidden_states[:-1]]
    coarse_code = seen.fpn_position_encoding[-2].repeat_interleave(times, 0)
    texts = model.get_text_features(
        input_ids=input_ids, attention_mask=attention_mask, return_dict=True
    ).pooler_output
    words = attention_mask.bool()
    encoded = model.detr_encoder(
        vision_features=[maps[-1]], text_features=texts, vision_pos_embeds=[coarse_code],
        text_mask=words,
    )  # fmt: skip
    # On the CPU: the decoder reads these numbers, and would wait for a GPU in every layer.
    shape = torch.tensor([maps[-1].shape[-2:]])
    decoded = model.detr_decoder(
        vision_features=encoded.last_hidden_state, text_features=texts,
        vision_pos_encoding=encoded.pos_embeds_flattened, text_mask=words,
        spatial_shapes=shape,
    )  # fmt: skip
    hidden = decoded.intermediate_hidden_states
    places = torch.logit(decoded.reference_boxes.float(), eps=1e-3)
    boxes = (places + model.detr_decoder.box_head(hidden).float()).sigmoid()
    logits = model.dot_product_scoring(
        decoder_hidden_states=hidden, text_features=texts, text_mask=words
    )
    drawn = model.mask_decoder(
        decoder_queries=hidden[-1], backbone_features=maps,
        encoder_hidden_states=encoded.last_hidden_state, prompt_features=texts,
        prompt_mask=words,
    )  # fmt: skip
    middle, extent = boxes[..., :2], boxes[..., 2:]
    weights = words[..., None].to(texts)
    places = encoded.last_hidden_state.transpose(1, 2).reshape(maps[-1].shape)
    return Answers(
        torch.cat([middle - extent / 2, middle + extent / 2], dim=-1),
        logits.squeeze(-1).float(), decoded.presence_logits.squeeze(-1).float(),
        drawn.pred_masks.float(), drawn.semantic_seg[:, 0].float(),
        (texts * weights).sum(1) / weights.sum(1), places,
    )  # fmt: skip


def dense_losses(
    heads: nn.ModuleList, maps: Sequence[Tensor], lesson: Lesson
) -> dict[str, Tensor]:
    """Of class, colour, edge and reach at every place.

    What is small has few places, so those of class and colour count by one over the root of the
    area of the box of their thing.
    """
    kinds, colours, edges, reach = torch.split(read_places(heads, maps), _SIZES, dim=1)
    is_thing = (lesson.kinds > 0).float()
    count = is_thing.sum().clamp(min=1)
    wide = lesson.reach[:, 0] + lesson.reach[:, 2]
    high = lesson.reach[:, 1] + lesson.reach[:, 3]
    rarity = is_thing / (wide * high).clamp(min=_SMALLEST_BOX).sqrt()
    rarities = rarity.sum().clamp(min=1)
    of_colour = functional.cross_entropy(colours, lesson.colours, reduction='none')
    plain = lesson.kinds[:, None].float()
    spread = functional.max_pool2d(plain, 3, 1, 1)
    narrow = -functional.max_pool2d(-plain, 3, 1, 1)
    away = (reach - lesson.reach).abs().mean(1)
    right = (kinds.argmax(1) == lesson.kinds) & (colours.argmax(1) == lesson.colours)
    return {
        'kinds': functional.cross_entropy(kinds, lesson.kinds),
        'kinds_of_things': 0.3 * _mean(
            functional.cross_entropy(kinds, lesson.kinds, reduction='none'), rarity, rarities
        ),
        'colours': 0.5 * _mean(of_colour, rarity, rarities),
        'edges': 0.5 * functional.binary_cross_entropy_with_logits(
            edges, (spread != narrow).float()
        ),
        'reach': 2 * _mean(away, is_thing, count),
        '_right': _mean(right.float(), is_thing, count),
    }  # fmt: skip


def read_places(heads: nn.ModuleList, maps: Sequence[Tensor]) -> Tensor:
    """What the helping heads say of every place, (B, channels, h, w); maps are fine to coarse."""
    total: Tensor | None = None
    for head, level in zip(reversed(heads), reversed(maps), strict=True):
        said = head(level).float()
        if total is not None:
            said = said + functional.interpolate(total, size=said.shape[-2:], mode='bilinear')
        total = said
    if total is None:
        raise ValueError('no maps')
    return total


class Matcher(nn.Module):
    """Two ways to tell which places a text means, that help and are thrown away.

    One compares places and texts that know nothing of each other, as CLIP does, and so teaches
    both the same words; the other asks the places once they have read the text. What the decoder
    says comes from both and is too far away to teach them soon.

    Args:
        channels: Of places and of texts.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.place = nn.Conv2d(channels, channels, 1)
        self.text = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.tensor(-2.0))
        self.reader = nn.Conv2d(channels, 1, 1)

    def losses(self, level: Tensor, found: Answers, lesson: Lesson) -> dict[str, Tensor]:
        """Of both.

        Args:
            level: (B, C, h / 2, w / 2) features of pictures.
            found: Answers to K texts about each.
            lesson: With the truth.
        """
        times = len(found.texts) // len(level)
        places, texts = self.place(level), self.text(found.texts)
        apart = torch.einsum('bchw,bkc->bkhw', places, texts.unflatten(0, (-1, times)))
        apart = apart.flatten(0, 1).float() / texts.shape[1] ** 0.5 + self.bias
        read = self.reader(found.encoded)[:, 0].float()
        union, keep = union_of(lesson)
        is_there = (lesson.counts > 0).float()
        parts = {'apart': apart, 'read': read}
        return {
            name: _pixels(logits, _shrunk(union, logits), _shrunk(keep, logits), is_there)
            for name, logits in parts.items()
        }


def union_of(lesson: Lesson) -> tuple[Tensor, Tensor]:
    """Share of each cell that is what a text means, and whether it counts, (T, h, w) each."""
    keep = 1 - lesson.ignored.float()
    return lesson.masks.amax(1), keep


def _shrunk(values: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[-2:]
    return functional.adaptive_avg_pool2d(values[:, None], (height, width))[:, 0]


def text_losses(found: Answers, lesson: Lesson) -> dict[str, Tensor]:
    """Of presence, of the place of all that a text means, and of each instance.

    Each instance is the business of one query (Carion et al., DETR, 2020, section 3.1).
    """
    is_there = (lesson.counts > 0).float()
    rows, queries, columns = _matched(found, lesson)
    target = torch.zeros_like(found.logits[-1])
    target[rows, queries] = 1
    num = max(1, len(rows))
    score = sum(_focal(layer, target) for layer in found.logits) / (num * len(found.logits))
    boxes, chosen = lesson.boxes[rows, columns], found.boxes[:, rows, queries]
    away = (chosen - boxes).abs().mean(-1)
    box = (5 * away + 2 * (1 - generalised_iou(chosen, boxes))).sum() / (num * len(chosen))
    presence = functional.binary_cross_entropy_with_logits(
        found.presence, is_there.expand_as(found.presence)
    )
    union, keep = union_of(lesson)
    semantic = _pixels(found.semantic, union, keep, is_there)
    masks = lesson.masks[rows, columns]
    instance = _pixels(found.masks[rows, queries], masks, keep[rows], is_there[rows])
    sure = ((found.presence[-1] > 0) == (is_there > 0)).float().mean()
    return {
        'score': torch.as_tensor(score), 'box': box, 'presence': 2 * presence,
        'semantic': semantic, 'instance': instance, '_sure': sure,
    }  # fmt: skip


@torch.no_grad()
def _matched(found: Answers, lesson: Lesson) -> tuple[Tensor, Tensor, Tensor]:
    """Texts, queries and instances that belong together, (N,) each.

    To read a number of a GPU is to wait for it: all costs, and how many count, come at once.
    """
    boxes, real = found.boxes[-1][:, :, None], lesson.boxes[:, None]
    cost = 5 * (boxes - real).abs().mean(-1) - 2 * generalised_iou(boxes, real)
    cost = cost - 2 * found.logits[-1].sigmoid()[..., None]
    num = lesson.counts[:, None, None].expand(-1, cost.shape[1], 1)
    table = torch.cat([cost, num.to(cost)], dim=2).cpu().numpy()
    pairs = [np.zeros((3, 0), np.int64)]
    for row, costs in enumerate(table):
        taken, of = linear_sum_assignment(costs[:, : int(costs[0, -1])])
        pairs.append(np.stack([np.full(len(taken), row), taken, of]))
    rows, queries, columns = torch.from_numpy(np.concatenate(pairs, 1)).to(cost.device)
    return rows, queries, columns


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al., 2019, algorithm 1) of boxes in pairs, (...).

    Args:
        first: (..., 4) xyxy.
        second: (..., 4) xyxy.
    """
    begin = torch.maximum(first[..., :2], second[..., :2])
    end = torch.minimum(first[..., 2:], second[..., 2:])
    both = (end - begin).clamp(min=0).prod(-1)
    sizes = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)]
    either = (sizes[0] + sizes[1] - both).clamp(min=1e-9)
    begin = torch.minimum(first[..., :2], second[..., :2])
    end = torch.maximum(first[..., 2:], second[..., 2:])
    around = (end - begin).prod(-1).clamp(min=1e-9)
    return both / either - (around - either) / around


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss (Lin et al., 2017, equation 5) with alpha 0.5 and gamma 2, summed."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction='none')
    miss = (target - logits.sigmoid()).abs()
    return (2 * miss**2 * entropy).sum()


def _pixels(logits: Tensor, target: Tensor, keep: Tensor, is_there: Tensor) -> Tensor:
    """Cross entropy of all, and Dice of what is there, over the pixels that are kept."""
    if not len(logits):
        return logits.sum() * 0
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction='none')
    dice = dice_loss(logits.masked_fill(keep == 0, -20.0), target * keep)
    weight = is_there.to(dice)
    return 3 * (entropy * keep).mean() + 2 * (dice * weight).sum() / weight.sum().clamp(min=1)


def _mean(values: Tensor, weights: Tensor, count: Tensor) -> Tensor:
    return (values * weights).sum() / count
