"""The text encoder that teaches DINOv2 what its patches show, and then the map what texts mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WIDTH, _LAYERS, _HEADS = 192, 2, 4


class Teacher(nn.Module):
    """A small transformer over whole words, read as the mean of its tokens.

    It learns beside the image encoder and is needed only until the map from CLIP is fitted.

    Args:
        words: Size of the vocabulary; token 0 is padding.
        length: Longest text in tokens.
        dimension: Of a patch; a text gets two vectors, see `text_map.halves`.
    """

    def __init__(self, words: int, length: int, dimension: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, _WIDTH)
        self.places = nn.Parameter(torch.randn(length, _WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            _WIDTH, _HEADS, 3 * _WIDTH, dropout=0.0, activation='gelu', batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(_WIDTH)
        self.last = nn.Linear(_WIDTH, 2 * dimension)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(N, L) tokens to (N, 2 * dimension), not normalised."""
        is_word = input_ids > 0
        seen = self.words(input_ids) + self.places[: input_ids.shape[1]]
        seen = self.norm(self.layers(seen, src_key_padding_mask=~is_word))
        weight = is_word[..., None].to(seen.dtype)
        found: Tensor = self.last((seen * weight).sum(1) / weight.sum(1))
        return found
