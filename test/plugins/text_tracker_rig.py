"""The text tracker with a grounder made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mm_perception.nets.grounders import Found, Grounder
from mm_perception.plugin import Context
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Image, Masks, Prompt, PromptState, PromptStatus
from test.plugins.samples import SECOND_NS, inputs_for, picture

CAMERAS = ('left', 'right')
RANDOM: dict[str, Any] = {
    'min_iou': 0.0,
    'grounder': 'clip_proposals', 'grounder_weights': 'random', 'segmenter_weights': 'random',
    'segment_from': 'mask', 'redetect_every_s': 1.0, 'max_misses': 3, 'renew_iou': 0.0,
    'confirm_births': False,
    'birth_score': 0.5, 'keep_score': 0.25, 'verifier_weights': '',
}  # fmt: skip


class KnownThings(Grounder):
    """Says what the test put into the scene; counts how often it was asked."""

    weights_sha256 = 'none'

    def __init__(self) -> None:
        self.scene: dict[str, list[tuple[float, np.ndarray]]] = {}
        self.asked: list[tuple[str, ...]] = []
        self.is_open = True

    def put(self, text: str, x: int, score: float = 0.9) -> None:
        mask = np.zeros((48, 64), bool)
        mask[8:28, x : x + 20] = True
        self.scene.setdefault(text, []).append((score, mask))

    def ground(self, image: Any, texts: Sequence[str], min_score: float) -> list[Found]:
        self.asked.append(tuple(texts))
        return [
            Found(index, np.array([m.any(0).argmax(), 8, m.any(0).argmax() + 20, 28], np.float32),
                  score, m)
            for index, text in enumerate(texts)
            for score, m in self.scene.get(text, [])
            if score >= min_score
        ]  # fmt: skip

    def close(self) -> None:
        self.is_open = False


class Rig:
    """The plugin with a grounder made by hand, two cameras, and ten pictures a second."""

    def __init__(self, **settings: Any) -> None:
        values = {**RANDOM, **settings}
        context = Context(
            streams={'image': CAMERAS}, is_wanted=lambda port, stream: port != 'overlay'
        )
        self.plugin = TextTracker(TextTrackerConfig(**values), context)
        self.plugin.load('cpu')
        assert self.plugin._grounder is not None
        self.plugin._grounder.close()
        self.grounder = KnownThings()
        self.plugin._grounder = self.grounder
        self.stamp_ns = 0

    def see(
        self,
        *prompts: Prompt,
        camera: str = 'left',
        after_s: float = 0.1,
        image: Image | None = None,
    ) -> tuple[Masks, list[PromptStatus]]:
        self.stamp_ns += int(after_s * SECOND_NS)
        samples = {'image': image or picture(self.stamp_ns), 'prompt': prompts}
        inputs = inputs_for(TextTracker, self.stamp_ns, stream=camera, samples=samples)
        outputs: Any = self.plugin.infer(inputs)
        return outputs['masks'], list(outputs['status'])


def states(told: list[PromptStatus]) -> list[tuple[str, PromptState, tuple[str, ...]]]:
    return [(status.prompt_id, status.state, status.track_ids) for status in told]


def text(words: str = 'cup', **changes: Any) -> Prompt:
    return Prompt(text=words, stream='left', **changes)
