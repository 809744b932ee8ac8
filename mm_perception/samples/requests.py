"""Questions to a plugin and their answers (ROS services)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
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


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchRequest(Sample):
    """When did a camera see something like this? Exactly one of `text`, `image`, `track_id`.

    Attributes:
        text: What to look for.
        image: An example.
        track_id: A track that was seen, as an example.
        bag: Only of this recording; empty for all.
        stream: Only of this camera, by its name or topic; empty for all.
        after_ns: Only what was seen from then on; 0 for no limit.
        before_ns: Only what was seen until then; 0 for no limit.
        limit: Most hits.
    """

    stamp_ns: int = 0
    text: str = ''
    image: Image | None = None
    track_id: str = ''
    bag: str = ''
    stream: str = ''
    after_ns: int = 0
    before_ns: int = 0
    limit: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [bool(self.text.strip()), self.image is not None, bool(self.track_id)]
        if sum(given) != 1:
            said = (
                f'text {self.text!r}, {"an" if given[1] else "no"} image, track {self.track_id!r}'
            )
            raise ShapeError('SearchRequest', 'one of text, image and track_id', said)
        if self.limit < 1:
            raise ShapeError('SearchRequest.limit', 'at least 1', str(self.limit))
        if self.before_ns and self.before_ns < self.after_ns:
            raise ShapeError('SearchRequest.before_ns', 'not before after_ns', str(self.before_ns))


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchHit(Sample):
    """A moment that looks like what was asked for; `stamp_ns` is of its best picture.

    Attributes:
        start_ns: From when it looks like it.
        end_ns: Until when.
        bag: Name of the recording; empty for what a running camera has shown.
        topic: Of the pictures; empty where only the camera is known.
        stream: Camera name; empty for the only one.
        track_id: Of the track that looks like it; empty for a whole picture.
        label: What the tracker calls it; empty for a whole picture.
        box: (4,) float32 xyxy in pixels of the original picture; None for the whole.
        score: How alike its best picture is, -1 to 1; comparable between hits of one request.
        jpeg: (N,) uint8, a small picture as a JPEG file.
    """

    start_ns: int
    end_ns: int
    bag: str = ''
    topic: str = ''
    stream: str = ''
    track_id: str = ''
    label: str = ''
    box: Array | None = None
    score: float
    jpeg: Array

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.start_ns <= self.stamp_ns <= self.end_ns:
            spans = f'{self.start_ns} <= {self.stamp_ns} <= {self.end_ns}'
            raise ShapeError('SearchHit.stamp_ns', 'from start_ns to end_ns', spans)
        self._freeze('jpeg', ('N',), [np.uint8])
        if self.box is not None:
            self._freeze('box', (4,), [np.float32])


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchReply(Sample):
    """Answer to `SearchRequest`.

    Attributes:
        hits: Best first; none where nothing is like it.
        message: For people, one sentence.
        model: Whose vectors were compared.
    """

    hits: tuple[SearchHit, ...] = ()
    message: str = ''
    model: str = ''
