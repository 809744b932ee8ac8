"""Chunks of sound become one stream at 16 kHz whose every sample has a capture time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from mm_perception.errors import ShapeError
from mm_perception.samples import AudioClip

Sound = npt.NDArray[np.float32]
#: What voice activity and recognisers work at, samples per second.
RATE_HZ = 16000
#: Chunks come with stamps that jitter; one further off than that is no jitter.
_JITTER_S = 0.06
#: A shorter gap is a lost message and becomes silence; a longer one ends the stream.
_FILL_S = 0.4
#: Of the difference between stamp and count, so much is believed with each chunk: clocks of
#: sound cards drift by some 1e-4.
_BELIEF = 0.05


@dataclass(frozen=True, eq=False)
class Piece:
    """Sound that follows the piece before without a gap, or begins anew.

    Attributes:
        start_ns: Capture time of the first sample.
        data: (T, C) float32 at 16 kHz, within -1 and 1 but for what resampling overshoots.
        is_new: Whether it follows no other one.
    """

    start_ns: int
    data: Sound
    is_new: bool


class Resampler:
    """Any rate to 16 kHz, chunk by chunk, as if the whole had been resampled at once.

    It reads ten samples of the slower rate ahead, so what it gives ends so much earlier.

    Args:
        rate_hz: Of what comes.
        channels: Of what comes.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        common = gcd(rate_hz, RATE_HZ)
        self._up, self._down = RATE_HZ // common, rate_hz // common
        # The filter of resample_poly reaches 10 * max(up, down) at the common rate; a context of
        # whole multiples of `down` keeps the phase.
        reach = ceil(10 * max(self._up, self._down) / self._up)
        self._context = ceil(reach / self._down) * self._down
        self._held: Sound = np.zeros((self._context, channels), np.float32)

    def push(self, data: Sound) -> Sound:
        """The next samples, (T, C), and back what is complete by then, (U, C) at 16 kHz."""
        if self._up == self._down:
            return data
        held = np.concatenate([self._held, data])
        num = (len(held) - 2 * self._context) // self._down * self._down
        if num <= 0:
            self._held = held
            return np.zeros((0, data.shape[1]), np.float32)
        used = held[: num + 2 * self._context]
        made = resample_poly(used, self._up, self._down, axis=0)
        first = self._context // self._down * self._up
        self._held = held[num:]
        made = made[first : first + num // self._down * self._up]
        return np.asarray(made, np.float32)


class Stream:
    """The sound of one microphone or array, put together from its chunks.

    A lost message becomes silence; a longer gap, a clock that jumps and another format begin a
    new stream. A chunk that comes twice is taken once; one of other sound with the same stamp is
    refused, for without stamps nobody could tell when something was said.
    """

    def __init__(self) -> None:
        self._resampler: Resampler | None = None
        self._format = (0, 0)
        self._start_ns = 0.0
        self._taken = 0
        self._given = 0
        self._last: AudioClip | None = None

    def push(self, clip: AudioClip) -> Piece | None:
        """Take a chunk; None if nothing new is complete.

        Args:
            clip: In the order of its coming.

        Raises:
            ShapeError: It has the stamp of the chunk before, and other sound.

        Convention:
            Chunks of 100 ms that are stamped 0, 0.1 and 0.3 s give one stream with silence from
            0.2 to 0.3 s; were the third stamped 2 s, it would begin a new one.
        """
        last, self._last = self._last, clip
        if last is not None and clip.stamp_ns == last.stamp_ns:
            if np.array_equal(clip.data, last.data):
                return None
            raise ShapeError(
                f'stamp of the sound of {clip.frame_id!r}',
                'the capture time of its first sample', f'{clip.stamp_ns / 1e9:.3f} s twice',
            )  # fmt: skip
        data = _as_float(clip)
        late_s = (clip.stamp_ns - self._start_ns) / 1e9 - self._taken / clip.rate_hz
        is_new = self._format != (clip.rate_hz, data.shape[1]) or not (
            -_JITTER_S <= late_s <= _FILL_S
        )
        if is_new:
            self._begin(clip, data.shape[1])
        elif late_s > _JITTER_S:
            lost = np.zeros((round(late_s * clip.rate_hz), data.shape[1]), np.float32)
            data = np.concatenate([lost, data])
        else:
            self._start_ns += _BELIEF * late_s * 1e9
        assert self._resampler is not None
        made = self._resampler.push(data)
        start_ns = round(self._start_ns + self._given * 1e9 / RATE_HZ)
        self._taken += len(data)
        self._given += len(made)
        return Piece(start_ns, made, is_new) if len(made) or is_new else None

    def _begin(self, clip: AudioClip, channels: int) -> None:
        self._format = clip.rate_hz, channels
        self._resampler = Resampler(clip.rate_hz, channels)
        self._start_ns, self._taken, self._given = float(clip.stamp_ns), 0, 0


def _as_float(clip: AudioClip) -> Sound:
    """(T, C) float32 with full scale 1."""
    if clip.data.dtype == np.int16:
        return np.asarray(clip.data.astype(np.float32) / np.float32(32768), np.float32)
    return np.asarray(clip.data, np.float32)
