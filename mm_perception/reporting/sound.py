"""Sound of a run as a part of its page: a player, and links that play it from a moment on."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.bag.reader import BagReader, Record
from mm_perception.errors import MalformedMessageError, MissingDependencyError, MmPerceptionError
from mm_perception.reporting.dating import dated
from mm_perception.reporting.recording import TRUTH
from mm_perception.ros import convert
from mm_perception.ros.convert.audio import AUDIO
from mm_perception.ros.wire import deserialize
from mm_perception.samples import AudioClip
from mm_perception.samples.sample import Array
from mm_perception.watching import Watch, unwatched

#: Of the MP3: speech is clear, and a minute has 240 kB.
_CODEC, _RATE_HZ, _BITS_PER_S = 'libmp3lame', 16_000, 32_000
#: Longest sound in a page, seconds: 2.4 MB, a third more as text. And most microphones.
MOST_S, _MOST_SOUNDS = 600.0, 2
#: Chunks whose stamps are off by less follow one another without a gap, seconds.
_JITTER_S = 0.05

#: Without it the links lead to the player, which plays as ever.
SCRIPT = """<script>
for (const link of document.querySelectorAll('a[data-at]')) link.onclick = event => {
  const sound = document.querySelector(link.hash);
  event.preventDefault();
  sound.currentTime = link.dataset.at;
  sound.play();
};
document.addEventListener('timeupdate', event => {
  for (const word of document.querySelectorAll('.told a[data-to]'))
    word.classList.toggle('now', word.hash === '#' + event.target.id &&
      word.dataset.at <= event.target.currentTime && event.target.currentTime < word.dataset.to);
}, true);
</script>
"""


@dataclass(frozen=True)
class Sound:
    """What a microphone heard.

    Attributes:
        topic: Of its chunks.
        frame_id: The microphone.
        start_ns: Capture time of the first sample.
        seconds: Length of the MP3.
        whole_s: Length of the sound in the bag.
        mp3: One channel, the mean of all microphones, on the time axis of the stamps: where
            nothing came it is silent.
    """

    topic: str
    frame_id: str
    start_ns: int
    seconds: float
    whole_s: float
    mp3: bytes


class _Encoder:
    """Chunks become one MP3.

    Args:
        first: Says where the time begins, and the rate.
    """

    def __init__(self, first: AudioClip) -> None:
        import av

        if _CODEC not in av.codecs_available:
            raise MissingDependencyError(_CODEC, 'sound in a report', 'pip install av')
        self._first, self._file = first, io.BytesIO()
        self._container: Any = av.open(self._file, 'w', format='mp3')
        self._stream: Any = self._container.add_stream(
            _CODEC, rate=_RATE_HZ, layout='mono', bit_rate=_BITS_PER_S
        )
        self._num_most = round(MOST_S * first.rate_hz)
        self._num = 0
        self._whole_s = 0.0

    def take(self, clip: AudioClip) -> None:
        """The next chunk.

        Raises:
            MalformedMessageError: It has another rate than the first.
        """
        rate = self._first.rate_hz
        if clip.rate_hz != rate:
            raise MalformedMessageError(AUDIO, f'{clip.rate_hz} Hz after chunks of {rate} Hz')
        after_s = (clip.stamp_ns - self._first.stamp_ns) / 1e9
        self._whole_s = max(self._whole_s, after_s + clip.duration_s)
        sound, gap = _mono(clip), round(after_s * rate) - self._num
        if gap > _JITTER_S * rate:
            self._encode(np.zeros(min(gap, self._num_most - self._num), np.int16))
        elif gap < -_JITTER_S * rate:
            sound = sound[-gap:]
        self._encode(sound[: self._num_most - self._num])

    def close(self, topic: str) -> Sound:
        """Finish it."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        seconds, mp3 = self._num / self._first.rate_hz, self._file.getvalue()
        first, whole_s = self._first, max(self._whole_s, seconds)
        return Sound(topic, first.frame_id, first.stamp_ns, seconds, whole_s, mp3)

    def _encode(self, sound: Array) -> None:
        import av

        if not len(sound):
            return
        frame = av.AudioFrame.from_ndarray(sound[None], format='s16', layout='mono')
        frame.sample_rate = self._first.rate_hz
        self._container.mux(self._stream.encode(frame))
        self._num += len(sound)


def _mono(clip: AudioClip) -> Array:
    """(T,) int16, the mean of all channels."""
    mean = clip.data.mean(axis=1, dtype=np.float64)
    scaled = mean if clip.data.dtype == np.int16 else 32767.0 * mean
    return np.asarray(np.clip(np.round(scaled), -32768, 32767), np.int16)


def sounds_of(bag: Path, problems: list[str], watch: Watch = unwatched) -> list[Sound]:
    """The sound of the microphones of a bag, the first two; what cannot be read is told.

    Args:
        bag: Folder or file.
        problems: Takes what was broken, each kind once.
        watch: Shows progress.

    Raises:
        BagError: It is no bag.
    """
    encoders: dict[str, _Encoder] = {}
    with BagReader(bag) as reader:
        topics = [
            name
            for name, topic in sorted(reader.topics.items())
            if topic.type_name == AUDIO and topic.count and not name.startswith(TRUTH)
        ]
        if len(topics) > _MOST_SOUNDS:
            left = ', '.join(topics[_MOST_SOUNDS:])
            problems.append(f'the sound of {left} is not in this page: it has room for two')
        if not topics:
            return []
        total = sum(reader.topics[name].count for name in topics[:_MOST_SOUNDS])
        try:
            with watch(total, 'reading the sound') as progress:
                for done, record in enumerate(reader.records(topics[:_MOST_SOUNDS]), 1):
                    _take(encoders, record)
                    progress(done)
        except MmPerceptionError as error:
            problems.append(f'the sound is cut: {error}')
    return [encoder.close(topic) for topic, encoder in sorted(encoders.items())]


def _take(encoders: dict[str, _Encoder], record: Record) -> None:
    message = deserialize(record.data, record.type_name)
    clip = dated(convert.from_msg(message, AudioClip, record.log_time_ns), record)
    assert isinstance(clip, AudioClip)
    if record.topic not in encoders:
        encoders[record.topic] = _Encoder(clip)
    encoders[record.topic].take(clip)


def players(sounds: Sequence[Sound], start_ns: int) -> str:
    """A player for each sound.

    Args:
        sounds: Of the run.
        start_ns: When the seconds of the page begin.
    """
    return ''.join(
        f'<div class="sound"><audio id="sound-{number}" controls preload="metadata" '
        f'aria-label="the sound of {escape(sound.topic)}" '
        f'src="data:audio/mpeg;base64,{base64.b64encode(sound.mp3).decode()}"></audio>\n'
        f'<p><small>{_told(sound, start_ns)}</small></p></div>\n'
        for number, sound in enumerate(sounds, 1)
    )


def _told(sound: Sound, start_ns: int) -> str:
    begins_s = (sound.start_ns - start_ns) / 1e9
    after = f', which begins at {begins_s:.1f} s of the run' if abs(begins_s) >= 0.05 else ''
    text = f'<code>{escape(sound.topic)}</code>{after}. A click on a time or a word plays it.'
    if sound.whole_s - sound.seconds < 1:
        return text
    return (
        f'{text} <b class="warn">Cut: {_minutes(sound.seconds)} of {_minutes(sound.whole_s)} min '
        'are in this page, to keep it small; the rest is in the bag.</b>'
    )


def _minutes(seconds: float) -> str:
    return f'{seconds // 60:.0f}:{seconds % 60:02.0f}'


def link(
    sounds: Sequence[Sound], html: str, start_ns: int, end_ns: int = 0, frame_id: str = ''
) -> str:
    """HTML that plays the sound from a moment on; as it is where no sound has that moment.

    Args:
        sounds: Of the run.
        html: What is clicked.
        start_ns: The moment.
        end_ns: Until then it is marked while it is heard; 0 for never.
        frame_id: The microphone; the first sound where none is of it.
    """
    heard = [(n, s) for n, s in enumerate(sounds, 1) if s.frame_id == frame_id]
    for number, sound in heard or list(enumerate(sounds, 1))[:1]:
        at_s = (start_ns - sound.start_ns) / 1e9
        if 0 <= at_s < sound.seconds:
            until = f' data-to="{(end_ns - sound.start_ns) / 1e9:.2f}"' if end_ns else ''
            return f'<a href="#sound-{number}" data-at="{at_s:.2f}"{until}>{html}</a>'
    return html
