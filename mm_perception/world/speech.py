"""Who says what and when in a drive; the voices are those of espeak-ng."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from mm_perception.errors import MissingDependencyError
from mm_perception.world.microphone import Sound, Source
from mm_perception.world.scene import Motion, Thing

PROGRAM = 'espeak-ng'
TEXTS = (
    'Stop right there.', 'Please wait for me.', 'Go ahead.', 'Turn left at the crossing.',
    'Turn right here.', 'Watch out for the car.', 'The road is clear.', 'I am crossing now.',
    'Slow down please.', 'Where is the bus?', 'Can you give me a lift?', 'Good morning.',
    'Thank you very much.', 'Look at that truck.', 'The light is green.', 'The light is red.',
)  # fmt: skip
#: Root mean square of speech at 1 m, full scale is 1.
LEVEL = 0.12
_FARTHEST_M = 25.0
_PAUSE_S = (0.2, 0.8)


@dataclass(frozen=True)
class Voice:
    """A way to speak.

    Attributes:
        name: Language and variant, as `espeak-ng --voices` has them.
        pitch: 0 to 99.
        words_per_minute: Speed.
    """

    name: str
    pitch: int = 50
    words_per_minute: int = 160


VOICES = (
    Voice('en-us+m3', 40), Voice('en-us+f2', 60), Voice('en-gb+m1', 45, 150),
    Voice('en-gb+f4', 55, 170), Voice('en-gb-scotland+m7', 35), Voice('en-us+f5', 70, 150),
    Voice('en-029+m5', 50, 145), Voice('en-gb-x-rp+f3', 65, 175),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Utterance:
    """One sentence.

    Attributes:
        instance: Who speaks.
        text: What.
        voice: How.
        source: Where, when and how loud.
    """

    instance: int
    text: str
    voice: Voice
    source: Source


def is_installed() -> bool:
    """Whether there is espeak-ng."""
    return shutil.which(PROGRAM) is not None


@lru_cache(maxsize=256)
def speak(text: str, voice: Voice, rate_hz: int) -> Sound:
    """Speech as it is heard at 1 m, (T,) float32, root mean square 0.12.

    Equal on machines with the same espeak-ng.

    Args:
        text: English.
        voice: Whose.
        rate_hz: Samples per second.

    Raises:
        MissingDependencyError: There is no espeak-ng, or not that voice.
    """
    samples, own_hz = _recorded(text, voice)
    common = gcd(rate_hz, own_hz)
    sound = resample_poly(samples, rate_hz // common, own_hz // common)
    sound *= LEVEL / max(float(np.sqrt(np.mean(sound**2))), 1e-9)
    said: Sound = np.clip(sound, -1, 1).astype(np.float32)
    said.flags.writeable = False
    return said


def _recorded(text: str, voice: Voice) -> tuple[Sound, int]:
    """What espeak-ng says, full scale is 1, and its samples per second."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise MissingDependencyError(PROGRAM, 'speech', f'sudo apt-get install {PROGRAM}')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'speech.wav')
        options = [
            '-v', voice.name, '-p', str(voice.pitch), '-s', str(voice.words_per_minute),
            '-w', str(path), '--', text,
        ]  # fmt: skip
        done = subprocess.run([program, *options], capture_output=True, text=True, check=False)
        if done.returncode or not path.is_file():
            said = done.stderr.strip() or f'exit status {done.returncode}'
            raise MissingDependencyError(
                f'the voice {voice.name}', f'speech ({said})',
                f'sudo apt-get install --reinstall {PROGRAM}',
            )  # fmt: skip
        with wave.open(str(path)) as file:
            data = np.frombuffer(file.readframes(file.getnframes()), '<i2')
            samples: Sound = data.astype(np.float32) / np.float32(32768)
            return samples, file.getframerate()


def conversation(
    things: Sequence[Thing], body: Motion, seconds: float, rng: np.random.Generator, rate_hz: int
) -> list[Utterance]:
    """People near the way speak, one after the other, each with a voice of their own.

    Args:
        things: All of the scene; who has a mouth can speak.
        body: Motion of what carries the microphones.
        seconds: Nobody begins what would not be over by then.
        rng: Chooses who and what.
        rate_hz: Samples per second.

    Raises:
        MissingDependencyError: There is no espeak-ng.
    """
    people = [thing for thing in things if 'nose' in thing.joints]
    order = rng.permutation(len(VOICES))
    voices = {p.instance: VOICES[order[i % len(VOICES)]] for i, p in enumerate(people)}
    said: list[Utterance] = []
    time_s = float(rng.uniform(*_PAUSE_S))
    while time_s < seconds:
        near = [thing for thing in people if _distance(thing, body, time_s) < _FARTHEST_M]
        if near:
            who, text = near[int(rng.integers(len(near)))], TEXTS[int(rng.integers(len(TEXTS)))]
            voice = voices[who.instance]
            source = Source(who.joints['nose'], time_s, speak(text, voice, rate_hz), rate_hz)
            if source.end_s > seconds:
                break
            said.append(Utterance(who.instance, text, voice, source))
            time_s = source.end_s
        time_s += float(rng.uniform(*_PAUSE_S))
    return said


def _distance(thing: Thing, body: Motion, time_s: float) -> float:
    return float(np.linalg.norm(thing.joints['nose'](time_s)[0] - body(time_s)[0]))
