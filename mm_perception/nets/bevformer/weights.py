"""From the `weights` setting to a BevFormer: our folders, official `.pth`, random numbers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mm_perception.errors import ConfigError, WeightsError
from mm_perception.nets.bevformer.checkpoint import convert, detect_config, read_state
from mm_perception.nets.bevformer.configs import (
    CONFIGS,
    BackboneConfig,
    BevFormerConfig,
    PixelConfig,
)
from mm_perception.nets.bevformer.model import BevFormer
from mm_perception.weights import LoadedModel, file_sha256, locate, state_sha256

OFFICIAL_LICENCE = 'Apache-2.0 (BEVFormer; trained on nuScenes, whose terms are non-commercial)'
OWN_LICENCE = 'Apache-2.0 (trained by mm_perception)'
RANDOM_LICENCE = 'Apache-2.0 (random numbers, made here)'
CONFIG_FILE, MODEL_FILE = 'config.json', 'model.safetensors'
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


def load_model(weights: str, config: BevFormerConfig | None = None) -> LoadedModel[BevFormer]:
    """Load `nano`, a folder that `save_model` wrote or an official `.pth`, or make `random`.

    Args:
        weights: `random` is a small model for tests; `random:<size>` has that architecture.
        config: of a checkpoint or random network of another shape than the published ones; None
            finds it by the number of BEV queries.

    Raises:
        WeightsError: nothing there, damaged, or of another architecture.
        ConfigError: unknown random size.
    """
    if weights == 'random' or weights.startswith('random:'):
        return _random(weights, config)
    path = Path(locate(weights, 'bevformer')).expanduser()
    if path.is_dir():
        return _from_folder(weights, path)
    if not path.is_file():
        raise WeightsError(
            weights,
            'there is no such file',
            f'give nano, a folder or .pth file, random, or random:<{"|".join(CONFIGS)}>',
        )
    state = read_state(weights)
    model = BevFormer(config or detect_config(weights, state))
    model.load_state_dict(convert(weights, state, model.state_dict()))
    _freeze(model)
    return LoadedModel(model, weights, file_sha256(path), OFFICIAL_LICENCE)


def save_model(model: BevFormer, folder: Path) -> None:
    """Write config.json and, in half precision, model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(model.config), indent=1) + '\n')
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    save_file(state, folder / MODEL_FILE, metadata={'format': 'pt'})


def _from_folder(weights: str, folder: Path) -> LoadedModel[BevFormer]:
    fix = 'give a folder with config.json and model.safetensors that mmp train bevformer wrote'
    try:
        config = BevFormerConfig.from_dict(json.loads((folder / CONFIG_FILE).read_text()))
        state = load_file(folder / MODEL_FILE)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise WeightsError(weights, f'cannot be read ({error})', fix) from error
    model = BevFormer(config)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(weights, f'does not fit its config ({error})', fix) from error
    _freeze(model)
    return LoadedModel(model, weights, file_sha256(folder / MODEL_FILE), OWN_LICENCE)


def _random(weights: str, config: BevFormerConfig | None) -> LoadedModel[BevFormer]:
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
