"""How many letters and words of held-out voices come out wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mm_perception.nets.hearing import CtcRecogniser, shared_recogniser
from mm_perception.nets.hearing_nano import LETTERS
from mm_perception.speech.decoding import best_path
from mm_perception.speech.recogniser import Heard, Recogniser, edits, heard_of
from mm_perception.speech.stream import RATE_HZ, Sound
from mm_perception.training.data import FINAL_SEED
from mm_perception.training.speech_batches import batch_of, padded
from mm_perception.training.speech_corpus import Corpus, load_corpus
from mm_perception.watching import Watch, unwatched
from mm_perception.world.acoustics import coloured_noise, with_noise
from mm_perception.world.variety import Split

#: Name to signal-to-noise ratio in dB; clean has noise that nobody hears.
LEVELS = {'clean': 60.0, '20 dB': 20.0, '10 dB': 10.0, '0 dB': 0.0}
_NUM_FINAL = 60


@dataclass
class WordErrors:
    """Counts over sentences.

    Attributes:
        wrong: Insertions, deletions and substitutions of words.
        words: Of what was said.
        right: Sentences without a wrong word.
        sentences: All.
        silent: Sentences of which nothing was understood.
        cpu_s: Seconds of computing.
        sound_s: Seconds of sound.
    """

    wrong: int = 0
    words: int = 0
    right: int = 0
    sentences: int = 0
    silent: int = 0
    cpu_s: float = 0.0
    sound_s: float = 0.0

    def add(self, said: str, heard: str) -> None:
        """Count a sentence."""
        words = _plain(said).split()
        wrong = edits(words, _plain(heard).split())
        self.wrong += wrong
        self.words += len(words)
        self.right += wrong == 0
        self.silent += not heard
        self.sentences += 1

    def numbers(self) -> dict[str, float]:
        """Rates."""
        count = max(self.sentences, 1)
        return {
            'word error rate': round(self.wrong / max(self.words, 1), 3),
            'sentences right': round(self.right / count, 3),
            'nothing understood': round(self.silent / count, 3),
            'sentences': self.sentences,
            'cpu seconds per second': round(self.cpu_s / max(self.sound_s, 1e-9), 3),
        }


def _plain(text: str) -> str:
    return text.lower().replace('t v', 'tv')


class LettersAlone:
    """A network without the grammar.

    Args:
        network: Of letters.
    """

    name, sha256, licence = 'letters', '', ''

    def __init__(self, network: CtcRecogniser) -> None:
        self._network = network

    def recognise(self, sound: Sound) -> Heard:
        """The best letters."""
        logs = self._network.logs(sound)
        frame_s = len(sound) / RATE_HZ / len(logs)
        return heard_of(best_path(logs, self._network.alphabet, frame_s).words)


def listen(
    recogniser: Recogniser, corpus: Corpus, indices: Sequence[int], snr_db: float,
    progress: Callable[[int], None] = lambda done: None,
) -> WordErrors:  # fmt: skip
    """Let a recogniser hear sentences in pink noise.

    Args:
        recogniser: Any.
        corpus: Held-out one.
        indices: Of its sentences.
        snr_db: Voice over noise.
        progress: Called with the number of sentences heard.
    """
    errors = WordErrors()
    for done, index in enumerate(indices):
        sound = noisy(corpus, index, snr_db)
        began_s = time.process_time()
        heard = recogniser.recognise(sound)
        errors.cpu_s += time.process_time() - began_s
        errors.sound_s += len(sound) / RATE_HZ
        errors.add(corpus.sentences[index].text, heard.text)
        progress(done + 1)
    return errors


def noisy(corpus: Corpus, index: int, snr_db: float) -> Sound:
    """A sentence in pink noise; the noise of a sentence is the same each time."""
    rng = np.random.default_rng([index, 1])
    sound = padded(rng, corpus.samples(index))
    return with_noise(sound, coloured_noise(rng, len(sound), 1.0), snr_db)


def final_corpus() -> Corpus:
    """Sentences that neither training nor validation during it has."""
    return load_corpus(Split.HELD_OUT, _NUM_FINAL, FINAL_SEED)


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Word error rates by noise, with and without the grammar.

    `bench/bench_speech.py` has pocketsphinx as another baseline: it takes ten times as long.
    """
    corpus = final_corpus()
    shared = shared_recogniser(str(weights), device, 'en')
    assert isinstance(shared.model, CtcRecogniser)
    commands = [i for i, s in enumerate(corpus.sentences) if s.is_command]
    others = [i for i, s in enumerate(corpus.sentences) if not s.is_command]
    scores: dict[str, Any] = {}
    for name, snr_db in LEVELS.items():
        with watch(len(commands), f'listening, {name}') as progress:
            found = listen(shared.model, corpus, commands, snr_db, progress).numbers()
        scores[f'word error rate, commands, {name}'] = found['word error rate']
        scores[f'commands without an error, {name}'] = found['sentences right']
    with watch(len(others), 'listening to random words') as progress:
        found = listen(shared.model, corpus, others, LEVELS['clean'], progress).numbers()
    scores['word error rate, random words, clean'] = found['word error rate']
    letters = LettersAlone(shared.model)
    for name in ('clean', '10 dB'):
        with watch(len(commands), f'listening without the grammar, {name}') as progress:
            found = listen(letters, corpus, commands, LEVELS[name], progress).numbers()
        scores[f'baseline (without the grammar): word error rate, {name}'] = found[
            'word error rate'
        ]
    shared.release()
    return {**scores, 'commands': len(commands), 'sentences of random words': len(others)}


@torch.no_grad()
def quick_scores(model: nn.Module, corpus: Corpus, device: torch.device) -> dict[str, float]:
    """Share of wrong letters along the best path, clean and at 10 dB of pink noise."""
    scores = {}
    for name in ('clean', '10 dB'):
        wrong = total = 0
        for index, spoken in enumerate(corpus.sentences[:80]):
            batch = batch_of([noisy(corpus, index, LEVELS[name])], [spoken.text])
            best = model(batch.features.to(device)).logits[0].argmax(-1).tolist()
            letters = [b for a, b in zip([0, *best], best, strict=False) if b != a and b]
            wrong += edits(spoken.text, ''.join(LETTERS[n] for n in letters).replace('|', ' '))
            total += len(spoken.text)
        scores[f'letter errors, {name}'] = wrong / total
    return scores
