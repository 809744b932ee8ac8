"""Something that happened."""

from __future__ import annotations

from dataclasses import dataclass

from mm_perception.errors import ShapeError
from mm_perception.samples.image import Image
from mm_perception.samples.sample import Array, Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class Event(Sample):
    """Something that happened, with its evidence.

    Attributes:
        stamp_ns: When it was decided.
        frame_id: The camera.
        kind: One word, for example entered, left, crossed, dwelt, appeared, gone.
        start_ns: From when.
        end_ns: To when; equal for what takes no time.
        stream: Camera name.
        track_ids: Of whom it speaks.
        label: Class or phrase.
        rule: Zone, line or rule that says so; empty for none.
        score: In [0, 1].
        message: For people, one sentence.
        box: (4,) float32 xyxy in pixels of the original picture, or None.
        picture: Evidence in rgb8, or None; on the wire it becomes a JPEG.
    """

    kind: str
    start_ns: int
    end_ns: int
    stream: str = ''
    track_ids: tuple[str, ...] = ()
    label: str = ''
    rule: str = ''
    score: float = 1.0
    message: str = ''
    box: Array | None = None
    picture: Image | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kind or self.kind.split() != [self.kind]:
            raise ShapeError('Event.kind', 'one word', repr(self.kind))
        if self.end_ns < self.start_ns:
            raise ShapeError('Event.end_ns', f'at least {self.start_ns}', str(self.end_ns))
        if not 0 <= self.score <= 1:
            raise ShapeError('Event.score', 'a number from 0 to 1', str(self.score))
        if self.box is not None:
            self._freeze('box', (4,), ['float32'])
        if self.picture is not None and self.picture.encoding != 'rgb8':
            raise ShapeError('Event.picture', 'rgb8', self.picture.encoding)
