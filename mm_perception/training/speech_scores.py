"""How many letters and words of held-out voices come out wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mm_perception.nets.hearing_nano import LETTERS
from mm_perception.training.speech_batches import batch_of, padded
from mm_perception.training.speech_corpus import Corpus
from mm_perception.world.acoustics import coloured_noise, with_noise


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions between two sequences (Levenshtein, 1966).

    Convention:
        'track the car' to 'track a red car' takes 2 in words.
    """
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, found in enumerate(heard, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (wanted != found))
            before, row[j] = row[j], cost
    return row[-1]


@torch.no_grad()
def quick_scores(model: nn.Module, corpus: Corpus, device: torch.device) -> dict[str, float]:
    """Share of wrong letters along the best path, clean and at 10 dB of pink noise."""
    rng, scores = np.random.default_rng(0), {}
    for name, snr_db in (('clean', 40.0), ('10 dB', 10.0)):
        wrong = total = 0
        for index, spoken in enumerate(corpus.sentences[:80]):
            sound = padded(rng, corpus.samples(index))
            sound = with_noise(sound, coloured_noise(rng, len(sound), 1.0), snr_db)
            batch = batch_of([sound], [spoken.text])
            best = model(batch.features.to(device)).logits[0].argmax(-1).tolist()
            letters = [b for a, b in zip([0, *best], best, strict=False) if b != a and b]
            wrong += edits(spoken.text, ''.join(LETTERS[n] for n in letters).replace('|', ' '))
            total += len(spoken.text)
        scores[f'letter errors, {name}'] = wrong / total
    return scores
