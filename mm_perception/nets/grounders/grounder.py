"""The interface of grounders, and how one is found by name."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import batched_nms

from mm_perception.errors import ConfigError

_TWIN_IOU = 0.6


@dataclass(frozen=True)
class Found:
    """Something in the picture that answers a text.

    Attributes:
        text_index: Which of the texts.
        box: (4,) float32 xyxy in pixels of the original picture.
        score: Confidence in [0, 1] that it is what the text says.
        mask: (H, W) bool in the original picture, where the grounder makes masks.
    """

    text_index: int
    box: npt.NDArray[np.float32]
    score: float
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class GrounderSettings:
    """What a grounder may need to load.

    Attributes:
        weights: Its own weights.
        device: Where to run.
        segmenter_weights: Of the SAM 2 that the tracker uses and a grounder may share.
        image_size: Of that SAM 2; 0 means as trained.
        dtype: Of that SAM 2.
        background: Phrases that compete with the texts.
        grid: Points per side for proposals.
        min_iou: Least predicted IoU of a proposal.
        min_stability: Least stability of a proposal; see `nets.sam2.proposals.propose`.
    """

    weights: str
    device: str
    segmenter_weights: str = 'random'
    image_size: int = 0
    dtype: str = 'float32'
    background: tuple[str, ...] = ()
    grid: int = 16
    min_iou: float = 0.7
    min_stability: float = 0.85


class Grounder(ABC):
    """Finds what texts name.

    Attributes:
        weights_sha256: Hash of its weights.
    """

    weights_sha256: str

    @abstractmethod
    def ground(
        self, image: npt.NDArray[np.uint8], texts: Sequence[str], min_score: float
    ) -> list[Found]:
        """Find every object that answers one of the texts.

        Args:
            image: (H, W, 3) uint8 RGB.
            texts: Free texts.
            min_score: Leave out what is less sure.

        Returns:
            Best first; empty if nothing in the picture is what a text says.
        """

    def close(self) -> None:
        """Give shared models back."""
        return None


def without_twins(found: Sequence[Found]) -> list[Found]:
    """Of answers to one text whose boxes are nearly the same only the surest, best first."""
    if not found:
        return []
    boxes = torch.from_numpy(np.stack([item.box for item in found]).astype(np.float32))
    scores = torch.tensor([item.score for item in found])
    texts = torch.tensor([item.text_index for item in found])
    return [found[i] for i in batched_nms(boxes, scores, texts, _TWIN_IOU).tolist()]


def grounder_names() -> list[str]:
    """Every grounder there is."""
    folder = str(Path(__file__).parent)
    names = {m.name for m in pkgutil.iter_modules([folder])}
    return sorted(n for n in names if n != 'grounder' and not n.startswith('_'))


def load_grounder(name: str, settings: GrounderSettings) -> Grounder:
    """Load a grounder by the name of its file.

    Raises:
        ConfigError: No such grounder.
        WeightsError: Its weights are not here.
    """
    if name not in grounder_names():
        raise ConfigError('grounder', name, f'one of {", ".join(grounder_names())}')
    module: Any = importlib.import_module(f'mm_perception.nets.grounders.{name}')
    grounder: Grounder = module.load(settings)
    return grounder
