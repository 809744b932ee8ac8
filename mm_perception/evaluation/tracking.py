"""How well tracks agree with the truth: HOTA, IDF1 and MOTA, with the IoU of masks as likeness.

The measures are computed by TrackEval, the code of the authors of HOTA:

- HOTA, DetA, AssA: Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object
  Tracking, IJCV 2021, arXiv 2009.07736; means over the thresholds 0.05, 0.10 ... 0.95.
- IDF1: Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera
  Tracking, ECCV Workshops 2016, arXiv 1609.01775; threshold 0.5.
- MOTA: Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT
  Metrics, EURASIP JIVP 2008; threshold 0.5.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mm_perception.errors import MissingDependencyError, ShapeError
from mm_perception.evaluation.masks import pair_ious
from mm_perception.samples.sample import Array

_METRICS = ('HOTA', 'Identity', 'CLEAR')


@dataclass(frozen=True, eq=False)
class TrackScores:
    """Scores of one sequence, or of several together.

    All are 0 where the truth or the tracker has nothing at all; `num_truth` and `num_found` tell.

    Attributes:
        hota: Higher order tracking accuracy, 0 to 1.
        det_a: Its detection part.
        ass_a: Its association part.
        idf1: F1 of identities, 0 to 1.
        mota: Multiple object tracking accuracy, at most 1, can be negative.
        id_switches: Times an object's track changed its id.
        num_truth: Masks in the truth, over all frames.
        num_found: Masks of the tracker, over all frames.
        raw: What TrackEval gave, by metric; `together` needs it.
    """

    hota: float
    det_a: float
    ass_a: float
    idf1: float
    mota: float
    id_switches: int
    num_truth: int
    num_found: int
    raw: Mapping[str, Mapping[str, Any]]

    def numbers(self) -> dict[str, float]:
        """All but `raw`, rounded, for a table or a file."""
        names = ('hota', 'det_a', 'ass_a', 'idf1', 'mota')
        counts = {n: int(getattr(self, n)) for n in ('id_switches', 'num_truth', 'num_found')}
        return {**{name: round(float(getattr(self, name)), 4) for name in names}, **counts}


def has_trackeval() -> bool:
    """Whether the library is installed."""
    return importlib.util.find_spec('trackeval') is not None


def require_trackeval() -> None:
    """Find out now, and not after a long run, that the library is missing.

    Raises:
        MissingDependencyError: TrackEval is not installed.
    """
    _metrics()


def score_tracks(truth: Sequence[Array], found: Sequence[Array]) -> TrackScores:
    """Compare two series of maps of ids; ids need not agree between them.

    Args:
        truth: T maps, (H, W) uint16, 0 for background; an id stays with its object.
        found: T maps of the same pictures; an id stays with its track.

    Raises:
        ShapeError: Different numbers of frames, or sizes.
        MissingDependencyError: TrackEval is not installed.
    """
    if len(truth) != len(found):
        raise ShapeError('frames found', f'{len(truth)}, as in the truth', f'{len(found)}')
    data = _sequence(truth, found)
    raw = {name: metric.eval_sequence(data) for name, metric in _metrics().items()}
    return _scores(raw, data['num_gt_dets'], data['num_tracker_dets'])


def together(scores: Sequence[TrackScores]) -> TrackScores:
    """Scores over several sequences: every mask counts alike, as in TrackEval.

    Raises:
        ValueError: There is no sequence.
    """
    if not scores:
        raise ValueError('no sequence to combine')
    raw = {
        name: metric.combine_sequences({str(i): s.raw[name] for i, s in enumerate(scores)})
        for name, metric in _metrics().items()
    }
    num_truth, num_found = sum(s.num_truth for s in scores), sum(s.num_found for s in scores)
    return _scores(raw, num_truth, num_found)


def _sequence(truth: Sequence[Array], found: Sequence[Array]) -> dict[str, Any]:
    """The layout that TrackEval wants: ids without gaps from 0, and likeness by frame."""
    pairs = [pair_ious(t, f) for t, f in zip(truth, found, strict=True)]
    truth_ids = np.unique(np.concatenate([p[0] for p in pairs] or [np.zeros(0, np.intp)]))
    found_ids = np.unique(np.concatenate([p[1] for p in pairs] or [np.zeros(0, np.intp)]))
    return {
        'num_timesteps': len(pairs),
        'num_gt_ids': len(truth_ids),
        'num_tracker_ids': len(found_ids),
        'num_gt_dets': sum(len(p[0]) for p in pairs),
        'num_tracker_dets': sum(len(p[1]) for p in pairs),
        'gt_ids': [np.searchsorted(truth_ids, p[0]) for p in pairs],
        'tracker_ids': [np.searchsorted(found_ids, p[1]) for p in pairs],
        'similarity_scores': [p[2] for p in pairs],
    }


def _scores(raw: Mapping[str, Mapping[str, Any]], num_truth: int, num_found: int) -> TrackScores:
    hota, identity, clear = (raw[name] for name in _METRICS)
    return TrackScores(
        hota=float(np.mean(hota['HOTA'])),
        det_a=float(np.mean(hota['DetA'])),
        ass_a=float(np.mean(hota['AssA'])),
        idf1=float(identity['IDF1']),
        mota=float(clear['MOTA']),
        id_switches=int(clear['IDSW']),
        num_truth=num_truth,
        num_found=num_found,
        raw=raw,
    )


@lru_cache(maxsize=1)
def _metrics() -> dict[str, Any]:
    try:
        from trackeval import metrics
    except ImportError as error:
        install = 'pip install --no-deps trackeval pycocotools tabulate'  # else a second OpenCV
        raise MissingDependencyError('trackeval', 'the evaluation of tracks', install) from error
    quiet = {'PRINT_CONFIG': False}
    return {
        name: getattr(metrics, name)() if name == 'HOTA' else getattr(metrics, name)(quiet)
        for name in _METRICS
    }
