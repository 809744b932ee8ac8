"""Whether what a person points at is selected, in held-out rooms: results/pointing.json.

  python -m bench.bench_pointing [--rooms 16] [--idle 6] [--no-pose]

Rooms of seeds 900000 on that nothing was trained on, pictures of 640x360 at 5 Hz from a corner,
depth as noisy as a Kinect's, true masks. In each one somebody stands, holds an arm towards a thing
for 2.8 s and lets it hang again; other people walk, stand or wave. In `idle` rooms the arm goes up
bent, and nothing is meant. The chain is that of the stack point_at: pointing, then ar_interact.

  episodes  what ar_interact selects while the arm is up: what is meant, another thing, nothing.
            Ways: true keypoints that are not hidden, exact and with errors of 2 and 4 px (1 sigma,
            each of x and y, new in each picture), and those of the nano weights of `pose`.
            Baselines in the middle of the gesture: the thing nearest to the wrist in the picture,
            the largest thing
  false     selections of a minute in which nobody points: arms hanging, or idle rooms
  point     where `pointing` gives a place, whether `click` makes it a prompt on what is meant
  lines     angle between the ray and the way from the hand to the spot that is meant, of every
            picture with a ray, by the line that is taken for it, where people aim along the line
            from the eye, and where they aim along the arm (the world decides which: this shows
            what a wrong choice costs, and how much errors of keypoints disturb each)
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bench.pointing_rooms import RATE_HZ, Film, films
from bench.provenance import ROOT, provenance
from mm_perception.errors import WeightsError
from mm_perception.geometry.rays import ray_of
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.ar_interact import ArInteract, ArInteractConfig
from mm_perception.plugins.click import Click, ClickConfig
from mm_perception.plugins.pointing import Pointing, PointingConfig
from mm_perception.plugins.pointing.arms import LINES, angle_deg
from mm_perception.plugins.pose import PoseConfig, PosePlugin
from mm_perception.samples import Masks, Pose, Skeletons
from mm_perception.world.gesture import RISES_S, SINKS_S, UP_S
from mm_perception.world.truth.people import VISIBLE

RESULTS = ROOT / 'bench' / 'results' / 'pointing.json'
#: What is selected so long after the arm began to sink still belongs to the gesture, seconds.
_LATE_S = 0.4
Finder = Callable[[Film, float, dict[str, Any]], Skeletons]


class Way:
    """One source of keypoints, and what came of it."""

    def __init__(self, find: Finder) -> None:
        self.find = find
        self.answers: list[str] = []
        self.seen: list[str] = []
        self.points: list[str] = []
        self.errors: list[float] = []
        self.false = 0
        self.quiet_s = 0.0
        self.refused = 0

    def report(self) -> dict[str, Any]:
        """Shares and angles."""
        return {
            **shares(self.answers),
            'right, arm in full view': shares(self.seen)['right'],
            'n, arm in full view': len(self.seen),
            'false selections per minute': round(60 * self.false / max(self.quiet_s, 1e-9), 2),
            'point prompt on what is meant': shares(self.points)['right'],
            'point prompt on another thing': shares(self.points)['wrong'],
            'ray error, median deg': quantile(self.errors, 50),
            'ray error, p90 deg': quantile(self.errors, 90),
            'gestures refused with a reason': self.refused,
        }


def shares(answers: list[str]) -> dict[str, Any]:
    """Shares of right, wrong and none."""
    known = {
        kind: round(answers.count(kind) / len(answers), 4) if answers else None
        for kind in ('right', 'wrong', 'none')
    }
    return {**known, 'n': len(answers)}


def quantile(values: list[float], q: int) -> float | None:
    """A percentile."""
    return round(float(np.percentile(values, q)), 2) if values else None


def episode(film: Film, way: Way) -> None:
    """Run the chain over a film."""
    room, gesture = film.room, film.room.gesture
    context = Context(lookup_transform=film.lookup)
    pointing = Pointing(PointingConfig(fixed_frame='map'), context)
    selecting = ArInteract(ArInteractConfig(fixed_frame='map'), context)
    click = Click(ClickConfig(fixed_frame='map'), Context(lookup_transform=film.lookup))
    selected: list[int] = []
    prompted = 'none'
    for time_s in film.times:
        samples = film.samples(time_s)
        skeletons = way.find(film, time_s, samples)
        outputs = pointed(pointing, samples, skeletons)
        rays = outputs['ray']
        is_up = room.points and RISES_S <= time_s <= SINKS_S + _LATE_S
        if room.points and UP_S <= time_s <= SINKS_S:
            way.errors += [error_deg(ray, film) for ray in rays]
            way.refused += sum(e.kind == 'refused' for e in outputs['event'])
        chosen = chosen_by(selecting, samples, rays[0] if rays else None)
        selected += chosen if is_up else []
        way.false += 0 if is_up else len(chosen)
        way.quiet_s += 0.0 if is_up else 1 / RATE_HZ
        for point in outputs['point']:
            under = prompted_by(click, samples, point)
            if is_up and prompted == 'none':
                prompted = 'right' if under == gesture.target else 'wrong'
    if not room.points:
        return
    first = selected[0] if selected else None
    answer = 'none' if first is None else 'right' if first == gesture.target else 'wrong'
    way.answers.append(answer)
    way.points.append(prompted)
    if is_in_full_view(film):
        way.seen.append(answer)


def pointed(plugin: Pointing, samples: dict[str, Any], skeletons: Skeletons) -> Any:
    """What `pointing` says of one picture."""
    given = {**samples, 'skeletons': skeletons}
    stamp_ns, frame = skeletons.stamp_ns, skeletons.frame_id
    return plugin.infer(Inputs(stamp_ns, frame, samples=given))


def error_deg(pose: Pose, film: Film) -> float:
    """Of a ray, against the way from its origin to the spot that is meant."""
    ray = ray_of(pose, 'x')
    return angle_deg(ray.direction, film.room.gesture.spot - ray.origin)


def chosen_by(plugin: ArInteract, samples: dict[str, Any], ray: Pose | None) -> list[int]:
    """Instances that are newly selected by this picture; 0 for one that is not seen."""
    masks: Masks = samples['masks']
    given = {**samples, 'ray': ray, 'command': ()}
    outputs: Any = plugin.infer(Inputs(masks.stamp_ns, masks.frame_id, samples=halved(given)))
    if not any(event.kind == 'selected' for event in outputs['event']):
        return []
    return [*outputs['chosen'].ids[:1]] or [0]


def halved(samples: dict[str, Any]) -> dict[str, Any]:
    """Masks and depth of every second pixel: to select that is enough, and four times as fast."""
    masks, depth, info = samples['masks'], samples['depth'], samples['camera_info']
    less = np.ascontiguousarray(masks.id_map[::2, ::2])
    k = np.diag([0.5, 0.5, 1.0]) @ info.k
    return {
        **samples,
        'masks': replace(masks, id_map=less),
        'depth': replace(depth, data=np.ascontiguousarray(depth.data[::2, ::2])),
        'camera_info': replace(
            info, width=less.shape[1], height=less.shape[0], k=k,
            p=np.hstack([k, np.zeros((3, 1))]),
        ),
    }  # fmt: skip


def prompted_by(plugin: Click, samples: dict[str, Any], point: Any) -> int:
    """The instance under the pixel that `click` makes of a place; 0 for none."""
    info = samples['camera_info']
    given = {'camera_info': {'': info}, 'point': (point,)}
    outputs: Any = plugin.infer(Inputs(info.stamp_ns, info.frame_id, samples=given))
    for prompt in outputs['prompts']:
        x, y = np.round(prompt.points[0]).astype(int)
        return int(samples['masks'].id_map[y, x])
    return 0


def is_in_full_view(film: Film) -> bool:
    """Whether shoulder, elbow and wrist of the arm are visible in the middle of the gesture."""
    gesture = film.room.gesture
    moment = film.at(middle_of(film))
    (own,) = (k for k in moment.keypoints if k.instance == gesture.person)
    arm = [5, 7, 9] if gesture.side == 'left' else [6, 8, 10]
    return bool((own.visible[arm] == VISIBLE).all())


def middle_of(film: Film) -> float:
    """The picture in the middle of the gesture."""
    return min(film.times, key=lambda time_s: abs(time_s - (UP_S + SINKS_S) / 2))


def baselines(film: Film, found: dict[str, list[str]]) -> None:
    """The thing nearest to the wrist in the picture, and the largest one."""
    gesture, time_s = film.room.gesture, middle_of(film)
    masks: Masks = film.samples(time_s)['masks']
    things = [i for i in masks.ids if 'person' not in film.room.names[i]]
    (own,) = (k for k in film.at(time_s).keypoints if k.instance == gesture.person)
    wrist = own.pixels[9 if gesture.side == 'left' else 10]
    away = {
        i: float(np.linalg.norm(np.argwhere(masks.id_map == i)[:, ::-1] - wrist, axis=1).min())
        for i in things
    }
    answers = {
        'nearest to the hand': min(away, key=lambda i: away[i]),
        'largest': max(things, key=lambda i: int((masks.id_map == i).sum())),
    }
    for name, answer in answers.items():
        found[name].append('right' if answer == gesture.target else 'wrong')


def add_lines(film: Film, aim: str, errors: dict[str, dict[str, list[float]]]) -> None:
    """Angular errors by line, of pictures in which the arm is up."""
    for noise_px in (0.0, 2.0):
        for line in LINES:
            config = PointingConfig(fixed_frame='map', line=line)
            plugin = Pointing(config, Context(lookup_transform=film.lookup))
            for time_s in [t for t in film.times if UP_S <= t <= SINKS_S]:
                skeletons = film.skeletons(time_s, noise_px)
                outputs = pointed(plugin, film.samples(time_s), skeletons)
                errors[f'aimed {aim}, {noise_px:g} px'][line] += [
                    error_deg(ray, film) for ray in outputs['ray']
                ]


def truth(noise_px: float) -> Finder:
    """True keypoints with an error."""
    return lambda film, time_s, samples: film.skeletons(time_s, noise_px)


def pose_net() -> Finder | None:
    """Keypoints of the nano weights on true masks; None where there are no weights."""
    plugin = PosePlugin(PoseConfig(), Context(is_wanted=lambda port, stream: False))
    try:
        plugin.load('cpu')
    except WeightsError as error:
        print(f'without pose: {error}')
        return None

    def find(film: Film, time_s: float, samples: dict[str, Any]) -> Skeletons:
        masks: Masks = samples['masks']
        outputs: Any = plugin.infer(Inputs(masks.stamp_ns, masks.frame_id, samples=samples))
        found = outputs['skeletons']
        assert isinstance(found, Skeletons)
        return found

    return find


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rooms', type=int, default=16)
    parser.add_argument('--idle', type=int, default=6)
    parser.add_argument('--no-pose', action='store_true')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    started_s = time.perf_counter()
    ways = {f'keypoints with {n:g} px': Way(truth(n)) for n in (0.0, 2.0, 4.0)}
    found = None if args.no_pose else pose_net()
    if found is not None:
        ways['keypoints of pose nano'] = Way(found)
    simple: dict[str, list[str]] = defaultdict(list)
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for film in chain(films(args.rooms), films(args.idle, skip=50, points=False)):
        for way in ways.values():
            episode(film, way)
        if film.room.points:
            baselines(film, simple)
            add_lines(film, 'from the eye', errors)
        print(film.room.seed, {name: way.answers[-1:] for name, way in ways.items()}, flush=True)
    for film in films(args.rooms // 2, aim='arm', first_s=UP_S, last_s=SINKS_S):
        add_lines(film, 'along the arm', errors)
    report['episodes'] = {
        **{name: way.report() for name, way in ways.items()},
        **{name: shares(answers) for name, answers in simple.items()},
    }
    report['lines'] = {
        key: {
            line: {'median deg': quantile(v, 50), 'p90 deg': quantile(v, 90), 'n': len(v)}
            for line, v in by_line.items()
        }
        for key, by_line in errors.items()
    }
    report['wall_s'] = round(time.perf_counter() - started_s, 1)
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps(report, indent=1))


if __name__ == '__main__':
    main()
