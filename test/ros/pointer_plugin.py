"""A tracker that answers every prompt with a track of its own; 'nonsense' is rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mm_perception.plugin import Inputs, Output, Outputs, Plugin, Port, Queue, Reference
from mm_perception.samples import Image, Masks, Prompt, PromptAction, PromptState, PromptStatus
from test.fakes import CARD


@dataclass(frozen=True)
class PointerConfig:
    """No settings."""


class Pointer(Plugin[PointerConfig]):
    """Tracks are columns of the picture: the first prompt has column 0."""

    card = CARD
    Config: ClassVar[type[Any]] = PointerConfig
    inputs: ClassVar[dict[str, Port]] = {'image': Reference(Image), 'prompt': Queue(Prompt)}
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks),
        'status': Output(PromptStatus, per_stream=False),
    }

    def load(self, device: str) -> None:
        self.tracks: dict[str, int] = {}
        self.left: dict[str, int] = {}
        self.born = 0

    def infer(self, inputs: Inputs) -> Outputs:
        header = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        told = []
        for name in [n for n, left in self.left.items() if left == 0]:
            told.append(self._apply(Prompt(action=PromptAction.REMOVE, prompt_id=name), header))
        for prompt in inputs.all('prompt'):
            assert isinstance(prompt, Prompt)
            told.append(self._apply(prompt, header))
        picture = inputs.one('image')
        assert isinstance(picture, Image)
        id_map = np.zeros((picture.height, picture.width), np.uint16)
        for track in self.tracks.values():
            id_map[:, track - 1] = track
        ids = tuple(self.tracks.values())
        scores = np.full(len(ids), 0.75, np.float32)
        labels = tuple(self.tracks)
        masks = Masks(**header, id_map=id_map, ids=ids, labels=labels, scores=scores)
        self.left = {name: left - 1 for name, left in self.left.items()}
        return {'status': told, 'masks': masks}

    def _apply(self, prompt: Prompt, header: dict[str, Any]) -> PromptStatus:
        state, ids = PromptState.FOUND, ()
        if prompt.text == 'nonsense':
            state = PromptState.REJECTED
        elif prompt.action is PromptAction.REMOVE:
            self.tracks.pop(prompt.prompt_id, None)
            self.left.pop(prompt.prompt_id, None)
            state = PromptState.REMOVED
        else:
            self.born += 1
            self.tracks[prompt.prompt_id] = self.born
            if prompt.max_frames:
                self.left[prompt.prompt_id] = prompt.max_frames
            ids = (str(self.born),)
        return PromptStatus(
            **header, prompt_id=prompt.prompt_id, stream='', state=state, track_ids=ids,
            message='that is nonsense' if state is PromptState.REJECTED else '',
        )  # fmt: skip


PLUGIN = Pointer
