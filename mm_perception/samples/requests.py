"""Questions to a plugin and their answers (ROS services)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.samples.image import Image
from mm_perception.samples.sample import Array, Sample, checked_length


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptReply(Sample):
    """Answer to a `Prompt` sent as a request.

    Attributes:
        stamp_ns: Of the picture that answered it; 0 where it still waits for one.
        track_ids: Tracks that it began, changed or removed.
        message: For people; why not, where it is no success.
        success: False where nothing was found, or the prompt could not be used.
    """

    track_ids: tuple[str, ...] = ()
    message: str = ''
    success: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchRequest(Sample):
    """Which of these texts describes the picture?

    Attributes:
        image: The picture, or None for the newest one of `stream`.
        stream: Camera name; empty means the only one.
        texts: N candidate texts.
    """

    stamp_ns: int = 0
    image: Image | None = None
    stream: str = ''
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchReply(Sample):
    """Answer to `MatchRequest`.

    Attributes:
        stamp_ns: Of the picture that was compared.
        scores: (N,) float32, softmax over the texts, sum 1.
        cosines: (N,) float32, cosine between picture and text.
    """

    scores: Array
    cosines: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('scores', ('N',), [np.float32])
        self._freeze('cosines', ('N',), [np.float32])
        checked_length('MatchReply.cosines', self.cosines, len(self.scores))


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbedTextRequest(Sample):
    """Turn texts into vectors of the picture's space."""

    stamp_ns: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbedTextReply(Sample):
    """Answer to `EmbedTextRequest`.

    Attributes:
        vectors: (N, D) float32 unit vectors.
        model: Which model made them.
    """

    vectors: Array
    model: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._freeze('vectors', ('N', 'D'), [np.float32])
