"""A click in space becomes a point on the thing, in every camera that sees the place.

RViz ("Publish Point") and Foxglove publish where the user clicked in a 3D view as a
geometry_msgs/PointStamped on /clicked_point. The calibration, lens and pose of each camera at the
moment of its picture turn that into a pixel, and the pixel into a prompt for a segmenter.

What is clicked is taken to stand still in `fixed_frame` from the click on. A point whose transform
is not there yet waits for it, up to `max_wait_s`; so does one for a camera that shows nothing. A
point that no camera sees is reported REJECTED, with the reason of each camera.

Who points at a thing with an arm points at it again: with `replace_m` the track of an earlier
place that is so near ends where the new one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MmPerceptionError, TransformUnavailableError
from mm_perception.geometry.cameras import picture_size, project
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Surround,
)
from mm_perception.samples import (
    CameraInfo,
    Point3D,
    Prompt,
    PromptAction,
    PromptState,
    PromptStatus,
)
from mm_perception.samples.sample import Array

#: So many places of each camera are remembered, to be replaced.
_REMEMBERED = 64


@dataclass(frozen=True)
class ClickConfig:
    """Settings of the `click` plugin."""

    fixed_frame: str = parameter(
        'odom', 'Frame in which what is clicked stands still; empty: in that of the click.'
    )
    max_wait_s: float = parameter(
        1.0, 'A click waits so long for transforms and for cameras that are silent.',
        minimum=0.0, live=True,
    )  # fmt: skip
    max_frames: int = parameter(
        0, 'Tracks of a click end after so many pictures, 1 for once; 0: when removed.',
        minimum=0, live=True,
    )  # fmt: skip
    replace_m: float = parameter(
        0.0, 'A place ends the tracks of earlier ones nearer than this; 0: of none, metres.',
        minimum=0.0, live=True,
    )  # fmt: skip


@dataclass
class _Click:
    """A point under way: cameras that have not decided, and what the others said."""

    point: Point3D
    since_ns: int | None = None
    undecided: set[str] = field(default_factory=set)
    is_seen: bool = False
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def prompt_id(self) -> str:
        """Made of the place: the same click twice is the same prompt."""
        x, y, z = self.point.position
        return f'click {x:.2f} {y:.2f} {z:.2f}'


class Click(Plugin[ClickConfig]):
    """Points in space in; point prompts out."""

    card: ClassVar[Card] = Card(
        title='Makes a click in space a prompt in every camera that sees the place',
        system='',
        paper='Hartley and Zisserman, Multiple View Geometry in Computer Vision, 2nd ed. 2004, '
        'section 6.1 (the pinhole camera)',
        reference_code='image_geometry PinholeCameraModel.project3dToPixel; OpenCV projectPoints',
        limits=(
            'What hides the place is not known: a camera may show something in front of it.',
            'A thing that moves has left the place by the time of the next picture.',
            'The topic of the points is not that of clicks in pictures, which are in pixels.',
        ),
    )
    Config: ClassVar[type[Any]] = ClickConfig
    inputs: ClassVar[dict[str, Port]] = {
        'camera_info': Surround(
            CameraInfo, 'Of every camera that may see the place.', tolerance_s=0.5
        ),
        'point': Queue(Point3D, 'Places, in any frame of TF.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'prompts': Output(
            Prompt, 'One point for each camera that sees the place; before it what that replaces.',
            per_stream=False,
        ),
        'status': Output(
            PromptStatus, 'Where each place is in a picture, or why it is in none.',
            per_stream=False,
        ),
    }  # fmt: skip
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: ClickConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._clicks: list[_Click] = []
        #: Places that became prompts, by camera and id of the prompt.
        self._made: dict[str, dict[str, Point3D]] = {}

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Project what was clicked into the cameras that show something."""
        infos = {
            name: info
            for name, info in inputs.many('camera_info', self.context.report).items()
            if isinstance(info, CameraInfo)
        }
        cameras = self.context.streams.get('camera_info', ()) or infos
        for point in inputs.all('point'):
            if isinstance(point, Point3D):
                self._clicks.append(_Click(point, undecided=set(cameras)))
        prompts: list[Prompt] = []
        told: list[PromptStatus] = []
        for click in self._clicks:
            click.since_ns = inputs.stamp_ns if click.since_ns is None else click.since_ns
            is_over = inputs.stamp_ns - click.since_ns >= self.config.max_wait_s * 1e9
            for name in [n for n in cameras if n in click.undecided]:
                found = self._look(click, name, infos, is_over)
                if found is not None:
                    prompts += [*self._replaced(click, name, found), found]
                    told.append(_seen_status(found))
            if not click.undecided and not click.is_seen:
                told.append(_unseen_status(click, inputs))
        self._clicks = [click for click in self._clicks if click.undecided]
        return {'prompts': prompts, 'status': told}

    def rewind(self, stream: str) -> None:
        """Clicks that wait begin to wait anew."""
        for click in self._clicks:
            click.since_ns = None

    def reset(self) -> None:
        """Forget clicks that wait, and what there is to replace."""
        self._clicks.clear()
        self._made.clear()

    def _replaced(self, click: _Click, name: str, found: Prompt) -> list[Prompt]:
        """Ends what was clicked near the place, in one camera; keeps the place."""
        made, reach_m = self._made.setdefault(name, {}), self.config.replace_m
        near = [
            prompt_id
            for prompt_id, point in made.items()
            if point.frame_id == click.point.frame_id
            and np.linalg.norm(point.position - click.point.position) < reach_m
        ]
        for prompt_id in near:
            del made[prompt_id]
        made[click.prompt_id] = click.point
        while len(made) > _REMEMBERED:
            del made[next(iter(made))]
        return [
            Prompt(
                stamp_ns=found.stamp_ns, frame_id=found.frame_id, stream=name,
                action=PromptAction.REMOVE, prompt_id=prompt_id,
            )
            for prompt_id in near
        ]  # fmt: skip

    def _look(
        self, click: _Click, name: str, infos: Mapping[str, CameraInfo], is_over: bool
    ) -> Prompt | None:
        """The prompt for one camera, which has decided then, unless it lacks something."""
        if name not in infos:
            if is_over:
                click.undecided.discard(name)
                click.reasons[name] = f'no CameraInfo for {self.config.max_wait_s} s'
            return None
        info = infos[name]
        try:
            pixel = self._pixel(click.point, info)
        except TransformUnavailableError as error:
            if is_over:
                self._give_up(click, name, error)
            return None
        except MmPerceptionError as error:  # no later picture of the camera would do better
            self._give_up(click, name, error)
            return None
        click.undecided.discard(name)
        reason = _unseen_reason(pixel, info)
        if reason:
            click.reasons[name] = reason
            return None
        click.is_seen = True
        return Prompt(
            stamp_ns=info.stamp_ns,
            frame_id=info.frame_id,
            prompt_id=click.prompt_id,
            stream=name,
            points=pixel[None].astype(np.float32),
            point_labels=np.ones(1, np.int8),
            max_frames=self.config.max_frames,
        )

    def _give_up(self, click: _Click, name: str, error: MmPerceptionError) -> None:
        click.undecided.discard(name)
        click.reasons[name] = str(error)
        self.context.report(error)

    def _pixel(self, point: Point3D, info: CameraInfo) -> Array:
        """(2,) x and y of a place in a picture; NaN for one that the lens does not see.

        The place is carried to the moment of the picture by `fixed_frame`; without one, or if it
        was clicked in that very frame, its own stamp does not matter.
        """
        position, frame = point.position, point.frame_id
        fixed = self.config.fixed_frame
        if fixed and frame != fixed:
            at_ns = point.stamp_ns or info.stamp_ns
            fixed_from_point = self.context.lookup_transform(fixed, frame, at_ns)
            position, frame = _moved(fixed_from_point, position), fixed
        camera_from_frame = self.context.lookup_transform(info.frame_id, frame, info.stamp_ns)
        return np.asarray(project(info, _moved(camera_from_frame, position)[None])[0], np.float64)


def _moved(target_from_source: Array, position: Array) -> Array:
    return np.asarray(target_from_source[:3, :3] @ position + target_from_source[:3, 3])


def _unseen_reason(pixel: Array, info: CameraInfo) -> str:
    """Why a pixel is none of the picture; empty if it is one."""
    if not np.isfinite(pixel).all():
        return 'it is behind or beside the camera'
    width, height = picture_size(info)
    # A pixel reaches half a pixel around its centre, the first one's being (0, 0).
    if (pixel < -0.5).any() or pixel[0] >= width - 0.5 or pixel[1] >= height - 0.5:
        x, y = pixel
        return f'it is at ({x:.0f}, {y:.0f}), outside the picture of {width}x{height}'
    return ''


def _seen_status(prompt: Prompt) -> PromptStatus:
    x, y = prompt.points[0]
    return PromptStatus(
        stamp_ns=prompt.stamp_ns, frame_id=prompt.frame_id, prompt_id=prompt.prompt_id,
        stream=prompt.stream, state=PromptState.PENDING, message=f'at pixel ({x:.0f}, {y:.0f})',
    )  # fmt: skip


def _unseen_status(click: _Click, inputs: Inputs) -> PromptStatus:
    reasons = '; '.join(
        f'{name}: {reason}' if name else reason for name, reason in click.reasons.items()
    )
    return PromptStatus(
        stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, prompt_id=click.prompt_id, stream='',
        state=PromptState.REJECTED, message=f'no camera sees the place: {reasons}',
    )  # fmt: skip


PLUGIN = Click
