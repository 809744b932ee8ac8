"""Training of ViTPose nano: maps of joints from crops of people.

ViTPose begins with a network that has learned from pictures alone (Xu et al., 2022, section 3.1);
its small sibling with DINOv2 nano, whose patches are of the same size and number of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Dinov2WithRegistersModel, VitPoseConfig, VitPoseForPoseEstimation

from mm_perception.nets.pose.weights import config_of, processor_of
from mm_perception.training.data import LateClips, worlds_folder
from mm_perception.training.loop import Settings
from mm_perception.training.pose_batches import Batch, Person, bumps, make_batch, people_of
from mm_perception.training.recipe import Recipe, Worlds, save_half
from mm_perception.weights import NANO
from mm_perception.world.pose_views import VERSION, PoseViews, make_views
from mm_perception.world.variety import Split

#: Width and height of a crop and of its maps, cells.
SHAPE, CELLS = (144, 192), (24, 32)
_PATCH, _WIDTH, _LAYERS, _HEADS = 12, 192, 6, 3
STEPS, _CROPS = 9000, 16
_NUM_SCENES, _NUM_RESHAPED, _NUM_HELD_OUT = 800, 400, 30
#: Share of the cross entropy in the loss, and the factor on maps before its softmax.
_WHERE, _SHARPNESS = 0.1, 10.0
#: Factor on the weights of the head as it begins: else its maps are far louder than bumps.
_QUIET = 0.02


def nano_config() -> VitPoseConfig:
    """About 2.8 M parameters."""
    return config_of(
        {
            'hidden_size': _WIDTH, 'num_hidden_layers': _LAYERS, 'num_attention_heads': _HEADS,
            'image_size': [SHAPE[1], SHAPE[0]], 'patch_size': [_PATCH, _PATCH],
            'layer_norm_eps': 1e-6,
        },
        scale_factor=CELLS[0] * _PATCH // SHAPE[0],
    )  # fmt: skip


class PoseTask:
    """Maps learn to have a bump at each joint, and nothing where a joint is out of the picture.

    Args:
        training: Views of scenes.
        held_out: Of worlds with what training never saw.
        settings: Of the loop.
    """

    def __init__(
        self, training: Sequence[PoseViews], held_out: Sequence[PoseViews], settings: Settings
    ) -> None:
        self._training, self._held_out, self.settings = training, held_out, settings

    def build(self) -> nn.Module:
        """A network that begins with DINOv2 nano."""
        _ = self._people  # before processes that make batches are forked, which share them
        model: Any = VitPoseForPoseEstimation(nano_config())
        begin_with_dino(model, NANO / 'dino')
        with torch.no_grad():
            model.head.conv.weight.mul_(_QUIET)
        network: nn.Module = model
        return network

    def batch(self, step: int) -> Batch:
        """Crops of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        return make_batch(rng, self._people, _CROPS, SHAPE)

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> dict[str, Tensor]:
        """See `losses_of`."""
        maps = model(batch.pixels.to(device)).heatmaps
        wanted = bumps(batch.places, batch.is_there, SHAPE, CELLS).to(device)
        with torch.autocast(device.type, enabled=False):
            return losses_of(maps.float(), wanted, batch.is_there.to(device))

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """PCK of held-out people, and how well scores tell what is in the picture."""
        from mm_perception.training.pose_scores import quick_scores

        return quick_scores(model.eval(), people_of(self._held_out), device)

    @cached_property
    def _people(self) -> list[Person]:
        return people_of(self._training)


def losses_of(maps: Tensor, wanted: Tensor, is_there: Tensor) -> dict[str, Tensor]:
    """Squared errors of maps (N, 17, h, w), in bumps; and cross entropies of where they are high.

    The first is ViTPose's loss and makes heights mean something; the second finds the place
    sooner: a network without it says nothing anywhere for a long time.
    """
    bump = wanted.square().sum((-2, -1)).max().clamp_min(1.0)
    error = (maps - wanted).square().sum((-2, -1)) / bump
    there = is_there.float()
    logs = (_SHARPNESS * maps).flatten(2).log_softmax(-1)
    shares = (_SHARPNESS * wanted).flatten(2).softmax(-1)  # so that both parts want the same
    crossed = -(logs * shares).sum(-1) * there
    return {'maps': error.mean(), 'where': _WHERE * crossed.sum() / there.sum().clamp_min(1.0)}


@torch.no_grad()
def begin_with_dino(model: Any, folder: Path) -> None:
    """Take over layers of a `Dinov2WithRegistersModel` of the same patches and channels.

    Its registers and the token of the whole picture have no place here; its layer scales go into
    the layers before them, and codes of places are stretched to the grid of a crop.
    """
    dino: Any = Dinov2WithRegistersModel.from_pretrained(folder, dtype=torch.float32)
    ours, theirs = model.backbone, dino
    ours.embeddings.patch_embeddings.projection.load_state_dict(
        theirs.embeddings.patch_embeddings.projection.state_dict()
    )
    codes = theirs.embeddings.position_embeddings[:, 1:]
    side = round(codes.shape[1] ** 0.5)
    grid = codes.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    rows, columns = SHAPE[1] // _PATCH, SHAPE[0] // _PATCH
    grid = functional.interpolate(grid, (rows, columns), mode='bilinear', align_corners=True)
    ours.embeddings.position_embeddings[:, 1:] = grid.flatten(2).transpose(1, 2)
    ours.embeddings.position_embeddings[:, :1] = 0
    ours.layernorm.load_state_dict(theirs.layernorm.state_dict())
    for layer, other in zip(ours.encoder.layer, theirs.encoder.layer, strict=True):
        own, others = layer.attention, other.attention
        for part, source in (
            (layer.layernorm_before, other.norm1), (layer.layernorm_after, other.norm2),
            (own.attention.query, others.q_proj), (own.attention.key, others.k_proj),
            (own.attention.value, others.v_proj), (own.output.dense, others.o_proj),
            (layer.mlp, other.mlp),
        ):  # fmt: skip
            part.load_state_dict(source.state_dict())
        for last, scale in (
            (layer.attention.output.dense, other.layer_scale1.lambda1),
            (layer.mlp.fc2, other.layer_scale2.lambda1),
        ):
            last.weight.mul_(scale[:, None])
            last.bias.mul_(scale)


def _make(training: Sequence[Any], held_out: Sequence[Any], scale: float) -> list[PoseTask]:
    steps = max(4, round(STEPS * scale))
    settings = Settings(
        steps, learning_rate=1.5e-3, warm_up=max(1, min(40, steps // 5)), seed=8,
        validate_every=250, optimizer='muon', average=0.995, fuses_attention=True,
    )  # fmt: skip
    return [PoseTask(training, held_out, settings)]


def load_views(split: Split, count: int, first: int = 0, workers: int = 1) -> list[PoseViews]:
    """Views of seeds `first` to `first + count`, rendered where the cache lacks them."""
    plans = [(first + i, split) for i in range(count)]
    return [PoseViews.load(path) for path in make_views(worlds_folder(), plans, workers)]


def _worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    numbers = [max(4, round(n * share)) for n in (_NUM_SCENES, _NUM_RESHAPED)]
    training = LateClips(
        lambda: [
            views
            for split, count in zip((Split.TRAIN, Split.RESHAPED), numbers, strict=True)
            for views in load_views(split, count, workers=workers)
        ]
    )
    held_out = load_views(Split.HELD_OUT, recipe.num_held_out, workers=workers)
    counts = {'scenes': numbers[0], 'reshaped': numbers[1], 'version': VERSION}
    return Worlds(training, held_out, counts)


def _save(model: Any, folder: Path) -> None:
    save_half(model, folder)
    processor_of(model.config).save_pretrained(folder)


RECIPE = Recipe(
    net='pose',
    title='Joints of people in their boxes: a small VitPoseForPoseEstimation.',
    num_held_out=_NUM_HELD_OUT,
    make=_make,
    save=_save,
    worlds=_worlds,
    data='Six pictures each of {scenes} scenes (version {version}) of the synthetic world of the '
    'split `train` and of {reshaped} of the split `reshaped`, streets and rooms with people who '
    'walk, wave, cycle, point, stand, sit, squat or hold their limbs in any way '
    '(`mm_perception/world/pose_views.py`); seeds from 0; no other data. Held-out worlds have '
    'other seeds, cameras and shapes of pictures and, in part, clothes, patterns, light and pairs '
    'of colour and class that training never shows (`mm_perception/world/variety.py`).',
    notes=(
        'Crops of 192 x 144 px, patches of 12 px, 192 wide, 6 layers, the simple decoder of '
        'ViTPose; maps of 32 x 24. It begins with the layers of DINOv2 nano.',
        'A joint that is hidden is to be found, one that is out of the picture is not: its map is '
        'to be empty, so that its score is low.',
        'The shipped weights are of this recipe, from nothing but DINOv2 nano: 9000 steps of 16 '
        'crops in 55 minutes of one core, which other work wanted too.',
        'It knows the people of the synthetic world, who have no hands, clothes of one shape and '
        'stiff backs: use a public checkpoint for real pictures.',
    ),
)
