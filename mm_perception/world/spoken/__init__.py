"""What the user of a robot says to it: commands, spoken beforehand or by espeak-ng.

The recordings in this folder were made by `record`, so that worlds can have a voice on machines
without espeak-ng. Their voices are among those that no training hears
(`mm_perception.training.speech_corpus.NOVEL_VARIANTS`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from scipy.signal import resample_poly

from mm_perception.world.microphone import MicrophoneArray, Sound, Source
from mm_perception.world.scene import Array, Motion
from mm_perception.world.speech import LEVEL, Utterance, Voice, speak

FOLDER = Path(__file__).parent
RATE_HZ = 16000
#: Text to voice of each recording.
RECORDINGS: dict[str, Voice] = {
    'track the red car': Voice('en-us+m7', 45, 150),
    'stop tracking': Voice('en-us+m7', 45, 150),
    'track the white van': Voice('en-gb+steph', 55, 150),
    'where is the blue truck': Voice('en-gb+edward', 40, 155),
    'turn on the lamp next to the sofa': Voice('en-gb-x-rp+f5', 60, 160),
    'what is behind me': Voice('en-us+Andrea', 50, 150),
    'find the person in red': Voice('en-us+linda', 50, 155),
    'that one': Voice('en-gb-scotland+m7', 40, 140),
}
#: Who speaks is the user, who is no thing of the scene.
USER = 0
#: Where the user's mouth is from the microphones, on the body, metres.
_MOUTH = np.array([0.6, 0.3, 0.0])
_ANY = Voice('en-us+m7', 45, 150)
#: espeak-ng is silent before and after a sentence; below that it is silence.
_SILENT = 0.005


@dataclass(frozen=True)
class Saying:
    """A sentence at a moment.

    Attributes:
        text: What the user says.
        start_s: When, seconds from the start of the drive.
    """

    text: str
    start_s: float


def recorded(text: str, rate_hz: int = RATE_HZ) -> Sound | None:
    """A recording as it is heard at 1 m, (T,) float32; None if there is none of that text.

    Args:
        text: Case, punctuation and spaces do not count.
        rate_hz: Samples per second.
    """
    wanted = _plain(text)
    if wanted not in RECORDINGS:
        return None
    sound = _read(path_of(wanted))
    if rate_hz == RATE_HZ:
        return sound
    common = int(np.gcd(rate_hz, RATE_HZ))
    made: Sound = resample_poly(sound, rate_hz // common, RATE_HZ // common).astype(np.float32)
    return made


def path_of(text: str) -> Path:
    """The file of a recording."""
    return FOLDER / f'{text.replace(" ", "_")}.ogg'


def utterances(sayings: Sequence[Saying], array: MicrophoneArray, body: Motion) -> list[Utterance]:
    """What the user says, beside the microphones and moving with them.

    Args:
        sayings: What and when.
        array: The microphones.
        body: Motion of what carries them.

    Raises:
        MissingDependencyError: There is no recording of a text, and no espeak-ng.
    """

    def mouth(time_s: float) -> tuple[Array, Array]:
        at, turn = body(time_s)
        return at + turn @ (array.at + _MOUTH), turn

    said = []
    for saying in sayings:
        sound = recorded(saying.text, array.rate_hz)
        voice = RECORDINGS[_plain(saying.text)] if sound is not None else _ANY
        if sound is None:
            sound = speak(saying.text, voice, array.rate_hz)
        source = Source(mouth, saying.start_s, sound, array.rate_hz)
        said.append(Utterance(USER, saying.text, voice, source))
    return said


@lru_cache(maxsize=16)
def _read(path: Path) -> Sound:
    """A file at 16 kHz, with the level that `speak` has."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)[0]
    common = int(np.gcd(frames[0].sample_rate, RATE_HZ))
    sound = resample_poly(samples, RATE_HZ // common, frames[0].sample_rate // common)
    sound = (sound * (LEVEL / np.sqrt(np.mean(sound**2)))).astype(np.float32)
    sound.flags.writeable = False
    return np.asarray(sound, np.float32)


def _plain(text: str) -> str:
    return ' '.join(re.sub(r'[^a-z ]', ' ', text.lower()).split())


def record(folder: Path = FOLDER) -> list[Path]:
    """Speak all recordings with espeak-ng anew: mono Opus of 20 kbit/s.

    Raises:
        MissingDependencyError: There is no espeak-ng.
    """
    written = []
    for text, voice in RECORDINGS.items():
        sound = speak(text, voice, RATE_HZ)
        loud = np.flatnonzero(np.abs(sound) > _SILENT)
        sound = sound[loud[0] : loud[-1]]
        path = folder / path_of(text).name
        with av.open(str(path), 'w', format='ogg') as container:
            stream = container.add_stream('libopus', rate=RATE_HZ, layout='mono')
            stream.bit_rate = 20000
            samples = np.round(sound * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format='s16', layout='mono')
            frame.rate = RATE_HZ
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        written.append(path)
    return written
