"""A plugin that does nothing but answer every picture with an empty id image of its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.counter import Counter
from mm_perception.plugin import Card, Inputs, Output, Outputs, Plugin, Port, Reference
from mm_perception.samples import Image


@dataclass(frozen=True)
class NoOpConfig:
    """It has no settings."""


class NoOp(Plugin[NoOpConfig]):
    card: ClassVar[Card] = Card('Nothing', '', 'none', 'none')
    Config: ClassVar[type[Any]] = NoOpConfig
    inputs: ClassVar[dict[str, Port]] = {'image': Reference(Image)}
    outputs: ClassVar[dict[str, Output]] = {'mask': Output(Image)}

    def load(self, device: str) -> None:
        self._mask = np.zeros((0, 0), np.uint16)
        self._counter = Counter()

    def infer(self, inputs: Inputs) -> Outputs:
        picture = inputs.one('image')
        if self._mask.shape != picture.data.shape[:2]:
            self._mask = np.zeros(picture.data.shape[:2], np.uint16)
        mask = Image(
            stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, data=self._mask, encoding='mono16'
        )
        self._counter.add()
        return {'mask': mask}


PLUGIN = NoOp
