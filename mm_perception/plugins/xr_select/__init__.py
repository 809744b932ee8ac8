"""Look or point at a thing and say what shall become of it: select, move, hide or show.

A ray (gaze or controller, as a pose) and the words of a command together say which thing is meant:
words if they can, the ray where several things fit them or for "that one", over the time in which
it was said. Masks of all cameras are bound to things of one scene by where depth or a scan has
them, so that the left and the right picture choose the same. "Move it there" gives the place that
the ray hits when the utterance ends, "next to the sofa" one beside it. Nothing moves in the real
world: what shows the scene to people takes the state from here.

An app that hears by itself asks the service `select` instead: words, and the ray is the one that
comes by topic, or goes through a pixel of a picture (a tap on the screen of a phone). The reply is
at once, from the newest pictures: JSON of each thing with id, label, place and size in the fixed
frame, and mask id and box in every camera that sees it; or why there is none. The mask itself is
on `chosen`, under that id.

A policy without a network; the geometry is in `mm_perception.geometry.rays` and
`mm_perception.selecting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import radians
from typing import Any, ClassVar

import cv2
import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import RequestError
from mm_perception.geometry.cameras import unproject
from mm_perception.geometry.rays import POINTING_AXES, Ray
from mm_perception.plugin import (
    Card,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    Request,
)
from mm_perception.plugins.xr_select.asking import commands_of, pixel_of, sights_of, told
from mm_perception.samples import (
    Boxes3D,
    Command,
    Event,
    Image,
    Intent,
    Masks,
    Pose,
    Prompt,
    PromptReply,
    Sample,
    Text,
)
from mm_perception.samples.sample import Array
from mm_perception.selecting.candidates import only_ids
from mm_perception.selecting.pointed_plugin import PointedPlugin, Seen, by_number
from mm_perception.selecting.pointing import Votes
from mm_perception.selecting.scene import Scene
from mm_perception.selecting.verbs import Deed, Moment, perform

#: What is painted out reaches so many pixels over its mask.
_RIM_PX = 3


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


class XrSelect(PointedPlugin[XrSelectConfig]):
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
    intents = (Intent.SELECT, Intent.MOVE, Intent.HIDE, Intent.SHOW, Intent.STOP)
    inputs: ClassVar[dict[str, Port]] = {
        **PointedPlugin.inputs,
        'image': Latest(Image, 'Picture of the masks.', tolerance_s=0.01, follows='masks'),
        'select': Request(
            Prompt, 'Words, and a point or box where no ray comes; JSON, or why not, back.',
            reply_type=PromptReply,
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'chosen': Output(Masks, 'Selected things; ids are those of the scene in all cameras.'),
        'objects': Output(Boxes3D, 'Things of the scene where they shall be.', per_stream=False),
        'state': Output(Text, 'Selected, hidden and moved things as JSON.', per_stream=False),
        'target': Output(Pose, 'Where a thing shall be moved to.', per_stream=False),
        'event': Output(Event, 'What became of a command.', per_stream=False),
        'picture': Output(Image, 'The picture with hidden things painted out.', is_debug=True),
    }

    def _new_scene(self) -> Scene:
        return Scene(self.config.gate_m, self.config.join_s, self.config.forget_s)

    def _forget_all(self) -> None:
        super()._forget_all()
        #: The newest picture of each camera, the newest of all at the end.
        self._cameras: dict[str, Seen] = {}
        #: What came of requests; published with the next picture.
        self._answered: tuple[list[Event], list[Pose]] = [], []

    def rewind(self, stream: str) -> None:
        """Where things and the ray were is forgotten; what was done to things stays."""
        super().rewind(stream)
        self._cameras.clear()

    @classmethod
    def tiny(cls) -> XrSelectConfig:
        """All in one frame."""
        return XrSelectConfig(fixed_frame='camera')

    def infer(self, inputs: Inputs) -> Outputs:
        """Bind the masks, note where the ray is, and do what is due.

        Raises:
            ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
            TransformUnavailableError: TF does not know the camera, the ray or the scan.
        """
        seen = self._look(inputs)
        masks, image, bound = seen.masks, seen.image, seen.bound
        self._cameras.pop(seen.stream, None)
        self._cameras[seen.stream] = seen
        events, targets = self._answered  # kept until this picture or a later one is through
        for command, deed in self._do_what_is_due(seen):
            self._tell(command, deed, seen, events, targets)
        selected = [own for own, number in bound.items() if number in self._scene.selected]
        outputs: dict[str, Sample | Sequence[Sample]] = {
            'chosen': renumbered(only_ids(masks, selected), bound),
            'objects': self._scene.boxes(masks.stamp_ns, self.config.fixed_frame),
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
        self._answered = [], []
        return outputs

    def answer(self, port: str, request: Sample) -> Sample:
        """Do what a sentence says, now: JSON of each thing, or why nothing was done.

        Raises:
            RequestError: No picture has come yet, or it asks for what is not done here.
            TransformUnavailableError: TF does not know the camera at the stamp of a pixel.
        """
        if not isinstance(request, Prompt):
            raise RequestError('not a prompt', type(request).__name__, 'send text and pixel')
        cameras = [
            seen for name, seen in reversed(self._cameras.items())
            if request.stream in ('', name)
        ]  # fmt: skip
        if not cameras:
            names = ', '.join(map(repr, self._cameras)) or 'none'
            fix = f'there are: {names}; with nobody listening, works_unheard has to be true'
            raise RequestError('no picture of the camera yet', request.stream, fix)
        stamp_ns = request.stamp_ns or cameras[0].masks.stamp_ns
        pixel = pixel_of(request)
        if pixel is not None and len(cameras) > 1:
            streams = ', '.join(repr(seen.stream) for seen in cameras)
            raise RequestError('a pixel of which camera?', request.stream, f'name one: {streams}')
        done = []
        for command in commands_of(request, stamp_ns, self.intents):
            deed, seen = self._asked(command, request, pixel, cameras)
            self._tell(command, deed, seen, *self._answered)
            done.append((command, deed))
        return self._reply(done, cameras[0])

    def _asked(
        self, command: Command, request: Prompt, pixel: Array | None, cameras: Sequence[Seen]
    ) -> tuple[Deed, Seen]:
        """Do a command in the first picture in which something fits."""
        tried = []
        for seen in cameras:
            moment = self._moment(seen, command.end_ns)
            if pixel is not None:
                moment = self._tapped(moment, pixel, request.stamp_ns, seen)
            deed = perform(command, moment)
            if not deed.problem:
                return deed, seen
            tried.append((deed, seen))
        return tried[0]

    def _tapped(self, moment: Moment, pixel: Array, stamp_ns: int, seen: Seen) -> Moment:
        """The same, with a pixel in the place of the ray that comes by topic."""
        config, masks = self.config, seen.masks
        then = stamp_ns or masks.stamp_ns
        pose = self.context.lookup_transform(config.fixed_frame, masks.frame_id, then)
        ray = Ray(np.zeros(3), unproject(seen.view.info, pixel[None])[0]).moved(pose)
        shares, hit = seen.view.pointed(ray, radians(config.ray_spread_deg))
        votes = Votes(config.memory_s)
        votes.add(then, by_number(shares or {}, seen.bound))
        return replace(moment, votes=votes, destination=hit)

    def _reply(self, done: Sequence[tuple[Command, Deed]], newest: Seen) -> PromptReply:
        things = [thing for _, deed in done for thing in deed.things]
        described = {
            thing.number: {
                **self._scene.described(thing),
                'frame_id': self.config.fixed_frame,
                'seen': sights_of(thing, self._cameras.values()),
            }
            for thing in things
        }
        return PromptReply(
            stamp_ns=newest.masks.stamp_ns, frame_id=newest.masks.frame_id,
            track_ids=tuple(map(str, described)),
            success=not any(deed.problem for _, deed in done),
            message='\n'.join(told(command, deed, described) for command, deed in done),
        )  # fmt: skip

    def _tell(
        self, command: Command, deed: Deed, seen: Seen, events: list[Event], targets: list[Pose]
    ) -> None:
        """What became of a command, and where things shall be moved to."""
        events.append(self._told(command, deed, seen))
        if command.intent is Intent.MOVE:
            targets += [
                self._target(thing.moved_to, seen.masks.stamp_ns)
                for thing in deed.things
                if thing.moved_to is not None
            ]

    def _target(self, place: Array, stamp_ns: int) -> Pose:
        return Pose(
            stamp_ns=stamp_ns, frame_id=self.config.fixed_frame, position=place,
            quat_xyzw=np.array([0.0, 0.0, 0.0, 1.0]),
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
