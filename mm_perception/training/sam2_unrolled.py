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
from mm_perception.nets.sam2.preprocess import PIXEL_MEAN, PIXEL_STD
from mm_perception.training.losses import mask_iou, mask_losses
from mm_perception.training.sam2_batches import Batch
from mm_perception.training.sam2_films import KINDS


class Pupil(nn.Module):
    """The network, and heads that help its image encoder to learn and are thrown away.

    From prompts alone an encoder learns slowly: a picture has three of them, but 4096 places that
    belong to a class or lie on an edge.

    Args:
        model: A Sam2VideoModel.
        keeps_statistics: Batch normalisation uses what an earlier stage has measured, as it will
            when the network runs. The frames of one film are so alike that their mean and variance
            are not those of the world.
    """

    _mean: Tensor
    _deviation: Tensor

    def __init__(self, model: Any, *, keeps_statistics: bool = False) -> None:
        super().__init__()
        self.model, self._keeps_statistics = model, keeps_statistics
        channels = model.config.mask_decoder_config.hidden_size
        self.heads = nn.ModuleList(
            nn.Conv2d(width, len(KINDS) + 2, 1)
            for width in (channels, channels // 4, channels // 8)
        )

        # Numbers made from Python would make the CPU wait for the GPU.
        self.register_buffer('_mean', torch.tensor(PIXEL_MEAN) * 255, persistent=False)
        self.register_buffer('_deviation', torch.tensor(PIXEL_STD) * 255, persistent=False)

    def train(self, mode: bool = True) -> Pupil:
        """As of every module, but for batch normalisation that keeps its statistics."""
        super().train(mode)
        for module in self.modules() if self._keeps_statistics else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def encode(self, pixels: Tensor) -> FrameFeatures:
        """Features of pictures (N, S, S, 3) uint8."""
        planes = (pixels.float() - self._mean) / self._deviation
        return encode_image(self.model, planes.permute(0, 3, 1, 2).contiguous())

    def loss(self, features: FrameFeatures, kinds: Tensor) -> Tensor:
        """Cross entropy of classes and edges at stride 4; `kinds` is (N, S/4, S/4) uint8."""
        levels = (features.coarse, features.stride_8, features.stride_4)
        size = kinds.shape[-2:]
        parts = [
            functional.interpolate(head(level).float(), size=size, mode='bilinear')
            for head, level in zip(self.heads, levels, strict=True)
        ]
        logits = torch.stack(parts).sum(0)
        same = functional.cross_entropy(logits[:, :-1], kinds.long())
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
    return losses_of(_first(heads, features, batch), batch.masks[:, 0, 0].float())


def _first(heads: Heads, features: FrameFeatures, batch: Batch) -> Candidates:
    """Candidates for new objects."""
    conditioned = heads.unconditioned(features)
    return heads.candidates(features, conditioned, batch.points, batch.labels, is_initial=True)


class Unrolled:
    """All frames of a batch in turn, with memories that carry gradients.

    Args:
        pupil: A `Pupil`.
        batch: Films on its device.
    """

    def __init__(self, pupil: Any, batch: Batch) -> None:
        self._batch = batch
        self._heads, self._reader = Heads(pupil.model), MemoryReader(pupil.model)
        clips, pictures, objects = batch.masks.shape[:3]
        features = pupil.encode(batch.pixels.flatten(0, 1))
        self._help = pupil.loss(features, batch.kinds.flatten(0, 1))
        rows = torch.arange(clips, device=features.coarse.device) * pictures
        rows = rows.repeat_interleave(objects)
        self._features = [
            FrameFeatures(
                features.coarse[rows + t], features.stride_8[rows + t], features.stride_4[rows + t]
            )
            for t in range(pictures)
        ]
        config = pupil.model.config
        # Of all objects at once: they are asked for in the same frame and remembered in the same.
        self._memory = ObjectMemory(config.num_maskmem, config.max_object_pointers_in_encoder, 1)

    def losses(self) -> dict[str, Tensor]:
        """Means over objects and frames."""
        parts = []
        for t in range(len(self._features)):
            is_mute = 0 < t <= self._batch.before
            with torch.set_grad_enabled(torch.is_grad_enabled() and not is_mute):
                found, _ = self.frame(t)
            if found is not None and not is_mute:
                parts.append(losses_of(found, self._target(t)))
        means = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        return {**means, 'help': self._help}

    def frame(self, t: int) -> tuple[Candidates | None, Decoded]:
        """What the network says on the next frame, number `t`; no candidates for a given mask."""
        features, found = self._features[t], None
        if t == 0 and self._batch.is_mask:
            full = functional.interpolate(self._target(0)[:, None], scale_factor=2.0)
            decoded = self._heads.accept_masks(features, full)
        else:
            found = (
                self._following(t, features) if t else _first(self._heads, features, self._batch)
            )
            decoded = self._heads.take(found, found.iou.argmax(dim=1))
        if t + 1 < len(self._features):
            prompted = torch.full((len(decoded.iou),), t == 0, device=decoded.iou.device)
            spatial = self._heads.encode_memory(features, decoded, prompted)
            self._memory.store(
                self._number(t), FrameMemory(spatial, decoded.pointers), is_prompted=t == 0
            )
        return found, decoded

    def _following(self, t: int, features: FrameFeatures) -> Candidates:
        view = self._memory.view(self._number(t))
        conditioned = self._reader.read_batch(self._reader.start(features), view)
        return self._heads.candidates(features, conditioned)

    def _number(self, t: int) -> int:
        return t + self._batch.lag if t else 0

    def _target(self, t: int) -> Tensor:
        return self._batch.masks[:, t].flatten(0, 1).float()


def losses_of(found: Candidates, target: Tensor) -> dict[str, Tensor]:
    """The best candidate learns its mask, all learn their IoU (SAM 2, appendix D.2.2).

    Unlike there, masks of what is not to be seen learn to be empty and to expect an IoU of 0.

    Args:
        found: For N objects.
        target: (N, h, w) of 0 and 1, all 0 where the object is not to be seen.
    """
    logits = functional.interpolate(
        found.mask_logits.float(), size=target.shape[-2:], mode='bilinear'
    )
    is_there = target.flatten(1).amax(dim=1)  # (N,) of 0 and 1
    entropy, dice = mask_losses(logits, target[:, None])
    best = (entropy + dice * is_there[:, None]).min(dim=1).values
    overlap = mask_iou(logits, target[:, None]).detach() * is_there[:, None]
    object_logits = found.object_logits.float()
    presence = functional.binary_cross_entropy_with_logits(object_logits, is_there)
    taken = found.iou.argmax(dim=1, keepdim=True)
    count = is_there.sum().clamp(min=1)
    return {
        'mask': best.mean(),
        'iou': 2 * (found.iou.float() - overlap).abs().mean(),
        'presence': 2 * presence,
        '_overlap': overlap.gather(1, taken).sum() / count,
        '_best_overlap': overlap.max(dim=1).values.sum() / count,
        '_there': is_there.mean(),
        '_said_right': ((object_logits > 0) == (is_there > 0)).float().mean(),
    }
