"""Voices in rooms and noise, as features and letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm_perception.nets.hearing_nano import LETTERS, NUM_MELS, STRIDE
from mm_perception.training.speech_corpus import RATE_HZ, Corpus
from mm_perception.world.acoustics import (
    babble,
    coloured_noise,
    echoes,
    engine_noise,
    in_room,
    with_noise,
)

Sound = npt.NDArray[np.float32]
_WINDOW, _HOP, _FFT = 400, 160, 512
CLEAN_DB = 60.0


@dataclass(frozen=True)
class Batch:
    """Utterances and what was said.

    Attributes:
        features: (B, T, 240) float32, see `features_of`.
        lengths: (B,) frames that are no padding.
        targets: (sum of letters,) numbers of letters.
        target_lengths: (B,).
    """

    features: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


def numbers_of(text: str) -> list[int]:
    """The letters of a text; words are parted by a bar."""
    return [LETTERS.index(c) for c in text.lower().replace(' ', '|')]


@lru_cache(maxsize=1)
def _tables() -> tuple[Sound, Sound]:
    """Povey's window (400,) and the mel filters (257, 80) of Kaldi, as transformers has them."""
    from transformers import SeamlessM4TFeatureExtractor

    extractor: Any = SeamlessM4TFeatureExtractor  # carries no types
    made = extractor(num_mel_bins=NUM_MELS)
    return made.window.astype(np.float32), made.mel_filters.astype(np.float32)


def features_of(sound: Sound) -> Sound:
    """Log mel energies, normalised per mel band, three frames side by side, (T, 240) float32.

    The same as of `transformers.SeamlessM4TFeatureExtractor(stride=3)`, which reads frame by
    frame and takes ten times as long.
    """
    window, mels = _tables()
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP] * 2.0**15
    frames = frames - frames.mean(axis=1, keepdims=True)
    shifted = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = np.fft.rfft((frames - 0.97 * shifted) * window, _FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energy = np.log(np.maximum(power @ mels, np.float32(1.192092955078125e-07)))
    energy = (energy - energy.mean(0)) / np.sqrt(energy.var(0, ddof=1) + 1e-7)
    num = len(energy) // STRIDE
    return np.asarray(energy[: num * STRIDE].reshape(num, -1), np.float32)


class Sampler:
    """Batches of a corpus.

    Args:
        corpus: Sentences.
        seconds: Of sound per batch.
    """

    def __init__(self, corpus: Corpus, seconds: float) -> None:
        self._corpus, self._seconds = corpus, seconds
        lengths = [s.stop - s.start for s in corpus.sentences]
        self._by_length = np.argsort(lengths, kind='stable')
        self._lengths = np.array(lengths)[self._by_length] / RATE_HZ

    def batch(self, rng: np.random.Generator, ease: float) -> Batch:
        """Utterances of about the same length, each in a room and noise of its own.

        Args:
            rng: Chooses all.
            ease: From 1 (short sentences, hardly any noise) to 0 (all there is).
        """
        last = round(len(self._by_length) * (1 - 0.6 * ease))
        at = int(rng.integers(last))
        count = max(2, round(self._seconds / (self._lengths[at] + 0.4)))
        start = int(np.clip(at - count // 2, 0, len(self._by_length) - count))
        chosen = self._by_length[start : start + count]
        sounds = [self.heard(rng, int(i), ease) for i in chosen]
        return batch_of(sounds, [self._corpus.sentences[i].text for i in chosen])

    def heard(self, rng: np.random.Generator, index: int, ease: float) -> Sound:
        """One utterance as a microphone hears it."""
        sound = padded(rng, self._corpus.samples(index))
        if rng.random() < 0.5 * (1 - ease):
            rt60_s = rng.uniform(0.1, 0.7)
            sound = in_room(sound, echoes(rng, RATE_HZ, rt60_s, rng.uniform(-2, 15)))
        if rng.random() < 0.2:
            return with_noise(sound, coloured_noise(rng, len(sound), 0.0), CLEAN_DB)
        snr_db = float(rng.uniform(-3 + 20 * ease, 30))
        return with_noise(sound, self.noise(rng, len(sound)), snr_db)

    def noise(self, rng: np.random.Generator, num: int) -> Sound:
        """Noise of some kind, (num,), root mean square 1."""
        kind = rng.random()
        if kind < 0.2:
            return engine_noise(rng, num, RATE_HZ)
        if kind < 0.4:
            size = len(self._corpus.sentences)
            voices = int(rng.integers(3, 8))
            return babble(rng, num, lambda: self._corpus.samples(int(rng.integers(size))), voices)
        return coloured_noise(rng, num, float(rng.uniform(0, 2)))


def padded(rng: np.random.Generator, sound: Sound) -> Sound:
    """With up to 0.35 s of silence before and after."""
    before, after = (int(n) for n in rng.integers(800, 5600, 2))
    return np.pad(sound, (before, after))


def batch_of(sounds: Sequence[Sound], texts: Sequence[str]) -> Batch:
    """A batch of utterances, padded with zeros."""
    parts = [features_of(sound) for sound in sounds]
    lengths = [len(part) for part in parts]
    features = np.zeros((len(parts), max(lengths), NUM_MELS * STRIDE), np.float32)
    for row, part in enumerate(parts):
        features[row, : len(part)] = part
    letters = [numbers_of(text) for text in texts]
    return Batch(
        torch.from_numpy(features), torch.tensor(lengths),
        torch.tensor([number for text in letters for number in text]),
        torch.tensor([len(text) for text in letters]),
    )  # fmt: skip
