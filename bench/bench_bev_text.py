"""The map that answers texts against the truth of held-out streets: results/bev_text.json.

  python -m bench.bench_bev_text [--worlds 3] [--seconds 2]

Six cameras of 480x270 at 2 Hz and a LiDAR at 10 Hz, true poses as TF. After each second every
prompt is asked, and each cell that was seen by then, by whatever way, is compared with the true
map of that moment; what a way does not know counts as 0 per cent. Ways:

  segments        bev_text as it comes, without masks: what stands apart in the scan, and patches
  patches         patches alone
  true masks      with the true masks of all named things (of 60 px and more)
  ... one moment  the same, but the newest picture of each camera alone
  height alone    no CLIP: all that stands for a prompt that names a known thing, all that does not
                  for one that names ground, else everything

AP is the area under precision and recall of the cells, equal values taken together; for an answer
without sense it is the share of true cells (`share`). IoU is that of cells from 50 per cent on.
Prompts with a word that the weights do not know are refused.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.errors import PromptError
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.bev_text import BevText, BevTextConfig
from mm_perception.plugins.bev_text.question import Question
from mm_perception.samples import BevGrid, CameraInfo, Image, Masks, PointCloud, Text
from mm_perception.samples.sample import Array
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.drive import Drive, Frame, observe, ring_of_cameras
from mm_perception.world.truth import CLASSES, Grid, bird_of
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'bev_text.json'
#: Prompt to what is true of it: kinds of things, and classes of the true map.
PROMPTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    'a car': (('car',), ()),
    'a vehicle': (('car', 'van', 'truck', 'bus'), ()),
    'a pedestrian': (('pedestrian',), ()),
    'a traffic cone': (('cone',), ()),
    'a tree': (('tree',), ()),
    'a building': ((), ('building',)),
    'a road': ((), ('road', 'marking', 'crossing')),
}
#: Of those the words that weights nano were trained with; mAP is the mean over them.
KNOWN = ('a car', 'a vehicle', 'a pedestrian', 'a traffic cone')
RATE_HZ, REACH_M = 2.0, 25.0
#: By prompt and stamp.
Answers = dict[tuple[str, int], BevGrid]


def ns(time_s: float) -> int:
    return 1_000_000_000 + round(time_s * 1e9)


@dataclass
class Seen:
    """One drive.

    Attributes:
        drive: What was driven.
        frames: Per moment the stamp, and per camera picture, calibration and true masks.
        clouds: All scans.
    """

    drive: Drive
    frames: list[tuple[int, dict[str, tuple[Image, CameraInfo, Masks]]]] = field(
        default_factory=list
    )
    clouds: list[PointCloud] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, seconds: float) -> Seen:
        cameras = ring_of_cameras(480, 270)
        drive = Drive(seed, seconds + 1 / RATE_HZ, RATE_HZ, cameras, split=Split.HELD_OUT)
        seen = cls(drive)
        for _, what in observe(drive):
            if isinstance(what, Frame):
                seen.frames.append((ns(what.time_s), seen._samples(what)))
            else:
                points = np.asarray(what.points)
                cloud = PointCloud(stamp_ns=ns(what.start_s), frame_id='lidar', points=points)
                seen.clouds.append(cloud)
        return seen

    def _samples(self, frame: Frame) -> dict[str, tuple[Image, CameraInfo, Masks]]:
        stamp_ns, names, found = ns(frame.time_s), self.drive.names, {}
        for camera in self.drive.cameras:
            view = frame.views[camera.name]
            there = [n for n in np.unique(view.ids).tolist() if n in names]
            id_map = np.where(np.isin(view.ids, there), view.ids, 0).astype(np.uint16)
            masks = Masks(
                stamp_ns=stamp_ns, frame_id=camera.frame_id, id_map=id_map, ids=tuple(there),
                labels=tuple(names[n] for n in there), scores=np.ones(len(there), np.float32),
            )  # fmt: skip
            image = Image(stamp_ns=stamp_ns, frame_id=camera.frame_id, data=view.rgb)
            found[camera.name] = image, camera.info(stamp_ns), masks
        return found

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        at, turn = self.drive.ego((stamp_ns - ns(0)) / 1e9)
        poses = {'odom': np.eye(4), 'base_link': np.eye(4)}
        poses['base_link'][:3, :3], poses['base_link'][:3, 3] = turn, at
        assert self.drive.lidar is not None
        mounts = {c.frame_id: (c.at, c.turn) for c in self.drive.cameras}
        mounts['lidar'] = self.drive.lidar.at, np.eye(3)
        for name, (place, axes) in mounts.items():
            mount = np.eye(4)
            mount[:3, :3], mount[:3, 3] = axes, place
            poses[name] = poses['base_link'] @ mount
        return np.asarray(np.linalg.inv(poses[target]) @ poses[source])

    def truth(self, answer: BevGrid) -> dict[str, Array]:
        """The truth of each prompt on the cells of an answer."""
        half = answer.cells.shape[1] * answer.resolution_m / 2
        centre = np.array([answer.origin[0] + half, answer.origin[1] + half, 0.0])
        grid = Grid(answer.resolution_m, half, half, half)
        time_s = (answer.stamp_ns - ns(0)) / 1e9
        bird = bird_of(self.drive.stage, time_s, centre, 0.0, grid)
        kinds = {t.instance: t.kind for t in self.drive.stage.scene.things}
        found = {}
        for prompt, (things, ground) in PROMPTS.items():
            own = [number for number, kind in kinds.items() if kind in things]
            classes = [CLASSES.index(kind) for kind in ground]
            found[prompt] = np.isin(bird.instances, own) & (bird.instances > 0)
            found[prompt] |= np.isin(bird.classes, classes)
        return found


@dataclass
class Score:
    """Cells of one prompt: what was answered, and what is true."""

    values: list[Array] = field(default_factory=list)
    truth: list[Array] = field(default_factory=list)
    hidden: int = 0

    def add(self, answer: Array, truth: Array, seen: Array) -> None:
        """Take an answer (H, W) on the cells that were seen (H, W); unknown counts as 0."""
        self.values.append(np.maximum(answer[seen], 0))
        self.truth.append(truth[seen])
        self.hidden += int(truth[~seen].sum())

    def numbers(self) -> dict[str, Any]:
        if not self.values:
            return {'refused': True}
        values, truth = np.concatenate(self.values), np.concatenate(self.truth)
        told = values >= 50
        union = int((told | truth).sum())
        return {
            'AP': round(average_precision(values, truth), 4),
            'share': round(float(truth.mean()), 4),
            'IoU': round(float((told & truth).sum() / max(union, 1)), 4),
            'true_cells_seen': int(truth.sum()),
            'true_cells_unseen': self.hidden,
        }


def average_precision(values: Array, truth: Array) -> float:
    """Sum of precision times gain of recall over all thresholds; 0 if nothing is true."""
    counts = np.bincount(values.astype(int), minlength=101)[::-1].cumsum()
    hits = np.bincount(values[truth].astype(int), minlength=101)[::-1].cumsum()
    gains = np.diff(hits, prepend=0) / max(int(truth.sum()), 1)
    return float((gains * hits / np.maximum(counts, 1)).sum())


def answers(way: str, seen: Seen) -> Answers:
    """Answers by prompt and stamp, after each second."""
    config = BevTextConfig(every_s=0.01, reach_m=REACH_M, segments='patches' not in way)
    if way == 'height alone':  # what is embedded does not matter
        config = replace(config, segments=False, patches=(1.0,))
    plugin = BevText(config, Context(lookup_transform=seen.lookup))
    plugin.load('cpu')
    found = {}
    for index, (stamp_ns, views) in enumerate(seen.frames):
        is_due = index > 0 and index % round(RATE_HZ) == 0
        if 'one moment' in way:
            plugin.reset()
            if not is_due:
                continue
        cloud = min(seen.clouds, key=lambda c: abs(c.stamp_ns - stamp_ns))
        for name, (image, info, masks) in views.items():
            samples: dict[str, Any] = {
                'image': image, 'camera_info': info, 'cloud': cloud, 'depth': None, 'map': None,
                'masks': masks if 'masks' in way else None, 'query': (),
            }  # fmt: skip
            plugin.infer(Inputs(stamp_ns, image.frame_id, name, samples=samples))
        for prompt in PROMPTS if is_due else ():
            if way == 'height alone':
                found[prompt, stamp_ns] = by_height(plugin, prompt, stamp_ns)
                continue
            # The picture was looked at already: this only asks.
            samples['query'] = (Text(stamp_ns=stamp_ns, text=prompt),)
            try:
                told: Any = plugin.infer(Inputs(stamp_ns, image.frame_id, name, samples=samples))
                found[prompt, stamp_ns] = told['answer']
            except PromptError:  # a word that the weights do not know
                samples['query'] = (Text(stamp_ns=stamp_ns, text=''),)
                plugin.infer(Inputs(stamp_ns, image.frame_id, name, samples=samples))
    plugin.close()
    return found


def by_height(plugin: BevText, prompt: str, stamp_ns: int) -> BevGrid:
    """All that is as high as what the prompt names."""
    slots, _, heights = plugin.cells.known()
    stands, wanted = heights >= plugin.config.min_height_m, Question.of(prompt).stands
    fits = np.ones(len(slots), bool) if wanted is None else stands == wanted
    cells = plugin.cells.grid(slots, np.where(fits, 100, 0), -1)[None]
    return BevGrid(
        stamp_ns=stamp_ns, frame_id='odom', layers=('asked',), cells=cells,
        resolution_m=plugin.cells.resolution_m, origin=(*plugin.cells.corner_m, 0.0, 0.0),
    )  # fmt: skip


def measure(way: str, drives: Sequence[Seen], all_sights: Sequence[Answers]) -> dict[str, Any]:
    """Scores of a way on the cells that all sights together have seen."""
    scores = {prompt: Score() for prompt in PROMPTS}
    began = time.process_time()
    for seen, everything in zip(drives, all_sights, strict=True):
        for key, answer in answers(way, seen).items():
            is_seen = everything[key].cells[0] >= 0
            scores[key[0]].add(answer.cells[0], seen.truth(answer)[key[0]], is_seen)
    prompts = {prompt: score.numbers() for prompt, score in scores.items()}
    known = [prompts[p]['AP'] for p in KNOWN]
    return {
        'mAP': round(float(np.mean(known)), 4),
        'cpu_s': round(time.process_time() - began, 1), 'prompts': prompts,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=2.0)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    source = provenance()
    seeds = range(FINAL_SEED, FINAL_SEED + args.worlds)
    drives = [Seen.of(seed, args.seconds) for seed in seeds]
    names = (
        'segments', 'patches', 'true masks', 'segments, one moment', 'true masks, one moment',
        'height alone',
    )  # fmt: skip
    all_sights = [answers('height alone', seen) for seen in drives]
    ways = {way: measure(way, drives, all_sights) for way in names}
    report = {**source, 'seeds': list(seeds), 'seconds': args.seconds, 'ways': ways}
    args.out.write_text(json.dumps(report, indent=2) + '\n')
    for way, found in ways.items():
        print(
            way,
            found['mAP'],
            {p: (n.get('AP'), n.get('IoU')) for p, n in found['prompts'].items()},
        )


if __name__ == '__main__':
    main()
