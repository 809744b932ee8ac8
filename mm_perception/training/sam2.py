"""Training of SAM 2 nano: places, then pictures, then its memory on films.

A decoder that starts from nothing takes most of an hour of two cores to learn where a prompt
points. So it learns that first, without pictures: a box means what is in it, a point what is
around it. What follows is the order and, in the main, the losses of the paper (Ravi et al., 2024,
appendix D) at a scale of minutes on one GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Sam2VideoModel

from mm_perception.nets.sam2.configs import NANO_IMAGE_SIZE_PX, nano_config, with_image_size
from mm_perception.training.data import load_clips
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import CLIP_DATA, Recipe, Worlds, clip_worlds, save_half
from mm_perception.training.sam2_batches import Batch, Phase, bare_batch, clip_batch
from mm_perception.training.sam2_unrolled import Pupil, Unrolled, bare_losses
from mm_perception.world.clips import Clip
from mm_perception.world.variety import Split

#: Clips of 24 pictures, of seeds after those of clips and stills.
_NUM_FILMS = 300
#: In use; crops enlarge things in training, so that they are of equal size in larger pictures
#: (Touvron et al., Fixing the train-test resolution discrepancy, 2019).
_IN_USE_PX = 480


class Sam2Task:
    """Promptable segmentation and tracking, learned from clips.

    Args:
        clips: Of training worlds.
        held_out: Of worlds with what training never saw.
        phases: In turn; either all use memories or none.
        image_size: Side of the network's input in px.
        settings: Of the loop; its steps are those of all phases.

    Raises:
        ValueError: They are not, or some phases use memories and some do not.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        held_out: Sequence[Clip],
        phases: Sequence[Phase],
        image_size: int,
        settings: Settings,
    ) -> None:
        self._held_out = held_out
        self._is_tracking = phases[-1].is_tracking
        moving = [clip for clip in clips if len(clip.rgb) > 1]
        # Of four films one is made of anything: from single pictures, by a camera that pans.
        self._pools = (moving, moving, moving, clips) if self._is_tracking and moving else (clips,)
        self._phases, self._size = tuple(phases), image_size
        self.settings = settings
        if settings.steps != sum(phase.steps for phase in phases):
            raise ValueError(f'{settings.steps} steps, but the phases differ')
        if any(phase.is_tracking != self._is_tracking for phase in phases):
            raise ValueError('phases with memories and without them need stages of their own')

    def build(self) -> nn.Module:
        """A new network."""
        model: Any = Sam2VideoModel(nano_config(self._size))
        # The library's small numbers suit checkpoints; from them nothing is learned in an hour.
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
                module.reset_parameters()
        # Both hold the frequencies of one position code; the library leaves that to checkpoints.
        # Low ones among them make left and right of a point easy to tell.
        shared = model.prompt_encoder.shared_embedding.positional_embedding
        shared.mul_(torch.logspace(-1.3, 0.3, shared.shape[1]))
        model.shared_image_embedding.positional_embedding.copy_(shared)
        with torch.no_grad():  # objects are there, until absence is learned
            model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(2.0)
        return Pupil(model, keeps_statistics=self._is_tracking)

    def batch(self, step: int) -> Batch:
        """Films of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        phase = self._phase(step)
        if not phase.frames:
            return bare_batch(rng, phase.clips, self._size)
        return clip_batch(rng, self._pools, phase, self._size)

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Of masks, of the predicted IoU and of presence."""
        data: Batch = batch.to(device)
        if not data.pixels.numel():
            return bare_losses(model, data)
        return Unrolled(model, data).losses()

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """IoU of held-out objects from a box and from a point, and along clips."""
        from mm_perception.training.sam2_scores import score_clips, score_pictures

        net = model.eval().model
        scores = score_pictures(net, self._held_out[:24], most=3)
        if self._is_tracking:
            scores['clip_iou'] = score_clips(net, self._held_out[:10])
        return scores

    def _phase(self, step: int) -> Phase:
        for phase in self._phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self._phases[-1]


def _make(clips: Sequence[Clip], held_out: Sequence[Clip], scale: float) -> list[Sam2Task]:
    def stage(
        image_size: int, learning_rate: float, optimizer: Literal['adamw', 'muon'], share: float,
        *phases: Phase,
    ) -> Sam2Task:  # fmt: skip
        scaled = [replace(phase, steps=max(2, round(phase.steps * scale))) for phase in phases]
        steps = sum(phase.steps for phase in scaled)
        settings = Settings(
            steps, learning_rate=learning_rate, seed=1, optimizer=optimizer, validate_every=1000,
            share=share,
        )  # fmt: skip
        return Sam2Task(clips, held_out, scaled, image_size, settings)

    size = NANO_IMAGE_SIZE_PX
    return [
        stage(
            256, 1e-3, 'adamw', 1.0,
            Phase(500, clips=64, frames=0, objects=1), Phase(1200, clips=32, frames=1, objects=3),
        ),
        stage(size, 1.2e-3, 'muon', 2.0, Phase(3000, clips=32, frames=1, objects=4)),
        stage(size, 1e-3, 'muon', 3.0, Phase(2000, clips=12, frames=5, objects=4, before=8)),
    ]  # fmt: skip


def _worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    """Beside what other networks see too, longer clips."""
    usual = clip_worlds(recipe, share, workers)
    count, first = max(8, round(_NUM_FILMS * share)), recipe.num_clips + recipe.num_stills
    films = load_clips(Split.TRAIN, count, num_frames=24, first=first, workers=workers)
    counts = {**usual.counts, 'training_films': count}
    return Worlds([*usual.training, *films], usual.held_out, counts)


def _core(model: Any) -> Any:
    return model.model


def _save(model: Any, folder: Path) -> None:
    core = _core(model)
    with_image_size(core.config, _IN_USE_PX)
    save_half(core, folder)


RECIPE = Recipe(
    net='sam2',
    title='Promptable segmentation and tracking: a Sam2VideoModel of 3.7 M parameters.',
    num_clips=1600,
    num_stills=9000,
    num_reshaped=6000,
    num_held_out=60,
    make=_make,
    save=_save,
    core=_core,
    worlds=_worlds,
    data='{training_films} clips of 24 pictures, ' + CLIP_DATA,
    notes=(
        'ResNet of widths 32 to 256 and of 1, 2, 3, 1 blocks, 128 channels in decoder and memory, '
        'two layers of memory attention over three frames. It learns on 448 px, of crops, and is '
        'used on 480: on 60 held-out pictures that no score uses IoU from a box was 0.816 with '
        '448, 0.826 with 480 and 0.830 with 512, which is too slow for two cores.',
        'Memory is learned from films of 5 and of 13 frames. In the long ones 8 frames only fill '
        'the memory. Most pan, those of single pictures among them, and in most something of '
        'another clip passes in front. Batch normalisation keeps its statistics there.',
        'The shipped weights: 6645 steps at 384 px of the recipe of commit 5e9cb93, a smaller '
        'one; then on 448 px 779 steps of the second stage and 330 of the third on a CPU core; '
        'then 20 minutes of an H200, which three other trainings used too: 2860 steps of 48 '
        'pictures of 6 objects on 237 clips, 3318 stills, 4017 reshaped ones and 78 films of new '
        'seeds (from 20000; clips from 500000), 1155 of 16 films of 4 objects, 8 frames that fill '
        'the memory and 5 that teach, on 312, 5356, 6602 and 128. Last, on '
        'a CPU core, 777 steps of 10 pictures of 6 objects and 155 of 2 films (8 frames) in turn, '
        'presence learned from the films alone, then 583 more; what is shipped is the mean of the '
        'weights before and after these (0.818 and 0.818, mean 0.820, on 80 such pictures of '
        '448 px). '
        'It learned with a memory of four frames, of which the oldest recent one was left out '
        'afterwards: over 8 held-out films that no score uses J&F is 0.705 with four and with '
        'three, 0.668 with two. The recipe as a whole, from nothing, has not been run.',
        'It knows the synthetic world: use a public checkpoint for real pictures.',
    ),
)
