"""Where weights of DINOv2 and maps of texts come from, and whether they fit each other."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoModel, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from mm_perception.errors import WeightsError
from mm_perception.nets.clip import ClipEngine
from mm_perception.nets.dino.text_map import TextMap
from mm_perception.weights import local_directory, locate

#: The map beside weights in hub layout.
MAP_FILE = 'text_map.safetensors'
Colours = tuple[tuple[float, ...], tuple[float, ...]]
IMAGENET: Colours = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_TYPES = ('dinov2', 'dinov2_with_registers')
_LAYERS = tuple(f'{layer}.{part}' for layer in ('linear_layer', 'linear_layer2')
                for part in ('weight', 'bias'))  # fmt: skip
#: Factor on cosines where a file has none: 1 / 0.07, where CLIP's own begins (section 2.3).
_LOGIT_SCALE = 1 / 0.07


@dataclass(frozen=True)
class Fitted:
    """A map with what is known of it.

    Attributes:
        text_map: The map.
        path: Its file.
        logit_scale: Factor on cosines before a softmax.
        clip: Weights of CLIP that it is for; empty if it does not say.
        clip_sha256: Their hash; empty if it does not say.
        colours: Mean and deviation of the pictures, as shares of full intensity.
    """

    text_map: TextMap
    path: Path
    logit_scale: float
    clip: str = ''
    clip_sha256: str = ''
    colours: Colours = IMAGENET

    @property
    def dimension(self) -> int:
        """Of what comes out."""
        return self.text_map.linear_layer2.out_features


def map_file_of(weights: str, text_map: str) -> Path:
    """The file of the map.

    Raises:
        WeightsError: There is none.
    """
    path = Path(text_map).expanduser() if text_map else local_directory(weights) / MAP_FILE
    if not path.is_file():
        fix = 'give the file of a map as text_map: Talk2DINO publishes some'
        raise WeightsError(text_map or weights, f'no map from texts in {path}', fix)
    return path


def clip_of(weights: str, text_map: str) -> str:
    """Which CLIP weights a map says that it is for; empty if it says nothing.

    Raises:
        WeightsError: There is no map.
    """
    if weights == 'random':
        return 'random'
    return _read(map_file_of(locate(weights, 'dino'), text_map))[1].get('clip', '')


def load_text_map(path: Path, colours: Colours = IMAGENET) -> Fitted:
    """Read a map: safetensors, or a file of Talk2DINO.

    Raises:
        WeightsError: It is none.
    """
    state, facts = _read(path)
    absent = [name for name in _LAYERS if name not in state]
    if absent:
        fix = 'give a map of two linear layers, as Talk2DINO has them'
        raise WeightsError(str(path), f'lacks {absent[0]}', fix)
    first, second = state['linear_layer.weight'], state['linear_layer2.weight']
    text_map = TextMap(first.shape[1], first.shape[0], second.shape[0])
    try:
        text_map.load_state_dict({name: state[name].float() for name in _LAYERS})
    except RuntimeError as error:
        raise WeightsError(str(path), f'is broken: {error}', 'fetch it again') from error
    scale = float(state['logit_scale']) if 'logit_scale' in state else _LOGIT_SCALE
    return Fitted(
        text_map, path, scale, facts.get('clip', ''), facts.get('clip_sha256', ''), colours
    )


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and facts of a file."""
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, 'pt') as file:
                return {name: file.get_tensor(name) for name in file.keys()}, (  # noqa: SIM118
                    file.metadata() or {}
                )
        return torch.load(path, map_location='cpu', weights_only=True), {}
    except (
        OSError, SafetensorError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError
    ) as error:  # fmt: skip
        raise WeightsError(str(path), f'cannot be read: {error}', 'fetch it again') from error


def check_fit(fitted: Fitted, clip: ClipEngine, width: int) -> None:
    """Refuse a map that is for other weights.

    Args:
        fitted: The map.
        clip: Of the texts.
        width: Of a patch of DINOv2.

    Raises:
        WeightsError: It does not fit.
    """
    source = str(fitted.path)
    if fitted.text_map.linear_layer.in_features != clip.dimension:
        raise WeightsError(
            source, f'takes {fitted.text_map.linear_layer.in_features} numbers of a text, '
            f'{clip.name} has {clip.dimension}', 'give the CLIP weights that it was made for',
        )  # fmt: skip
    if fitted.dimension not in (width, 2 * width):
        raise WeightsError(
            source, f'makes {fitted.dimension} numbers, a patch has {width}',
            'give the DINOv2 weights that it was made for',
        )  # fmt: skip
    if fitted.clip_sha256 and fitted.clip_sha256 != clip.sha256:
        raise WeightsError(
            source, f'was fitted to other weights than {clip.name}',
            'run: mmp train dino --start FOLDER --stage 2',
        )  # fmt: skip


def load_backbone(weights: str, folder: Path) -> tuple[Any, Colours]:
    """A DINOv2 network, and mean and deviation of its pictures.

    Raises:
        WeightsError: There is no such network in the folder.
    """
    try:
        model, info = AutoModel.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(weights, f'no network: {error}', 'give a DINOv2 model') from error
    if model.config.model_type not in _TYPES:
        raise WeightsError(weights, f'is a {type(model).__name__}', 'give a DINOv2 model')
    absent = sorted({*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])})
    if absent:
        raise WeightsError(weights, f'lacks {", ".join(absent[:3])}', 'give a DINOv2 model')
    return model, _colours_of(folder)


def _colours_of(folder: Path) -> Colours:
    path = folder / 'preprocessor_config.json'
    if not path.is_file():
        return IMAGENET
    found = json.loads(path.read_text())
    return tuple(found.get('image_mean', IMAGENET[0])), tuple(found.get('image_std', IMAGENET[1]))


def random_dino(clip: ClipEngine) -> tuple[Any, Fitted]:
    """A very small network and map with reproducible random weights, for tests."""
    config = Dinov2WithRegistersConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8,
        num_register_tokens=2,
    )  # fmt: skip
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model, text_map = Dinov2WithRegistersModel(config), TextMap(clip.dimension, 16, 32)
    torch.set_rng_state(state)
    return model, Fitted(text_map, Path('random'), 10.0)
