"""Plugins and samples for tests: small and deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.plugin import (
    Card,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
    Request,
)
from mm_perception.samples import CameraInfo, Image, Masks, MatchReply, MatchRequest, Sample, Text

CARD = Card(title='Fake', system='', paper='none', reference_code='none')


def image(stamp_ns: int = 1, value: int = 7, shape: tuple[int, int] = (4, 6)) -> Image:
    """A picture of one shade."""
    data = np.full((*shape, 3), value, np.uint8)
    return Image(stamp_ns=stamp_ns, frame_id='camera', data=data)


@dataclass(frozen=True)
class FakeConfig:
    threshold: float = parameter(0.5, 'A live number.', minimum=0.0, maximum=1.0, live=True)
    mode: str = parameter(
        'ok', 'ok, raise, memory, undeclared, wrong_type, small, nothing or hole.', live=True
    )
    size: int = parameter(3, 'A fixed number.', minimum=1)
    names: tuple[str, ...] = parameter(('a',), 'A list.', live=True)


class FakeMasker(Plugin[FakeConfig]):
    """Marks every pixel brighter than the threshold; counts frames; answers requests."""

    card: ClassVar[Card] = CARD
    Config: ClassVar[type[Any]] = FakeConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image),
        'camera_info': Latest(CameraInfo, follows='image'),
        'prompt': Queue(Text),
        'match': Request(MatchRequest, reply_type=MatchReply),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks),
        'note': Output(Text, per_stream=False),
        'overlay': Output(Image, is_debug=True),
    }

    def load(self, device: str) -> None:
        self.device = device
        self.frames = 0
        self.rewound: list[str] = []
        self.heard: list[str] = []

    def infer(self, inputs: Inputs) -> Outputs:
        if self.config.mode == 'raise':
            raise RuntimeError('made to fail')
        if self.config.mode == 'memory':
            raise MemoryError('made to fail')
        if self.config.mode in ('nothing', 'hole'):
            return cast(Any, None if self.config.mode == 'nothing' else {'masks': None})
        self.frames += 1
        self.heard += [text.text for text in inputs.all('prompt')]
        picture = inputs.one('image')
        id_map = (picture.data[..., 0] > self.config.threshold * 255).astype(np.uint16)
        if self.config.mode == 'small':
            id_map = id_map[::2, ::2]
        header = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        masks = Masks(
            **header, id_map=id_map, ids=(1,), labels=('bright',), scores=np.ones(1, np.float32)
        )
        out: dict[str, Any] = {'masks': masks, 'note': Text(**header, text=str(self.frames))}
        if self.config.mode == 'undeclared':
            out['nothing'] = masks
        if self.config.mode == 'wrong_type':
            out['masks'] = picture
        if self.context.is_wanted('overlay', inputs.stream):
            out['overlay'] = picture
        return out

    def answer(self, port: str, request: Sample) -> Sample:
        assert isinstance(request, MatchRequest)
        scores = np.full(len(request.texts), 1 / max(len(request.texts), 1), np.float32)
        return MatchReply(stamp_ns=1, scores=scores, cosines=scores)

    def rewind(self, stream: str) -> None:
        self.rewound.append(stream)

    def reset(self) -> None:
        self.frames = 0
