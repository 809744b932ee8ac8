"""What stages of CLIP share in which texts learn, and what sees stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from mm_perception.training.clip_sights import Index
from mm_perception.training.loop import Settings
from mm_perception.world.language import Phrase, caption_of


class TextsTask:
    """Base of such a stage.

    Args:
        first: The task of the first stage: its pictures and its network.
        settings: Of this one.
    """

    def __init__(self, first: Any, settings: Settings) -> None:
        self._first, self.settings = first, settings
        self._index: Index = first.index
        self._before: nn.Module | None = None

    def build(self) -> nn.Module:
        """A new network of which only the texts learn."""
        network: nn.Module = self._first.build().only_texts()
        return network

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """As in the first stage."""
        scores: dict[str, float] = self._first.validate(model, device)
        return scores

    def _crop_captions(self, rng: np.random.Generator, count: int) -> list[Phrase]:
        """Of things in pairs of class and colour that training shows, each pair as often."""
        pairs = self._index.pairs
        chosen = [pairs[int(i)] for i in rng.integers(len(pairs), size=count)]
        return [caption_of(rng, pair[0].thing) for pair in chosen]
