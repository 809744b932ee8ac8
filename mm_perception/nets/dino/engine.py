"""What each patch of a picture is like, beside what a text is like in the same space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.errors import ShapeError
from mm_perception.model_cache import Shared
from mm_perception.nets.clip import ClipEngine
from mm_perception.nets.dino.text_map import TextMap, halves
from mm_perception.nets.dino.weights import (
    Fitted,
    check_fit,
    load_backbone,
    load_text_map,
    map_file_of,
    random_dino,
)
from mm_perception.weights import directory_sha256, local_directory, locate

Vectors = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sight:
    """One picture.

    Attributes:
        patches: (h, w, D) float32 unit vectors.
        whole: (E,) float32 unit vector.
    """

    patches: Vectors
    whole: Vectors


class DinoEngine:
    """A DINOv2 network whose patches can be compared with texts.

    Args:
        model: Dinov2Model or Dinov2WithRegistersModel.
        fitted: The map from CLIP's texts to its patches.
        clip: Of the texts.
        device: Where to run.
        name: Which model this is.
        sha256: Of the weights.
        side: Of the square that a picture becomes, px; 0 takes what the network was trained with.

    Attributes:
        name: Which model this is; vectors of different ones cannot be compared.
        sha256: Of the weights.
        logit_scale: Factor on cosines before a softmax.
        clip: Of the texts.
    """

    def __init__(
        self, model: Any, fitted: Fitted, clip: ClipEngine, device: str, name: str, sha256: str,
        side: int = 0,
    ) -> None:  # fmt: skip
        config = model.config
        width, self._patch = int(config.hidden_size), int(config.patch_size)
        check_fit(fitted, clip, width)
        self._model = model.to(device).eval().requires_grad_(False)
        self._map: TextMap = fitted.text_map.to(device).eval().requires_grad_(False)
        self._device, self.clip = device, clip
        self._skip = 1 + int(getattr(config, 'num_register_tokens', 0))
        self._cells = max(1, (side or int(config.image_size)) // self._patch)
        self._has_whole = fitted.dimension == 2 * width
        self._mean, self._deviation = (
            torch.tensor(v, device=device)[:, None, None] for v in fitted.colours
        )
        self.name, self.sha256, self.licence = name, sha256, clip.licence
        self.logit_scale = fitted.logit_scale

    @torch.inference_mode()
    def look(self, rgb: Picture) -> Sight:
        """One picture, (H, W, 3) uint8 of any size; it is squeezed into a square.

        Raises:
            ShapeError: It is none.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ShapeError('picture', '(H, W, 3) uint8', f'{rgb.shape} {rgb.dtype}')
        side = self._cells * self._patch
        how = cv2.INTER_AREA if min(rgb.shape[:2]) > side else cv2.INTER_LINEAR
        small = np.ascontiguousarray(cv2.resize(rgb, (side, side), interpolation=how))
        pixels = torch.from_numpy(small).to(self._device).permute(2, 0, 1).float() / 255
        pixels = (pixels - self._mean) / self._deviation
        tokens = self._model(pixel_values=pixels[None]).last_hidden_state[0].float()
        patches = tokens[self._skip :]
        middle = patches.mean(0)
        whole = torch.cat([tokens[0], middle]) if self._has_whole else middle
        return Sight(
            _numpy(_unit(patches).reshape(self._cells, self._cells, -1)),
            _numpy(halves(whole).flatten() if self._has_whole else _unit(whole)),
        )

    def patch_vectors(self, texts: Sequence[str]) -> Vectors:
        """N texts to unit vectors of the space of `Sight.patches`, (N, D) float32."""
        found = self._mapped(texts)
        width = found.shape[1] // 2 if self._has_whole else 0
        return _numpy(_unit(found[:, width:]))

    def whole_vectors(self, texts: Sequence[str]) -> Vectors:
        """N texts to unit vectors of the space of `Sight.whole`, (N, E) float32."""
        found = self._mapped(texts)
        return _numpy(halves(found).flatten(1) if self._has_whole else _unit(found))

    @torch.inference_mode()
    def _mapped(self, texts: Sequence[str]) -> Tensor:
        vectors = torch.from_numpy(self.clip.text_features(texts)).to(self._device)
        found: Tensor = self._map(vectors)
        return found


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def _numpy(values: Tensor) -> Vectors:
    return np.asarray(values.cpu().numpy(), np.float32)


def load_dino(
    weights: str, text_map: str, clip: ClipEngine, device: str = 'cpu', side: int = 0
) -> DinoEngine:
    """Load DINOv2 weights and the map to them.

    Args:
        weights: Directory in hub layout, hub id, or `random` (tiny, for tests).
        text_map: File of the map; empty for the one that lies beside the weights.
        clip: Of the texts.
        device: Where to run.
        side: See `DinoEngine`.

    Raises:
        WeightsError: They are not here, or do not fit each other.
    """
    if weights == 'random':
        return DinoEngine(*random_dino(clip), clip, device, 'random DINOv2', 'random', side)
    folder = local_directory(weights)
    model, colours = load_backbone(weights, folder)
    fitted = load_text_map(map_file_of(weights, text_map), colours)
    name = f'{weights} with {fitted.path.name}'
    return DinoEngine(model, fitted, clip, device, name, directory_sha256(folder), side)


def shared_dino(
    weights: str, text_map: str, clip: Shared[ClipEngine], device: str, side: int = 0
) -> Shared[DinoEngine]:
    """The one engine of this process for these weights; `nano` is ours.

    Whoever holds it holds the engine of its texts too.

    Raises:
        WeightsError: They are not here, or do not fit each other.
    """
    key = ('dino', weights, text_map, clip.model.name, clip.model.sha256, device, side)
    return Shared(
        key, lambda: load_dino(locate(weights, 'dino'), text_map, clip.model, device, side)
    )
