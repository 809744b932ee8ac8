"""How near the joints are that a pose network finds, beside what a box alone tells."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mm_perception.errors import MissingDependencyError
from mm_perception.nets.pose import PoseEngine, load_pose
from mm_perception.nets.pose.engine import coco_boxes, decode
from mm_perception.nets.pose.weights import processor_of
from mm_perception.training.data import FINAL_SEED, normalised
from mm_perception.training.pose_batches import Person, cut, people_of, window_of
from mm_perception.watching import Watch, counted, unwatched
from mm_perception.world.truth import KEYPOINTS
from mm_perception.world.variety import Split

Floats = npt.NDArray[np.float32]
#: Deviations of what people mark, as shares of the size of a person: of COCO's keypoint task.
SIGMAS = np.array([
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
])  # fmt: skip
#: Area of a person as a share of its box, where no outline is known (PoseTrack in mmpose).
_FILLS = 0.53
#: A joint is found if it is nearer than that share of the torso.
NEAR = 0.2
#: From that score on a joint is said to be in the picture.
SEEN = 0.3
_SCENES, _KNOWN = 60, 24
#: One of so many people is also looked for in a grey picture.
_BLIND = 4
_GROUPS = {
    'head': ('nose', 'eye', 'ear'), 'shoulders': ('shoulder',), 'elbows': ('elbow',),
    'wrists': ('wrist',), 'hips': ('hip',), 'knees': ('knee',), 'ankles': ('ankle',),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """What was found of P people.

    Attributes:
        places: (P, 17, 2) pixels.
        scores: (P, 17) from 0 to 1.
    """

    places: Floats
    scores: Floats


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of P people.

    Attributes:
        places: (P, 17, 2) pixels, NaN where out of the picture.
        visible: (P, 17) 0 not in the picture, 1 hidden, 2 visible.
        boxes: (P, 4) edges, pixels.
        picture: (P,) in which each is.
    """

    places: Floats
    visible: npt.NDArray[np.uint8]
    boxes: Floats
    picture: npt.NDArray[np.int64]

    @classmethod
    def of(cls, people: Sequence[Person]) -> Truth:
        """Of people whose pictures are told apart by identity."""
        numbers: dict[int, int] = {}
        pictures = [numbers.setdefault(_identity(p), len(numbers)) for p in people]
        return cls(
            np.stack([p.pixels for p in people]), np.stack([p.visible for p in people]),
            np.stack([p.box for p in people]), np.array(pictures),
        )  # fmt: skip

    @property
    def torsos(self) -> Floats:
        """(P,) length from a shoulder to the hip across, the longer of both; NaN if unknown."""
        index = KEYPOINTS.index
        spans = np.stack([
            np.linalg.norm(
                self.places[:, index(f'{a}_shoulder')] - self.places[:, index(f'{b}_hip')], axis=1
            )
            for a, b in (('left', 'right'), ('right', 'left'))
        ])  # fmt: skip
        known = np.nan_to_num(spans, nan=0.0).max(0)
        return np.where(known > 0, known, np.nan).astype(np.float32)


def _identity(person: Person) -> int:
    return int(person.rgb.__array_interface__['data'][0])


def near(found: Floats, truth: Truth) -> npt.NDArray[np.float32]:
    """(P, 17) 1 where a joint is within 0.2 of the torso, 0 where not, NaN where not judged."""
    apart = np.linalg.norm(found - truth.places, axis=-1) / truth.torsos[:, None]
    return np.where(np.isnan(apart), np.nan, apart < NEAR).astype(np.float32)


def pck(found: Floats, truth: Truth) -> dict[str, float]:
    """PCK@0.2 of the torso: all joints in the picture, visible ones, hidden ones, and groups."""
    right = near(found, truth)
    result = {
        'all': right, 'visible': np.where(truth.visible == 2, right, np.nan),
        'hidden': np.where(truth.visible == 1, right, np.nan),
    }  # fmt: skip
    for group, words in _GROUPS.items():
        which = [i for i, name in enumerate(KEYPOINTS) if name.endswith(words)]
        result[group] = right[:, which]
    return {name: _mean(values) for name, values in result.items()}


def _mean(values: npt.NDArray[Any]) -> float:
    return round(float(np.nanmean(values)), 3) if np.isfinite(values).any() else float('nan')


def oks_ap(found: Found, truth: Truth) -> dict[str, float]:
    """COCO's AP of keypoints, over thresholds 0.50 to 0.95, and at 0.50 and 0.75.

    Boxes are true ones, so that it is about joints alone; a person counts for as much as the mean
    score of the joints that are said to be in the picture, as ViTPose rates them.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        install = 'pip install --no-deps pycocotools'
        raise MissingDependencyError('pycocotools', 'the AP of poses', install) from error
    people = range(len(truth.boxes))
    boxes = coco_boxes(truth.boxes)
    annotations = [
        {
            'id': i + 1, 'image_id': int(truth.picture[i]) + 1, 'category_id': 1, 'iscrowd': 0,
            'bbox': boxes[i].tolist(), 'area': float(boxes[i, 2] * boxes[i, 3] * _FILLS),
            'num_keypoints': int((truth.visible[i] > 0).sum()),
            'keypoints': _triples(np.nan_to_num(truth.places[i]), truth.visible[i]),
        }
        for i in people
    ]  # fmt: skip
    guesses = [
        {
            'image_id': int(truth.picture[i]) + 1, 'category_id': 1,
            'keypoints': _triples(found.places[i], found.scores[i]),
            'score': rating(found.scores[i]),
        }
        for i in people
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        real = COCO()
        real.dataset = {
            'info': {}, 'images': [{'id': int(i) + 1} for i in np.unique(truth.picture)],
            'categories': [{'id': 1, 'name': 'person'}], 'annotations': annotations,
        }  # fmt: skip
        real.createIndex()
        judge = COCOeval(real, real.loadRes(guesses), 'keypoints')
        judge.params.kpt_oks_sigmas = SIGMAS
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {
        'AP': round(float(judge.stats[0]), 3), 'AP50': round(float(judge.stats[1]), 3),
        'AP75': round(float(judge.stats[2]), 3),
    }  # fmt: skip


def _triples(places: npt.NDArray[Any], last: npt.NDArray[Any]) -> list[float]:
    flat = np.concatenate([places, last[:, None]], axis=1).astype(np.float64)
    return [float(value) for value in flat.reshape(-1)]


def rating(scores: Floats) -> float:
    """Of a person, from scores (17,) of joints: the mean of those in the picture, 0 if none is."""
    said = scores[scores >= SEEN]
    return float(said.mean()) if len(said) else 0.0


def presence(scores: Floats, truth: Truth) -> dict[str, float]:
    """How well scores tell joints in the picture from those that are not."""
    there = truth.visible > 0
    inside, outside = scores[there], scores[~there]
    if not len(outside) or not len(inside):
        return {'auc': float('nan'), 'inside': float('nan'), 'outside': float('nan')}
    ranks = np.searchsorted(np.sort(outside), inside, 'left')
    ties = np.searchsorted(np.sort(outside), inside, 'right') - ranks
    return {
        'auc': round(float((ranks + ties / 2).mean() / len(outside)), 3),
        'inside': round(float((inside >= SEEN).mean()), 3),
        'outside': round(float((outside < SEEN).mean()), 3),
    }


def find(
    engine: PoseEngine, people: Sequence[Person], watch: Watch = unwatched, title: str = 'looking',
    change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] = lambda rgb: rgb,
) -> Found:  # fmt: skip
    """Everybody's joints, from true boxes.

    Args:
        engine: Of the network.
        people: Whose.
        watch: Shows progress.
        title: For it.
        change: What is done to each picture before.
    """
    each = [engine.keypoints(change(p.rgb), p.box[None]) for p in counted(people, watch, title)]
    return Found(np.concatenate([e[0] for e in each]), np.concatenate([e[1] for e in each]))


def mean_pose(people: Sequence[Person]) -> Floats:
    """(17, 2) where in their boxes people have their joints on average, as shares of the box."""
    shares = np.stack([(p.pixels - p.box[:2]) / (p.box[2:] - p.box[:2]) for p in people])
    return np.asarray(np.nanmean(shares, axis=0), np.float32)


def guessed(people: Sequence[Person], pose: Floats) -> Found:
    """A mean pose put into everybody's box."""
    places = np.stack([p.box[:2] + pose * (p.box[2:] - p.box[:2]) for p in people])
    return Found(places.astype(np.float32), np.ones(places.shape[:2], np.float32))


def _grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.full_like(rgb, 128)


def final_scores(weights: Path, device: str, watch: Watch = unwatched) -> dict[str, Any]:
    """Scores on worlds that nothing else has seen, beside those of a box without a picture."""
    from mm_perception.training.pose import load_views

    with watch(0, 'making pictures'):
        people = people_of(load_views(Split.HELD_OUT, _SCENES, FINAL_SEED))
        known = people_of(load_views(Split.TRAIN, _KNOWN, FINAL_SEED))
        seen = people_of(load_views(Split.TRAIN, _KNOWN))
    engine, truth = load_pose(str(weights), device), Truth.of(people)
    found = find(engine, people, watch)
    some = people[::_BLIND]
    blind, theirs = find(engine, some, watch, 'looking at nothing', _grey), Truth.of(some)
    average = guessed(people, mean_pose(seen))
    familiar = find(engine, known, watch, 'looking at known things')
    ours, told = pck(found.places, truth), presence(found.scores, truth)
    scores: dict[str, Any] = {
        'PCK@0.2 of the torso': ours['all'],
        'people (pictures)': f'{len(people)} ({len(set(truth.picture.tolist()))})',
        'PCK of visible joints': ours['visible'],
        'PCK of hidden joints': ours['hidden'],
        **{f'PCK of {group}': ours[group] for group in _GROUPS},
        **{f'OKS-{name}': value for name, value in oks_ap(found, truth).items()},
        'PCK in new worlds of known things': pck(familiar.places, Truth.of(known))['all'],
        'in the picture or not, by score: area under the curve': told['auc'],
        f'joints in the picture with a score of {SEEN}': told['inside'],
        f'joints out of the picture with less than {SEEN}': told['outside'],
        'baseline: PCK of the mean pose in the box': pck(average.places, truth)['all'],
        'baseline: OKS-AP of the mean pose in the box': oks_ap(average, truth)['AP'],
        'baseline: PCK of the same network without the picture': pck(blind.places, theirs)['all'],
        'baseline: OKS-AP of the same network without the picture': oks_ap(blind, theirs)['AP'],
    }
    doing = np.array([p.doing for p in people])
    for word in sorted(set(doing.tolist())):
        rows = near(found.places, truth)[doing == word]
        scores[f'PCK of people {word}'] = _mean(rows)
    return scores


@torch.no_grad()
def quick_scores(
    model: nn.Module, people: Sequence[Person], device: torch.device, most: int = 128
) -> dict[str, float]:
    """PCK of some people, from crops that are made faster than the processor makes them."""
    from mm_perception.training.pose import SHAPE

    some = people[:: max(1, len(people) // most)][:most]
    truth = Truth.of(some)
    crops = np.stack([cut(p, window_of(p.box, SHAPE), SHAPE)[0] for p in some])
    pixels = torch.from_numpy(np.ascontiguousarray(normalised(crops)))
    maps = torch.cat([
        model(block.to(device)).heatmaps.float().cpu() for block in torch.split(pixels, 32)
    ])  # fmt: skip
    config: Any = model.config
    places, scores = decode(processor_of(config), maps, coco_boxes(truth.boxes))
    right = pck(places, truth)
    return {
        'pck': right['all'], 'visible': right['visible'], 'wrists': right['wrists'],
        'presence': presence(scores, truth)['auc'],
    }  # fmt: skip
