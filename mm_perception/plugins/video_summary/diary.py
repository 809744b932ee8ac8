"""What one camera saw, kept in a memory that does not grow: spans of time, moments, presences.

A span is some time with one key picture. Where there are too many spans, the two neighbours that
differ least become one, so that hours keep their changes and lose their repetitions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from mm_perception.samples import Masks
from mm_perception.samples.sample import Array

_LOST_NS = 2_000_000_000
_SAME_NS = 2_000_000_000
_SMALLEST_PX = 30
#: Weight of one sample in the running mean of pictures, and of how far they are from it.
_RATE = 0.1
BORN, DIED = 0.6, 0.4


@dataclass(frozen=True)
class Moment:
    """Something worth telling.

    Attributes:
        stamp_ns: When.
        kind: One word: appeared, gone, said, or the kind of an event.
        text: A sentence without its full stop.
        weight: In [0, 1].
        track_ids: Of whom.
    """

    stamp_ns: int
    kind: str
    text: str
    weight: float
    track_ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Span:
    """Some time.

    Attributes:
        start_ns: From its first picture.
        end_ns: To the first picture of the next span.
        total: (D,) sum of the vectors of its pictures.
        count: Of pictures.
        novelty: In [0, 1]: how new the newest-looking picture was.
        key_ns: Stamp of the key picture.
        key: (N,) uint8, the key picture as JPEG.
        labels: What was in view.
    """

    start_ns: int
    end_ns: int
    total: Array
    count: int
    novelty: float
    key_ns: int
    key: Array
    labels: frozenset[str]

    @property
    def mean(self) -> Array:
        """(D,) of its pictures."""
        return self.total / self.count


@dataclass
class Presence:
    """A track, from when to when."""

    track_id: str
    label: str
    first_ns: int
    last_ns: int
    hits: int = 1


@dataclass
class _Novelty:
    """How far a picture is from those before it, against how far they usually are."""

    mean: Array | None = None
    usual: float = 0.0
    seen: int = 0

    def of(self, vector: Array) -> float:
        if self.mean is None or self.mean.shape != vector.shape:
            self.mean, self.usual, self.seen = vector.copy(), 0.0, 0
            return 0.0
        away = float(np.linalg.norm(vector - self.mean))
        usual, self.seen = self.usual, self.seen + 1
        rate = max(_RATE, 1 / (self.seen + 1))
        self.mean += rate * (vector - self.mean)
        self.usual += rate * (away - self.usual)
        if self.seen < 4 or usual <= 1e-9:
            return 0.0
        return float(np.clip(away / usual / 2 - 0.75, 0, 1))


@dataclass
class Diary:
    """What one camera saw.

    Attributes:
        max_spans: Most spans.
        max_moments: Most moments; the least important go first. As many presences.
        spans: In order.
        moments: In order of arrival.
        past: Presences that are over.
        now: Those that are not, by track id.
    """

    max_spans: int
    max_moments: int
    spans: list[Span] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    past: list[Presence] = field(default_factory=list)
    now: dict[str, Presence] = field(default_factory=dict)
    _novelty: _Novelty = field(default_factory=_Novelty)
    _masks_ns: int = -1
    _labels: frozenset[str] = frozenset()

    def picture(self, stamp_ns: int, vector: Array, key: Array, masks: Masks | None) -> None:
        """Take in a picture.

        Args:
            stamp_ns: Of the picture.
            vector: (D,) that stands for it.
            key: The picture as JPEG.
            masks: The newest there are near it.
        """
        if masks is not None and masks.stamp_ns != self._masks_ns:
            self._see(masks)
        self._bury(stamp_ns)
        if self.spans and self.spans[-1].total.shape != vector.shape:
            self.spans = [_as_if(span, vector) for span in self.spans]
        if self.spans:
            self.spans[-1] = _ended(self.spans[-1], stamp_ns)
        novelty = self._novelty.of(vector)
        self.spans.append(
            Span(stamp_ns, stamp_ns, vector, 1, novelty, stamp_ns, key, self._labels)
        )
        if len(self.spans) > self.max_spans:
            self._merge()

    def add(self, moment: Moment) -> None:
        """Take in a moment; what says the same of the same track is told once."""
        for index, other in enumerate(self.moments[-100:], max(len(self.moments) - 100, 0)):
            is_same = other.kind == moment.kind and set(other.track_ids) & set(moment.track_ids)
            if is_same and abs(other.stamp_ns - moment.stamp_ns) <= _SAME_NS:
                if moment.weight > other.weight:
                    self.moments[index] = moment
                return
        self.moments.append(moment)
        if len(self.moments) > self.max_moments:
            self.moments.remove(min(self.moments, key=lambda m: (m.weight, m.stamp_ns)))

    @property
    def start_ns(self) -> int:
        """Of the first picture."""
        return self.spans[0].start_ns

    @property
    def end_ns(self) -> int:
        """Of the newest picture."""
        return self.spans[-1].end_ns

    def presences(self) -> list[Presence]:
        """All, also those that are not over, by their beginning."""
        lasting = [p for p in self.now.values() if p.hits > 1]
        return sorted([*self.past, *lasting], key=lambda p: (p.first_ns, p.track_id))

    def about(self, text: str) -> Diary:
        """A copy with the moments and presences only that have all words of a text in them.

        Convention:
            "the red car" is about 'red car #3 appeared', not about 'car #4 was gone'.
        """
        words = set(re.findall(r'\w+', text.lower())) - {'a', 'an', 'the'}

        def fits(what: str) -> bool:
            return words <= set(re.findall(r'\w+', what.lower()))

        return replace(
            self,
            moments=[m for m in self.moments if fits(m.text)],
            past=[p for p in self.past if fits(p.label)],
            now={i: p for i, p in self.now.items() if fits(p.label)},
        )

    def _see(self, masks: Masks) -> None:
        self._masks_ns = masks.stamp_ns
        counts = np.bincount(masks.id_map.reshape(-1), minlength=65536)
        seen = [i for i in masks.ids if counts[i] >= _SMALLEST_PX]
        names = dict(zip(masks.ids, masks.labels, strict=True))
        self._labels = frozenset(names[i] for i in seen)
        for number in seen:
            track_id, label = str(number), names[number]
            known = self.now.get(track_id)
            if known is None:
                self.now[track_id] = Presence(track_id, label, masks.stamp_ns, masks.stamp_ns)
                continue
            known.last_ns, known.hits = masks.stamp_ns, known.hits + 1
            is_new = self.spans and known.first_ns - self.start_ns > _SAME_NS / 2
            if known.hits == 2 and is_new:
                text = f'{label} #{track_id} appeared'
                self.add(Moment(known.first_ns, 'appeared', text, BORN, (track_id,)))

    def _bury(self, now_ns: int) -> None:
        for track_id, known in list(self.now.items()):
            if now_ns - known.last_ns <= _LOST_NS:
                continue
            del self.now[track_id]
            if known.hits > 1:
                text = f'{known.label} #{track_id} was gone'
                self.add(Moment(known.last_ns, 'gone', text, DIED, (track_id,)))
                self.past.append(known)
        while len(self.past) > self.max_moments:
            self.past.remove(min(self.past, key=lambda p: p.last_ns - p.first_ns))

    def _merge(self) -> None:
        """One span fewer: the newest stays as it is, so that it can still be compared."""
        spans = self.spans[:-1]
        usual = usual_change(spans)
        costs = [merge_cost(one, other, usual) for one, other in pairwise(spans)]
        at = int(np.argmin(costs))
        weights = [
            span.novelty + weight_in(self.moments, span.start_ns, span.end_ns)
            for span in self.spans[at : at + 2]
        ]
        self.spans[at : at + 2] = [merged(self.spans[at], self.spans[at + 1], weights)]


def weight_in(moments: Collection[Moment], start_ns: int, end_ns: int) -> float:
    """How much happens in a time: one minus the product of what each moment leaves.

    Convention:
        Two moments of weight 0.5 in it make 0.75; none make 0.
    """
    left = 1.0
    for moment in moments:
        if start_ns <= moment.stamp_ns < end_ns:
            left *= 1 - moment.weight
    return 1 - left


def usual_change(spans: Sequence[Span]) -> float:
    """Half the median squared distance of neighbours: what is no change but noise."""
    means = np.array([span.mean for span in spans])
    if len(means) < 2:
        return 1e-9
    return max(float(np.median(((means[1:] - means[:-1]) ** 2).sum(1))) / 2, 1e-9)


def merge_cost(one: Span, other: Span, usual: float) -> float:
    """What is lost where two neighbours become one.

    Ward's increase of the squared error of the vectors, in units of the usual change (pictures
    that differ by noise alone cost about 1), plus 4 where nothing that is in view is in both.
    """
    apart = float(((one.mean - other.mean) ** 2).sum())
    ward = one.count * other.count / (one.count + other.count) * apart / usual
    return ward + 4 * _differ(one.labels, other.labels)


def _differ(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard distance."""
    both = one | other
    return len(one ^ other) / len(both) if both else 0.0


def merged(one: Span, other: Span, weights: Sequence[float]) -> Span:
    """Two neighbours as one, with the key picture of the weightier."""
    best = one if weights[0] >= weights[1] else other
    return Span(
        one.start_ns, other.end_ns, one.total + other.total, one.count + other.count,
        max(one.novelty, other.novelty), best.key_ns, best.key, one.labels | other.labels,
    )  # fmt: skip


def _ended(span: Span, end_ns: int) -> Span:
    return Span(
        span.start_ns, end_ns, span.total, span.count, span.novelty, span.key_ns, span.key,
        span.labels,
    )  # fmt: skip


def _as_if(span: Span, vector: Array) -> Span:
    """The vectors are of another kind from now on: what was before cannot be compared."""
    return Span(
        span.start_ns, span.end_ns, vector * span.count, span.count, span.novelty, span.key_ns,
        span.key, span.labels,
    )  # fmt: skip
