"""CLIP weights of open_clip: named tags from the local cache, files, and local directories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from PIL import Image as PilImage
from torch import Tensor

from mm_perception.errors import WeightsError
from mm_perception.nets.clip.engine import ClipEngine, Picture
from mm_perception.weights import directory_sha256, file_sha256, offline

_FOLDER = 'local-dir:'


@dataclass(frozen=True)
class Loaded:
    """A model of open_clip with what belongs to it.

    Attributes:
        model: The network.
        preprocess: A PIL picture to (3, S, S).
        tokenizer: N texts to (N, L).
        sha256: Of the weights.
        name: What was asked for.
    """

    model: Any
    preprocess: Callable[[Any], Tensor]
    tokenizer: Callable[[list[str]], Tensor]
    sha256: str
    name: str


class OpenClipEngine(ClipEngine):
    """A model of open_clip.

    Args:
        loaded: The model.
        device: Where to run.
    """

    def __init__(self, loaded: Loaded, device: str) -> None:
        super().__init__()
        # Shipped weights are half precision, which a CPU computes slowly or not at all.
        self.model = loaded.model.float().to(device).eval()
        self._loaded, self._device = loaded, device
        self.sha256, self.name = loaded.sha256, f'open_clip:{loaded.name}'
        self.licence = 'see the model card of the weights'
        self.logit_scale = float(self.model.logit_scale.exp().item())

    @classmethod
    def load(cls, source: str, device: str) -> OpenClipEngine:
        """Load weights.

        Args:
            source: `MODEL/TAG`, `MODEL/FILE` or `local-dir:PATH`.
            device: Where to run.

        Raises:
            WeightsError: The model is unknown or its weights are not on this machine.
        """
        loaded = _load(source)
        loaded.model.requires_grad_(False)
        return cls(loaded, device)

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        pixels = torch.stack(
            [self._loaded.preprocess(PilImage.fromarray(image)) for image in images]
        )
        features: Tensor = self.model.encode_image(pixels.to(self._device))
        return features

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        features: Tensor = self.model.encode_text(
            self._loaded.tokenizer(list(texts)).to(self._device)
        )
        return features


def _load(source: str) -> Loaded:
    with offline():
        if source.startswith(_FOLDER):
            folder = Path(source.removeprefix(_FOLDER))
            if not folder.is_dir():
                raise WeightsError(source, 'there is no such directory', 'give a path that exists')
            return Loaded(*_create(source, source), directory_sha256(folder), source)
        name, _, tag = source.partition('/')
        settings = _settings(source, name, tag)
        path = Path(tag) if settings is None else _cached_file(source, settings)
        # Weights made with QuickGELU are silently worse under a plain model name.
        is_quick = bool(settings and settings.get('quick_gelu'))
        made = _create(source, name, pretrained=tag, force_quick_gelu=is_quick)
        return Loaded(*made, file_sha256(path), source)


def _settings(source: str, name: str, tag: str) -> dict[str, Any] | None:
    """What open_clip knows of a tag; None where the tag is a file."""
    if name not in open_clip.list_models():
        fix = 'see open_clip.list_models()'
        raise WeightsError(source, f'open_clip has no model {name!r}', fix)
    if not tag:
        raise WeightsError(source, 'names no weights', 'give MODEL/TAG or MODEL/FILE')
    if Path(tag).is_file():
        return None
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag not in tags:
        fix = f'give a file, or one of: {", ".join(tags)}'
        raise WeightsError(source, f'{name} has no weights {tag!r}', fix)
    settings: dict[str, Any] = open_clip.get_pretrained_cfg(name, tag)
    return settings


def _cached_file(source: str, settings: dict[str, Any]) -> Path:
    """Where the weights of a tag lie on this machine."""
    absent = WeightsError(source, 'not on this machine', f'run: mmp fetch open_clip:{source}')
    if not settings.get('hf_hub'):  # open_clip fetches these by itself, whatever the hub is told
        path = Path('~/.cache/clip').expanduser() / Path(settings.get('url', '')).name
        if not path.is_file():
            raise absent
    try:
        return Path(open_clip.download_pretrained(settings))
    except (OSError, RuntimeError) as error:
        raise absent from error


def _create(source: str, name: str, **options: Any) -> tuple[Any, Any, Any]:
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name, weights_only=True, require_pretrained=True, **options
        )
        return model, preprocess, open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, AssertionError) as error:
        raise WeightsError(
            source, f'cannot be loaded: {error}', 'give weights of that model'
        ) from error
