"""Alerts of a camera on a post, against what was planted: results/surveillance.json.

  python -m bench.bench_surveillance [--worlds 3] [--seconds 60]

Held-out streets seen from a post (`mm_perception/evaluation/watched.py`): people cross the road,
some stand on it, vehicles pass a line. Rules: a zone on the road for pedestrians (entered, left,
5 s, two at once), a line across it for vehicles by direction, and one vehicle by name (appeared,
gone). What is true comes from positions in the street, of what can be seen at that time. Ways:

  true masks      the plugin on the true masks with their ids
  jittering       likewise, each mask moved by up to 4 pixels, and left out in 1 of 5 pictures
  text_tracker    the plugin on text_tracker with nano weights: the whole chain
  motion          background subtraction in the zone and along the line, no tracks and no labels

An alert is right within 2 s of the truth (5 s for appeared and gone). Privacy: share of the pixels
of people that are hidden, by the masks alone and by the plugin, where masks are left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.provenance import ROOT, provenance
from bench.surveillance_truth import (
    GATE,
    VEHICLES,
    ZONE,
    Happening,
    happenings,
    in_picture,
    matched,
    visible_pixels,
)  # fmt: skip
from mm_perception.evaluation.watched import Watched, planted_visits
from mm_perception.evaluation.worlds import FIRST_SEED
from mm_perception.inputs import Inputs
from mm_perception.plugins.surveillance import Surveillance, SurveillanceConfig
from mm_perception.plugins.surveillance.privacy import Veil
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Image, Masks
from mm_perception.world.drive import render_frame
from mm_perception.world.drive_bag import START_NS

RESULTS = ROOT / 'bench' / 'results' / 'surveillance.json'
RATE_HZ = 5.0
JITTER_PX, MISSES = 4, 0.2
WAYS = ('true masks', 'jittering', 'text_tracker', 'motion')


class Seen:
    """One world: its pictures and true masks, and what happened in it."""

    def __init__(
        self, seed: int, seconds: float, every_s: float = 6.0, rate_hz: float = RATE_HZ
    ) -> None:
        visits = planted_visits(seed, seconds, every_s)
        self.drive = Watched(seed, seconds, rate_hz, lidar=None, visits=visits)
        self.pictures: list[Image] = []
        self.masks: list[Masks] = []
        names = self.drive.names
        for index in range(self.drive.num_frames):
            view = render_frame(self.drive, index).views['camera_post']
            stamp_ns = START_NS + round(index / rate_hz * 1e9)
            header: dict[str, Any] = {'stamp_ns': stamp_ns, 'frame_id': 'camera_post_optical'}
            self.pictures.append(Image(**header, data=view.rgb))
            seen = [i for i in np.unique(view.ids).tolist() if i in names]
            self.masks.append(
                Masks(
                    **header,
                    id_map=np.where(np.isin(view.ids, seen), view.ids, 0),
                    ids=tuple(seen),
                    labels=tuple(names[i] for i in seen),
                    scores=np.ones(len(seen), np.float32),
                )
            )
        self.pixels = visible_pixels(self.drive, self.masks)
        vehicles = [v.name for v in visits if v.kind in VEHICLES and v.start_s > 2]
        self.named = next((n for n in vehicles if vehicles.count(n) == 1), '')
        self.truth = happenings(self.drive, self.pixels, self.named)

    def config(self) -> SurveillanceConfig:
        """The rules, in shares of the picture."""
        camera = self.drive.cameras[0]
        corners, ends = (
            ' '.join(f'{x:.4f},{y:.4f}' for x, y in in_picture(camera, points))
            for points in (ZONE, GATE)
        )
        vehicles = ', '.join(VEHICLES)
        alerts = [
            'entered road: pedestrian', 'left road: pedestrian', 'dwelt road 5 s: pedestrian',
            'crowded road 2: pedestrian', f'crossed gate to the left: {vehicles}',
            f'crossed gate to the right: {vehicles}',
        ]  # fmt: skip
        if self.named:
            alerts += [f'appeared: {self.named}', f'gone: {self.named}']
        return SurveillanceConfig(
            zones=(f'road: {corners}',), lines=(f'gate: {ends}',), alerts=tuple(alerts)
        )


def spoilt(masks: Sequence[Masks], seed: int) -> list[Masks]:
    """Masks that jitter and are left out."""
    rng, found = np.random.default_rng(seed), []
    for sample in masks:
        id_map, kept = np.zeros_like(sample.id_map), []
        for row, number in enumerate(sample.ids):
            shift = rng.integers(-JITTER_PX, JITTER_PX + 1, 2)
            if rng.random() < MISSES:
                continue
            moved = np.roll(sample.mask(number), shift, (0, 1))
            id_map[moved] = number
            kept.append(row)
        found.append(
            Masks(
                stamp_ns=sample.stamp_ns,
                frame_id=sample.frame_id,
                id_map=id_map,
                ids=tuple(sample.ids[r] for r in kept),
                labels=tuple(sample.labels[r] for r in kept),
                scores=sample.scores[kept],
            )
        )
    return found


def chain(seen: Seen) -> tuple[list[Masks], float]:
    """Masks of text_tracker, and seconds of CPU time per picture."""
    named = (seen.named,) if seen.named else ()
    plugin = TextTracker(TextTrackerConfig(prompts=('pedestrian', *VEHICLES, *named)))
    plugin.load('cpu')
    found, began = [], time.process_time()
    for picture in seen.pictures:
        samples: dict[str, Any] = {'image': picture, 'prompt': ()}
        outputs: Any = plugin.infer(Inputs(picture.stamp_ns, picture.frame_id, samples=samples))
        found.append(outputs['masks'])
    plugin.close()
    return found, (time.process_time() - began) / len(found)


def alerts(seen: Seen, masks: Sequence[Masks]) -> list[Happening]:
    """What the plugin says to masks."""
    plugin, told = Surveillance(seen.config()), []
    for sample in masks:
        samples: dict[str, Any] = {'masks': sample, 'image': None, 'camera_info': None}
        inputs = Inputs(sample.stamp_ns, sample.frame_id, samples=samples)
        outputs: Any = plugin.infer(inputs)
        for event in outputs['events']:
            side = 'right' if ' to the right' in event.rule else 'left'
            kind = f'crossed {side}' if event.kind == 'crossed' else event.kind
            start_s, stamp_s = ((ns - START_NS) / 1e9 for ns in (event.start_ns, event.stamp_ns))
            if event.kind in ('dwelt', 'crowded'):
                start_s = stamp_s
            told.append(Happening(kind, start_s, stamp_s))
    return told


def motion(seen: Seen) -> list[Happening]:
    """What background subtraction says: no tracks, no labels, no directions."""
    height, width = seen.pictures[0].data.shape[:2]
    camera, size = seen.drive.cameras[0], np.array([width, height])
    zone, band = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    cv2.fillPoly(zone, [np.int32(in_picture(camera, ZONE) * size)], 1)
    cv2.polylines(band, [np.int32(in_picture(camera, GATE) * size)], False, 1, 7)
    model = cv2.createBackgroundSubtractorMOG2(history=150, detectShadows=True)
    told: list[Happening] = []
    busy: dict[str, list[float]] = {}  # since when, last moved, whether the dwell was told
    for index, picture in enumerate(seen.pictures):
        now_s = index / RATE_HZ
        moves = cv2.medianBlur((model.apply(picture.data) == 255).astype(np.uint8), 3)
        for name, area in (('zone', zone), ('gate', band)):
            is_moving = now_s > 1 and int((moves & area).sum()) > 0.01 * int(area.sum())
            state = busy.get(name)
            if is_moving and state is None:
                busy[name] = [now_s, now_s, 0.0]
                told.append(Happening('entered' if name == 'zone' else 'crossed right', now_s))
            elif is_moving and state is not None:
                state[1] = now_s
                if name == 'zone' and now_s - state[0] >= 5 and not state[2]:
                    state[2] = 1.0
                    told.append(Happening('dwelt', now_s))
            elif state is not None and now_s - state[1] > 0.6:
                if name == 'zone':
                    told.append(Happening('left', state[1], now_s))
                del busy[name]
    return told


def privacy(drives: Sequence[Seen]) -> dict[str, float]:
    """Share of the pixels of people that is hidden where masks jitter and are left out."""
    config, hidden, alone, all_px, veiled_px, total_px = SurveillanceConfig(), 0, 0, 0, 0, 0
    for seen in drives:
        veil = Veil(config.private_labels, config.private_hold_s, config.private_grow)
        for truth, given in zip(seen.masks, spoilt(seen.masks, 1), strict=True):
            area = veil.look(given)
            people = [i for i, t in zip(truth.ids, truth.labels, strict=True) if _is_person(t)]
            person = np.isin(truth.id_map, people)
            bare = np.isin(given.id_map, people)
            all_px += int(person.sum())
            hidden += int((person & area).sum())
            alone += int((person & bare).sum())
            veiled_px += int((area & ~person).sum())
            total_px += person.size
    return {
        'hidden': round(hidden / max(all_px, 1), 4), 'masks_alone': round(alone / all_px, 4),
        'hidden_needlessly': round(veiled_px / total_px, 4),
    }  # fmt: skip


def _is_person(label: str) -> bool:
    return label.endswith(('pedestrian', 'cyclist'))


def measure(drives: Sequence[Seen], told: Callable[[Seen], list[Happening]]) -> dict[str, Any]:
    """Precision, recall and rates over all worlds, and by kind."""
    hours = sum(seen.drive.seconds for seen in drives) / 3600
    kinds: dict[str, list[int]] = {}
    delays: list[float] = []
    for seen in drives:
        for kind, (right, wrong, missed) in matched(seen.truth, told(seen), delays).items():
            counts = kinds.setdefault(kind, [0, 0, 0])
            for place, number in enumerate((right, wrong, missed)):
                counts[place] += number
    right, wrong, missed = (sum(c[i] for c in kinds.values()) for i in range(3))
    return {
        'precision': round(right / max(right + wrong, 1), 3),
        'recall': round(right / max(right + missed, 1), 3),
        'false_alarms_per_hour': round(wrong / hours, 1),
        'alerts_per_hour': round((right + wrong) / hours, 1),
        'true_per_hour': round((right + missed) / hours, 1),
        'median_delay_s': round(float(np.median(delays)), 2) if delays else None,
        'right_wrong_missed': {k: kinds[k] for k in sorted(kinds)},
    }


def mean_iou(drives: Sequence[Seen], masks: Sequence[Sequence[Masks]]) -> float:
    """Of every true visitor of 100 pixels or more with the best mask for it."""
    ious = []
    for seen, found in zip(drives, masks, strict=True):
        for truth, given in zip(seen.masks, found, strict=True):
            for number in truth.ids:
                mask = truth.mask(number)
                if number not in seen.drive.instances or mask.sum() < 100:
                    continue
                best = [given.mask(i) for i in np.unique(given.id_map[mask]) if i]
                overlaps = [float((m & mask).sum() / (m | mask).sum()) for m in best]
                ious.append(max(overlaps, default=0.0))
    return round(float(np.mean(ious)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--ways', nargs='*', default=WAYS, choices=WAYS)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report = provenance()
    drives = [Seen(FIRST_SEED + i, args.seconds) for i in range(args.worlds)]
    report |= {'seeds': [d.drive.seed for d in drives], 'seconds': args.seconds, 'ways': {}}
    for way in args.ways:
        if way == 'text_tracker':
            runs = [chain(seen) for seen in drives]
            given = {id(s): masks for s, (masks, _) in zip(drives, runs, strict=True)}
            found = measure(drives, lambda s, given=given: alerts(s, given[id(s)]))
            found['mean_iou'] = mean_iou(drives, [masks for masks, _ in runs])
            found['cpu_s_per_picture'] = round(float(np.mean([s for _, s in runs])), 3)
        else:
            found = measure(
                drives,
                {
                    'true masks': lambda s: alerts(s, s.masks),
                    'jittering': lambda s: alerts(s, spoilt(s.masks, s.drive.seed)),
                    'motion': motion,
                }[way],
            )
        report['ways'][way] = found
        print(way, found, flush=True)
    report['privacy'] = privacy(drives)
    print('privacy', report['privacy'])
    args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
