"""Spoken sentences for the training of recognisers: espeak-ng in many voices, kept in a cache."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_perception.speech.grammar import draw
from mm_perception.training.data import worlds_folder
from mm_perception.world import speech as voices
from mm_perception.world.speech import Voice
from mm_perception.world.variety import Split

#: Raise it when the corpus changes.
VERSION = 1
RATE_HZ = 16000
ACCENTS = ('en-us', 'en-gb', 'en-gb-scotland', 'en-gb-x-rp', 'en-gb-x-gbclan', 'en-us-nyc')
NOVEL_ACCENTS = ('en-029', 'en-gb-x-gbcwmd')
VARIANTS = (
    'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm8', 'f1', 'f2', 'f3', 'f4', 'Alex', 'Alicia', 'Andy',
    'Annie', 'Denis', 'Diogo', 'Gene', 'Henrique', 'Jacky', 'Lee', 'Marco', 'Mario', 'Michael',
    'Mike', 'Nguyen', 'adam', 'anika', 'announcer', 'antonio', 'aunty', 'belinda', 'benjamin',
    'caleb', 'david', 'ed', 'grandma', 'grandpa', 'gustave', 'iven', 'iven2', 'john', 'klatt',
    'klatt2', 'klatt3', 'marcelo', 'max', 'michel', 'miguel', 'norbert', 'pablo', 'paul',
    'quincy', 'rob', 'sandro', 'shelby', 'steph2', 'travis', 'victor',
)  # fmt: skip
NOVEL_VARIANTS = (
    'm7', 'f5', 'klatt4', 'linda', 'edward', 'Andrea', 'boris', 'steph', 'Hugo', 'iven3',
    'pedro', 'robert',
)  # fmt: skip
#: One sentence in this many is never spoken in training.
_SENTENCES_PER_NOVEL = 8
_COMMAND_SHARE = 0.6
_FILES = ('sound.npy', 'sentences.json')


@dataclass(frozen=True)
class Spoken:
    """One sentence of a corpus.

    Attributes:
        text: Words in lower case.
        voice: Of espeak-ng.
        is_command: Whether it is of the grammar of commands.
        start: First sample.
        stop: One after the last.
    """

    text: str
    voice: str
    is_command: bool
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sentences and their sound.

    Attributes:
        sentences: What is said.
        sound: (T,) int16 at 16 kHz, all sentences one after the other; mapped from the file.
    """

    sentences: tuple[Spoken, ...]
    sound: npt.NDArray[np.int16]

    def samples(self, index: int) -> npt.NDArray[np.float32]:
        """The sound of a sentence, (T,) float32, full scale is 1."""
        spoken = self.sentences[index]
        part = self.sound[spoken.start : spoken.stop]
        return np.asarray(part.astype(np.float32) / np.float32(32768), np.float32)


def is_novel(text: str) -> bool:
    """Whether a command is kept from training; single words and pairs never are."""
    return len(text.split()) > 2 and zlib.crc32(text.encode()) % _SENTENCES_PER_NOVEL == 0


def load_corpus(
    split: Split, count: int, seed: int = 0, progress: Callable[[int], None] = lambda done: None
) -> Corpus:
    """Sentences of a split, spoken where the cache lacks them.

    Args:
        split: TRAIN; or HELD_OUT, whose voices and commands training never hears.
        count: Number of sentences.
        seed: Another one makes other sentences.
        progress: Called with the number of sentences that are spoken.

    Raises:
        MissingDependencyError: There is no espeak-ng.
    """
    folder = worlds_folder() / f'speech-{VERSION}' / f'{split.value}-{count}-{seed}'
    if not all((folder / name).is_file() for name in _FILES):
        _make(folder, split, count, seed, progress)
    sentences = tuple(Spoken(**s) for s in json.loads((folder / _FILES[1]).read_text()))
    return Corpus(sentences, np.load(folder / _FILES[0], mmap_mode='r'))


def _make(
    folder: Path, split: Split, count: int, seed: int, progress: Callable[[int], None]
) -> None:
    rng = np.random.default_rng([seed, list(Split).index(split)])
    open_words = OpenWords()
    pieces: list[npt.NDArray[np.int16]] = []
    sentences: list[dict[str, Any]] = []
    at = 0
    for done in range(count):
        is_command = bool(rng.random() < _COMMAND_SHARE)
        text = command(rng, split) if is_command else open_words.sentence(rng)
        voice = random_voice(rng, split)
        sound = trimmed(voices.speak(text, voice, RATE_HZ))
        pieces.append((sound * 32767).astype(np.int16))
        stop = at + len(sound)
        sentences.append(asdict(Spoken(text, voice.name, is_command, at, stop)))
        at = stop
        progress(done + 1)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / _FILES[0], np.concatenate(pieces))
    (folder / _FILES[1]).write_text(json.dumps(sentences))


def command(rng: np.random.Generator, split: Split) -> str:
    """A command: in training never one that is held out, and the other way round."""
    while True:
        chance = float(rng.random())
        text = draw(rng, 'action' if chance < 0.75 else 'question' if chance < 0.9 else 'command')
        if len(text.split()) <= 12 and is_novel(text) == (split is Split.HELD_OUT):
            return text


def random_voice(rng: np.random.Generator, split: Split) -> Voice:
    """Somebody who speaks; nobody is in both splits."""
    is_held_out = split is Split.HELD_OUT
    accents = (*ACCENTS, *NOVEL_ACCENTS) if is_held_out else ACCENTS
    variants = NOVEL_VARIANTS if is_held_out else VARIANTS
    name = f'{_one(rng, accents)}+{_one(rng, variants)}'
    return Voice(name, int(rng.integers(15, 86)), int(rng.integers(115, 200)))


class OpenWords:
    """Sentences of any words, as often as the language model of pocketsphinx's wheel has them."""

    def __init__(self) -> None:
        import pocketsphinx

        folder = Path(pocketsphinx.get_model_path(), 'en-us')
        lines = (folder / 'cmudict-en-us.dict').read_text().splitlines()
        words = [line.split()[0] for line in lines]
        plain = [w for w in words if (w.isalpha() and w.isascii() and len(w) > 1) or w in 'ai']
        maths = pocketsphinx.LogMath(1.0001)
        model = pocketsphinx.NGramModel(pocketsphinx.Config(), maths, str(folder / 'en-us.lm.bin'))
        logs = np.array([maths.log_to_ln(model.prob([word])) for word in plain])
        weights = np.exp(0.7 * (logs - logs.max()))
        self._words, self._sums = plain, np.cumsum(weights / weights.sum())

    def sentence(self, rng: np.random.Generator) -> str:
        """Two to seven words, or what a passer-by says."""
        if rng.random() < 0.1:
            text = voices.TEXTS[int(rng.integers(len(voices.TEXTS)))].lower()
            return ''.join(c for c in text if c.isalpha() or c == ' ')
        drawn = np.searchsorted(self._sums, rng.random(int(rng.integers(2, 8))))
        return ' '.join(self._words[min(int(i), len(self._words) - 1)] for i in drawn)


def trimmed(sound: npt.NDArray[np.float32], below: float = 0.01) -> npt.NDArray[np.float32]:
    """Without the silence before and after, but 20 ms of it."""
    loud = np.flatnonzero(np.abs(sound) > below)
    if not len(loud):
        return sound
    return sound[max(0, loud[0] - RATE_HZ // 50) : loud[-1] + RATE_HZ // 50]


def _one(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
