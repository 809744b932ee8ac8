"""The small map that carries text vectors of CLIP into the space of DINOv2's patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TextMap(nn.Module):
    """Linear, tanh, linear: as in Talk2DINO (Barsellotti et al., arXiv 2411.19331, section 3.2).

    Its parameters have the names of that paper's published files.

    Args:
        text_dimension: Of CLIP's vectors.
        hidden: Of the layer between.
        dimension: Of what comes out: that of a patch; or twice as much, for the class token and
            the mean of the patches of a whole picture, as in dino.txt (Jose et al., arXiv
            2412.16334, section 3).
    """

    def __init__(self, text_dimension: int, hidden: int, dimension: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(text_dimension, hidden)
        self.linear_layer2 = nn.Linear(hidden, dimension)

    def forward(self, texts: Tensor) -> Tensor:
        """Vectors of CLIP, (N, text_dimension) and not normalised, to (N, dimension)."""
        found: Tensor = self.linear_layer2(torch.tanh(self.linear_layer(texts)))
        return found


def halves(vectors: Tensor) -> Tensor:
    """(N, 2 * D) to unit vectors of which each half has the same length, (N, 2, D).

    The dot product of two such pairs is the mean of the cosines of the halves.
    """
    pairs = vectors.reshape(*vectors.shape[:-1], 2, -1)
    return nn.functional.normalize(pairs, dim=-1) / 2**0.5
