"""Promptable segmentation and tracking with SAM 2 on live streams.

Objects are added by points, boxes or masks, refined and removed at any moment, on any number of cameras;
all cameras share one model, and all objects of a camera are computed as one batch. Memory does not grow.

A prompt applies to the next frame that arrives: frames are never revisited. When time is set back (a bag
loops) the objects are gone, because what they looked like was in the other run; each is reported REMOVED.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from mm_perception.config import parameter
from mm_perception.errors import PromptError
from mm_perception.model_cache import Shared
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Output,
    Outputs,
    Plugin,
    Port,
    PublicWeights,
    Queue,
    Reference,
    Request,
)
from mm_perception.samples import (
    Image,
    Masks,
    Prompt,
    PromptAction,
    PromptReply,
    PromptState,
    PromptStatus,
    Sample,
)
from mm_perception.segmenting import engine_info, masks_sample, shared_engine, to_object_prompt

if TYPE_CHECKING:
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine, Sam2Session


@dataclass(frozen=True)
class Sam2Config:
    """Settings of the `sam2` plugin."""

    weights: str = parameter(
        'nano', 'nano, a hub id such as facebook/sam2.1-hiera-tiny, a file, or random.'
    )
    image_size: int = parameter(
        0, 'Side of the network input in pixels, 0: as trained. Smaller is faster.', minimum=0
    )
    max_objects: int = parameter(
        16, 'Most objects per camera; a prompt beyond is rejected.', minimum=1, maximum=256
    )
    max_prompted_frames: int = parameter(
        8, 'Most prompted frames that an object remembers.', minimum=2, maximum=64
    )
    min_visible: float = parameter(
        0.5, 'An object is visible if its probability is at least this.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip


@dataclass
class Stream:
    """One camera: its session, and which prompt each object answers."""

    session: Sam2Session
    labels: dict[int, str] = field(default_factory=dict)
    prompt_ids: dict[int, str] = field(default_factory=dict)
    pending: list[Prompt] = field(default_factory=list)


class Sam2(Plugin[Sam2Config]):
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

    def __init__(self, config: Sam2Config, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._shared: Shared[Sam2Engine] | None = None
        self._streams: dict[str, Stream] = {}
        self._ids: Iterator[int] = itertools.count(1)
        self._waiting: list[Prompt] = []
        self._statuses: list[PromptStatus] = []

    @classmethod
    def tiny(cls) -> Sam2Config:
        """A network with random weights for tests."""
        return Sam2Config(weights='random')

    def load(self, device: str) -> None:
        """Load the model, or take the one that another node has loaded."""
        self._shared = shared_engine(self.config.weights, device, self.config.image_size)

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence."""
        return {} if self._shared is None else engine_info(self._shared.model, self.config.weights)

    def infer(self, inputs: Inputs) -> Outputs:
        """Track all objects of one camera, then apply what was asked for."""
        self._waiting += [p for p in inputs.all('prompt') if isinstance(p, Prompt)]
        stream = self._stream(inputs.stream)
        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        for prompt in self._waiting:
            targets = [prompt.stream] if prompt.stream else list(self._stream_names())
            for name in targets:
                self._stream(name).pending.append(prompt)
        self._waiting.clear()
        prompts, removed = self._take_pending(stream, inputs)
        result = stream.session.step(image.rgb(), prompts, removed)
        masks = masks_sample(
            result, stream.labels, inputs.stamp_ns, inputs.frame_id, self.config.min_visible
        )
        outputs: dict[str, Any] = {'masks': masks, 'status': self._statuses}
        self._statuses = []
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.drawing import draw_masks

            outputs['overlay'] = Image(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id,
                data=draw_masks(image.rgb(), masks),
            )  # fmt: skip
        return outputs

    def answer(self, port: str, request: Sample) -> Sample:
        """Take a prompt; it applies to the next frame."""
        if not isinstance(request, Prompt):
            raise PromptError('not a prompt', type(request).__name__, 'send a Prompt')
        self._refuse_text(request)
        self._waiting.append(request)
        return PromptReply(stamp_ns=0, message='applies to the next frame; see ~/output/status')

    def rewind(self, stream: str) -> None:
        """Objects of the other run cannot be followed into this one."""
        state = self._streams.pop(stream, None)
        if state is not None:
            for object_id, prompt_id in state.prompt_ids.items():
                self._statuses.append(
                    PromptStatus(
                        stamp_ns=0, prompt_id=prompt_id, stream=stream, state=PromptState.REMOVED,
                        track_ids=(str(object_id),), message='time was set back',
                    )
                )  # fmt: skip

    def reset(self) -> None:
        """Forget all objects and prompts."""
        self._streams.clear()
        self._waiting.clear()
        self._statuses.clear()
        self._ids = itertools.count(1)

    def close(self) -> None:
        """Give the model back."""
        self._streams.clear()
        if self._shared is not None:
            self._shared.release()
        self._shared = None

    def _stream_names(self) -> tuple[str, ...]:
        return self.context.streams.get('image', ()) or tuple(self._streams) or ('',)

    def _stream(self, name: str) -> Stream:
        if name not in self._streams:
            if self._shared is None:
                raise PromptError('the model is not loaded', name, 'configure the node first')
            session = self._shared.model.open_session(
                max_objects=self.config.max_objects,
                max_prompted_frames=self.config.max_prompted_frames,
            )
            self._streams[name] = Stream(session)
        return self._streams[name]

    def _take_pending(
        self, stream: Stream, inputs: Inputs
    ) -> tuple[list[ObjectPrompt], list[int]]:
        """Turn pending prompts into the network's, one by one, so that a bad one harms no other."""
        from mm_perception.nets.sam2.prompts import check_prompts

        prompts: list[ObjectPrompt] = []
        removed: list[int] = []
        image = inputs.one('image')
        size = (image.height, image.width) if isinstance(image, Image) else (0, 0)
        later: list[Prompt] = []
        for prompt in stream.pending:
            try:
                self._refuse_text(prompt)
                if prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
                    removed += self._remove(stream, prompt, inputs)
                    continue
                object_id = self._target(stream, prompt)
                if any(p.object_id == object_id for p in prompts):
                    later.append(prompt)
                    continue
                own = to_object_prompt(prompt, object_id, object_id in stream.labels)
                check_prompts([own], [i for i in stream.labels if i not in removed], size, 64)
                if len(stream.labels) >= self.config.max_objects and own.kind == 'add':
                    raise PromptError(
                        'too many objects',
                        len(stream.labels) + 1,
                        'remove some, or raise max_objects',
                    )
            except PromptError as error:
                self._tell(prompt, inputs, PromptState.REJECTED, (), str(error))
                continue
            prompts.append(own)
            stream.labels[object_id] = prompt.text or prompt.prompt_id or f'object {object_id}'
            stream.prompt_ids[object_id] = prompt.prompt_id
            self._tell(prompt, inputs, PromptState.FOUND, (str(object_id),), '')
        stream.pending = later
        return prompts, removed

    def _target(self, stream: Stream, prompt: Prompt) -> int:
        if prompt.action is PromptAction.ADD:
            return next(self._ids) % 65535 or 65535
        if not prompt.track_id.isdecimal() or int(prompt.track_id) not in stream.labels:
            living = list(stream.labels)
            raise PromptError('no such track', prompt.track_id, f'living are {living}')
        return int(prompt.track_id)

    def _remove(self, stream: Stream, prompt: Prompt, inputs: Inputs) -> list[int]:
        if prompt.action is PromptAction.CLEAR:
            ids = list(stream.labels)
        elif prompt.track_id:
            ids = [self._target(stream, prompt)]
        else:
            ids = [i for i, p in stream.prompt_ids.items() if p == prompt.prompt_id]
        for object_id in ids:
            del stream.labels[object_id], stream.prompt_ids[object_id]
        known = set(stream.session.object_ids)
        self._tell(prompt, inputs, PromptState.REMOVED, tuple(map(str, ids)), '')
        return [i for i in ids if i in known]

    def _refuse_text(self, prompt: Prompt) -> None:
        if prompt.action is PromptAction.ADD and not prompt.is_geometric:
            raise PromptError(
                'SAM 2 takes points, boxes and masks, not text', prompt.text,
                'send it to the text_tracker plugin',
            )  # fmt: skip

    def _tell(
        self, prompt: Prompt, inputs: Inputs, state: PromptState, ids: tuple[str, ...], why: str
    ) -> None:
        self._statuses.append(
            PromptStatus(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, prompt_id=prompt.prompt_id,
                stream=inputs.stream, state=state, track_ids=ids, message=why,
                score=1.0 if state is PromptState.FOUND else 0.0,
            )
        )  # fmt: skip


PLUGIN = Sam2
