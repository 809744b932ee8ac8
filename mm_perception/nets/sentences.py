"""Sentence encoders from transformers: the mean of a text network's token vectors.

Reimers and Gurevych, Sentence-BERT, EMNLP 2019, arXiv 1908.10084, section 3: mean pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

from mm_perception.errors import WeightsError
from mm_perception.weights import directory_sha256, local_directory


class SentenceEncoder:
    """A text network with its tokenizer.

    Args:
        model: Gives `last_hidden_state`.
        tokenizer: Of the network.
        device: Where to run.
        sha256: Hash of the weights.
    """

    def __init__(self, model: Any, tokenizer: Any, device: str, sha256: str) -> None:
        self._model = model.to(device).eval().requires_grad_(False)
        self._tokenizer, self._device, self.sha256 = tokenizer, device, sha256

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts as (N, D) float32 unit vectors."""
        inputs = self._tokenizer(
            list(texts), padding=True, truncation=True, return_tensors='pt'
        ).to(self._device)
        with torch.inference_mode():
            tokens = self._model(**inputs).last_hidden_state  # (N, T, D)
        mask = inputs['attention_mask'][..., None].to(tokens.dtype)
        mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1)
        unit = torch.nn.functional.normalize(mean, dim=-1)
        return np.asarray(unit.float().cpu().numpy())


def load_sentence_encoder(weights: str, device: str) -> SentenceEncoder:
    """Load a directory in hub layout, or a hub id that is in the local cache.

    Raises:
        WeightsError: They are not there, or are no text network.
    """
    folder = local_directory(weights)
    try:
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(
            weights, f'no text network: {error}', 'give a sentence encoder'
        ) from error
    return SentenceEncoder(model, tokenizer, device, directory_sha256(folder))
