"""Takes prompts for several cameras and tells what became of each: none is lost in silence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mm_perception.errors import PromptError
from mm_perception.samples import Prompt, PromptState, PromptStatus

_LIMIT = 256


class PromptDesk:
    """Prompts that wait for a picture, per camera, and statuses that wait to be published.

    Args:
        streams: Cameras of the node; empty where they show themselves one by one.
    """

    def __init__(self, streams: Sequence[str] = ()) -> None:
        self._streams = tuple(streams)
        self._pending: dict[str, deque[Prompt]] = {name: deque() for name in streams}
        self._told: list[PromptStatus] = []

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

        Raises:
            PromptError: There is no such camera.
        """
        self.check_camera(prompt)
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
        score: float = 0.0,
        message: str = '',
    ) -> None:
        """Report what became of a prompt; stamped with the picture it is published with."""
        self._told.append(
            PromptStatus(
                stamp_ns=0, prompt_id=prompt_id, stream=stream, state=state,
                track_ids=tuple(str(i) for i in ids), score=float(score), message=message,
            )
        )  # fmt: skip

    def reject(self, prompt: Prompt, stream: str, reason: str) -> None:
        """Report that a prompt was not used."""
        self.tell(prompt.prompt_id or prompt.text, stream, PromptState.REJECTED, message=reason)

    def mark(self) -> int:
        """A place in the report to come back to with `fail`."""
        return len(self._told)

    def fail(self, mark: int, prompts: Sequence[Prompt], stream: str, reason: str) -> None:
        """A picture failed: nothing was found in it since `mark`, and no geometry was applied."""
        lost = (PromptState.FOUND, PromptState.NOT_FOUND)
        self._told[mark:] = [told for told in self._told[mark:] if told.state not in lost]
        self._pending[stream] = deque(p for p in self._pending[stream] if p not in prompts)
        for prompt in prompts:
            if prompt.is_geometric:
                self.reject(prompt, stream, f'the picture could not be used: {reason}')

    def drain(self, stamp_ns: int, frame_id: str) -> list[PromptStatus]:
        """Everything to be published with a picture."""
        told = [replace(status, stamp_ns=stamp_ns, frame_id=frame_id) for status in self._told]
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
