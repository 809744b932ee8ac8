"""Recognisers of speech on held-out voices, on real speech and on noise: results/speech.json.

  python -m bench.bench_speech [--parts nano letters pocketsphinx noise real] [--sentences 60]

Sentences of held-out voices of espeak-ng in pink noise (`training/speech_corpus.py`): commands
that no training has, and random words. Recognisers:

  nano            the network of this repository, as the plugin uses it: command, or else letters
  letters         the same network, without the grammar
  pocketsphinx    the grammar, or else its dictionary and language model

Then the plugin on noise without a voice (every transcript is a false alarm), and where there is
real speech (jfk.flac of the shared data), the plugin on it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from bench.provenance import ROOT, provenance
from mm_perception.inputs import Inputs
from mm_perception.nets.hearing import CtcRecogniser, shared_recogniser
from mm_perception.plugins.speech import Speech, SpeechConfig
from mm_perception.samples import AudioClip, Transcript
from mm_perception.speech.recogniser import Recogniser
from mm_perception.speech.sphinx import SphinxRecogniser
from mm_perception.speech.stream import RATE_HZ, Sound
from mm_perception.training.data import FINAL_SEED
from mm_perception.training.speech_corpus import load_corpus
from mm_perception.training.speech_scores import LEVELS, LettersAlone, WordErrors, listen
from mm_perception.world.acoustics import babble, coloured_noise, engine_noise
from mm_perception.world.variety import Split

WAYS = ('nano', 'letters', 'pocketsphinx')
PARTS = (*WAYS, 'noise', 'real')
RESULTS = ROOT / 'bench' / 'results' / 'speech.json'
JFK = (
    'and so my fellow americans ask not what your country can do for you ask what you can do for '
    'your country'
)


def clips(sound: Sound) -> Iterator[AudioClip]:
    """A tenth of a second each."""
    for first in range(0, len(sound), RATE_HZ // 10):
        part = np.asarray(sound[first : first + RATE_HZ // 10], np.float32)
        stamp_ns = 1_000_000_000 + round(first / RATE_HZ * 1e9)
        yield AudioClip(stamp_ns=stamp_ns, frame_id='ear', data=part[:, None], rate_hz=RATE_HZ)


def through_plugin(weights: str, sound: Sound) -> list[Transcript]:
    """Final transcripts of the plugin."""
    plugin = Speech(SpeechConfig(weights=weights, partial_s=0.0))
    plugin.load('cpu')
    found: list[Any] = []
    for clip in clips(sound):
        inputs = Inputs(clip.stamp_ns, 'ear', samples={'audio': (clip,)})
        found += plugin.infer(inputs)['transcript']
    plugin.close()
    return found


def noises(seconds: float) -> dict[str, Callable[[], Sound]]:
    """Sounds without words that can be understood, root mean square 0.05."""
    num, rng = round(seconds * RATE_HZ), np.random.default_rng(FINAL_SEED)
    corpus = load_corpus(Split.HELD_OUT, 400)

    def voice() -> Sound:
        return corpus.samples(int(rng.integers(len(corpus.sentences))))

    return {
        'white': lambda: 0.05 * coloured_noise(rng, num, 0.0),
        'pink': lambda: 0.05 * coloured_noise(rng, num, 1.0),
        'brown': lambda: 0.05 * coloured_noise(rng, num, 2.0),
        'engine': lambda: 0.05 * engine_noise(rng, num, RATE_HZ),
        'babble of 12 voices': lambda: 0.05 * babble(rng, num, voice, 12),
    }


def real_speech(path: Path) -> dict[str, Any]:
    """Word error rates of the plugin on JFK, with a second of silence at the end."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler('s16', 'mono', RATE_HZ)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    samples = np.concatenate([f.to_ndarray() for f in frames], axis=1)[0]
    sound = np.pad(samples.astype(np.float32) / 32768, (RATE_HZ // 2, RATE_HZ))
    found = {}
    for weights in ('nano', 'pocketsphinx'):
        text = ' '.join(t.text for t in through_plugin(weights, sound))
        errors = WordErrors()
        errors.add(JFK, text)
        found[weights] = {**errors.numbers(), 'heard': text}
    return found


def recognise(way: str, num_sentences: int) -> dict[str, Any]:
    """Word error rates of a recogniser by level of noise."""
    corpus = load_corpus(Split.HELD_OUT, num_sentences, FINAL_SEED)
    commands = [i for i, s in enumerate(corpus.sentences) if s.is_command]
    others = [i for i, s in enumerate(corpus.sentences) if not s.is_command]
    recogniser = _made(way)
    by_level = {
        level: listen(recogniser, corpus, commands, snr_db).numbers()
        for level, snr_db in LEVELS.items()
    }
    words = listen(recogniser, corpus, others, LEVELS['clean']).numbers()
    found = {'commands': by_level, 'random words': {'clean': words}}
    print(way, json.dumps(found, indent=1), flush=True)
    return found


def _made(way: str) -> Recogniser:
    if way == 'pocketsphinx':
        return SphinxRecogniser()
    network = shared_recogniser('nano', 'cpu', 'en').model
    assert isinstance(network, CtcRecogniser)
    return network if way == 'nano' else LettersAlone(network)


def false_alarms(minutes: float) -> dict[str, Any]:
    """Transcripts of noise."""
    found: dict[str, Any] = {'minutes of each': minutes}
    for kind, make in noises(60 * minutes).items():
        alarms = through_plugin('nano', np.clip(make(), -1, 1).astype(np.float32))
        found[kind] = [t.text for t in alarms]
        print(kind, found[kind], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--parts', nargs='+', default=PARTS, choices=PARTS)
    parser.add_argument('--sentences', type=int, default=60)
    parser.add_argument('--minutes', type=float, default=1.0, help='of noise of each kind')
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared' / 'data')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = provenance()
    report: dict[str, Any] = json.loads(args.out.read_text()) if args.out.is_file() else {}
    report |= {**source, 'parts': {**report.get('parts', {})}}
    for part in args.parts:
        if part in WAYS:
            found = recognise(part, args.sentences)
        elif part == 'noise':
            found = false_alarms(args.minutes)
        else:
            path = args.data / 'real' / 'jfk.flac'
            found = real_speech(path) if path.is_file() else {'skipped': f'no {path.name} there'}
            print(found)
        report['parts'][part] = {**found, 'commit': source['commit']}
        args.out.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
    main()
