"""Promptable segmentation and tracking with SAM 2 on live streams.

Objects are added by points, boxes or masks, refined and removed at any moment, on any number of
cameras; all cameras share one model, and all objects of a camera are computed as one batch. Memory
does not grow.

A prompt applies to the next picture that arrives: pictures are never revisited. One whose stamp
is further than `max_prompt_age_s` from that picture is rejected, because its coordinates are of
another moment. Objects of a prompt with `max_frames` are gone after so many pictures. When time is
set back (a bag loops) or a camera changes its resolution, its objects are gone: what they looked
like belongs to the other run. Each is reported REMOVED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from mm_perception.config import parameter
from mm_perception.errors import PromptError, ShapeError
from mm_perception.plugin import Card, PublicWeights
from mm_perception.prompt_desk import PromptDesk, Scope, by_owner, check_age, refuse_geometry
from mm_perception.prompted_plugin import PromptedPlugin
from mm_perception.samples import Prompt, PromptAction, PromptState
from mm_perception.segmenting import (
    DTYPES,
    check_object_prompt,
    shared_engine,
    to_object_prompt,
)

if TYPE_CHECKING:
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Result, Sam2Session
    from mm_perception.samples.sample import Array


@dataclass(frozen=True)
class Sam2Config:
    """Settings of the `sam2` plugin."""

    weights: str = parameter('nano', 'nano, a hub id, a directory, a .pt file, or random.')
    image_size: int = parameter(
        0, 'Side of the network input in pixels, 0: as trained. Smaller is faster.', minimum=0
    )
    dtype: str = parameter('float32', 'Number format of the network.', choices=DTYPES)
    max_objects: int = parameter(
        16, 'Most objects per camera; a prompt beyond is rejected.', minimum=1, maximum=256
    )
    max_prompted_frames: int = parameter(
        8, 'Most prompted frames that an object remembers.', minimum=2, maximum=64
    )
    max_prompt_age_s: float = parameter(
        2.0, 'Reject coordinates stamped further than this from the picture, in seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip
    min_visible: float = parameter(
        0.5, 'An object is visible if its probability is at least this.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    min_iou: float = parameter(
        0.2, 'An object is not visible if the network expects a lower IoU of its own mask.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip


@dataclass
class _Object:
    label: str
    prompt_id: str
    scope: Scope


@dataclass
class _Camera:
    """One camera: its session, its objects by id, and the size of its pictures."""

    name: str
    session: Sam2Session
    desk: PromptDesk
    objects: dict[int, _Object] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)

    @property
    def labels(self) -> dict[int, str]:
        return {i: known.label for i, known in self.objects.items()}

    def forget_seen(self, why: str) -> None:
        owners = {i: known.prompt_id for i, known in self.objects.items()}
        self.desk.tell_ended(self.name, by_owner(owners), why)
        self.objects.clear()
        self.session.reset()


class Sam2(PromptedPlugin[Sam2Config, _Camera]):
    """Points, boxes and masks in; tracked instance masks out."""

    card: ClassVar[Card] = Card(
        title='Segments and tracks what points, boxes or masks show',
        system='3-1',
        paper='Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024, arXiv 2408.00714',
        reference_code='facebookresearch/sam2 (PyPI sam2 1.1.0), SAM2VideoPredictor',
        weights=(
            PublicWeights(
                'facebook/sam2.1-hiera-tiny', 'Apache-2.0', 'also small, base-plus, large'
            ),
            PublicWeights('sam2.1_hiera_tiny.pt', 'Apache-2.0', "Meta's files, SAM 2 and 2.1"),
        ),
        limits=(
            'A text prompt needs the text_tracker plugin.',
            'An object that left the picture for longer than its memory may not be found again.',
        ),
    )
    Config: ClassVar[type[Any]] = Sam2Config

    @classmethod
    def tiny(cls) -> Sam2Config:
        """A network with random weights for tests."""
        return Sam2Config(weights='random', min_iou=0.0)

    def load(self, device: str) -> None:
        """Load the model, or take the one that another node has loaded."""
        config = self.config
        self._shared = shared_engine(config.weights, device, config.image_size, config.dtype)

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence."""
        info = super().model_info()
        return info and {**info, 'image_size': str(self._engine.image_size)}

    def _new_camera(self, name: str) -> _Camera:
        session = self._engine.open_session(
            max_objects=self.config.max_objects,
            max_prompted_frames=self.config.max_prompted_frames,
        )
        return _Camera(name, session, self._desk)

    def _check(self, prompt: Prompt) -> None:
        _refuse_text(prompt)

    def _step(self, camera: _Camera, rgb: Array, stamp_ns: int) -> Sam2Result:
        """One step of the session; if it fails, nothing was added, and every prompt is told."""
        self._end_scopes(camera)
        before, mark = set(camera.objects), self._desk.mark()
        prompts = self._desk.take(camera.name)
        try:
            steps = self._apply(camera, prompts, stamp_ns)
            removed = [i for i in camera.session.object_ids if i not in camera.objects]
            result = camera.session.step(rgb, steps, removed)
        except Exception as error:
            camera.objects = {i: o for i, o in camera.objects.items() if i in before}
            self._desk.fail(mark, prompts, camera.name, str(error))
            raise
        for known in camera.objects.values():
            known.scope.frames += 1
        return result

    def _end_scopes(self, camera: _Camera) -> None:
        """Objects that had as many pictures as their prompt asked for are gone."""
        for object_id in [i for i, o in camera.objects.items() if o.scope.is_over]:
            known = camera.objects.pop(object_id)
            ended = {known.prompt_id: [object_id]}
            self._desk.tell_ended(camera.name, ended, known.scope.message)

    def _apply(
        self, camera: _Camera, prompts: Sequence[Prompt], stamp_ns: int
    ) -> list[ObjectPrompt]:
        """Turn prompts into the network's, one by one, so that a bad one harms no other."""
        steps: dict[int, ObjectPrompt] = {}
        for prompt in prompts:
            try:
                if prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
                    self._remove(camera, prompt)
                    continue
                _refuse_text(prompt)
                if prompt.action is PromptAction.ADD and prompt.track_id:
                    self._take_over(camera, prompt)
                    continue
                check_age(prompt, stamp_ns, self.config.max_prompt_age_s)
                step = self._to_step(camera, prompt)
            except (PromptError, ShapeError) as error:
                self._desk.reject(prompt, camera.name, str(error))
                continue
            if step.object_id in steps:  # a session takes one prompt per object and picture
                self._desk.defer(prompt, camera.name)
                continue
            steps[step.object_id] = step
            if step.kind == 'add':
                label = prompt.text or prompt.prompt_id or f'object {step.object_id}'
                scope = Scope(prompt.max_frames)
                camera.objects[step.object_id] = _Object(label, prompt.prompt_id, scope)
            elif prompt.max_frames:
                camera.objects[step.object_id].scope = Scope(prompt.max_frames)
            found = PromptState.FOUND
            self._desk.tell(prompt.prompt_id, camera.name, found, [step.object_id], None)
        return [step for object_id, step in steps.items() if object_id in camera.objects]

    def _to_step(self, camera: _Camera, prompt: Prompt) -> ObjectPrompt:
        if prompt.action is PromptAction.REFINE:
            step = to_object_prompt(prompt, _known(camera, prompt.track_id), is_known=True)
        else:
            if len(camera.objects) >= self.config.max_objects:
                fix = 'remove some, or raise max_objects'
                raise PromptError('too many objects', len(camera.objects) + 1, fix)
            step = to_object_prompt(prompt, self._next_id(), is_known=False)
        check_object_prompt(step, camera.size, self._engine)
        return step

    def _take_over(self, camera: _Camera, prompt: Prompt) -> None:
        """A living object belongs to this prompt from now on."""
        refuse_geometry(prompt)
        object_id = _known(camera, prompt.track_id)
        known = camera.objects[object_id]
        why = f'taken over by {prompt.prompt_id!r}'
        self._desk.tell_ended(camera.name, {known.prompt_id: [object_id]}, why)
        scope = Scope(prompt.max_frames)
        camera.objects[object_id] = _Object(prompt.text or known.label, prompt.prompt_id, scope)
        self._desk.tell(prompt.prompt_id, camera.name, PromptState.FOUND, [object_id], None)

    def _remove(self, camera: _Camera, prompt: Prompt) -> None:
        if prompt.action is PromptAction.CLEAR:
            ids = list(camera.objects)
        elif prompt.track_id:
            ids = [_known(camera, prompt.track_id)]
        elif prompt.prompt_id:
            ids = [i for i, o in camera.objects.items() if o.prompt_id == prompt.prompt_id]
        else:
            raise PromptError('nothing to remove is named', '', 'give track_id or prompt_id')
        owners = {i: camera.objects.pop(i).prompt_id for i in ids}
        self._desk.tell_removed(prompt, camera.name, ids, by_owner(owners))


def _known(camera: _Camera, track_id: str) -> int:
    if track_id.isdecimal() and int(track_id) in camera.objects:
        return int(track_id)
    raise PromptError('no such track', track_id, f'living are {list(camera.objects)}')


def _refuse_text(prompt: Prompt) -> None:
    if prompt.action is PromptAction.ADD and not (prompt.is_geometric or prompt.track_id):
        raise PromptError(
            'SAM 2 takes points, boxes and masks, not text', prompt.text,
            'send it to the text_tracker plugin',
        )  # fmt: skip


PLUGIN = Sam2
