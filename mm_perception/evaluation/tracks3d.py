"""How good tracks in space are: AMOTA and AMOTP as nuScenes has them, and simple counts.

Written from Weng et al., 3D Multi-Object Tracking: A Baseline and New Evaluation Metrics, IROS
2020, arXiv 1907.03961 (averages over recall), and the text of the tracking benchmark of nuScenes:

- A track's score is the mean over its boxes. Truth and boxes are matched per moment, those of the
  moment before first, then by the Hungarian method; centres on the ground less than 2 m apart.
- Recalls r = 0.1 ... 1 in 40 steps; for each the score at which just that recall is reached, and
  of the tracks above it the counts of misses FN, false boxes FP and switched names IDS.
- MOTAR = max(0, 1 - (IDS + FP + FN - (1 - R) P) / (R P)), with P boxes of truth and R the recall
  that was measured. AMOTA is its mean; a recall that is never reached counts 0.
- AMOTP is the mean of the mean distance of what is matched; a recall never reached counts 2 m.

A difference: R here counts a box whose name has switched as recalled, as in the published formula;
the benchmark's own code leaves it out, which for few switches is the same to first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mm_perception.evaluation.boxes3d import Pair, Rows, rows_of
from mm_perception.samples.sample import Array

DISTANCE_M = 2.0
RECALLS = np.linspace(0.1, 1.0, 40)
_NEVER = 1e6


@dataclass(frozen=True)
class Counts:
    """Of one class with the tracks above one score.

    Attributes:
        num_truth: Boxes in the truth.
        hits: Boxes that are matched, switched ones too.
        false: Boxes that are not.
        misses: Boxes of the truth that are not matched.
        switches: Matched to another track than the time before.
        distance_m: Sum over what is matched.
        speed_error_mps: Sum over what is matched.
    """

    num_truth: int
    hits: int
    false: int
    misses: int
    switches: int
    distance_m: float
    speed_error_mps: float

    @property
    def recall(self) -> float:
        """Share of the truth that is matched."""
        return self.hits / self.num_truth if self.num_truth else 0.0

    @property
    def mota(self) -> float:
        """1 - (misses + false + switches) / truth; not below 0, as the benchmark has it."""
        return max(0.0, 1 - (self.misses + self.false + self.switches) / max(self.num_truth, 1))

    @property
    def motar(self) -> float:
        """MOTA made independent of the recall; 0 where nothing is matched."""
        if self.hits == 0:
            return 0.0
        wrong = self.switches + self.false + self.misses
        wrong_anyway = (1 - self.recall) * self.num_truth
        return max(0.0, 1 - (wrong - wrong_anyway) / (self.recall * self.num_truth))


@dataclass(frozen=True)
class TrackingScores:
    """Means over the classes that the truth has; counts are sums.

    Attributes:
        amota: 0 to 1.
        amotp: Metres, 0 to 2; less is better.
        mota: At the score that is best for it, per class.
        recall: There.
        switches: There.
        false: There.
        misses: There.
        speed_error_mps: There, mean over what is matched.
        classes: AMOTA of each class.
    """

    amota: float
    amotp: float
    mota: float
    recall: float
    switches: int
    false: int
    misses: int
    speed_error_mps: float
    classes: dict[str, float]

    def numbers(self) -> dict[str, float]:
        """All but the classes, rounded, for a table or a file."""
        names = ('amota', 'amotp', 'mota', 'recall', 'speed_error_mps')
        found: dict[str, float] = {name: round(getattr(self, name), 4) for name in names}
        return {**found, **{n: getattr(self, n) for n in ('switches', 'false', 'misses')}}


def score_tracks3d(drives: Sequence[Sequence[Pair]]) -> TrackingScores:
    """Compare tracks with the truth; ids need not agree between them, labels must.

    Args:
        drives: Of each drive its moments in order of time.
    """
    labels = sorted({name for d in drives for truth, _ in d for name in truth.labels})
    curves = {label: _curve(drives, label) for label in labels}
    best = {label: max(c, key=lambda x: x.mota) for label, c in curves.items() if c}
    amota, amotp = {}, []
    for label, curve in curves.items():
        # A recall that is never reached counts as the worst there is.
        lacking = len(RECALLS) - len(curve)
        amota[label] = sum(c.motar for c in curve) / len(RECALLS)
        near = [c.distance_m / c.hits if c.hits else DISTANCE_M for c in curve]
        amotp.append((sum(near) + lacking * DISTANCE_M) / len(RECALLS))
    hits = sum(c.hits for c in best.values())
    num_truth = {label: _num_truth(drives, label) for label in labels}
    return TrackingScores(
        amota=float(np.mean(list(amota.values()))),
        amotp=float(np.mean(amotp)),
        mota=float(np.mean([best[n].mota if n in best else 0.0 for n in labels])),
        recall=float(np.mean([best[n].recall if n in best else 0.0 for n in labels])),
        switches=sum(c.switches for c in best.values()),
        false=sum(c.false for c in best.values()),
        misses=sum(best[n].misses if n in best else num_truth[n] for n in labels),
        speed_error_mps=sum(c.speed_error_mps for c in best.values()) / max(hits, 1),
        classes={name: round(value, 4) for name, value in amota.items()},
    )


def _num_truth(drives: Sequence[Sequence[Pair]], label: str) -> int:
    return sum(name == label for drive in drives for truth, _ in drive for name in truth.labels)


def _curve(drives: Sequence[Sequence[Pair]], label: str) -> list[Counts]:
    """Counts at each of `RECALLS` that is reached."""
    rows = [[(rows_of(t, label), rows_of(f, label)) for t, f in drive] for drive in drives]
    means = [_mean_scores(drive) for drive in rows]
    num_truth = _num_truth(drives, label)
    _, matched = _count(rows, means, -np.inf, num_truth)
    scores = np.sort(np.array(matched))[::-1]
    reached = np.arange(1, len(scores) + 1) / num_truth
    curve = []
    for recall in RECALLS:
        if len(scores) == 0 or recall > reached[-1] + 1e-9:
            break
        threshold = float(np.interp(recall, reached, scores))
        curve.append(_count(rows, means, threshold, num_truth)[0])
    return curve


def _mean_scores(drive: Sequence[tuple[Rows, Rows]]) -> dict[str, float]:
    """Score of each track of a drive."""
    total: dict[str, list[float]] = {}
    for _, found in drive:
        for track_id, score in zip(found.ids, found.scores.tolist(), strict=True):
            total.setdefault(track_id, []).append(score)
    return {track_id: float(np.mean(scores)) for track_id, scores in total.items()}


def _count(
    rows: Sequence[Sequence[tuple[Rows, Rows]]],
    means: Sequence[dict[str, float]],
    threshold: float,
    num_truth: int,
) -> tuple[Counts, list[float]]:
    """Counts, and the scores of the tracks of all that is matched."""
    hits = false = switches = 0
    distance = speed_error = 0.0
    scores = []
    for drive, mean in zip(rows, means, strict=True):
        before: dict[str, str] = {}  # name of the truth to that of the track
        for truth, found in drive:
            kept = [i for i, t in enumerate(found.ids) if mean[t] >= threshold - 1e-12]
            pairs = _matched(truth, found, kept, before)
            for t, f in pairs:
                name, track = truth.ids[t], found.ids[f]
                switches += before.get(name, track) != track
                before[name] = track
                distance += float(np.linalg.norm(truth.xy[t] - found.xy[f]))
                speed_error += float(np.linalg.norm(truth.speeds[t] - found.speeds[f]))
                scores.append(mean[track])
            hits += len(pairs)
            false += len(kept) - len(pairs)
    misses = num_truth - hits
    counts = Counts(num_truth, hits, false, misses, switches, distance, speed_error)
    return counts, scores


def _matched(
    truth: Rows, found: Rows, kept: Sequence[int], before: dict[str, str]
) -> list[tuple[int, int]]:
    """Pairs of truth and box: who belonged together goes on so, the rest by distance."""
    if len(truth.ids) == 0 or not kept:
        return []
    away: Array = np.linalg.norm(truth.xy[:, None] - found.xy[None, list(kept)], axis=2)
    number_of = {found.ids[f]: column for column, f in enumerate(kept)}
    pairs, rows, columns = [], set(range(len(truth.ids))), set(range(len(kept)))
    for row, name in enumerate(truth.ids):
        column = number_of.get(before.get(name, ''))
        if column in columns and column is not None and away[row, column] < DISTANCE_M:
            pairs.append((row, kept[column]))
            rows.discard(row)
            columns.discard(column)
    left, right = sorted(rows), sorted(columns)
    cost = np.where(away < DISTANCE_M, away, _NEVER)[np.ix_(left, right)]
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < DISTANCE_M:
            pairs.append((left[row], kept[right[column]]))
    return pairs
