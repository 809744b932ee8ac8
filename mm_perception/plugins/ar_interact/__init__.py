"""Point at a thing or name it, and get a spot in space to hang an overlay on, that stays there.

A thing is selected by voice ("select the lamp", "that one") or by pointing at it for a while; the
ray is a pose, of a controller, a gaze, or an arm that a camera sees (the plugin `pointing`). The
anchor is a spot on the thing's surface, from depth or a scan, in a frame that stands still: it
stays while the camera moves, goes with a thing that moves, and is kept where the thing is out of
sight. An occlusion mask says where real things are in front of it.

A policy without a network; the geometry is in `mm_perception.geometry.rays` and
`mm_perception.selecting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mm_perception.config import parameter
from mm_perception.geometry.rays import POINTING_AXES
from mm_perception.plugin import Card, Inputs, Output, Outputs
from mm_perception.samples import Boxes3D, Event, Image, Intent, Masks, Pose, Sample
from mm_perception.selecting.anchors import Anchor, occluded
from mm_perception.selecting.candidates import only_ids
from mm_perception.selecting.in_view import InView
from mm_perception.selecting.pointed_plugin import PointedPlugin, Seen, event_of
from mm_perception.selecting.scene import Scene

#: What the ray is on is judged over so long, seconds: a hand trembles.
_STEADY_S = 0.3


@dataclass(frozen=True)
class ArInteractConfig:
    """Settings of the `ar_interact` plugin."""

    fixed_frame: str = parameter('odom', 'Frame that stands still; anchors are in it.')
    ray_axis: str = parameter(
        'x', 'Axis of the pose that points: x (bodies), z (optical), -z (OpenXR).',
        choices=tuple(POINTING_AXES),
    )  # fmt: skip
    ray_spread_deg: float = parameter(
        2.0, 'Error of the direction of the ray (1 sigma), degrees.',
        minimum=0.01, maximum=20.0, live=True,
    )  # fmt: skip
    min_share: float = parameter(
        0.4, 'What the ray means has to be at least so probable.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    dwell_s: float = parameter(
        1.0, 'Pointing at a thing for so long selects it, in seconds; 0: only words do.',
        minimum=0.0, live=True,
    )  # fmt: skip
    patience_s: float = parameter(
        1.0, 'So long a command waits for something that fits, in seconds.', minimum=0.0
    )
    memory_s: float = parameter(
        6.0, 'So long back it knows where the ray was, in seconds.', minimum=0.5, maximum=60.0
    )
    smallest_px: int = parameter(30, 'Masks with fewer pixels carry no anchor.', minimum=1)
    gate_m: float = parameter(
        0.5, 'Sights of two cameras that lie farther apart are two things, metres.', minimum=0.0
    )
    moved_m: float = parameter(
        0.3, 'A thing whose seen side is farther off than this has moved, metres.', minimum=0.01
    )
    overlay_m: float = parameter(
        0.3, 'Side of the overlay whose occlusion is told, metres.', minimum=0.01, live=True
    )
    margin_m: float = parameter(
        0.1, 'What is nearer than the anchor by less than this is not in front, metres.',
        minimum=0.0, live=True,
    )  # fmt: skip


class ArInteract(PointedPlugin[ArInteractConfig]):
    """Masks, a ray and commands in; anchors, occlusion and events out."""

    card: ClassVar[Card] = Card(
        title='Selects by pointing or voice and anchors an overlay in space',
        system='3-4',
        paper='Bolt, Put-that-there, SIGGRAPH 1980 (voice and pointing); Pierce et al., Image '
        'Plane Interaction Techniques in 3D Immersive Environments, I3D 1997 (hands as rays)',
        reference_code='none',
        limits=(
            'Without depth or a scan things are selected, but carry no anchor.',
            'Hands come as a ray: `pointing` makes one of what a camera sees.',
            'A thing that turns in place takes its anchor not along.',
        ),
    )
    Config: ClassVar[type[Any]] = ArInteractConfig
    intents = (Intent.SELECT, Intent.TRACK, Intent.STOP)
    outputs: ClassVar[dict[str, Output]] = {
        'chosen': Output(Masks, 'Selected things, with the ids of the tracker.'),
        'anchors': Output(Boxes3D, 'Boxes around selected things, as markers too.',
                          per_stream=False),
        'pose': Output(Pose, 'Of each anchor: x out of the thing, z up.', per_stream=False),
        'occlusion': Output(Image, '255 where a real thing is in front of an overlay, else 0.'),
        'event': Output(Event, 'Selected, released or refused.', per_stream=False),
    }  # fmt: skip

    def _new_scene(self) -> Scene:
        return Scene(self.config.gate_m, join_s=0.5, forget_s=self.config.memory_s)

    def _forget_all(self) -> None:
        super()._forget_all()
        self._anchors: dict[int, Anchor] = {}
        #: The thing that the ray is on, and since when.
        self._aim: tuple[int, int] | None = None
        #: What the ray has to leave before it can select it again.
        self._done: int | None = None
        #: Events of this picture, and of one before it that failed.
        self._untold: list[Event] = []

    @classmethod
    def tiny(cls) -> ArInteractConfig:
        """All in one frame."""
        return ArInteractConfig(fixed_frame='camera')

    def infer(self, inputs: Inputs) -> Outputs:
        """Note where the ray is, select, and measure the anchors.

        Raises:
            ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
            TransformUnavailableError: TF does not know the camera, the ray or the scan.
        """
        seen = self._look(inputs)
        masks, frame = seen.masks, self.config.fixed_frame
        self._untold += self._obey(seen)
        self._untold += self._dwell(seen)
        own_ids = {number: own for own, number in seen.bound.items()}
        self._measure(seen.view, own_ids)
        selected = [own_ids[n] for n in self._scene.selected if n in own_ids]
        outputs: dict[str, Sample | Sequence[Sample]] = {
            'chosen': only_ids(masks, selected),
            'anchors': self._boxes(masks.stamp_ns),
            'pose': [anchor.pose(masks.stamp_ns, frame) for anchor in self._anchors.values()],
            'occlusion': self._occlusion(seen.view, own_ids),
            'event': self._untold,
        }
        self._untold = []
        return outputs

    def rewind(self, stream: str) -> None:
        """Anchors and where the ray was are of the other run; what is selected is kept."""
        super().rewind(stream)
        self._anchors.clear()
        self._aim = self._done = None

    def _obey(self, seen: Seen) -> list[Event]:
        events = []
        for command, deed in self._do_what_is_due(seen):
            if command.intent is Intent.STOP and self._aim is not None:
                self._done = self._aim[0]
            events.append(self._told(command, deed, seen))
        return events

    def _dwell(self, seen: Seen) -> list[Event]:
        """Select what the ray was on for long enough."""
        now_ns = seen.masks.stamp_ns
        if not self.config.dwell_s:
            return []
        found = self._votes.recent(now_ns - round(_STEADY_S * 1e9), self.config.min_share)
        if found != self._done:
            self._done = None
        if found is None or found not in self._scene.things:
            self._aim = None
            return []
        if self._aim is None or self._aim[0] != found:
            self._aim = found, now_ns
        since_ns = self._aim[1]
        is_due = now_ns - since_ns >= self.config.dwell_s * 1e9 and found != self._done
        if not is_due or found in self._scene.selected:
            return []
        self._scene.selected, self._done = (found,), found
        return [event_of('selected', [self._scene.things[found]], seen, (since_ns, now_ns))]

    def _measure(self, view: InView, own_ids: dict[int, int]) -> None:
        """Begin anchors of what is selected, end those of what is not, and see them again."""
        selected = self._scene.selected
        self._anchors = {n: a for n, a in self._anchors.items() if n in selected}
        for number in selected:
            own, thing = own_ids.get(number), self._scene.things.get(number)
            if own is None or thing is None or thing.surface is None:
                continue
            if number not in self._anchors:
                self._anchors[number] = Anchor.on(thing.surface)
            elif own in view.points_on:
                self._anchors[number].see(own, thing.surface, view, self.config.moved_m)

    def _boxes(self, stamp_ns: int) -> Boxes3D:
        anchors = self._anchors
        surfaces = [anchor.surface for anchor in anchors.values()]
        return Boxes3D(
            stamp_ns=stamp_ns, frame_id=self.config.fixed_frame,
            centres=np.array([s.centre for s in surfaces], np.float64).reshape(-1, 3),
            sizes=np.array([s.size for s in surfaces], np.float64).reshape(-1, 3),
            quats_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (len(anchors), 1)),
            scores=np.ones(len(anchors), np.float32), track_ids=tuple(map(str, anchors)),
            labels=tuple(self._scene.things[number].label for number in anchors),
        )  # fmt: skip

    def _occlusion(self, view: InView, own_ids: dict[int, int]) -> Image:
        config, masks = self.config, view.masks
        found = np.zeros(masks.id_map.shape, bool)
        for number, anchor in self._anchors.items():
            own = own_ids.get(number, 0)
            found |= occluded(view, own, anchor.place, config.overlay_m, config.margin_m)
        return Image(
            stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, encoding='mono8',
            data=np.where(found, 255, 0).astype(np.uint8),
        )  # fmt: skip


PLUGIN = ArInteract
