"""Drawings over time: sound, scores, likeness, and what nodes say of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import rerun as rr

from mm_perception.faults import Level
from mm_perception.samples import AudioClip, Embedding, Labels
from mm_perception.viewing.stage import TIMELINE, Stage, parts

SOUND = 'sound, dBFS'
#: Length of sound that becomes one point of the curve, seconds.
_WINDOW_S = 0.02
_SILENCE_DB = -80.0
_LEVELS = {
    Level.OK: rr.TextLogLevel.INFO, Level.WARN: rr.TextLogLevel.WARN,
    Level.ERROR: rr.TextLogLevel.ERROR,
}  # fmt: skip


def draw_audio(stage: Stage, topic: str, clip: AudioClip) -> None:
    """How loud it is, 50 times a second."""
    levels = levels_db(clip)
    if len(levels) == 0:
        return
    stage.layout.add_curve(SOUND)
    stamps = clip.stamp_ns + (np.arange(len(levels)) * _WINDOW_S * 1e9).astype(np.int64)
    stage.recording.send_columns(
        '/'.join(rr.escape_entity_path_part(part) for part in ['curves', SOUND, *parts(topic)]),
        indexes=[rr.TimeColumn(TIMELINE, timestamp=stamps.astype('datetime64[ns]'))],
        columns=rr.Scalars.columns(scalars=levels),
    )


def levels_db(clip: AudioClip) -> np.ndarray[Any, Any]:
    """Root mean square over all channels of windows of 20 ms, (N,) dBFS, at least -80.

    Convention:
        A sine of full scale is at -3 dBFS, int16 as float32.
    """
    scale = 32768.0 if clip.data.dtype == np.int16 else 1.0
    power = ((clip.data.astype(np.float64) / scale) ** 2).mean(axis=1)
    width = max(1, round(_WINDOW_S * clip.rate_hz))
    starts = np.arange(0, len(power), width)
    if len(starts) == 0:
        return np.zeros(0)
    sums = np.add.reduceat(power, starts)
    counts = np.minimum(width, len(power) - starts)
    loud = 10 * np.log10(np.maximum(sums / counts, 1e-12))
    return np.asarray(np.maximum(loud, _SILENCE_DB), np.float64)


def draw_labels(stage: Stage, topic: str, labels: Labels) -> None:
    """A curve per label, and a line in the log when another is the best."""
    for name, score in zip(labels.names, labels.scores.tolist(), strict=True):
        stage.curve('score', f'{topic}/{name.replace("/", " ")}', score)
    if labels.names:
        stage.say_news(topic, f'it is {labels.names[0]}')


def draw_embedding(stage: Stage, topic: str, embedding: Embedding) -> None:
    """How alike it is to the one before: 1 is the same, a dip is a change of what is seen."""
    before = stage.memory.get(topic)
    stage.memory[topic] = embedding
    if before is not None and before.model == embedding.model:
        cosine = float(before.vector.astype(np.float64) @ embedding.vector)
        stage.curve('likeness to the one before', topic, cosine)


def draw_diagnostics(stage: Stage, topic: str, message: Any) -> None:
    """Of each node a line when its level or text changes, and timings and drops as curves.

    That it runs is no news until something else was said of it.
    """
    for status in message.status:
        level = Level(int(status.level[0] if isinstance(status.level, bytes) else status.level))
        name = status.name.split(':')[0].strip('/')
        was_told = stage.memory.get(f'{topic}/{name}', False)
        if level is not Level.OK or was_told:
            line, mark = f'{name}: {status.message}', _LEVELS.get(level, 'ERROR')
            stage.say_news(f'{topic}/{name}', line, mark)
            stage.memory[f'{topic}/{name}'] = True
        for pair in status.values:
            group = _group_of(pair.key)
            if group:
                stage.curve(group, f'{name}/{pair.key}', _number(pair.value))


def _group_of(key: str) -> str:
    """Of the numbers in a status of ours those that are worth a curve."""
    if key.endswith('_ms'):
        return 'times, ms'
    return 'drops and failures' if key.startswith(('drops/', 'failures/')) else ''


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float('nan')
