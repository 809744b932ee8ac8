"""A summary as text, as JSON and as a storyboard; sentences come from templates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from mm_perception.imaging.compressed import decode_picture
from mm_perception.plugins.video_summary.diary import Diary, Span
from mm_perception.plugins.video_summary.selecting import Clip, importances
from mm_perception.samples.sample import Array

_FONT = cv2.FONT_HERSHEY_DUPLEX
_TILE, _CAPTION, _COLUMNS = (320, 180), 52, 3
_MOST_TILES = 12
_PAPER, _INK, _FAINT = (24, 26, 30), (240, 240, 240), (255, 210, 40)


def clock(stamp_ns: int, start_ns: int) -> str:
    """Minutes and seconds since the start.

    Convention:
        83.4 s after the start is 1:23.
    """
    seconds = (stamp_ns - start_ns) // 1_000_000_000
    return f'{seconds // 60}:{seconds % 60:02d}'


def told(diary: Diary, segments: Sequence[Span], clips: Sequence[Clip], stream: str) -> str:
    """The summary in words."""
    start_ns = diary.start_ns
    presences = diary.presences()
    counts = Counter(p.label for p in presences)
    seen = ', '.join(f'{n} x {label}' for label, n in sorted(counts.items())) or 'nothing tracked'
    where = f' of {stream}' if stream else ''
    lines = [
        f'{clock(diary.end_ns, start_ns)} min{where} in {_number(len(segments), "segment")} and '
        f'{_number(len(clips), "clip")}. Seen: {seen}.'
    ]
    for clip in clips:
        lines.append(
            f'{clock(clip.start_ns, start_ns)} - {clock(clip.end_ns, start_ns)}: {_what(clip)}.'
        )
    for presence in presences:
        times = f'{clock(presence.first_ns, start_ns)} to {clock(presence.last_ns, start_ns)}'
        lines.append(f'{presence.label} #{presence.track_id}: in view from {times}.')
    return '\n'.join(lines)


def _what(clip: Clip) -> str:
    if clip.moments:
        return '; '.join(dict.fromkeys(moment.text for moment in clip.moments))
    if clip.span.labels:
        return f'in view: {", ".join(sorted(clip.span.labels))}'
    return 'the picture changes' if clip.span.novelty > 0.3 else 'nothing happens'


def _number(count: int, what: str) -> str:
    return f'{count} {what}{"" if count == 1 else "s"}'


def as_json(diary: Diary, segments: Sequence[Span], clips: Sequence[Clip], stream: str) -> str:
    """The same for machines; all times in seconds since `start_ns`."""
    start_ns = diary.start_ns

    def second(stamp_ns: int) -> float:
        return round((stamp_ns - start_ns) / 1e9, 3)

    weights = importances(diary)
    return json.dumps(
        {
            'stream': stream, 'start_ns': start_ns, 'seconds': second(diary.end_ns),
            'segments': [
                {'start_s': second(s.start_ns), 'end_s': second(s.end_ns),
                 'key_s': second(s.key_ns), 'in_view': sorted(s.labels)}
                for s in segments
            ],
            'clips': [
                {'start_s': second(c.start_ns), 'end_s': second(c.end_ns),
                 'key_s': second(c.span.key_ns), 'text': _what(c)}
                for c in clips
            ],
            'moments': [
                {'time_s': second(m.stamp_ns), 'kind': m.kind, 'text': m.text,
                 'weight': round(m.weight, 3), 'tracks': list(m.track_ids)}
                for m in sorted(diary.moments, key=lambda m: m.stamp_ns)
            ],
            'who': [
                {'track': p.track_id, 'label': p.label, 'first_s': second(p.first_ns),
                 'last_s': second(p.last_ns)}
                for p in diary.presences()
            ],
            'importance': [
                [second(s.start_ns), round(float(w), 3)]
                for s, w in zip(diary.spans, weights, strict=True)
            ],
        }
    )  # fmt: skip


def storyboard(diary: Diary, clips: Sequence[Clip]) -> Array:
    """The key pictures of the weightiest clips with time and words, (H, W, 3) uint8."""
    clips = _weightiest(clips)
    width, height = _TILE
    rows = -(-len(clips) // _COLUMNS)
    sheet = np.full((rows * (height + _CAPTION), _COLUMNS * width, 3), _PAPER, np.uint8)
    for number, clip in enumerate(clips):
        row, column = divmod(number, _COLUMNS)
        top, left = row * (height + _CAPTION), column * width
        picture = decode_picture(clip.span.key)
        fitted = _fit(picture)
        y, x = top + (height - fitted.shape[0]) // 2, left + (width - fitted.shape[1]) // 2
        sheet[y : y + fitted.shape[0], x : x + fitted.shape[1]] = fitted
        time = clock(clip.span.key_ns, diary.start_ns)
        _write(sheet, time, (left + 6, top + height + 20), _FAINT)
        first, rest = _broken(_what(clip), width - 84)
        _write(sheet, first, (left + 52, top + height + 20), _INK)
        _write(sheet, rest, (left + 52, top + height + 42), _INK)
    return sheet


def _weightiest(clips: Sequence[Clip]) -> list[Clip]:
    """At most so many, in order of time."""
    ranked = sorted(range(len(clips)), key=lambda i: -sum(m.weight for m in clips[i].moments))[
        :_MOST_TILES
    ]
    return [clips[i] for i in sorted(ranked)]


def _fit(picture: Array) -> Array:
    scale = min(_TILE[0] / picture.shape[1], _TILE[1] / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _broken(text: str, width_px: int) -> tuple[str, str]:
    """Two lines; what does not fit ends in dots."""
    lines, words = ['', ''], text.split()
    for number in (0, 1):
        while words and _wide(f'{lines[number]} {words[0]}'.strip()) <= width_px:
            lines[number] = f'{lines[number]} {words.pop(0)}'.strip()
    return lines[0], f'{lines[1]} ...' if words else lines[1]


def _wide(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, 0.42, 1)[0][0])


def _write(sheet: Array, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    plain = text.encode('ascii', 'replace').decode()  # the font knows no other letters
    cv2.putText(sheet, plain, at, _FONT, 0.42, colour, 1, cv2.LINE_AA)
