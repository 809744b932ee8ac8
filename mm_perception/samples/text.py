"""Words, labels and embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.samples.sample import Array, Sample, checked_length


@dataclass(frozen=True, kw_only=True, eq=False)
class Text(Sample):
    """A text with the moment it belongs to.

    Attributes:
        text: The words, any language.
        language: BCP-47 tag; empty where unknown.
    """

    text: str
    language: str = ''


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels(Sample):
    """What a whole picture or clip is, best first.

    Attributes:
        names: N label texts.
        scores: (N,) float32 in [0, 1].
    """

    names: tuple[str, ...]
    scores: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('scores', ('N',), [np.float32])
        checked_length('Labels.names', self.names, len(self.scores))


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding(Sample):
    """A unit vector that stands for a picture or a text.

    Attributes:
        vector: (D,) float32, Euclidean norm 1.
        model: Which model made it; vectors of different models cannot be compared.
    """

    vector: Array
    model: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('vector', ('D',), [np.float32])
