"""Takes prompts for several cameras and tells what became of each: none is lost in silence."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mm_perception.errors import PromptError
from mm_perception.samples import Masks, Prompt, PromptState, PromptStatus

_LIMIT = 256


@dataclass
class Scope:
    """For how many pictures of a camera a prompt holds.

    Attributes:
        max_frames: As in the prompt; 0 means without end.
        frames: Pictures that it has had.
    """

    max_frames: int = 0
    frames: int = 0

    @property
    def is_over(self) -> bool:
        """True from the picture on that it does not hold for any more."""
        return 0 < self.max_frames <= self.frames

    @property
    def message(self) -> str:
        """Why its tracks ended."""
        return f'after {self.max_frames} pictures, as asked for'


def by_owner(owners: Mapping[int, str]) -> dict[str, list[int]]:
    """Track to the id of its prompt, turned around."""
    tracks: dict[str, list[int]] = defaultdict(list)
    for track_id, owner in owners.items():
        tracks[owner].append(track_id)
    return dict(tracks)


class PromptDesk:
    """Prompts that wait for a picture, per camera, and statuses that wait to be published.

    Args:
        streams: Cameras of the node; empty where they show themselves one by one.
        camera_of: Which camera has a track; None for an id of no living track.
    """

    def __init__(
        self,
        streams: Sequence[str] = (),
        camera_of: Callable[[str], str | None] = lambda track_id: None,
    ) -> None:
        self._streams, self._camera_of = tuple(streams), camera_of
        self._pending: dict[str, deque[Prompt]] = {name: deque() for name in streams}
        #: With whether the score is that of a mask, which comes with the picture.
        self._told: list[tuple[PromptStatus, bool]] = []

    def open(self, stream: str) -> None:
        """A camera has shown itself."""
        self._pending.setdefault(stream, deque())

    def check_camera(self, prompt: Prompt) -> None:
        """Refuse a prompt for a camera that the node does not have.

        Raises:
            PromptError: The message names the cameras that there are.
        """
        if prompt.stream and self._streams and prompt.stream not in self._streams:
            names = ', '.join(name for name in self._streams if name)
            there = f'there are: {names}' if names else 'there is one without a name'
            raise PromptError('no such camera', prompt.stream, f'{there}; empty means all')

    def put(self, prompt: Prompt) -> None:
        """Let a prompt wait for the next picture of its camera, or of every camera.

        One that names a track and no camera is for the camera that has the track.

        Raises:
            PromptError: There is no such camera.
        """
        self.check_camera(prompt)
        if prompt.track_id and not prompt.stream:
            prompt = replace(prompt, stream=self._camera_of(prompt.track_id) or '')
        if prompt.stream:
            self.open(prompt.stream)
        for name in [prompt.stream] if prompt.stream else list(self._pending):
            waiting = self._pending[name]
            if len(waiting) >= _LIMIT:
                self.reject(waiting.popleft(), name, 'too many wait for a picture of the camera')
            waiting.append(prompt)

    def accept(self, prompts: Iterable[object]) -> None:
        """`put` what came by topic; what cannot be used is told as REJECTED."""
        for prompt in prompts:
            if isinstance(prompt, Prompt):
                try:
                    self.put(prompt)
                except PromptError as error:
                    self.reject(prompt, prompt.stream, str(error))

    def take(self, stream: str) -> list[Prompt]:
        """All that waits for a picture of the camera, oldest first."""
        taken = list(self._pending[stream])
        self._pending[stream].clear()
        return taken

    def defer(self, prompt: Prompt, stream: str) -> None:
        """Let a prompt wait for one picture more."""
        self._pending[stream].append(prompt)

    def tell(
        self,
        prompt_id: str,
        stream: str,
        state: PromptState,
        ids: Iterable[int] = (),
        score: float | None = 0.0,
        message: str = '',
    ) -> None:
        """Report what became of a prompt; stamped with the picture it is published with.

        Args:
            prompt_id: Of the prompt.
            stream: Camera.
            state: What became of it.
            ids: Its tracks.
            score: In [0, 1]; None means that of the best of its masks in the picture.
            message: For people.
        """
        status = PromptStatus(
            stamp_ns=0, prompt_id=prompt_id, stream=stream, state=state,
            track_ids=tuple(str(i) for i in ids), score=float(score or 0.0), message=message,
        )  # fmt: skip
        self._told.append((status, score is None))

    def tell_removed(
        self, prompt: Prompt, stream: str, ids: Iterable[int], ended: Mapping[str, Iterable[int]]
    ) -> None:
        """Report a removal to who asked for it, and to every other prompt that ended by it.

        Args:
            prompt: That asked for the removal.
            stream: Camera.
            ids: Tracks that are gone.
            ended: Id of a prompt that ended to its tracks.
        """
        name = prompt.prompt_id or prompt.text
        self.tell(name, stream, PromptState.REMOVED, ids)
        others = {owner: tracks for owner, tracks in ended.items() if owner not in ('', name)}
        self.tell_ended(stream, others, 'removed by another prompt')

    def tell_ended(self, stream: str, ended: Mapping[str, Iterable[int]], why: str) -> None:
        """Report prompts that ended, each with its tracks."""
        for owner, ids in ended.items():
            self.tell(owner, stream, PromptState.REMOVED, ids, message=why)

    def reject(self, prompt: Prompt, stream: str, reason: str) -> None:
        """Report that a prompt was not used."""
        self.tell(prompt.prompt_id or prompt.text, stream, PromptState.REJECTED, message=reason)

    def mark(self) -> int:
        """A place in the report to come back to with `fail`."""
        return len(self._told)

    def fail(self, mark: int, prompts: Sequence[Prompt], stream: str, reason: str) -> None:
        """A picture failed: nothing was found in it since `mark`, and no geometry was applied."""
        lost = (PromptState.FOUND, PromptState.NOT_FOUND)
        self._told[mark:] = [told for told in self._told[mark:] if told[0].state not in lost]
        self._pending[stream] = deque(p for p in self._pending[stream] if p not in prompts)
        for prompt in prompts:
            if prompt.is_geometric:
                self.reject(prompt, stream, f'the picture could not be used: {reason}')

    def drain(self, masks: Masks) -> list[PromptStatus]:
        """Everything to be published with a picture.

        Args:
            masks: Of the picture: its stamp and frame, and the scores of its tracks.
        """
        scores = {str(i): float(s) for i, s in zip(masks.ids, masks.scores, strict=True)}
        told = []
        for status, is_of_mask in self._told:
            best = max((scores.get(i, 0.0) for i in status.track_ids), default=0.0)
            told.append(
                replace(
                    status, stamp_ns=masks.stamp_ns, frame_id=masks.frame_id,
                    score=best if is_of_mask else status.score,
                )
            )  # fmt: skip
        self._told.clear()
        return told

    def clear(self) -> None:
        """Forget prompts and reports."""
        for waiting in self._pending.values():
            waiting.clear()
        self._told.clear()


def check_age(prompt: Prompt, stamp_ns: int, limit_s: float) -> None:
    """Refuse coordinates that refer to another moment than the picture they would be applied to.

    Args:
        prompt: Its stamp 0 means the newest picture.
        stamp_ns: Of the picture.
        limit_s: Largest distance in time.

    Raises:
        PromptError: The distance is larger.
    """
    distance_s = (stamp_ns - prompt.stamp_ns) / 1e9
    if prompt.stamp_ns and prompt.is_geometric and abs(distance_s) > limit_s:
        relation = 'older' if distance_s > 0 else 'newer'
        raise PromptError(
            f'the prompt is {abs(distance_s):.1f} s {relation} than the picture', prompt.prompt_id,
            'stamp it with the picture it was drawn on, or 0 for the newest; or raise '
            'max_prompt_age_s',
        )  # fmt: skip


def refuse_geometry(prompt: Prompt) -> None:
    """Refuse an ADD that names a track and pixels: it could mean either.

    Raises:
        PromptError: It names both.
    """
    if prompt.is_geometric:
        raise PromptError(
            'an added prompt names a track and pixels', prompt.track_id,
            'leave out the track for a new one, or REFINE the track',
        )  # fmt: skip
