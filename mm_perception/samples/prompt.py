"""What the user asks for, and what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from mm_perception.errors import PromptError
from mm_perception.samples.sample import Array, Sample


class PromptAction(Enum):
    """What to do with the prompt; the values are those of mm_perception_msgs/Prompt."""

    ADD = 0
    REFINE = 1
    REMOVE = 2
    CLEAR = 3


class PromptState(Enum):
    """What became of a prompt; the values are those of mm_perception_msgs/PromptStatus."""

    PENDING = 0
    SEARCHING = 1
    FOUND = 2
    NOT_FOUND = 3
    REMOVED = 4
    REJECTED = 5


def _no_points() -> Array:
    return np.zeros((0, 2), np.float32)


#: An id that `command` gives what was said: of a moment and a number.
_OF_SPEECH = re.compile(r'said-\d+-\d+$')


def spoken_of(prompt_id: str) -> str:
    """What people read for the id of a prompt: their own one, or that it came from a voice."""
    return 'what was said' if _OF_SPEECH.match(prompt_id) else prompt_id or 'prompt'


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt(Sample):
    """A request to segment and track something: by text, points, a box or a mask.

    Attributes:
        stamp_ns: The picture that coordinates refer to; 0 means the newest.
        action: Add an object, refine or remove one, or clear all.
        prompt_id: The caller's own id, echoed in every status.
        stream: Camera name; empty means every camera of the node.
        track_id: The track meant. In REMOVE, empty means all of `prompt_id`. In ADD, alone: this
            prompt takes over the track, which no more ends with the prompt that it was found for.
        text: Free text such as "the red car".
        points: (N, 2) float32, x and y in pixels of the original picture.
        point_labels: (N,) int8, 1 foreground, 0 background.
        box: (4,) float32 xyxy in pixels of the original picture, or None.
        mask: (H, W) bool in the original picture, or None.
        max_frames: Its tracks end after so many pictures of their camera, 1 for once, counted
            from the first that answers it (a text: with FOUND or NOT_FOUND); a text is no more
            searched for then. 0 means when removed. In REFINE, 0 changes nothing, and any other
            number counts anew.
    """

    stamp_ns: int = 0
    action: PromptAction = PromptAction.ADD
    prompt_id: str = ''
    stream: str = ''
    track_id: str = ''
    text: str = ''
    points: Array = field(default_factory=_no_points)
    point_labels: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    box: Array | None = None
    mask: Array | None = None
    max_frames: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_frames < 0:
            raise PromptError('max_frames is negative', self.max_frames, 'give 0 or more')
        self._freeze('points', ('N', 2), [np.float32])
        self._freeze('point_labels', ('N',), [np.int8])
        if len(self.points) != len(self.point_labels):
            raise PromptError(
                'points and point_labels differ in number',
                (len(self.points), len(self.point_labels)),
                'give every point the label 1 (foreground) or 0 (background)',
            )
        if not np.isfinite(self.points).all():
            raise PromptError('a point is not finite', self.points.tolist(), 'give pixels')
        if not np.isin(self.point_labels, (0, 1)).all():
            raise PromptError(
                'a point label is neither 0 nor 1', self.point_labels.tolist(), 'use 1 or 0'
            )
        if self.box is not None:
            self._check_box()
        if self.mask is not None:
            self._freeze('mask', ('H', 'W'), [np.bool_])
        if self.action is PromptAction.ADD:
            self._check_add()

    def _check_add(self) -> None:
        if not (self.text.strip() or self.is_geometric or self.track_id):
            fix = 'give text, geometry or a track'
            raise PromptError('the prompt asks for nothing', self.prompt_id, fix)

    def _check_box(self) -> None:
        box = self._freeze('box', (4,), [np.float32])
        if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
            raise PromptError(
                'the box has no area', box.tolist(), 'give left < right and top < bottom in pixels'
            )

    @property
    def is_geometric(self) -> bool:
        """True if it names pixels: points, a box or a mask."""
        return len(self.points) > 0 or self.box is not None or self.mask is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptStatus(Sample):
    """What became of a prompt.

    Attributes:
        stamp_ns: The picture that decided it.
        prompt_id: As in the prompt.
        stream: Camera name.
        state: See `PromptState`.
        track_ids: Tracks that answer the prompt now.
        score: In [0, 1]: FOUND by a text, of the detection; by geometry, of the mask; NOT_FOUND,
            of the best match seen, which was not accepted; else 0.
        message: For people; the reason of a rejection.
    """

    prompt_id: str
    stream: str
    state: PromptState
    track_ids: tuple[str, ...] = ()
    score: float = 0.0
    message: str = ''
