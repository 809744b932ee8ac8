"""SAM 2 on a batch of clips, with gradients through its memory.

It runs through the streaming engine's own code, so that what is trained is what runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm_perception.nets.sam2.attention import MemoryReader
from mm_perception.nets.sam2.encoder import FrameFeatures, encode_image
from mm_perception.nets.sam2.heads import Candidates, Decoded, Heads
from mm_perception.nets.sam2.memory import FrameMemory, ObjectMemory
from mm_perception.training.losses import mask_iou, mask_loss
from mm_perception.training.sam2_batches import KINDS, NO_POINT, Batch


class Pupil(nn.Module):
    """The network, and heads that help its image encoder to learn and are thrown away.

    From prompts alone an encoder learns slowly: a picture has three of them, but 4096 places that
    belong to a class or lie on an edge.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        channels = model.config.mask_decoder_config.hidden_size
        self.heads = nn.ModuleList(
            nn.Conv2d(width, len(KINDS) + 2, 1)
            for width in (channels, channels // 4, channels // 8)
        )

    def loss(self, features: FrameFeatures, kinds: Tensor) -> Tensor:
        """Cross entropy of classes and edges at stride 4."""
        levels = (features.coarse, features.stride_8, features.stride_4)
        size = kinds.shape[-2:]
        parts = [
            functional.interpolate(head(level).float(), size=size, mode='bilinear')
            for head, level in zip(self.heads, levels, strict=True)
        ]
        logits = torch.stack(parts).sum(0)
        same = functional.cross_entropy(logits[:, :-1], kinds)
        spread = functional.max_pool2d(kinds[:, None].float(), 3, 1, 1)
        narrow = -functional.max_pool2d(-kinds[:, None].float(), 3, 1, 1)
        edges = (spread != narrow).float()
        return same + functional.binary_cross_entropy_with_logits(logits[:, -1:], edges)


def bare_losses(pupil: Any, batch: Batch) -> dict[str, Tensor]:
    """Losses of the decoder on features that are all zero."""
    heads, config = Heads(pupil.model), pupil.model.config
    count, channels = len(batch.points), config.mask_decoder_config.hidden_size
    side = config.memory_attention_rope_feat_sizes[0]
    zeros = batch.points.new_zeros
    features = FrameFeatures(
        zeros(count, channels, side, side),
        zeros(count, channels // 4, 2 * side, 2 * side),
        zeros(count, channels // 8, 4 * side, 4 * side),
    )
    found = _first(heads, features, batch)
    return _losses(found, batch.masks[:, 0, 0])


def _first(heads: Heads, features: FrameFeatures, batch: Batch) -> Candidates:
    """Candidates for new objects."""
    num = 1 if bool((batch.labels[0] == NO_POINT).any()) else 2
    return heads.candidates(
        features, heads.unconditioned(features), batch.points[:, :num], batch.labels[:, :num],
        is_initial=True,
    )  # fmt: skip


class Unrolled:
    """All frames of a batch in turn, with memories that carry gradients."""

    def __init__(self, pupil: Any, batch: Batch) -> None:
        model = pupil.model
        self._batch = batch
        self._heads, self._reader = Heads(model), MemoryReader(model)
        clips, pictures, objects = batch.masks.shape[:3]
        features = encode_image(model, batch.pixels.flatten(0, 1))
        self._help = pupil.loss(features, batch.kinds.flatten(0, 1))
        rows = torch.arange(clips, device=features.coarse.device) * pictures
        rows = rows.repeat_interleave(objects)
        self._features = [
            FrameFeatures(
                features.coarse[rows + t], features.stride_8[rows + t], features.stride_4[rows + t]
            )
            for t in range(pictures)
        ]
        self._memories = [_new_memory(model) for _ in range(clips * objects)]

    def losses(self) -> dict[str, Tensor]:
        """Means over objects and frames."""
        parts = []
        for t in range(len(self._batch.order)):
            is_mute = 0 < t <= self._batch.before
            with torch.set_grad_enabled(not is_mute):
                part = self._frame(t)
            if not is_mute:
                parts.append(part)
        means = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        return {**means, 'help': self._help}

    def _frame(self, t: int) -> dict[str, Tensor]:
        batch, picture = self._batch, self._batch.order[t]
        features, target = self._features[picture], batch.masks[:, picture].flatten(0, 1)
        if t == 0 and batch.is_mask:
            full = functional.interpolate(target[:, None], scale_factor=2.0)
            decoded = self._heads.accept_masks(features, full)
            self._remember(t, features, decoded)
            zero = decoded.pointers.sum() * 0
            return {'mask': zero, 'iou': zero, 'presence': zero, '_overlap': zero + 1,
                    '_best_overlap': zero + 1}  # fmt: skip
        found = self._following(t, features) if t else _first(self._heads, features, self._batch)
        decoded = self._heads.take(found, found.iou.argmax(dim=1))
        if t + 1 < len(batch.order):
            self._remember(t, features, decoded)
        return _losses(found, target)

    def _following(self, t: int, features: FrameFeatures) -> Candidates:
        views = [memory.view(t) for memory in self._memories]
        conditioned = self._reader.read(self._reader.start(features), views)
        return self._heads.candidates(features, conditioned)

    def _remember(self, t: int, features: FrameFeatures, decoded: Decoded) -> None:
        prompted = torch.full((len(self._memories),), t == 0, device=decoded.iou.device)
        spatial = self._heads.encode_memory(features, decoded, prompted)
        for row, memory in enumerate(self._memories):
            memory.store(t, FrameMemory(spatial[row], decoded.pointers[row]), is_prompted=t == 0)


def _new_memory(model: Any) -> ObjectMemory:
    config = model.config
    return ObjectMemory(config.num_maskmem, config.max_object_pointers_in_encoder, 8)


def _losses(found: Candidates, target: Tensor) -> dict[str, Tensor]:
    """The best candidate learns its mask, all learn their IoU (SAM 2, appendix D.2.2)."""
    logits = functional.interpolate(
        found.mask_logits.float(), size=target.shape[-2:], mode='bilinear'
    )
    per_candidate = mask_loss(logits, target[:, None])
    overlap = mask_iou(logits, target[:, None]).detach()
    is_there = target.flatten(1).any(dim=1).float()
    count = is_there.sum().clamp(min=1)
    presence = functional.binary_cross_entropy_with_logits(
        found.object_logits.float(), is_there, reduction='mean'
    )
    taken = found.iou.argmax(dim=1, keepdim=True)
    return {
        'mask': (per_candidate.min(dim=1).values * is_there).sum() / count,
        'iou': 2 * ((found.iou.float() - overlap).abs().mean(1) * is_there).sum() / count,
        'presence': presence,
        '_overlap': (overlap.gather(1, taken)[:, 0] * is_there).sum() / count,
        '_best_overlap': (overlap.max(dim=1).values * is_there).sum() / count,
    }
