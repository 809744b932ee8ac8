"""Training of the recogniser: letters from log mel energies, by CTC (Graves et al., 2006).

A conformer (Gulati et al., 2020) in the layout of Wav2Vec2Bert, so that it is loaded like a public
checkpoint. It begins with short sentences in silence; noise, echoes and long ones come later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2BertForCTC

from mm_perception.nets.hearing_nano import make_processor, nano_config
from mm_perception.training.loop import Settings
from mm_perception.training.recipe import Recipe, Worlds, save_half
from mm_perception.training.speech_batches import Batch, Sampler
from mm_perception.training.speech_corpus import VERSION, Corpus, load_corpus
from mm_perception.world.variety import Split

STEPS, SECONDS = 2000, 40.0
_NUM_SENTENCES, _NUM_HELD_OUT = 16000, 400
#: Share of the steps in which it gets harder.
_EASY_SHARE = 0.5


class SpeechTask:
    """Letters, learned from voices.

    Args:
        corpus: Of voices and sentences for training.
        held_out: Of others.
        settings: Of the loop.
        seconds: Of sound per step.
    """

    def __init__(
        self, corpus: Corpus, held_out: Corpus, settings: Settings, seconds: float
    ) -> None:
        self._sampler, self._held_out = Sampler(corpus, seconds), held_out
        self.settings = settings

    def build(self) -> nn.Module:
        """A new network."""
        return Wav2Vec2BertForCTC(nano_config())

    def batch(self, step: int) -> Batch:
        """Utterances of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        ease = max(0.0, 1 - step / (_EASY_SHARE * self.settings.steps))
        return self._sampler.batch(rng, ease)

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> dict[str, Tensor]:
        """CTC per letter."""
        features, lengths = batch.features.to(device), batch.lengths.to(device)
        mask = torch.arange(features.shape[1], device=device)[None] < lengths[:, None]
        logits = model(features, attention_mask=mask.long()).logits
        chances = logits.float().log_softmax(-1).transpose(0, 1)
        with torch.autocast(device.type, enabled=False):
            total = functional.ctc_loss(
                chances, batch.targets.to(device), lengths, batch.target_lengths.to(device),
                reduction='sum', zero_infinity=True,
            )  # fmt: skip
        return {'ctc': total / batch.target_lengths.sum()}

    def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Share of wrong letters of held-out voices and sentences, clean and at 10 dB."""
        from mm_perception.training.speech_scores import quick_scores

        return quick_scores(model, self._held_out, device)


def _make(training: Sequence[Any], held_out: Sequence[Any], scale: float) -> list[SpeechTask]:
    settings = Settings(
        max(4, round(STEPS * scale)), learning_rate=2e-3, weight_decay=0.02, warm_up=150, seed=7,
        validate_every=300, optimizer='muon', average=0.995, is_mixed=False,
    )  # fmt: skip
    return [SpeechTask(training[0], held_out[0], settings, SECONDS)]


def _worlds(recipe: Recipe, share: float, workers: int) -> Worlds:
    count = max(200, round(_NUM_SENTENCES * share))
    corpus = load_corpus(Split.TRAIN, count)
    held_out = load_corpus(Split.HELD_OUT, recipe.num_held_out)
    seconds = len(corpus.sound) / 16000
    counts = {'sentences': count, 'minutes_of_speech': round(seconds / 60), 'version': VERSION}
    return Worlds([corpus], [held_out], counts)


def _save(model: Any, folder: Path) -> None:
    save_half(model, folder)
    make_processor().save_pretrained(folder)


RECIPE = Recipe(
    net='speech',
    title='English speech to letters: a small conformer with CTC, in the layout of Wav2Vec2Bert.',
    num_held_out=_NUM_HELD_OUT,
    make=_make,
    save=_save,
    worlds=_worlds,
    data='{sentences} sentences, {minutes_of_speech} minutes (version {version}), spoken by '
    'espeak-ng in 59 voices of 6 accents with any pitch and speed, in noise and in rooms: six in '
    'ten are commands of `mm_perception/speech/grammar.py`, the others random words. Held-out '
    'voices, accents in part, and commands are never in training '
    '(`mm_perception/training/speech_corpus.py`).',
    notes=(
        'Log mel energies of 30 ms; 4 conformer blocks of 160 channels; 30 letters.',
        'The words of a command are the best sentence of the grammar; they are given up for the '
        'letters themselves where these fit the sound clearly better.',
        'It knows the voices of espeak-ng and the words of commands: real speech and other words '
        'need a public checkpoint.',
        'The shipped weights had 67 minutes of one core that others shared: 600 steps as if '
        'for 9000, on as if for 2000, cut by the clock at 1318, then 2000 more from there. The '
        'grammar has got a few sentences since it was first drawn ("the red one").',
    ),
)
