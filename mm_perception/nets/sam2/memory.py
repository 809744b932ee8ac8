"""What a session remembers of one object: the memory bank (SAM 2 paper, section 4), capped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class FrameMemory:
    """One object on one frame, as later frames see it.

    In training all objects of a batch share one: its tensors have a batch axis before the others.
    """

    spatial: Tensor | None  # (h*w, M) bfloat16; None once only the pointer is in reach
    pointer: Tensor  # (C,)

    def tensors(self) -> Iterator[Tensor]:
        """The tensors held, for accounting."""
        yield self.pointer
        if self.spatial is not None:
            yield self.spatial


@dataclass(frozen=True)
class MemoryView:
    """The memories that one object attends to on one frame."""

    spatial: tuple[Tensor, ...]  # each (h*w, M)
    spatial_offsets: tuple[int, ...]  # 0, or 1 (last frame) .. num_maskmem - 1
    pointers: tuple[Tensor, ...]  # each (C,)
    pointer_ages: tuple[int, ...]  # frames since each pointer was made, 1 or more

    @property
    def layout(self) -> tuple[int, int]:
        """Objects of equal layout can be computed as one batch."""
        return len(self.spatial), len(self.pointers)


class ObjectMemory:
    """Prompted frames and recent frames of one object.

    The reference keeps everything for ever and reads from it the spatial memories of all prompted
    frames and of the last `num_maskmem - 1` others, and the object pointers of all prompted frames
    and of the last `max_pointers - 1` others. Here whatever is out of that reach is dropped, which
    changes nothing, and prompted frames are bounded: beyond `max_prompted` the first one and the
    most recent ones stay, and the one that goes counts as an unprompted frame from then on (so
    does the reference treat prompted frames that its `max_cond_frames_in_attn` does not select).
    """

    def __init__(
        self, num_maskmem: int, max_pointers: int, max_prompted: int, *, keep_first: bool = True
    ) -> None:
        self._spatial_reach = num_maskmem - 1
        self._pointer_reach = max_pointers - 1
        self._max_prompted = max_prompted
        self._keep_first = keep_first
        self._prompted: dict[int, FrameMemory] = {}  # frame index to memory, oldest first
        self._recent: dict[int, FrameMemory] = {}

    def store(self, frame: int, memory: FrameMemory, *, is_prompted: bool) -> None:
        """Remember a frame, the newest so far, and forget what no later frame can reach."""
        (self._prompted if is_prompted else self._recent)[frame] = memory
        if len(self._prompted) > self._max_prompted:
            demoted = list(self._prompted)[1 if self._keep_first else 0]
            self._recent[demoted] = self._prompted.pop(demoted)
            self._recent = dict(sorted(self._recent.items()))
        for index, recent in list(self._recent.items()):
            age = frame + 1 - index  # as the next frame sees it
            if age > max(self._spatial_reach, self._pointer_reach):
                del self._recent[index]
            elif age > self._spatial_reach and recent.spatial is not None:
                self._recent[index] = FrameMemory(None, recent.pointer)

    def view(self, frame: int) -> MemoryView:
        """What frame number `frame` attends to; order as in the reference."""
        spatial = [(memory.spatial, 0) for memory in self._prompted.values()]
        pointers = [(memory.pointer, frame - index) for index, memory in self._prompted.items()]
        for offset in range(self._spatial_reach, 0, -1):
            if (memory := self._recent.get(frame - offset)) is not None:
                spatial.append((memory.spatial, offset))
        for age in range(1, self._pointer_reach + 1):
            if (memory := self._recent.get(frame - age)) is not None:
                pointers.append((memory.pointer, age))
        return MemoryView(
            spatial=tuple(features for features, _ in spatial if features is not None),
            spatial_offsets=tuple(offset for features, offset in spatial if features is not None),
            pointers=tuple(pointer for pointer, _ in pointers),
            pointer_ages=tuple(age for _, age in pointers),
        )

    def tensors(self) -> Iterator[Tensor]:
        """All tensors held, for accounting."""
        for memory in (*self._prompted.values(), *self._recent.values()):
            yield from memory.tensors()
