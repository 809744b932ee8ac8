"""From the `weights` setting to a Sam2VideoModel: hub layout, Meta's `.pt`, or random numbers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from torch import nn
from transformers import Sam2VideoConfig, Sam2VideoModel
from transformers.utils import logging as transformers_logging

from mm_perception.errors import ConfigError, WeightsError
from mm_perception.nets.sam2 import meta_checkpoint
from mm_perception.nets.sam2.configs import (
    IMAGE_SIZE_PX,
    SIZES,
    TEST_IMAGE_SIZE_PX,
    public_config,
    small_config,
    with_image_size,
)
from mm_perception.weights import LoadedModel, file_sha256, state_sha256

META_LICENCE = 'Apache-2.0 (SAM 2 by Meta; ask its author about a fine-tuned checkpoint)'
RANDOM_LICENCE = 'Apache-2.0 (random numbers, made here)'
_SEED = 3
_MAX_LISTED_KEYS = 8


# A Sam2VideoModel. transformers annotates its submodules in a way that mypy reads as
# `Tensor | Module`, neither of which has the members used here.
Model: TypeAlias = Any


def load_model(weights: str, image_size: int | None = None) -> LoadedModel[Model]:
    """Load from a hub id, a hub-layout directory, a `.pt` file, `random` or `random:<size>`.

    Args:
        weights: `random` is a small model for tests; `random:tiny` has the public architecture.
        image_size: side of the network input, px; None takes what the weights were made for.

    Raises:
        WeightsError: nothing there, damaged, or of another architecture.
        ConfigError: unknown random size, or an image size that is no multiple of 32 px.
    """
    if image_size is not None and (image_size < 64 or image_size % 32):
        raise ConfigError('image_size', image_size, 'a multiple of 32 px, 64 or more')
    if weights == 'random' or weights.startswith('random:'):
        loaded = _load_random(weights, image_size)
    elif weights.endswith(('.pt', '.pth')):
        loaded = _load_meta(weights, image_size or IMAGE_SIZE_PX)
    else:
        loaded = _load_hub(weights, image_size)
    loaded.model.eval().requires_grad_(False)
    return loaded


def _load_hub(weights: str, image_size: int | None) -> LoadedModel[Model]:
    fix = f'run: mmp fetch {weights}'
    try:
        directory = (
            weights
            if Path(weights).is_dir()
            else snapshot_download(weights, local_files_only=True)
        )
        config = Sam2VideoConfig.from_pretrained(directory, local_files_only=True)
        if image_size is not None:
            config = with_image_size(config, image_size)
        before = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity(logging.ERROR)  # its key report is raised below instead
        try:
            read: Any = Sam2VideoModel.from_pretrained  # its annotation forgets the second value
            model, info = read(
                directory,
                config=config,
                local_files_only=True,
                output_loading_info=True,
                dtype=torch.float32,  # else as stored, which may be half precision
            )
        finally:
            transformers_logging.set_verbosity(before)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise WeightsError(
            weights, 'is no directory and not in the local hub cache', fix
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(weights, f'cannot be loaded ({error})', fix) from error
    wrong = [*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])]
    if wrong:
        raise WeightsError(
            weights, f'lacks or misshapes {_listed(wrong)}', 'use a SAM 2 checkpoint'
        )
    # safetensors maps the file, at addresses not aligned for the fast kernels: a copy gives
    # results bit-identical to those of weights made in memory, and lets go of the file.
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    return LoadedModel(model, weights, _files_sha256(Path(directory)), META_LICENCE)


def _load_meta(weights: str, image_size: int) -> LoadedModel[Model]:
    if not Path(weights).is_file():
        raise WeightsError(weights, 'there is no such file', 'check the path')
    state = meta_checkpoint.read_state(weights)
    config = meta_checkpoint.detect_config(weights, state, image_size)
    model = Sam2VideoModel(config)
    converted = meta_checkpoint.convert(state)
    expected = model.state_dict()
    problems = {
        'lacks': expected.keys() - converted.keys(),
        'has unknown': converted.keys() - expected.keys(),
        'misshapes': {
            key
            for key in expected.keys() & converted.keys()
            if expected[key].shape != converted[key].shape
        },
    }
    found = '; '.join(f'{what} {_listed(keys)}' for what, keys in problems.items() if keys)
    if found:
        raise WeightsError(weights, found, 'use an unmodified checkpoint of SAM 2 or 2.1')
    model.load_state_dict(converted)
    return LoadedModel(model, weights, file_sha256(Path(weights)), META_LICENCE)


def _load_random(weights: str, image_size: int | None) -> LoadedModel[Model]:
    size = weights.partition(':')[2]
    if size and size not in SIZES:
        raise ConfigError('weights', weights, f'random or random:<one of {", ".join(SIZES)}>')
    if size:
        config = public_config(size, image_size=image_size or IMAGE_SIZE_PX)
    else:
        config = small_config(image_size or TEST_IMAGE_SIZE_PX)
    model: Model = Sam2VideoModel(config)
    randomise(model, _SEED)
    with torch.no_grad():
        # An object that is never judged absent, and masks with clear edges: worth testing with.
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(4.0)
        for head in model.mask_decoder.output_hypernetworks_mlps:
            head.proj_out.weight.mul_(4.0)
    shared = model.prompt_encoder.shared_embedding.positional_embedding
    model.shared_image_embedding.positional_embedding.copy_(shared)
    return LoadedModel(model, weights, state_sha256(model), RANDOM_LICENCE)


def randomise(module: nn.Module, seed: int) -> None:
    """Fill all parameters so that signals keep about unit variance through the whole network.

    Library defaults zero many of them (time codes, layer scales, biases), which would hide errors
    in exactly the parts that a streaming engine has to get right.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in sorted(module.named_parameters()):
            noise = torch.randn(value.shape, generator=generator)
            if value.ndim == 1 and name.endswith('weight'):  # a norm
                value.copy_(1.0 + 0.1 * noise)
            elif value.ndim == 1:
                value.copy_(0.1 * noise)
            else:
                fan_in = value[0].numel() if value.ndim in (2, 4) and value.shape[0] > 1 else 1
                value.copy_(noise * fan_in**-0.5)
        for name, buffer in sorted(module.named_buffers()):
            if name.endswith(('positional_embedding', 'gaussian_matrix')):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))


def _listed(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    more = len(ordered) - _MAX_LISTED_KEYS
    return ', '.join(ordered[:_MAX_LISTED_KEYS]) + (f' and {more} more' if more > 0 else '')


def _files_sha256(directory: Path) -> str:
    files = sorted((*directory.glob('*.safetensors'), *directory.glob('pytorch_model*.bin')))
    if len(files) == 1:
        return file_sha256(files[0])
    return hashlib.sha256(' '.join(map(file_sha256, files)).encode()).hexdigest()
