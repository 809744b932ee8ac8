"""Training of BEVFormer's motion head, on what a network that is done remembers of drives.

All else stands still, so what it says of a drive is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer import BevFormer, BevFormerConfig
from mm_perception.training.bevformer_batches import MODALITIES, fixed_batch
from mm_perception.training.bevformer_frames import NO_LABEL, BevFrame, look
from mm_perception.training.bevformer_scores import MOVING_MPS, find, pairs_of, speed_errors
from mm_perception.training.loop import Settings
from mm_perception.world.bev_clips import BevClip

#: Most things stand still, and what moves is what matters.
_MOVING_WEIGHT = 3.0
#: Boxes that are found lie a little beside things, metres.
_MISSED_M = 0.15


class StillPupil(nn.Module):
    """A network of which only the motion head learns."""

    def __init__(self, net: BevFormer) -> None:
        super().__init__()
        self.net = net
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name.startswith('motion_head.'))

    def train(self, mode: bool = True) -> StillPupil:
        """The statistics of what stands still stay as they are."""
        super().train(mode)
        self.net.eval()
        return self


@dataclass(frozen=True, eq=False)
class _Memory:
    """What the network made of a drive: (T, rows * columns, C) float16, and the truth."""

    bevs: Tensor
    frames: tuple[BevFrame, ...]


class MotionTask:
    """How far things move, from two moments that the network remembers.

    Args:
        clips: Of training worlds.
        held_out: Of worlds and things that training never saw.
        settings: Of the loop.
        batch_size: Pairs of moments per step.
        config: Of the network.
    """

    def __init__(
        self, clips: Sequence[BevClip], held_out: Sequence[BevClip], settings: Settings,
        batch_size: int, config: BevFormerConfig,
    ) -> None:  # fmt: skip
        self._clips, self._held_out, self._config = clips, held_out, config
        self.settings, self._batch_size = settings, batch_size
        self._memories: dict[int, _Memory] = {}

    def build(self) -> nn.Module:
        """A new network; that of the stage before is carried over into it."""
        return StillPupil(BevFormer(self._config))

    def batch(self, step: int) -> list[tuple[int, int]]:
        """Drives and moments of a step, the moments from 1 on."""
        rng = np.random.default_rng([self.settings.seed, step])
        chosen = rng.choice(len(self._clips), self._batch_size)
        return [(int(i), int(rng.integers(1, len(self._clips[i].points)))) for i in chosen]

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Mean L1 of displacements at the centres of things, metres."""
        net = cast(StillPupil, model).net
        assert net.motion_head is not None
        memories = [(self._memory(net, number, device), time) for number, time in batch]
        bevs, before = (
            torch.stack([m.bevs[t - back] for m, t in memories]).to(device).float()
            for back in (0, 1)
        )
        frames = [memory.frames[time] for memory, time in memories]
        motions = [frame.motions[0] for frame in frames]
        longest = max(1, *(frame.boxes.labels.shape[1] for frame in frames))
        codes = torch.zeros(len(frames), longest, 10)
        known = torch.zeros(len(frames), longest, dtype=torch.bool)
        for row, mask, frame in zip(codes, known, frames, strict=True):
            count = frame.boxes.labels.shape[1]
            row[:count], mask[:count] = frame.boxes.codes[0], frame.boxes.labels[0] != NO_LABEL
        codes, known = codes.to(device), known.to(device)
        chance = torch.randn(*codes.shape[:2], 2, device=device)
        said = net.motion_head(bevs, before, motions, codes[..., :2] + _MISSED_M * chance)
        spans = torch.tensor([motion.dt_s for motion in motions], device=device)[:, None, None]
        away = (said - codes[..., 8:10] * spans).abs().sum(-1)
        moves = codes[..., 8:10].norm(dim=-1) > MOVING_MPS
        counts = torch.where(moves, _MOVING_WEIGHT, 1.0) * known
        total, weight = (away * counts).sum(), counts.sum()
        return {'motion': total / weight.clamp(min=1)}

    @torch.no_grad()
    def _memory(self, net: BevFormer, number: int, device: torch.device) -> _Memory:
        if number not in self._memories:
            clip = self._clips[number]
            has_eyes = clip.rgb.shape[1] > 0
            modality = MODALITIES[number % 3] if has_eyes else 'lidar'
            frames, bevs, previous = fixed_batch([clip], modality).frames, [], None
            with torch.autocast(device.type, enabled=False):
                for frame in frames:
                    previous = look(net, frame.to(device), previous).bev
                    bevs.append(previous[0].half().cpu())
            self._memories[number] = _Memory(torch.stack(bevs), frames)
        return self._memories[number]

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Errors of velocities in held-out drives, with memory and without."""
        net = cast(StillPupil, model).net
        scores: dict[str, float] = {}
        for suffix, has_memory in (('', True), ('_one_frame', False)):
            found = find(net, self._held_out, device, has_memory=has_memory)
            pairs = pairs_of(self._held_out, [item.boxes for item in found])
            scores |= {name + suffix: value for name, value in speed_errors(pairs).items()}
        return scores
