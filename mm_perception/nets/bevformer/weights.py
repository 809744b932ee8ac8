"""From the `weights` setting to a BevFormer: an official `.pth`, or random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from mm_perception.errors import ConfigError, WeightsError
from mm_perception.nets.bevformer.checkpoint import convert, detect_config, read_state
from mm_perception.nets.bevformer.configs import (
    CONFIGS,
    BackboneConfig,
    BevFormerConfig,
    PixelConfig,
)
from mm_perception.nets.bevformer.model import BevFormer
from mm_perception.weights import file_sha256, state_sha256

OFFICIAL_LICENCE = 'Apache-2.0 (BEVFormer; trained on nuScenes, whose terms are non-commercial)'
RANDOM_LICENCE = 'Apache-2.0 (random numbers, made here)'
_SEED = 3

#: A CPU-sized network for tests, of the shape of base: DCNv2, several levels, all attentions.
TEST_CONFIG = BevFormerConfig(
    name='test',
    backbone=BackboneConfig((1, 1, 1, 1), 8, (False, False, True, True), (1, 2, 3), True),
    pixels=PixelConfig(128, (103.530, 116.280, 123.675), (58.0, 57.0, 57.0), is_rgb=False),
    bev_size=(10, 10),
    dims=32,
    heads=4,
    ffn_dims=64,
    num_levels=4,
    num_encoder_layers=2,
    num_decoder_layers=2,
    num_queries=40,
    rotate_center_px=None,
    max_boxes=20,
)


@dataclass(frozen=True)
class LoadedModel:
    """A model in eval mode on the CPU in float32, and where it came from."""

    model: BevFormer
    source: str
    sha256: str  # of the weights file; of all tensors for random weights
    licence: str


def load_model(weights: str, config: BevFormerConfig | None = None) -> LoadedModel:
    """Load from an official `.pth` file, or make `random` or `random:<size>`.

    Args:
        weights: `random` is a small model for tests; `random:tiny` has the public architecture.
        config: of a checkpoint or random network of another shape than the published ones; None
            finds it by the number of BEV queries.

    Raises:
        WeightsError: nothing there, damaged, or of another architecture.
        ConfigError: unknown random size.
    """
    if weights == 'random' or weights.startswith('random:'):
        return _random(weights, config)
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            weights,
            'there is no such file',
            f'give the path of an official .pth file, random, or random:<{"|".join(CONFIGS)}>',
        )
    state = read_state(weights)
    model = BevFormer(config or detect_config(weights, state))
    model.load_state_dict(convert(weights, state, model.state_dict()))
    _freeze(model)
    return LoadedModel(model, weights, file_sha256(path), OFFICIAL_LICENCE)


def _random(weights: str, config: BevFormerConfig | None) -> LoadedModel:
    size = weights.partition(':')[2]
    if size and size not in CONFIGS:
        raise ConfigError('weights', weights, f'random or random:<one of {", ".join(CONFIGS)}>')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = BevFormer(config or (CONFIGS[size] if size else TEST_CONFIG))
    _freeze(model)
    return LoadedModel(model, weights, state_sha256(model), RANDOM_LICENCE)


def _freeze(model: BevFormer) -> None:
    model.eval().requires_grad_(False)
