"""CLIP weights of open_clip: named tags from the local cache, files, and local directories."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from PIL import Image as PilImage
from torch import Tensor

from mm_perception.errors import WeightsError
from mm_perception.nets.clip.engine import ClipEngine, Picture
from mm_perception.weights import directory_sha256


class OpenClipEngine(ClipEngine):
    """A model of open_clip.

    Args:
        source: `MODEL/TAG`, `MODEL/FILE` or `local-dir:PATH`.
        device: Where to run.

    Raises:
        WeightsError: The model is unknown or its weights are not on this machine.
    """

    def __init__(self, source: str, device: str) -> None:
        super().__init__()
        model, preprocess, tokenizer, self.sha256 = _load(source)
        self.model = model.to(device).eval().requires_grad_(False)
        self._preprocess, self._tokenizer, self._device = preprocess, tokenizer, device
        self.name = f'open_clip:{source}'
        self.licence = 'see the model card of the weights'
        self.logit_scale = float(model.logit_scale.exp().item())

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        pixels = torch.stack([self._preprocess(PilImage.fromarray(image)) for image in images])
        features: Tensor = self.model.encode_image(pixels.to(self._device))
        return features

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        features: Tensor = self.model.encode_text(self._tokenizer(list(texts)).to(self._device))
        return features


def _load(source: str) -> tuple[Any, Any, Any, str]:
    is_folder = source.startswith('local-dir:')
    name, _, tag = (source, '', '') if is_folder else source.partition('/')
    fix = f'run: mmp fetch open_clip:{source}'
    if is_folder and not Path(source.removeprefix('local-dir:')).is_dir():
        raise WeightsError(source, 'there is no such directory', 'give the path of a directory')
    if not is_folder and name not in open_clip.list_models():
        raise WeightsError(
            source, f'open_clip has no model {name!r}', 'see open_clip.list_models()'
        )
    if not is_folder and not tag:
        raise WeightsError(source, 'names no weights', 'give MODEL/TAG or MODEL/FILE')
    is_file = bool(tag) and Path(tag).is_file()
    if not is_folder and not is_file and tag not in open_clip.list_pretrained_tags_by_model(name):
        raise WeightsError(source, f'{name} has no weights {tag!r}', 'give a known tag or a file')
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name, pretrained=tag or None, weights_only=True
        )
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, FileNotFoundError) as error:
        raise WeightsError(source, f'cannot be loaded: {error}', fix) from error
    if is_folder:
        return (
            model,
            preprocess,
            tokenizer,
            directory_sha256(Path(source.removeprefix('local-dir:'))),
        )
    digest = hashlib.sha256(Path(tag).read_bytes()).hexdigest() if is_file else f'tag {tag}'
    return model, preprocess, tokenizer, digest
