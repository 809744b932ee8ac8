"""How good boxes in space are: the detection measures of nuScenes, in NumPy.

Written from Caesar et al., nuScenes: A Multimodal Dataset for Autonomous Driving, CVPR 2020, arXiv
1903.11027, section 3.1, and the constants that its benchmark publishes:

- A box is found if the centres are less than d apart on the ground, d = 0.5, 1, 2 and 4 m; each
  truth is found once, by the surest box that is near.
- AP at d: precision over recall, read at recalls 0, 0.01 ... 1; of recalls above 0.1 the mean of
  max(0, precision - 0.1), divided by 0.9. mAP is the mean over d and classes.
- Errors of what is found at 2 m, running means over decreasing score, averaged over the recalls
  above 0.1 that are reached; 1 where none is. Translation: metres on the ground. Scale: 1 - IoU of
  the sizes. Orientation: radians. Velocity: m/s on the ground.
- NDS: (5 mAP + sum over the errors of 1 - min(1, error)) / (5 + number of errors). The benchmark
  has a fifth error, of attributes such as parked or moving, which nothing here predicts; so the
  figure is of the same kind, and not the same as, a published one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm_perception.errors import ShapeError
from mm_perception.samples import Boxes3D
from mm_perception.samples.sample import Array

#: Truth and what was found, of one moment, in one frame.
Pair = tuple[Boxes3D, Boxes3D]
DISTANCES_M = (0.5, 1.0, 2.0, 4.0)
ERROR_DISTANCE_M = 2.0
LEAST_RECALL, LEAST_PRECISION = 0.1, 0.1
ERRORS = ('translation', 'scale', 'orientation', 'velocity')
_NUM_RECALLS = 101
_FIRST = round(LEAST_RECALL * (_NUM_RECALLS - 1)) + 1


@dataclass(frozen=True)
class ClassScores:
    """Of one class.

    Attributes:
        ap: Average precision by distance in metres.
        errors: Mean errors of what is found, by name of `ERRORS`.
        num_truth: Boxes in the truth.
        num_found: Boxes that were given.
    """

    ap: dict[float, float]
    errors: dict[str, float]
    num_truth: int
    num_found: int


@dataclass(frozen=True)
class DetectionScores:
    """Of all classes that the truth has.

    Attributes:
        mean_ap: Over distances and classes.
        errors: Means over classes.
        nds: See the module.
        classes: Of each class.
    """

    mean_ap: float
    errors: dict[str, float]
    nds: float
    classes: dict[str, ClassScores]

    def numbers(self) -> dict[str, float]:
        """The figures of all classes together, rounded, for a table or a file."""
        found = {'map': self.mean_ap, 'nds': self.nds}
        found |= {f'{name}_error': value for name, value in self.errors.items()}
        return {name: round(value, 4) for name, value in found.items()}


def score_boxes(pairs: Sequence[Pair]) -> DetectionScores:
    """Compare what was found with the truth; labels are classes.

    Args:
        pairs: Of each moment. What is outside of the range to be judged, or cannot be seen, must
            be left out of both before.

    Raises:
        ShapeError: A truth has no velocities, or there is no truth at all.
    """
    if any(truth.velocities is None for truth, _ in pairs):
        raise ShapeError('truth', 'velocities', 'None')
    labels = sorted({label for truth, _ in pairs for label in truth.labels})
    if not labels:
        raise ShapeError('truth', 'at least one box', 'none')
    classes = {label: _score_class(pairs, label) for label in labels}
    mean_ap = float(np.mean([list(c.ap.values()) for c in classes.values()]))
    errors = {n: float(np.mean([c.errors[n] for c in classes.values()])) for n in ERRORS}
    return DetectionScores(mean_ap, errors, detection_score(mean_ap, errors), classes)


def detection_score(mean_ap: float, errors: dict[str, float]) -> float:
    """NDS; with the five errors of the benchmark it is the published one."""
    kept = sum(1 - min(1.0, error) for error in errors.values())
    return (5 * mean_ap + kept) / (5 + len(errors))


@dataclass(frozen=True, eq=False)
class Rows:
    """Boxes of one class at one moment: what the measures look at.

    Attributes:
        xy: (N, 2) metres on the ground.
        sizes: (N, 3) metres.
        yaws: (N,) radians.
        speeds: (N, 2) m/s on the ground; 0 where no velocity was given.
        scores: (N,).
        ids: N track ids.
    """

    xy: Array
    sizes: Array
    yaws: Array
    speeds: Array
    scores: Array
    ids: tuple[str, ...]


def rows_of(boxes: Boxes3D, label: str) -> Rows:
    """The boxes with a label."""
    own = np.array([i for i, name in enumerate(boxes.labels) if name == label], np.intp)
    speeds = np.zeros((len(boxes), 3)) if boxes.velocities is None else boxes.velocities
    ids = boxes.track_ids or ('',) * len(boxes)
    return Rows(
        boxes.centres[own, :2], boxes.sizes[own], boxes.yaws()[own], speeds[own, :2],
        boxes.scores[own].astype(np.float64), tuple(ids[i] for i in own.tolist()),
    )  # fmt: skip


def _score_class(pairs: Sequence[Pair], label: str) -> ClassScores:
    own = [(rows_of(truth, label), rows_of(found, label)) for truth, found in pairs]
    num_truth = sum(len(truth.xy) for truth, _ in own)
    away = [np.linalg.norm(f.xy[:, None] - t.xy, axis=-1) for t, f in own]  # (found, truth) each
    ap = {}
    for distance in DISTANCES_M:
        _, hits = _found(own, away, distance)
        is_hit = np.array([hit is not None for hit in hits], np.bool_)
        ap[distance] = average_precision(is_hit, num_truth)
    scores, hits = _found(own, away, ERROR_DISTANCE_M)
    errors = _errors(own, scores, hits, num_truth)
    return ClassScores(ap, errors, num_truth, sum(len(found.xy) for _, found in own))


#: Of a box that was found: number of the moment, of the truth and of the box.
_Hit = tuple[int, int, int]


def _found(
    own: Sequence[tuple[Rows, Rows]], away: Sequence[Array], distance_m: float
) -> tuple[Array, list[_Hit | None]]:
    """Scores of all boxes, the surest first, and what each has found."""
    moments = np.repeat(np.arange(len(own)), [len(found.xy) for _, found in own])
    numbers = np.concatenate([np.arange(len(found.xy)) for _, found in own])
    scores = np.concatenate([found.scores for _, found in own])
    order = np.argsort(-scores, kind='stable')
    # Most boxes are near nothing: they need no look at what is still free.
    near = np.concatenate([table.min(axis=1, initial=np.inf) < distance_m for table in away])
    hits: list[_Hit | None] = [None] * len(order)
    free = [np.zeros(table.shape[1]) for table in away]  # infinite once it is taken
    for place in np.flatnonzero(near[order]).tolist():
        moment, box = int(moments[order[place]]), int(numbers[order[place]])
        distances = away[moment][box] + free[moment]
        nearest = int(distances.argmin())
        if distances[nearest] < distance_m:
            free[moment][nearest] = np.inf
            hits[place] = (moment, nearest, box)
    return scores[order], hits


def average_precision(is_hit: Array, num_truth: int) -> float:
    """AP of boxes in order of falling score.

    Args:
        is_hit: (N,) bool, whether the box has found something.
        num_truth: What there was to find, at least 1.
    """
    if len(is_hit) == 0:
        return 0.0
    true = np.cumsum(is_hit)
    recall, precision = true / num_truth, true / np.arange(1, len(true) + 1)
    read = np.interp(np.linspace(0, 1, _NUM_RECALLS), recall, precision, right=0)
    above = np.maximum(read[_FIRST:] - LEAST_PRECISION, 0)
    return float(above.mean() / (1 - LEAST_PRECISION))


def _errors(
    own: Sequence[tuple[Rows, Rows]], scores: Array, hits: Sequence[_Hit | None], num_truth: int
) -> dict[str, float]:
    is_hit = np.array([hit is not None for hit in hits], np.bool_)
    if not is_hit.any():
        return dict.fromkeys(ERRORS, 1.0)
    recall = np.cumsum(is_hit) / num_truth
    sure = np.interp(np.linspace(0, 1, _NUM_RECALLS), recall, scores, right=0)
    last = int(np.flatnonzero(sure).max(initial=0))
    if last < _FIRST:
        return dict.fromkeys(ERRORS, 1.0)
    each = np.array([_error(own, hit) for hit in hits if hit is not None])  # (M, 4)
    means = np.cumsum(each, axis=0) / np.arange(1, len(each) + 1)[:, None]
    hit_scores = scores[is_hit]
    found = {}
    for column, name in enumerate(ERRORS):
        # np.interp wants rising abscissae, scores fall
        read = np.interp(sure[::-1], hit_scores[::-1], means[::-1, column])[::-1]
        found[name] = float(read[_FIRST : last + 1].mean())
    return found


def _error(own: Sequence[tuple[Rows, Rows]], hit: _Hit) -> tuple[float, float, float, float]:
    """The errors of one box, in the order of `ERRORS`."""
    moment, truth_number, box = hit
    truth, found = own[moment]
    away = float(np.linalg.norm(truth.xy[truth_number] - found.xy[box]))
    speed = float(np.linalg.norm(truth.speeds[truth_number] - found.speeds[box]))
    turn = float(truth.yaws[truth_number] - found.yaws[box])
    turn = abs((turn + np.pi) % (2 * np.pi) - np.pi)
    return away, 1 - size_iou(truth.sizes[truth_number], found.sizes[box]), turn, speed


def size_iou(first: Array, second: Array) -> float:
    """IoU of two sizes (3,), as if centres and headings agreed; 0 if one is a point."""
    both = float(np.minimum(first, second).prod())
    union = float(first.prod() + second.prod()) - both
    return both / union if union > 0 else 0.0
