"""What is remembered: a picture, or a track in a picture, as a vector with its origin."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np

from mm_perception.samples.sample import Array

#: What keys are derived from: any fixed number will do.
_NAMESPACE = uuid.UUID('5b0c8bb2-6f3e-4b55-9d5c-0f6d2b8f5a11')


@dataclass(frozen=True, eq=False)
class Entry:
    """A span of time in which a camera, or a track, looked the same.

    Attributes:
        space: Whose vector it is: those of two spaces cannot be compared.
        vector: (D,) float32, Euclidean norm 1.
        stamp_ns: Of the picture that was embedded, the first of the span.
        end_ns: Of the last picture that looked the same.
        frame_id: TF frame of the picture.
        source: Which recording: its digest; empty for a running camera.
        bag: Name of the recording; empty for a running camera.
        topic: Of the picture; empty where only the camera is known.
        stream: Camera name; empty for the only one.
        track_id: Empty for a whole picture.
        label: What the tracker calls it; empty for a whole picture.
        box: xyxy in pixels of the original picture; None for the whole.
        jpeg: A small picture as a JPEG file.
    """

    space: str
    vector: Array
    stamp_ns: int
    end_ns: int
    frame_id: str = ''
    source: str = ''
    bag: str = ''
    topic: str = ''
    stream: str = ''
    track_id: str = ''
    label: str = ''
    box: tuple[float, float, float, float] | None = None
    jpeg: bytes = b''

    @property
    def key(self) -> str:
        """The same for the same picture, so that what is added twice is there once."""
        place = (self.space, self.source, self.topic, self.stream, self.track_id, self.stamp_ns)
        return str(uuid.uuid5(_NAMESPACE, repr(place)))


@dataclass(frozen=True)
class Where:
    """Which entries; a field that is empty or 0 does not matter.

    Attributes:
        source: Of this recording, by its digest.
        bag: Of this recording, by its name.
        stream: Of this camera, by its name or topic.
        track_id: Of this track.
        after_ns: Seen from then on.
        before_ns: Seen until then.
    """

    source: str = ''
    bag: str = ''
    stream: str = ''
    track_id: str = ''
    after_ns: int = 0
    before_ns: int = 0


@dataclass(frozen=True)
class Found:
    """An entry and its cosine with what was asked for."""

    entry: Entry
    score: float


def unit(vector: Array) -> Array:
    """A vector of norm 1 in float32; a zero stays zero."""
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)
