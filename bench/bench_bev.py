"""Boxes, tracks and map from above, end to end, on held-out drives: results/bev.json.

  python -m bench.bench_bev [--worlds 4] [--seconds 8] [--weights nano]

A vehicle with a LiDAR drives through streets that no training has seen. Each scan goes to the
plugin `bevformer`, its boxes to the plugin `tracker3d`, as the runtime calls them, with true
poses. Truth are things that at least one point of the scan hits, within 32 m along both axes.

  boxes   mAP, NDS and errors as nuScenes has them, at 10 Hz
  alone   the same without memory
  tracks  AMOTA, AMOTP of what tracker3d makes of the boxes
  map     IoU of each layer where the truth is known
  ms      CPU time per scan of each plugin
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
from mm_perception.evaluation.boxes3d import Pair, score_boxes
from mm_perception.evaluation.tracks3d import score_tracks3d
from mm_perception.geometry import moved
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.bevformer import BevFormerPlugin, BevFormerSettings
from mm_perception.plugins.tracker3d import Tracker3D, Tracker3DConfig
from mm_perception.samples import BevGrid, Boxes3D, PointCloud
from mm_perception.samples.sample import Array
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.bev_clips import MAP_GRID, MAP_LAYERS, REACH_M
from mm_perception.world.detector import boxes_sample, grid_sample, true_boxes
from mm_perception.world.drive import Drive, make_scan
from mm_perception.world.truth import bird_of
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'bev.json'
START_NS = 1_000_000_000
CLASS_OF_KIND = {
    'car': 'car', 'van': 'car', 'truck': 'truck', 'bus': 'truck', 'pedestrian': 'pedestrian',
    'cyclist': 'cyclist', 'cone': 'cone',
}  # fmt: skip


class World:
    """One drive: its scans, and what is true when each begins."""

    def __init__(self, seed: int, seconds: float) -> None:
        self.drive = Drive(seed, seconds, cameras=(), split=Split.HELD_OUT)
        lidar = self.drive.lidar
        assert lidar is not None
        self.lidar, self.count = lidar, int(seconds * lidar.rate_hz)

    def pose(self, frame: str, stamp_ns: int) -> Array:
        """(4, 4) from a frame to odom, which is the world."""
        matrix = np.eye(4)
        if frame != 'odom':
            at, turn = self.drive.ego((stamp_ns - START_NS) / 1e9)
            matrix[:3, :3], matrix[:3, 3] = turn, at
        if frame == self.lidar.name:
            matrix[:3, 3] = matrix[:3, :3] @ self.lidar.at + matrix[:3, 3]
        return matrix

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        """(4, 4), as TF has it."""
        return np.linalg.inv(self.pose(target, stamp_ns)) @ self.pose(source, stamp_ns)

    def moment(self, index: int) -> tuple[PointCloud, Boxes3D, BevGrid]:
        """A scan; true boxes and the true map in base_link at its stamp."""
        scan = make_scan(self.drive, self.lidar, index)
        stamp_ns = START_NS + round(scan.start_s * 1e9)
        hit = set(scan.points['instance'].tolist())
        boxes = [
            replace(box, kind=CLASS_OF_KIND[box.kind])
            for box in true_boxes(self.drive, scan.start_s, tuple(CLASS_OF_KIND))
            if box.instance in hit and np.abs(box.centre[:2]).max() <= REACH_M
        ]
        cloud = PointCloud(stamp_ns=stamp_ns, frame_id=self.lidar.name, points=scan.points)
        at, turn = self.drive.ego(scan.start_s)
        yaw = float(np.arctan2(turn[1, 0], turn[0, 0]))
        bird = bird_of(self.drive.stage, scan.start_s, at, yaw, MAP_GRID)
        truth = boxes_sample(boxes, stamp_ns, 'base_link')
        return cloud, truth, grid_sample(bird, stamp_ns, 'base_link')


@dataclass
class Tally:
    """What is collected over all drives."""

    boxes: list[Pair] = field(default_factory=list)
    tracks: list[list[Pair]] = field(default_factory=list)
    both: Any = field(default_factory=lambda: np.zeros(len(MAP_LAYERS)))
    either: Any = field(default_factory=lambda: np.zeros(len(MAP_LAYERS)))
    detect_s: list[float] = field(default_factory=list)
    track_s: list[float] = field(default_factory=list)

    def add_map(self, found: BevGrid, truth: BevGrid) -> None:
        """Count the cells of each layer."""
        for index, layer in enumerate(MAP_LAYERS):
            real, said = truth.layer(layer), found.layer(layer)
            assert real is not None
            assert said is not None
            known = real >= 0
            self.both[index] += ((real > 50) & (said >= 50) & known).sum()
            self.either[index] += (((real > 50) | (said >= 50)) & known).sum()


def drive_through(world: World, weights: str, tally: Tally, *, memory: bool) -> None:
    """Both plugins over all scans of a drive."""
    context = Context(lookup_transform=world.lookup)
    bev = BevFormerPlugin(BevFormerSettings(weights, min_score=0.02, memory=memory), context)
    bev.load('cpu')
    tracker = Tracker3D(Tracker3DConfig(), context)
    own: list[Pair] = []
    for index in range(world.count):
        cloud, truth, grid = world.moment(index)
        began = time.process_time()
        found: Any = bev.infer(Inputs(cloud.stamp_ns, '', samples=_only(cloud)))
        middle = time.process_time()
        inputs = Inputs(cloud.stamp_ns, 'base_link', samples={'detections': (found['boxes'],)})
        tracks: Any = tracker.infer(inputs).get('tracks')
        tally.track_s.append(time.process_time() - middle)
        tally.detect_s.append(middle - began)
        tally.boxes.append((truth, found['boxes']))
        tally.add_map(found['map'], grid)
        in_odom = moved(truth, world.pose('base_link', truth.stamp_ns), 'odom')
        own.append((in_odom, tracks))
    tally.tracks.append(own)
    bev.close()


def _only(cloud: PointCloud) -> dict[str, Any]:
    """Inputs of a vehicle without cameras, whose motion TF tells."""
    return {'cloud': cloud, 'odometry': None, 'images': {}, 'camera_info': {}}


def measure(worlds: Sequence[World], weights: str, *, memory: bool) -> dict[str, Any]:
    """Over all drives."""
    tally = Tally()
    for world in worlds:
        drive_through(world, weights, tally, memory=memory)
    scores = score_boxes(tally.boxes)
    ious = tally.both / np.maximum(tally.either, 1)
    return {
        'boxes': scores.numbers(),
        'ap': {n: round(float(np.mean(list(c.ap.values()))), 4)
               for n, c in scores.classes.items()},
        'tracks': score_tracks3d(tally.tracks).numbers(),
        'map_iou': {n: round(float(v), 4) for n, v in zip(MAP_LAYERS, ious, strict=True)},
        'ms': {
            'bevformer': round(1e3 * float(np.median(tally.detect_s)), 1),
            'tracker3d': round(1e3 * float(np.median(tally.track_s)), 1),
        },
        'moments': len(tally.boxes),
        'true_boxes': sum(len(truth) for truth, _ in tally.boxes),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=4)
    parser.add_argument('--seconds', type=float, default=8.0)
    parser.add_argument('--weights', default='nano')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    source = provenance()
    worlds = [World(FINAL_SEED + index, args.seconds) for index in range(args.worlds)]
    report = {**source, 'with_memory': measure(worlds, args.weights, memory=True),
              'alone': measure(worlds, args.weights, memory=False)}  # fmt: skip
    args.out.write_text(json.dumps(report, indent=2) + '\n')
    for way in ('with_memory', 'alone'):
        print(way, report[way])


if __name__ == '__main__':
    main()
