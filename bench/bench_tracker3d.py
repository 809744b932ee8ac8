"""The 3D tracker on true boxes that a detector has spoilt: results/tracker3d.json.

  python -m bench.bench_tracker3d [--worlds 4] [--seconds 8]

Streets of held-out worlds, true boxes of traffic and people within 50 m at 10 Hz, with noise,
misses, things hidden for a while and false alarms (`mm_perception/world/detector.py`). Ways:

  ours            tracker3d as it comes, through TF
  with velocities the detector measures velocities too, as BEV networks do
  late            the same detections, each delayed by up to 0.4 s, in the order of arrival
  late refused    likewise, but what is not the newest is thrown away, as trackers do that know
                  no late detections
  in base_link    no compensation of the vehicle's own motion
  nearest         greedy nearest centre and differences for velocities, in the fixed frame

AMOTA and AMOTP as nuScenes has them; the error of velocities is a mean over all that is matched.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.errors import LateInputError
from mm_perception.evaluation.boxes3d import Pair
from mm_perception.evaluation.tracks3d import score_tracks3d
from mm_perception.geometry import moved
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.tracker3d import Tracker3D, Tracker3DConfig
from mm_perception.samples import Boxes3D
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.detector import Detector, boxes_sample, true_boxes
from mm_perception.world.drive import Drive
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'tracker3d.json'
KINDS = ('car', 'van', 'truck', 'bus', 'cyclist', 'pedestrian')
RATE_HZ, REACH_M, DELAY_S = 10.0, 50.0, 0.4


@dataclass
class Seen:
    """One drive: per moment the truth in odom, and what two detectors saw in base_link."""

    odom_from_base: dict[int, Any] = field(default_factory=dict)
    truth: dict[int, Boxes3D] = field(default_factory=dict)
    plain: list[Boxes3D] = field(default_factory=list)
    with_velocities: list[Boxes3D] = field(default_factory=list)
    arrival: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, seconds: float) -> Seen:
        drive, seen = Drive(seed, lidar=None, split=Split.HELD_OUT), cls()
        detector = Detector(reach_m=REACH_M)
        for index in range(round(seconds * RATE_HZ)):
            time_s = index / RATE_HZ
            stamp_ns = 1_000_000_000 + round(time_s * 1e9)
            at, turn = drive.ego(time_s)
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = turn, at
            boxes = true_boxes(drive, time_s, KINDS)
            near = [box for box in boxes if np.hypot(*box.centre[:2]) < REACH_M]
            seen.odom_from_base[stamp_ns] = matrix
            truth = boxes_sample(near, stamp_ns, 'base_link')
            seen.truth[stamp_ns] = moved(truth, matrix, 'odom')
            seen.plain.append(detector.detect(drive, time_s, boxes, stamp_ns))
            sharp = replace(detector, velocity_std_mps=0.5)
            seen.with_velocities.append(sharp.detect(drive, time_s, boxes, stamp_ns))
        delays = np.random.default_rng(seed).uniform(0, DELAY_S, len(seen.plain))
        seen.arrival = np.argsort(np.arange(len(delays)) / RATE_HZ + delays).tolist()
        return seen


class Ours:
    """The plugin, as the runtime calls it."""

    def __init__(self, seen: Seen, **settings: Any) -> None:
        context = Context(lookup_transform=lambda to, of, stamp_ns: seen.odom_from_base[stamp_ns])
        self._plugin = Tracker3D(Tracker3DConfig(**settings), context)

    def take(self, boxes: Boxes3D) -> Boxes3D | None:
        inputs = Inputs(boxes.stamp_ns, boxes.frame_id, samples={'detections': (boxes,)})
        try:
            found: Any = self._plugin.infer(inputs).get('tracks')
        except LateInputError:
            return None
        return found


class Nearest:
    """Greedy nearest centre, as CenterPoint's tracker; velocity from the last two places."""

    def __init__(self, seen: Seen) -> None:
        self._seen, self._tracks, self._next = seen, [], 1

    def take(self, boxes: Boxes3D) -> Boxes3D | None:
        boxes = moved(boxes, self._seen.odom_from_base[boxes.stamp_ns], 'odom')
        now_s = boxes.stamp_ns / 1e9
        free = [t for t in self._tracks if now_s - t['time_s'] <= 1.0]
        kept = list(free)
        for index in np.argsort(-boxes.scores):
            at, label = boxes.centres[index], boxes.labels[index]
            fitting = [t for t in free if t['label'] == label]

            def away(track: dict[str, Any], at: Any = at) -> float:
                guess = track['at'] + track['speed'] * (now_s - track['time_s'])
                return float(np.linalg.norm((guess - at)[:2]))

            best = min(fitting, key=away, default=None)
            if best is not None and away(best) < 2.0:
                free = [t for t in free if t is not best]
                step = max(now_s - best['time_s'], 1e-3)
                best['speed'] = (at - best['at']) / step * [1, 1, 0]
            elif boxes.scores[index] >= 0.3:
                best = {'id': self._next, 'speed': np.zeros(3), 'label': label, 'hits': 0}
                self._next += 1
                kept.append(best)
            else:
                continue
            best |= {'at': at, 'time_s': now_s, 'index': index, 'hits': best['hits'] + 1}
        self._tracks = kept
        sure = [t for t in kept if t['hits'] >= 3 and t['time_s'] == now_s]
        numbers = [t['index'] for t in sure]
        speeds = np.array([t['speed'] for t in sure]).reshape(-1, 3)
        return Boxes3D(
            stamp_ns=boxes.stamp_ns, frame_id='odom', centres=boxes.centres[numbers],
            sizes=boxes.sizes[numbers], quats_xyzw=boxes.quats_xyzw[numbers],
            scores=boxes.scores[numbers], labels=tuple(t['label'] for t in sure),
            track_ids=tuple(str(t['id']) for t in sure), velocities=speeds,
        )  # fmt: skip


def told(tracker: Ours | Nearest, boxes: Sequence[Boxes3D]) -> Iterator[tuple[Boxes3D, float]]:
    """What a consumer holds for each moment, and the seconds of CPU time that it took."""
    newest: dict[int, tuple[Boxes3D, float]] = {}
    for sample in boxes:
        began = time.process_time()
        found = tracker.take(sample)
        if found is not None:
            newest[found.stamp_ns] = found, time.process_time() - began
    yield from newest.values()


def measure(way: str, drives: Sequence[Seen]) -> dict[str, Any]:
    pairs, cpu_s = [], []
    for seen in drives:
        late = [seen.plain[i] for i in seen.arrival]
        tracker, boxes = {
            'ours': (lambda s: Ours(s), seen.plain),
            'with velocities': (lambda s: Ours(s), seen.with_velocities),
            'late': (lambda s: Ours(s, late_s=0.5), late),
            'late refused': (lambda s: Ours(s, late_s=0.0), late),
            'in base_link': (lambda s: Ours(s, fixed_frame=''), seen.plain),
            'nearest': (lambda s: Nearest(s), seen.plain),
        }[way]
        own: list[Pair] = []
        for found, seconds in told(tracker(seen), boxes):
            cpu_s.append(seconds)
            if found.frame_id == 'base_link':
                found = in_odom(found, seen)
            own.append((seen.truth[found.stamp_ns], found))
        pairs.append(own)
    scores = score_tracks3d(pairs)
    return {
        **scores.numbers(), 'moments': len(cpu_s), 'classes': scores.classes,
        'cpu_ms_per_moment': round(1e3 * float(np.mean(cpu_s)), 3),
    }  # fmt: skip


def in_odom(found: Boxes3D, seen: Seen) -> Boxes3D:
    """What was tracked as if the vehicle stood; velocities are of the frame, and stay so."""
    return moved(found, seen.odom_from_base[found.stamp_ns], 'odom')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=4)
    parser.add_argument('--seconds', type=float, default=8.0)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    source = provenance()
    seeds = range(FINAL_SEED, FINAL_SEED + args.worlds)
    drives = [Seen.of(seed, args.seconds) for seed in seeds]
    names = ('ours', 'with velocities', 'late', 'late refused', 'in base_link', 'nearest')
    ways = {way: measure(way, drives) for way in names}
    num_boxes = sum(len(b) for seen in drives for b in seen.truth.values())
    report = {**source, 'seeds': list(seeds), 'true_boxes': num_boxes, 'ways': ways}
    args.out.write_text(json.dumps(report, indent=2) + '\n')
    for way, found in ways.items():
        print(way, {k: v for k, v in found.items() if k != 'classes'})


if __name__ == '__main__':
    main()
