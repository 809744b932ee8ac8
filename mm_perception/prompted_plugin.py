"""A plugin that follows what prompts ask for with SAM 2: its ports, and what it does per picture.

One engine for all cameras, a session per camera, ids that differ over all of them, and a desk that
tells what became of each prompt.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from mm_perception.errors import PromptError
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Context,
    Inputs,
    Output,
    Outputs,
    Port,
    Queue,
    Reference,
    Request,
)
from mm_perception.prompt_desk import PromptDesk
from mm_perception.samples import Image, Masks, Prompt, PromptReply, PromptStatus, Sample
from mm_perception.segmenting import masks_sample, overlay
from mm_perception.track_ids import TrackIds

if TYPE_CHECKING:
    from mm_perception.nets.sam2 import Sam2Engine, Sam2Result
    from mm_perception.samples.sample import Array


class PromptedCamera(Protocol):
    """What a plugin keeps of a camera.

    Attributes:
        name: Stream name.
        size: Height and width of its pictures, pixels; (0, 0) before the first.
    """

    name: str
    size: tuple[int, int]

    @property
    def labels(self) -> Mapping[int, str]:
        """Living objects by id."""

    def forget_seen(self, why: str) -> None:
        """Drop all objects and memory, and tell those whose prompts end by it."""


C = TypeVar('C')
K = TypeVar('K', bound=PromptedCamera)


class PromptedPlugin(ModelPlugin[C, 'Sam2Engine'], Generic[C, K], is_base=True):
    """Prompts in; masks, and what became of each prompt, out.

    Its settings have `min_visible` and `min_iou`.
    """

    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'prompt': Queue(Prompt, 'Add, refine, remove or clear.'),
        'set_prompt': Request(Prompt, 'The same as a request.', reply_type=PromptReply),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks, 'All objects of the camera.'),
        'status': Output(PromptStatus, 'What became of each prompt.', per_stream=False),
        'overlay': Output(Image, 'The picture with masks, for people.', is_debug=True),
    }

    def __init__(self, config: C, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._cameras: dict[str, K] = {}
        self._ids = TrackIds()
        self._desk = PromptDesk(self.context.streams.get('image', ()), self._camera_of)

    @abstractmethod
    def _new_camera(self, name: str) -> K:
        """A camera that has shown itself for the first time."""

    @abstractmethod
    def _step(self, camera: K, rgb: Array, stamp_ns: int) -> Sam2Result:
        """Apply prompts and follow all objects; if it fails, every prompt is told."""

    def _observe(self, camera: K, masks: Masks) -> Collection[int]:
        """Take in the masks of a picture; returns the objects that are not to be shown in it."""
        return ()

    def _check(self, prompt: Prompt) -> None:
        """Raise PromptError for a request that could never be applied."""
        return None

    def infer(self, inputs: Inputs) -> Outputs:
        """Take prompts and follow all objects of one camera."""
        self._desk.open(inputs.stream)
        self._desk.accept(inputs.all('prompt'))
        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        rgb = image.rgb()
        if inputs.stream not in self._cameras:
            self._cameras[inputs.stream] = self._new_camera(inputs.stream)
        camera = self._cameras[inputs.stream]
        size = (image.height, image.width)
        if camera.size not in ((0, 0), size):
            camera.forget_seen(f'the picture size changed from {camera.size}')
        camera.size = size
        result = self._step(camera, rgb, inputs.stamp_ns)
        masks = self._masks(result, camera, inputs)
        if unshown := self._observe(camera, masks):
            masks = self._masks(result, camera, inputs, unshown)
        outputs: dict[str, Sample | Sequence[Sample]] = {
            'status': self._desk.drain(masks),  # first: it says whose the masks are
            'masks': masks,
        }
        if self.context.is_wanted('overlay', inputs.stream):
            outputs['overlay'] = overlay(rgb, masks)
        return outputs

    def _masks(
        self, result: Sam2Result, camera: K, inputs: Inputs, unshown: Collection[int] = ()
    ) -> Masks:
        settings: Any = self.config
        return masks_sample(
            result, camera.labels, inputs.stamp_ns, inputs.frame_id, settings.min_visible,
            settings.min_iou, unshown,
        )  # fmt: skip

    def answer(self, port: str, request: Sample) -> Sample:
        """Take a prompt; it applies to the next picture."""
        if not isinstance(request, Prompt):
            raise PromptError('not a prompt', type(request).__name__, 'send a Prompt')
        self._check(request)
        self._desk.put(request)
        return PromptReply(stamp_ns=0, message='applies to the next picture; see ~/output/status')

    def rewind(self, stream: str) -> None:
        """Objects of the other run cannot be followed into this one; waiting prompts stay."""
        if stream in self._cameras:
            self._cameras[stream].forget_seen('time was set back')

    def reset(self) -> None:
        """Forget all objects and prompts."""
        self._cameras.clear()
        self._desk.clear()
        self._ids = TrackIds()

    def close(self) -> None:
        """Give the model back."""
        self._cameras.clear()
        super().close()

    def _camera_of(self, track_id: str) -> str | None:
        """The camera with an object."""
        mine = [n for n, c in self._cameras.items() if track_id in map(str, c.labels)]
        return mine[0] if mine else None

    def _next_id(self) -> int:
        return self._ids.take({i for camera in self._cameras.values() for i in camera.labels})
