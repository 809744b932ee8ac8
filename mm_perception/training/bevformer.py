"""Training of BEVFormer nano: cameras, LiDAR or both, over short drives with many rigs.

All is learned at once and from nothing: boxes by matching (DETR), a heat map of centres that tells
the queries where to start, the map, and what `bevformer_lessons` adds. In a quarter of the drives
each the cameras and the LiDAR are missing, so that either alone is enough (modality dropout, as in
CMT, arXiv 2301.01283, section 3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer import CONFIGS, BevFormer, BevFormerConfig, BevOutput
from mm_perception.nets.bevformer.weights import save_model
from mm_perception.training.bevformer_batches import bev_batch
from mm_perception.training.bevformer_frames import BevBatch, BevFrame, normalised_pictures
from mm_perception.training.bevformer_lessons import Pupil, cell_losses, sight_losses
from mm_perception.training.bevformer_losses import box_losses, heat_loss, map_losses
from mm_perception.training.bevformer_motion import MotionTask
from mm_perception.training.data import worlds_folder
from mm_perception.training.loop import Settings, Task
from mm_perception.training.recipe import Recipe, Worlds
from mm_perception.world.bev_clips import VERSION, BevClip, BevPlan, make_bev_clips
from mm_perception.world.variety import Split

_CONFIG = CONFIGS['nano']
_NUM_CLIPS, _NUM_HELD_OUT = 1001, 40
_MAP_WEIGHT = 2.0


class BevFormerTask:
    """Boxes and maps, learned from short drives.

    Args:
        clips: Of training worlds.
        held_out: Of worlds and things that training never saw.
        settings: Of the loop.
        batch_size: Drives per step.
        config: Of the network.
        num_frames: Moments of a drive.
    """

    def __init__(
        self,
        clips: Sequence[BevClip],
        held_out: Sequence[BevClip],
        settings: Settings,
        batch_size: int,
        config: BevFormerConfig,
        num_frames: int = 3,
    ) -> None:
        self._clips, self._held_out, self._config = clips, held_out, config
        self.settings, self._batch_size, self._num_frames = settings, batch_size, num_frames

    def build(self) -> nn.Module:
        """A new network, with what helps it to learn."""
        return Pupil(BevFormer(self._config))

    def batch(self, step: int) -> BevBatch:
        """Drives of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        frames = bev_batch(rng, self._clips, self._batch_size, self._num_frames).frames
        return BevBatch((frames[0].as_first(), *frames[1:]))

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Mean over the moments; gradients go back through the memory."""
        data: BevBatch = batch.to(device)
        pupil = cast(Pupil, model)
        net: BevFormer = pupil.net
        pictures = torch.stack(
            [normalised_pictures(f.images, net.config.pixels) for f in data.frames]
        )
        masks = torch.stack([frame.camera_mask for frame in data.frames])
        # All moments at once: the batch statistics of the backbone are steadier, and it is faster.
        levels = net.extract(pictures.flatten(0, 1), masks.flatten(0, 1))
        totals: dict[str, Tensor] = {}
        previous = None
        size = (pictures.shape[-2], pictures.shape[-1])
        for index, frame in enumerate(data.frames):
            own = [level.reshape(*masks.shape[:2], *level.shape[1:])[index] for level in levels]
            output = net.look(
                own, size, frame.image_from_bev, frame.motions, previous, frame.camera_mask,
                clouds=frame.clouds(),
            )  # fmt: skip
            previous = output.bev
            parts = self._parts(pupil, output, frame)
            if output.depth is not None:
                parts |= sight_losses(pupil, own[0], output.depth, frame, size)
            for name, value in parts.items():
                totals[name] = totals.get(name, torch.zeros_like(value)) + value / len(data.frames)
        return totals

    def _parts(self, pupil: Pupil, output: BevOutput, frame: BevFrame) -> dict[str, Tensor]:
        assert output.heat is not None
        assert output.map_logits is not None
        parts = box_losses(output.logits, output.codes, frame.boxes)
        parts['heat'] = heat_loss(output.heat, frame.boxes)
        maps = map_losses(output.map_logits, frame.maps)
        parts |= {name: _MAP_WEIGHT * value for name, value in maps.items()}
        return parts | cell_losses(pupil, output.bev, frame)

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Boxes and map of held-out drives, by what the network is given."""
        from mm_perception.training.bevformer_scores import quick_scores

        return quick_scores(cast(Pupil, model).net, self._held_out, device)


def _make(clips: Sequence[BevClip], held_out: Sequence[BevClip], scale: float) -> list[Task]:
    def stage(
        steps: int, rate: float, share: float, batch_size: int, num_frames: int
    ) -> BevFormerTask:
        steps = max(2, round(steps * scale))
        settings = Settings(
            steps, learning_rate=rate, weight_decay=0.02, warm_up=min(200, steps), seed=num_frames,
            clip_norm=10.0, log_every=20, validate_every=1500, settling=12, share=share,
        )  # fmt: skip
        return BevFormerTask(clips, held_out, settings, batch_size, _CONFIG, num_frames)

    steps = max(2, round(800 * scale))
    still = Settings(
        steps, learning_rate=2e-3, warm_up=min(50, steps), seed=5, validate_every=400,
        average=0.99, share=0.3,
    )  # fmt: skip
    # Single moments first: with memory each costs as many times more as it looks back.
    return [
        stage(1487, 1.5e-3, 1.3, 40, 1), stage(768, 8e-4, 1.0, 14, 3),
        MotionTask(clips, held_out, still, 16, _CONFIG),
    ]  # fmt: skip


def _worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    count = max(8, round(_NUM_CLIPS * share))
    training = _load(Split.TRAIN, count, workers)
    counts = {'training_drives': count, 'drive_version': VERSION}
    return Worlds(training, _load(Split.HELD_OUT, recipe.num_held_out, workers), counts)


def _load(split: Split, count: int, workers: int) -> list[BevClip]:
    has_pictures = _CONFIG.backbone is not None
    plans = [BevPlan(seed, split, has_pictures=has_pictures) for seed in range(count)]
    paths = list(make_bev_clips(worlds_folder(), plans, workers))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(BevClip.load, paths))


def _core(model: Any) -> Any:
    return model.net


def _save(model: Any, folder: Path) -> None:
    save_model(_core(model), folder)


RECIPE = Recipe(
    net='bevformer',
    title='Boxes and a map around a robot, from cameras, a LiDAR or both, and memory: a BEVFormer '
    'of 5.5 M parameters.',
    num_held_out=_NUM_HELD_OUT,
    make=_make,
    save=_save,
    core=_core,
    worlds=_worlds,
    data='{training_drives} drives of 3 moments (version {drive_version}) with 4 to 7 cameras of '
    '320 x 180 px and a LiDAR of 32 beams, of the split `train`, seeds from 0; no other data. '
    'Held-out drives have other seeds and, in part, shapes that training never shows '
    '(`mm_perception/world/variety.py`); other rigs have 3, 5 or 8 cameras, 16 or 64 beams, and '
    'other heights and fields of view (`mm_perception/world/rigs.py`).',
    notes=(
        'Grid of 64 x 64 m in cells of 1 m, maps in cells of 0.5 m, pillars of 0.5 m. Classes: '
        'car (vans too), truck (buses too), pedestrian, cyclist, cone.',
        'Made for a GPU: the steps are those that an H200 did in the 10 minutes it had. The '
        'motion head of the shipped weights learned apart from the rest, in 6 minutes of a core, '
        'from 350 of the drives without their pictures.',
        'What a cell takes of a picture counts by how likely the picture is as deep there '
        '(FB-BEV). Velocities come from comparing the BEV with that of the frame before, 0.2 to '
        '0.6 s ago in training; the first frame says that all stands.',
        'Judged is what at least one point or 12 pixels show. mAP and NDS as nuScenes measures '
        'them, without attributes, within the grid.',
        'It knows the synthetic world: use a public checkpoint for real pictures.',
    ),
)
