"""A plugin for the runtime tests: slow on demand, picky on demand, tells what it saw."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

from mm_perception.config import parameter
from mm_perception.plugin import Inputs, Latest, Outputs, Port, Queue, Reference, Request
from mm_perception.samples import CameraInfo, Image, MatchReply, MatchRequest, Sample, Text
from test.fakes import FakeConfig, FakeMasker


@dataclass(frozen=True)
class PatientConfig(FakeConfig):
    delay_s: float = parameter(0.0, 'Seconds that a picture takes.', minimum=0.0, live=True)
    fails_on: int = parameter(-1, 'Raise on pictures of this shade; -1 never.', live=True)
    load_fails: bool = parameter(False, 'Raise in load.')
    tags: tuple[str, ...] = parameter((), 'A list that is empty by default.', live=True)


class PatientMasker(FakeMasker):
    """As FakeMasker; its note says '<frames> <prompts> <rewinds> <threshold>'."""

    Config: ClassVar[type[Any]] = PatientConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image),
        'camera_info': Latest(CameraInfo, follows='image'),
        'prompt': Queue(Text),
        'match': Request(MatchRequest, reply_type=MatchReply),
    }

    def load(self, device: str) -> None:
        if self.config.load_fails:
            raise RuntimeError('the weights are a cat picture')
        super().load(device)

    def infer(self, inputs: Inputs) -> Outputs:
        time.sleep(self.config.delay_s)
        picture = inputs.one('image')
        assert isinstance(picture, Image)
        if int(picture.data.flat[0]) == self.config.fails_on:
            raise RuntimeError('that shade again')
        out = dict(super().infer(inputs))
        text = f'{self.frames} {",".join(self.heard)} {len(self.rewound)} {self.config.threshold}'
        out['note'] = Text(stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, text=text)
        return out

    def answer(self, port: str, request: Sample) -> Sample:
        assert isinstance(request, MatchRequest)
        if 'fail' in request.texts:
            raise RuntimeError('made to fail')
        return super().answer(port, request)


PLUGIN = PatientMasker
