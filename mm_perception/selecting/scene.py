"""The things of a scene, whichever camera sees them, and what was done with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mm_perception.identities import Identities
from mm_perception.samples import Boxes3D, Masks
from mm_perception.samples.sample import Array
from mm_perception.selecting.surfaces import Surface

_SMALLEST_M = 0.02  # of a side of a box, so that it can be seen
_NOWHERE = np.full(3, np.nan)


@dataclass
class Thing:
    """One thing of the scene.

    Attributes:
        number: Its id, the same in all cameras.
        label: What it is called.
        surface: Its seen side in the fixed frame; None where nothing told where it is.
        stamp_ns: When it was last seen.
        is_hidden: Whether it shall not be shown.
        moved_to: (3,) metres in the fixed frame, where it shall be; None for where it is.
    """

    number: int
    label: str
    surface: Surface | None = None
    stamp_ns: int = 0
    is_hidden: bool = False
    moved_to: Array | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f'{self.label} #{self.number}'


class Scene:
    """Binds the masks of all cameras to things.

    Args:
        gate_m: Sights of two cameras that lie farther apart are two things.
        join_s: A thing that one camera saw is joined with a sight of another within this.
        forget_s: What nobody sees for longer, and with what nothing was done, is forgotten.
    """

    def __init__(self, gate_m: float, join_s: float, forget_s: float) -> None:
        self._identities = Identities(gate_m, join_s)
        self._gate_m, self._join_ns = gate_m, round(join_s * 1e9)
        self._forget_ns = round(forget_s * 1e9)
        self._same_as: dict[int, int] = {}
        self.things: dict[int, Thing] = {}
        self.selected: tuple[int, ...] = ()

    def bind(self, stream: str, masks: Masks, surfaces: dict[int, Surface]) -> dict[int, int]:
        """Ids of a camera's masks to numbers of things.

        A thing whose place is not known is one of that camera alone.
        """
        bound = {}
        for own, label, is_seen in zip(masks.ids, masks.labels, masks.visible, strict=True):
            if not is_seen:
                continue
            surface = surfaces.get(own)
            place = _NOWHERE if surface is None else surface.middle
            number = self._identities.name(stream, own, label, place, masks.stamp_ns)
            number = self._same_as.get(number, number)
            if number not in self.things:
                number = self._back_again(number, label, place, masks.stamp_ns)
            thing = self.things.setdefault(number, Thing(number, label))
            thing.stamp_ns = masks.stamp_ns
            thing.surface = surface or thing.surface
            bound[own] = number
        self._identities.forget(masks.stamp_ns)
        self._forget(masks.stamp_ns)
        return bound

    def _back_again(self, number: int, label: str, place: Array, stamp_ns: int) -> int:
        """The number of what is there under a new one: what is hidden has to stay so."""
        for thing in self.things.values():
            is_unseen = stamp_ns - thing.stamp_ns > self._join_ns
            if thing.label != label or not is_unseen or thing.surface is None:
                continue
            if float(np.linalg.norm(thing.surface.middle - place)) <= self._gate_m:
                self._same_as[number] = thing.number
                return thing.number
        return number

    def _forget(self, stamp_ns: int) -> None:
        kept = self.things = {
            number: thing
            for number, thing in self.things.items()
            if stamp_ns - thing.stamp_ns <= self._forget_ns
            or thing.is_hidden or thing.moved_to is not None or number in self.selected
        }  # fmt: skip
        self._same_as = {new: old for new, old in self._same_as.items() if old in kept}

    def rewind(self) -> None:
        """Forget where things were; ids and what was done stay."""
        self._identities.clear()

    def boxes(self, stamp_ns: int, frame_id: str) -> Boxes3D:
        """All things whose place is known, where they shall be, without hidden ones."""
        shown = [t for t in self.things.values() if t.surface is not None and not t.is_hidden]
        centres, sizes, labels = [], [], []
        for thing in shown:
            assert thing.surface is not None
            moved = thing.moved_to
            shift = np.zeros(3) if moved is None else moved - thing.surface.middle
            centres.append(thing.surface.centre + shift)
            sizes.append(np.maximum(thing.surface.size, _SMALLEST_M))
            labels.append(f'{thing.label}{" (selected)" if thing.number in self.selected else ""}')
        return Boxes3D(
            stamp_ns=stamp_ns, frame_id=frame_id,
            centres=np.array(centres, np.float64).reshape(-1, 3),
            sizes=np.array(sizes, np.float64).reshape(-1, 3),
            quats_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (len(shown), 1)),
            scores=np.ones(len(shown), np.float32), labels=tuple(labels),
            track_ids=tuple(str(thing.number) for thing in shown),
        )  # fmt: skip

    def state(self) -> str:
        """Selected, hidden and moved things as one line of JSON."""
        return json.dumps({'things': [self.described(thing) for thing in self.things.values()]})

    def described(self, thing: Thing) -> dict[str, Any]:
        """One thing as JSON has it: places are in metres in the fixed frame."""
        known: dict[str, Any] = {'id': thing.number, 'label': thing.label}
        if thing.surface is not None:
            known['place'] = _rounded(thing.surface.middle)
            known['size'] = _rounded(thing.surface.size)
        if thing.number in self.selected:
            known['selected'] = True
        if thing.is_hidden:
            known['hidden'] = True
        if thing.moved_to is not None:
            known['moved_to'] = _rounded(thing.moved_to)
        return known


def _rounded(place: Array) -> list[float]:
    """Millimetres are enough."""
    return [round(float(value), 3) for value in place]
