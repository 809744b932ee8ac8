"""Training of BEVFormer nano: cameras, LiDAR or both, over short drives with many rigs.

All is learned at once and from nothing: boxes by matching (DETR), a heat map of centres that tells
the queries where to start, and the map. In a quarter of the drives each the cameras and the LiDAR
are missing, so that either alone is enough (modality dropout, as in CMT, arXiv 2301.01283,
section 3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer import CONFIGS, BevFormer, BevFormerConfig, Clouds
from mm_perception.nets.bevformer.weights import save_model
from mm_perception.training.bevformer_batches import bev_batch
from mm_perception.training.bevformer_frames import BevBatch, normalised_pictures
from mm_perception.training.bevformer_losses import box_losses, heat_loss, map_losses
from mm_perception.training.data import worlds_folder
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import Recipe, Worlds
from mm_perception.world.bev_clips import VERSION, BevClip, BevPlan, make_bev_clips
from mm_perception.world.variety import Split

_NUM_CLIPS, _NUM_HELD_OUT = 2000, 48
_MAP_WEIGHT = 2.0


class BevFormerTask:
    """Boxes and maps, learned from short drives.

    Args:
        clips: Of training worlds.
        held_out: Of worlds and things that training never saw.
        settings: Of the loop.
        batch_size: Drives per step.
        config: Of the network.
    """

    def __init__(
        self,
        clips: Sequence[BevClip],
        held_out: Sequence[BevClip],
        settings: Settings,
        batch_size: int = 12,
        config: BevFormerConfig = CONFIGS['nano'],
    ) -> None:
        self._clips, self._held_out, self._config = clips, held_out, config
        self.settings, self._batch_size = settings, batch_size

    def build(self) -> nn.Module:
        """A new network."""
        return BevFormer(self._config)

    def batch(self, step: int) -> BevBatch:
        """Drives of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        return bev_batch(rng, self._clips, self._batch_size)

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> dict[str, Tensor]:
        """Mean over the moments; the memory carries values, not gradients."""
        data: BevBatch = batch.to(device)
        net = cast(BevFormer, model)
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
            own = [level.unflatten(0, masks.shape[:2])[index] for level in levels]
            output = net.look(
                own, size, frame.image_from_bev, frame.motions, previous, frame.camera_mask,
                clouds=Clouds(frame.points, frame.point_sample, frame.lidar_mask),
            )  # fmt: skip
            previous = output.bev.detach()
            assert output.heat is not None
            assert output.map_logits is not None
            parts = box_losses(output.logits, output.codes, frame.boxes)
            parts['heat'] = heat_loss(output.heat, frame.boxes)
            maps = map_losses(output.map_logits, frame.maps)
            parts |= {name: _MAP_WEIGHT * value for name, value in maps.items()}
            for name, value in parts.items():
                totals[name] = totals.get(name, torch.zeros_like(value)) + value / len(data.frames)
        return totals

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Boxes and map of held-out drives, by what the network is given."""
        from mm_perception.training.bevformer_scores import quick_scores

        return quick_scores(model, self._held_out, device)


def _make(
    clips: Sequence[BevClip], held_out: Sequence[BevClip], scale: float
) -> list[BevFormerTask]:
    steps = max(2, round(9000 * scale))
    settings = Settings(
        steps, learning_rate=6e-4, weight_decay=0.02, warm_up=min(400, steps), seed=1,
        clip_norm=10.0, log_every=50, validate_every=3000, settling=6,
    )  # fmt: skip
    return [BevFormerTask(clips, held_out, settings)]


def _worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    count = max(8, round(_NUM_CLIPS * share))
    training = _load([BevPlan(seed, Split.TRAIN) for seed in range(count)], workers)
    plans = [BevPlan(seed, Split.HELD_OUT) for seed in range(recipe.num_held_out)]
    counts = {'training_drives': count, 'drive_version': VERSION}
    return Worlds(training, _load(plans, workers), counts)


def _load(plans: Sequence[BevPlan], workers: int) -> list[BevClip]:
    paths = list(make_bev_clips(worlds_folder(), plans, workers))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(BevClip.load, paths))


def _save(model: Any, folder: Path) -> None:
    save_model(model, folder)


def _score(weights: Path, device: str, progress: Callable[[int], None]) -> dict[str, Any]:
    from mm_perception.training.bevformer_scores import final_scores

    return final_scores(weights, device, progress)


RECIPE = Recipe(
    net='bevformer',
    title='Boxes and a map around a robot, from cameras, LiDAR or both: a BEVFormer of 5.4 M '
    'parameters.',
    num_held_out=_NUM_HELD_OUT,
    make=_make,
    save=_save,
    score=_score,
    worlds=_worlds,
    data='{training_drives} drives of 3 moments (version {drive_version}) with 4 to 7 cameras and '
    'a LiDAR of 32 beams, of the split `train`, seeds from 0; no other data. Held-out drives have '
    'other seeds and, in part, shapes, patterns, light and pairs of colour and class that '
    'training never shows (`mm_perception/world/variety.py`); other rigs have other counts, '
    'heights and lenses of cameras and other beams (`mm_perception/world/rigs.py`).',
    notes=(
        'Grid of 64 x 64 m in cells of 1 m, maps in cells of 0.5 m, pictures 320 px wide, pillars '
        'of 0.5 m. Classes: car (vans too), truck (buses too), pedestrian, cyclist, cone.',
        'Judged is what at least one point or 12 pixels show. mAP and NDS as nuScenes measures '
        'them, without attributes, within the grid.',
        'It knows the synthetic world: use a public checkpoint for real pictures.',
    ),
)
