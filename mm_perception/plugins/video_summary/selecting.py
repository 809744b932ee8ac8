"""Which parts of a film are its summary: segments by change points, clips by a greedy choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mm_perception.plugins.video_summary.diary import (
    Diary,
    Moment,
    Span,
    merge_cost,
    merged,
    usual_change,
    weight_in,
)
from mm_perception.samples.sample import Array

#: What is new to the eye counts this much beside what happens.
_NOVELTY, _VARIETY = 0.3, 0.1
#: Neighbours that differ by less, in units of the usual difference, are one segment.
_CHANGE = 60.0


@dataclass(frozen=True, eq=False)
class Clip:
    """A part that was chosen.

    Attributes:
        start_ns: From.
        end_ns: To.
        span: With the key picture.
        moments: What happens in it.
    """

    start_ns: int
    end_ns: int
    span: Span
    moments: tuple[Moment, ...]


def importances(diary: Diary) -> Array:
    """(N,) of every span, in [0, 1]."""
    found = [
        1 - (1 - _NOVELTY * s.novelty) * (1 - weight_in(diary.moments, s.start_ns, s.end_ns))
        for s in diary.spans
    ]
    return np.array(found)


def segments_of(diary: Diary, most: int) -> list[Span]:
    """Neighbours that are alike become one, bottom up, until what is left differs.

    Args:
        diary: What was seen.
        most: Segments, however much they differ.

    Source: Keogh et al., An Online Algorithm for Segmenting Time Series, ICDM 2001 (bottom up).
    """
    spans, weights = list(diary.spans), importances(diary).tolist()
    usual = usual_change(spans)
    costs = [merge_cost(one, other, usual) for one, other in pairwise(spans)]
    while costs:
        at = int(np.argmin(costs))
        if len(spans) <= most and costs[at] > _CHANGE:
            break
        spans[at : at + 2] = [merged(spans[at], spans[at + 1], weights[at : at + 2])]
        weights[at : at + 2] = [max(weights[at : at + 2])]
        del costs[at]
        for index in (at - 1, at):
            if 0 <= index < len(costs):
                costs[index] = merge_cost(spans[index], spans[index + 1], usual)
    return spans


def choose(diary: Diary, share: float, clip_s: float, most: int) -> list[Clip]:
    """Clips that together last at most a share of the whole, and show most of what happened.

    In each step the clip with the most that is not shown yet per second that it adds: greedy
    maximum coverage under a budget (Khuller, Moss and Naor, 1999).

    Args:
        diary: What was seen.
        share: Of the whole length.
        clip_s: Length of a clip.
        most: Clips.

    Returns:
        In order of time; at least one.
    """
    half_ns = int(clip_s * 5e8)
    budget_ns = max(share * (diary.end_ns - diary.start_ns), 2 * half_ns)
    spans = diary.spans
    centres = np.array([m.stamp_ns for m in diary.moments] + [s.key_ns for s in spans], np.int64)
    near = np.searchsorted([s.start_ns for s in spans], centres, 'right') - 1
    near = np.clip(near, 0, len(spans) - 1)
    starts = np.clip(centres - half_ns, diary.start_ns, None)
    ends = np.clip(centres + half_ns, None, max(diary.end_ns, diary.start_ns + 1))
    shows = _shows(starts, ends, diary.moments)
    vectors = _unit(np.array([span.mean for span in spans]))[near]
    novelty = np.array([span.novelty for span in spans])[near]
    left = np.array([m.weight for m in diary.moments])
    variety = np.ones(len(centres))
    chosen: list[int] = []
    added = (ends - starts).astype(np.float64)
    while len(chosen) < most and budget_ns > 0:
        gains = shows @ left + _NOVELTY * novelty * (added > half_ns) + _VARIETY * variety
        gains = np.where((added > 0) & (added <= budget_ns * 1.001), gains, -1.0)
        best = int(np.argmax(gains / np.maximum(added, 1e7)))
        if gains[best] <= 0:
            break
        chosen.append(best)
        budget_ns -= added[best]
        left = left * ~shows[best]
        variety = np.minimum(variety, 1 - np.clip(vectors @ vectors[best], 0, 1))
        added = _added(starts, ends, starts[chosen], ends[chosen])
    return _clips(diary, starts[chosen], ends[chosen])


def _shows(starts: Array, ends: Array, moments: Sequence[Moment]) -> Array:
    """(C, M) bool: which clip shows which moment."""
    stamps = np.array([m.stamp_ns for m in moments], np.int64)
    return np.asarray((stamps >= starts[:, None]) & (stamps <= ends[:, None]))


def _added(starts: Array, ends: Array, from_ns: Array, to_ns: Array) -> Array:
    """(C,) ns that each clip adds to the union of those that are chosen."""
    added = (ends - starts).astype(np.float64)
    for first, last in _united(from_ns, to_ns):
        added -= np.clip(np.minimum(ends, last) - np.maximum(starts, first), 0, None)
    return added


def _united(from_ns: Array, to_ns: Array) -> list[tuple[int, int]]:
    """Intervals in order, those that overlap or touch as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(zip(from_ns.tolist(), to_ns.tolist(), strict=True)):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _clips(diary: Diary, starts: Array, ends: Array) -> list[Clip]:
    clips, weights = [], importances(diary)
    for first, last in _united(starts, ends):
        inside = [i for i, s in enumerate(diary.spans) if s.start_ns <= last and s.end_ns >= first]
        moments = sorted(
            (m for m in diary.moments if first <= m.stamp_ns <= last), key=lambda m: m.stamp_ns
        )
        best = max(inside, key=lambda i: (weights[i], diary.spans[i].count))
        clips.append(Clip(first, last, diary.spans[best], tuple(moments)))
    return clips


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)[:, None])
