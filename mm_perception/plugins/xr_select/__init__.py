"""Look or point at a thing and say what shall become of it: select, move, hide or show.

A ray (gaze or controller, as a pose) and the words of a command together say which thing is meant:
words if they can, the ray where several things fit them or for "that one", over the time in which
it was said. Masks of all cameras are bound to things of one scene by where depth or a scan has
them, so that the left and the right picture choose the same. "Move it there" gives the place that
the ray hits when the utterance ends, "next to the sofa" one beside it. Nothing moves in the real
world: what shows the scene to people takes the state from here.

A policy without a network; the geometry is in `mm_perception.geometry.rays` and
`mm_perception.selecting`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import radians
from typing import Any, ClassVar, cast

import cv2
import numpy as np

from mm_perception.config import parameter
from mm_perception.geometry.rays import POINTING_AXES
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
)
from mm_perception.samples import (
    Boxes3D,
    CameraInfo,
    Command,
    Event,
    Image,
    Intent,
    Masks,
    PointCloud,
    Pose,
    Sample,
    Text,
)
from mm_perception.samples.sample import Array
from mm_perception.selecting.candidates import only_ids
from mm_perception.selecting.choosing import as_asked
from mm_perception.selecting.in_view import InView, ray_in, view_of
from mm_perception.selecting.pointing import Votes
from mm_perception.selecting.scene import Scene
from mm_perception.selecting.verbs import VERBS, Deed, Moment, perform

#: What is painted out reaches so many pixels over its mask.
_RIM_PX = 3
#: The end of an utterance is where the ray was within this, seconds.
_END_S = 0.3
_VERBS = (Intent.SELECT, Intent.MOVE, Intent.HIDE, Intent.SHOW, Intent.STOP)


@dataclass(frozen=True)
class XrSelectConfig:
    """Settings of the `xr_select` plugin."""

    fixed_frame: str = parameter('odom', 'Frame that stands still; things are in it.')
    ray_axis: str = parameter(
        'x', 'Axis of the pose that points: x (bodies), z (optical), -z (OpenXR).',
        choices=tuple(POINTING_AXES),
    )  # fmt: skip
    ray_spread_deg: float = parameter(
        1.5, 'Error of the direction of the ray (1 sigma), degrees.',
        minimum=0.01, maximum=20.0, live=True,
    )  # fmt: skip
    min_share: float = parameter(
        0.4, 'What the ray means has to be at least so probable.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    memory_s: float = parameter(
        6.0, 'So long back it knows where the ray was, in seconds.', minimum=0.5, maximum=60.0
    )
    patience_s: float = parameter(
        1.0, 'So long a command waits for something that fits, in seconds.', minimum=0.0
    )
    smallest_px: int = parameter(30, 'Of masks with fewer pixels no place is told.', minimum=1)
    gate_m: float = parameter(
        0.5, 'Sights of two cameras that lie farther apart are two things, metres.', minimum=0.0
    )
    join_s: float = parameter(
        0.5, 'A thing of one camera is joined with a sight of another within this, in seconds.',
        minimum=0.0,
    )  # fmt: skip
    forget_s: float = parameter(
        10.0, 'What nobody sees for longer, and was left as it is, is forgotten, in seconds.',
        minimum=0.0,
    )  # fmt: skip


@dataclass
class _Waiting:
    """A command that is not done yet; `since_ns` is the first picture after it."""

    command: Command
    since_ns: int = -1


class XrSelect(Plugin[XrSelectConfig]):
    """Masks, a ray and commands in; things, and what became of them, out."""

    card: ClassVar[Card] = Card(
        title='Selects, moves and hides what a ray and words mean',
        system='2-2',
        paper='Bolt, Put-that-there, SIGGRAPH 1980 (voice and pointing); Bi and Zhai, Bayesian '
        'Touch, UIST 2013 (the target of the greatest likelihood)',
        reference_code='none',
        limits=(
            'Without depth or a scan each camera has things of its own, and nothing can be moved.',
            'A ray cannot hit what is hidden from the camera.',
            'A thing is recognised by its track and its place: moved while unseen, it is new.',
            'What is painted out is guessed from its rim.',
        ),
    )
    Config: ClassVar[type[Any]] = XrSelectConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Of a tracker; one camera, or a stereo pair, or more.'),
        'camera_info': Latest(CameraInfo, 'Of each camera.', required=True, follows='masks'),
        'ray': Latest(Pose, 'Gaze or controller.', tolerance_s=0.1),
        'command': Queue(Command, 'To select, move, hide, show or stop.'),
        'depth': Latest(
            Image, 'Depth in the frame and size of the masks (REP-118).', tolerance_s=0.15,
            follows='masks',
        ),
        'cloud': Latest(PointCloud, 'A scan, where there is no depth.', tolerance_s=0.25),
        'image': Latest(Image, 'Picture of the masks.', tolerance_s=0.01, follows='masks'),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'chosen': Output(Masks, 'Selected things; ids are those of the scene in all cameras.'),
        'objects': Output(Boxes3D, 'Things of the scene where they shall be.', per_stream=False),
        'state': Output(Text, 'Selected, hidden and moved things as JSON.', per_stream=False),
        'target': Output(Pose, 'Where a thing shall be moved to.', per_stream=False),
        'event': Output(Event, 'What became of a command.', per_stream=False),
        'picture': Output(Image, 'The picture with hidden things painted out.', is_debug=True),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: XrSelectConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._forget_all()

    @classmethod
    def tiny(cls) -> XrSelectConfig:
        """All in one frame."""
        return XrSelectConfig(fixed_frame='camera')

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Bind the masks, note where the ray is, and do what is due.

        Raises:
            ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
            TransformUnavailableError: TF does not know the camera, the ray or the scan.
        """
        config = self.config
        view = view_of(inputs, config.fixed_frame, self.context.lookup_transform)
        masks, image = view.masks, cast(Image | None, inputs.maybe('image'))
        bound = self._scene.bind(inputs.stream, masks, view.surfaces(config.smallest_px))
        self._point(inputs, view, bound)
        self._waiting += [
            _Waiting(command)
            for command in map(as_asked, cast('Sequence[Command]', inputs.all('command')))
            if command.intent in _VERBS
        ]
        events, targets = self._do_what_is_due(view, image, bound, inputs.stream)
        selected = [own for own, number in bound.items() if number in self._scene.selected]
        outputs: dict[str, Sample | Sequence[Sample]] = {
            'chosen': renumbered(only_ids(masks, selected), bound),
            'objects': self._scene.boxes(masks.stamp_ns, config.fixed_frame),
            'state': Text(
                stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, text=self._scene.state()
            ),
            'target': targets,
            'event': events,
        }
        if image is not None and self.context.is_wanted('picture', inputs.stream):
            hidden = [own for own, n in bound.items() if self._scene.things[n].is_hidden]
            data = painted_out(image.rgb(), np.isin(masks.id_map, hidden))
            outputs['picture'] = replace(image, data=data, encoding='rgb8')
        return outputs

    def rewind(self, stream: str) -> None:
        """Where things and the ray were is forgotten; what was done to things stays."""
        self._scene.rewind()
        self._votes.clear()
        self._hits.clear()
        for item in self._waiting:
            item.since_ns = -1

    def reset(self) -> None:
        """Forget everything."""
        self._forget_all()

    def _forget_all(self) -> None:
        config = self.config
        self._scene = Scene(config.gate_m, config.join_s, config.forget_s)
        self._votes = Votes(config.memory_s)
        self._hits: deque[tuple[int, Array]] = deque()
        self._waiting: list[_Waiting] = []

    def _point(self, inputs: Inputs, view: InView, bound: dict[int, int]) -> None:
        pose, stamp_ns = inputs.maybe('ray'), view.masks.stamp_ns
        if not isinstance(pose, Pose):
            return
        config = self.config
        ray = ray_in(pose, config.ray_axis, config.fixed_frame, self.context.lookup_transform)
        shares, hit = view.pointed(ray, radians(config.ray_spread_deg))
        if shares is not None:
            known = {bound[own]: share for own, share in shares.items() if own in bound}
            self._votes.add(stamp_ns, known)
        if hit is not None:
            self._hits.append((stamp_ns, hit))
        while self._hits and stamp_ns - self._hits[0][0] > config.memory_s * 1e9:
            self._hits.popleft()

    def _do_what_is_due(
        self, view: InView, image: Image | None, bound: dict[int, int], stream: str
    ) -> tuple[list[Event], list[Pose]]:
        masks = view.masks
        events, targets, later = [], [], []
        for item in self._waiting:
            command = item.command
            if masks.stamp_ns < command.end_ns:  # it is still being said
                later.append(item)
                continue
            item.since_ns = masks.stamp_ns if item.since_ns < 0 else item.since_ns
            moment = Moment(
                self._scene, masks, image, bound, self._votes, self._hit_at(command.end_ns),
                self.config.min_share, view.fixed_from_camera,
            )  # fmt: skip
            deed = perform(command, moment)
            waited_s = (masks.stamp_ns - item.since_ns) / 1e9
            if deed.problem and waited_s < self.config.patience_s:
                later.append(item)
                continue
            events.append(self._event(command, deed, masks, stream))
            if command.intent is Intent.MOVE:
                targets += [
                    self._target(thing.moved_to, masks.stamp_ns)
                    for thing in deed.things
                    if thing.moved_to is not None
                ]
        self._waiting = later
        return events, targets

    def _hit_at(self, stamp_ns: int) -> Array | None:
        nearest = min(self._hits, key=lambda pair: abs(pair[0] - stamp_ns), default=None)
        if nearest is None or abs(nearest[0] - stamp_ns) > _END_S * 1e9:
            return None
        return nearest[1]

    def _target(self, place: Array, stamp_ns: int) -> Pose:
        return Pose(
            stamp_ns=stamp_ns, frame_id=self.config.fixed_frame, position=place,
            quat_xyzw=np.array([0.0, 0.0, 0.0, 1.0]),
        )  # fmt: skip

    def _event(self, command: Command, deed: Deed, masks: Masks, stream: str) -> Event:
        names = ', '.join(thing.name for thing in deed.things) or 'nothing'
        kind = 'refused' if deed.problem else VERBS[command.intent]
        return Event(
            stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, kind=kind, stream=stream,
            start_ns=command.stamp_ns, end_ns=command.end_ns, rule=command.text,
            track_ids=tuple(str(thing.number) for thing in deed.things),
            label=deed.things[0].label if len(deed.things) == 1 else '',
            message=deed.problem or f'{kind}: {names}',
        )  # fmt: skip


def renumbered(masks: Masks, numbers: dict[int, int]) -> Masks:
    """The same masks under other ids."""
    table = np.zeros(int(masks.id_map.max()) + 1, np.uint16)
    for own, number in numbers.items():
        if own < len(table):
            table[own] = number
    ids = tuple(numbers[own] for own in masks.ids)
    return replace(masks, id_map=table[masks.id_map], ids=ids)


def painted_out(rgb: Array, mask: Array) -> Array:
    """A picture (H, W, 3) uint8 in which what a mask covers is filled from its rim.

    The filling is that of Telea, An Image Inpainting Technique Based on the Fast Marching Method,
    2004.
    """
    if not mask.any():
        return rgb
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _RIM_PX + 1,) * 2, np.uint8))
    return np.asarray(cv2.inpaint(np.ascontiguousarray(rgb), wide, 3, cv2.INPAINT_TELEA))


PLUGIN = XrSelect
