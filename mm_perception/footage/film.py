"""A film or sound file: pictures upright, sound as one channel of 16 kHz, with its own times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.errors import FootageError
from mm_perception.footage.still import Still, name_of
from mm_perception.samples.sample import Array

RATE_HZ = 16_000
_CHUNK = RATE_HZ // 10
#: Sound that comes so much later than it should has a gap before it.
_GAP_S = 0.1
_USUAL_HZ = 25.0
_YEAR_2001_NS = 978_307_200 * 10**9
#: FFmpeg plays texts as films of a terminal.
_TEXTS = 'tty'
_GIVE = 'give a film (mp4, mkv, avi, mov), sound, or a folder of pictures'

#: Nanoseconds since the first moment of the film, and (T, 1) int16.
Sound = tuple[int, Array]


class Film:
    """A film, or sound alone.

    Args:
        path: The file; whatever FFmpeg reads.

    Raises:
        FootageError: It is none, or nothing in it can be decoded.

    Attributes:
        begin_ns: When it was begun: what the file says, else when the file was last changed.
        num_pictures: As the file says, or from its length; 0 where nobody knows.
        problems: What ended it early, under its name.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, name_of(path)
        self.problems: dict[str, str] = {}
        self.has_pictures = self.has_sound = True
        with self._open() as container:
            self._origin_s = (container.start_time or 0) / 1e6
            rate_hz, self.num_pictures = _rate_and_length(container)
            self._period_ns = round(1e9 / (rate_hz or _USUAL_HZ))
            said = str(container.metadata.get('creation_time', ''))
        self.begin_ns, self.begin_is = _moment(said), 'creation time that the film tells'
        if self.begin_ns < _YEAR_2001_NS:
            self.begin_ns, self.begin_is = path.stat().st_mtime_ns, 'time of the file'
        self.has_pictures = next(self.pictures(), None) is not None
        self.has_sound = next(self.sound(), None) is not None
        if not self.has_pictures and not self.has_sound:
            why = self.problems.get(path.name, 'there is none')
            raise FootageError(
                str(path), f'has no picture and no sound that can be decoded: {why}', _GIVE
            )
        self.problems.clear()

    def pictures(self, every: int = 1) -> Iterator[Still]:
        """Every nth picture that is later than the one before; what is damaged ends it."""
        last_ns, number = -1, 0
        for frame in self._decoded('video'):
            # Some AVI files do not time every picture: then the rate of the film tells.
            offset_ns = last_ns + self._period_ns if frame.time is None else self._offset_ns(frame)
            if offset_ns <= last_ns:
                continue
            last_ns = offset_ns
            if number % every == 0:
                rgb = frame.to_ndarray(format='rgb24')
                yield Still(offset_ns, _upright(rgb, int(getattr(frame, 'rotation', 0) or 0)))
            number += 1

    def sound(self) -> Iterator[Sound]:
        """Pieces of at most 0.1 s, all microphones of the film in one channel."""
        import av

        resampler = av.AudioResampler(format='s16', layout='mono', rate=RATE_HZ)
        held: Array = np.zeros((0, 1), np.int16)
        begin_ns, due_s = 0, None
        for frame in self._decoded('audio'):
            time_s = self._offset_ns(frame) / 1e9 if frame.time is not None else (due_s or 0.0)
            if due_s is None or abs(time_s - due_s) > _GAP_S:
                if len(held):
                    yield begin_ns, held
                begin_ns, held = round(time_s * 1e9), held[:0]
            due_s = time_s + frame.samples / frame.sample_rate
            made = [f.to_ndarray().reshape(-1, 1) for f in resampler.resample(frame)]
            held = np.concatenate([held, *made])
            while len(held) >= _CHUNK:
                yield begin_ns, held[:_CHUNK]
                begin_ns, held = begin_ns + _CHUNK * 10**9 // RATE_HZ, held[_CHUNK:]
        if len(held):
            yield begin_ns, held

    def _offset_ns(self, frame: Any) -> int:
        return max(0, round((float(frame.time) - self._origin_s) * 1e9))

    def _decoded(self, kind: str) -> Iterator[Any]:
        """Frames of the first stream of a kind, as far as they can be decoded."""
        import av

        with self._open() as container:
            streams = [s for s in getattr(container.streams, kind) if not _is_cover(s)]
            if not streams:
                return
            if streams[0].codec_context is None:
                self.problems[self.path.name] = f'no decoder for its {kind}'
                return
            streams[0].thread_type = 'AUTO'
            try:
                yield from container.decode(streams[0])
            except av.FFmpegError as error:
                self.problems[self.path.name] = error.strerror or str(error)

    def _open(self) -> Any:
        import av

        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as error:
            why = getattr(error, 'strerror', '') or str(error)
            raise FootageError(str(self.path), f'is no film, or cut off: {why}', _GIVE) from error
        if container.format.name == _TEXTS:
            container.close()
            raise FootageError(str(self.path), 'is a text', _GIVE)
        return container


def _is_cover(stream: Any) -> bool:
    """The picture of a piece of music is no film."""
    import av

    return bool(int(stream.disposition) & int(av.stream.Disposition.attached_pic))


def _rate_and_length(container: Any) -> tuple[float, int]:
    """Pictures per second and how many, as the file says; 0 where it does not."""
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        return 0.0, 0
    rate_hz = float(streams[0].average_rate or 0)
    return rate_hz, int(streams[0].frames or (container.duration or 0) / 1e6 * rate_hz)


def _moment(text: str) -> int:
    """Nanoseconds since 1970 of an ISO date, UTC where it names no zone; 0 if it is none."""
    try:
        when = datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError:
        return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return round(when.timestamp() * 1e6) * 1000


def _upright(rgb: Array, degrees: int) -> Array:
    """Turn a picture as the film's display matrix says: degrees counterclockwise."""
    return np.ascontiguousarray(np.rot90(rgb, round(degrees / 90) % 4))
