"""One interface over the libraries that carry CLIP weights."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.errors import ShapeError, WeightsError
from mm_perception.model_cache import Shared
from mm_perception.weights import locate

Vectors = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
_CACHED_TEXTS, _TEXTS_AT_ONCE = 1024, 256
#: What a directory in open_clip's layout has and one in that of transformers lacks.
CONFIG_FILE = 'open_clip_config.json'


class ClipEngine(ABC):
    """Embeds pictures and texts as unit vectors; the dot product is their cosine.

    Attributes:
        name: Which model this is; vectors of different models cannot be compared.
        sha256: Hash of the weights.
        licence: Of the weights, as far as known.
        logit_scale: Learned factor on cosines before a softmax (section 2.3 of the paper).
    """

    name: str
    sha256: str
    licence: str
    logit_scale: float

    def __init__(self) -> None:
        self._texts: OrderedDict[str, Vectors] = OrderedDict()
        self._texts_lock = threading.Lock()  # nodes share an engine, and each has its own thread

    @abstractmethod
    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        """(N, D) features, not normalised."""

    @abstractmethod
    def _text_features(self, texts: Sequence[str]) -> Tensor:
        """(N, D) features, not normalised."""

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Picture]) -> Vectors:
        """Embed N pictures at once.

        Args:
            images: Each (H, W, 3) uint8 RGB, any size.

        Returns:
            (N, D) float32 unit vectors.
        """
        for image in images:
            if (
                image.ndim != 3
                or image.shape[2] != 3
                or image.dtype != np.uint8
                or 0 in image.shape
            ):
                raise ShapeError('CLIP image', '(H, W, 3) uint8', f'{image.shape} {image.dtype}')
        if not images:
            return np.zeros((0, self.dimension), np.float32)
        return _unit(self._image_features(images))

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N texts; those that were asked for lately are not computed again.

        Returns:
            (N, D) float32 unit vectors.
        """
        with self._texts_lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._texts]
            if new:
                for text, vector in zip(new, _unit(self._text_features(new)), strict=True):
                    self._texts[text] = vector
            for text in texts:
                self._texts.move_to_end(text)
            found = [self._texts[text] for text in texts]
            while len(self._texts) > _CACHED_TEXTS:
                self._texts.popitem(last=False)
        return np.stack(found) if found else np.zeros((0, self.dimension), np.float32)

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> Vectors:
        """Features of N texts as the network has them, (N, D) float32, not normalised."""
        firsts = range(0, len(texts), _TEXTS_AT_ONCE)
        blocks = [list(texts[i : i + _TEXTS_AT_ONCE]) for i in firsts]
        found = [self._text_features(block).float().cpu().numpy() for block in blocks]
        return np.concatenate(found) if found else np.zeros((0, self.dimension), np.float32)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.embed_texts(['']).shape[1])


def _unit(features: Tensor) -> Vectors:
    unit = torch.nn.functional.normalize(features.float(), dim=-1)
    return np.asarray(unit.cpu().numpy(), np.float32)


def load_clip(weights: str, device: str = 'cpu') -> ClipEngine:
    """Load CLIP weights.

    Args:
        weights: Directory in hub layout or hub id (transformers: CLIP, SigLIP); directory in
            open_clip's layout; `random` (tiny, for tests); `open_clip:MODEL/TAG`,
            `open_clip:MODEL/FILE`, `open_clip:local-dir:PATH`.
        device: Where to run.

    Raises:
        WeightsError: They are not here, or no such model.
    """
    if (Path(weights).expanduser() / CONFIG_FILE).is_file():
        weights = f'open_clip:local-dir:{Path(weights).expanduser()}'
    if weights.startswith('open_clip:'):
        from mm_perception.nets.clip.open_clip_engine import OpenClipEngine

        return OpenClipEngine.load(weights.removeprefix('open_clip:'), device)
    if weights.startswith('random:'):
        raise WeightsError(weights, 'CLIP has one random variant', 'say random')
    from mm_perception.nets.clip.transformers_engine import TransformersClip

    return TransformersClip.load(weights, device)


def shared_clip(weights: str, device: str) -> Shared[ClipEngine]:
    """The one engine of this process for these weights; `nano` is ours.

    Raises:
        WeightsError: They are not here, or no such model.
    """
    return Shared(('clip', weights, device), lambda: load_clip(locate(weights, 'clip'), device))
