"""Summaries of what was planted before a camera on a post: results/summary.json.

  python -m bench.bench_summary [--worlds 2] [--seconds 180]

Held-out streets seen from a post (`mm_perception/evaluation/watched.py`): people and vehicles come
and go, cross the road, pass a line, stand still, and speak. A happening is recalled if a chosen
clip shows its moment; all ways may show 15 % of the length. Importance is compared with how much
truly happens around each second (Kendall's tau-b). Ways:

  all, true       video_summary with embeddings of clip nano, true masks, alerts of surveillance
                  on them, and what is truly said: what the policy can do
  tracks, true    likewise without alerts and speech
  chain           likewise with the masks of text_tracker nano and the alerts on them, and what is
                  truly said
  tracks, chain   the masks of text_tracker nano without alerts and speech: from pictures alone
  pictures        embeddings of clip nano alone
  no clip         pictures alone, without embeddings
  oracle          the same choice of clips from what truly happens: the most that fits
  uniform         clips of the same length at equal distances
  random          clips of the same length anywhere; mean of 200 draws

Facts: share of the happenings that a sentence of the summary tells, by who and what, within 2 s.
`--keep` keeps pictures, truth and embeddings; the masks of the chain are always made anew.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from bench.bench_surveillance import Seen, chain
from bench.provenance import ROOT, provenance
from bench.surveillance_truth import VEHICLES
from mm_perception.evaluation.worlds import FIRST_SEED
from mm_perception.inputs import Inputs
from mm_perception.plugins.clip import Clip, ClipConfig
from mm_perception.plugins.surveillance import Surveillance
from mm_perception.plugins.video_summary import VideoSummary, VideoSummaryConfig
from mm_perception.plugins.video_summary.diary import Diary, Moment
from mm_perception.plugins.video_summary.selecting import choose
from mm_perception.samples import Embedding, Event, Masks, Transcript
from mm_perception.world.drive_bag import START_NS
from mm_perception.world.speech import TEXTS

RESULTS = ROOT / 'bench' / 'results' / 'summary.json'
SHARE, CLIP_S, RATE_HZ, EVERY_S = 0.15, 1.0, 2.5, 18.0
_SMALLEST_PX, _LOST_S = 30, 2.0
WAYS = {
    'all, true': ('clip', 'masks', 'events', 'speech'),
    'tracks, true': ('clip', 'masks'),
    'chain': ('clip', 'chain', 'events', 'speech'),
    'tracks, chain': ('clip', 'chain'),
    'pictures': ('clip',),
    'no clip': (),
}


@dataclass(frozen=True)
class Fact:
    """Something that happened: when, and words that a sentence about it has."""

    time_s: float
    words: tuple[str, ...]


class World:
    """A world with speech and embeddings; the masks of text_tracker where somebody adds them."""

    def __init__(self, seed: int, seconds: float) -> None:
        self.seen = Seen(seed, seconds, EVERY_S, RATE_HZ)
        self.seconds = seconds
        rng = np.random.default_rng(seed)
        times = np.sort(rng.uniform(5, seconds - 5, round(seconds / 25)))
        self.speech = [(float(t), TEXTS[int(rng.integers(len(TEXTS)))]) for t in times]
        self.facts = self._facts()
        self.embeddings = self._embed()
        self.chain: Sequence[Masks] = ()

    def _facts(self) -> list[Fact]:
        """Who comes and goes, what the rules would tell, who stops, what is said."""
        found = [Fact(t, ('said', *text.strip('.?!').split())) for t, text in self.speech]
        for number, visit in self.seen.drive.instances.items():
            shown = np.flatnonzero(self.seen.pixels[number] >= _SMALLEST_PX) / RATE_HZ
            if not len(shown):
                continue
            found += [
                Fact(float(shown[0]), (visit.kind, 'appeared')),
                Fact(float(shown[-1]), (visit.kind, 'gone')),
            ]
        for happening in self.seen.truth:
            if happening.kind in ('entered', 'left'):
                found.append(Fact(happening.time_s, ('pedestrian', happening.kind)))
            elif happening.kind.startswith('crossed'):
                found.append(Fact(happening.time_s, ('crossed',)))
        return [f for f in found if 1.0 < f.time_s < self.seconds - _LOST_S]

    def _embed(self) -> list[Embedding]:
        plugin = Clip(ClipConfig())
        plugin.load('cpu')
        found = []
        for picture in self.seen.pictures:
            inputs = Inputs(picture.stamp_ns, picture.frame_id, samples={'image': picture})
            outputs: Any = plugin.infer(inputs)
            found.append(outputs['embedding'])
        plugin.close()
        return found


def load_worlds(seeds: Sequence[int], seconds: float, kept: Path | None) -> list[World]:
    """Worlds, rendered where they are not kept from an earlier run."""
    if kept is not None and kept.is_file():
        found: list[World] = pickle.loads(kept.read_bytes())
        if [w.seen.drive.seed for w in found] == list(seeds) and found[0].seconds == seconds:
            return found
    found = [World(seed, seconds) for seed in seeds]
    if kept is not None:
        kept.write_bytes(pickle.dumps(found))
    return found


def alerts(seen: Seen, masks: Sequence[Masks]) -> list[list[Event]]:
    """Events of surveillance for each picture."""
    plugin, found = Surveillance(seen.config()), []
    for sample in masks:
        samples: dict[str, Any] = {'masks': sample, 'image': None, 'camera_info': None}
        inputs = Inputs(sample.stamp_ns, sample.frame_id, samples=samples)
        outputs: Any = plugin.infer(inputs)
        found.append(outputs['events'])
    return found


def summarise(world: World, given: Sequence[str]) -> tuple[dict[str, Any], VideoSummary, float]:
    """Details of the summary, the plugin, and ms of CPU time per picture."""
    config = VideoSummaryConfig(share=SHARE, clip_s=CLIP_S, max_clips=1000)
    plugin, seen, cpu_s = VideoSummary(config), world.seen, 0.0
    masks = seen.masks if 'masks' in given else world.chain if 'chain' in given else None
    events = alerts(seen, masks) if masks is not None and 'events' in given else None
    said = list(world.speech) if 'speech' in given else []
    for index, picture in enumerate(seen.pictures):
        now_s, heard = index / RATE_HZ, []
        while said and said[0][0] + 1.5 <= now_s:
            at, text = said.pop(0)
            start_ns = START_NS + round(at * 1e9)
            heard.append(Transcript(stamp_ns=start_ns, end_ns=picture.stamp_ns, text=text))
        samples: dict[str, Any] = {
            'image': picture, 'masks': masks[index] if masks is not None else None,
            'embedding': world.embeddings[index] if 'clip' in given else None,
            'events': tuple(events[index]) if events is not None else (),
            'transcripts': tuple(heard), 'commands': (),
        }  # fmt: skip
        began = time.process_time()
        plugin.infer(Inputs(picture.stamp_ns, picture.frame_id, samples=samples))
        cpu_s += time.process_time() - began
    _, details, _ = plugin.sum_up('', has_picture=False)
    return json.loads(details), plugin, 1e3 * cpu_s / len(seen.pictures)


def best_clips(world: World) -> list[tuple[float, float]]:
    """The choice that the plugin makes where it knows every fact."""
    diary = Diary(10_000, 10_000)
    for picture in world.seen.pictures:
        diary.picture(picture.stamp_ns, np.ones(1), np.zeros(1, np.uint8), None)
    for fact in world.facts:
        diary.add(Moment(START_NS + round(fact.time_s * 1e9), 'fact', 'fact', 0.5))
    clips = choose(diary, SHARE, CLIP_S, 10_000)
    return [((c.start_ns - START_NS) / 1e9, (c.end_ns - START_NS) / 1e9) for c in clips]


def recall(facts: Sequence[Fact], clips: Sequence[tuple[float, float]]) -> float:
    """Share of the facts whose moment is in a clip."""
    shown = [any(a <= fact.time_s <= b for a, b in clips) for fact in facts]
    return float(np.mean(shown))


def fact_recall(facts: Sequence[Fact], details: dict[str, Any]) -> float:
    """Share of the facts that the text of a clip around them tells."""
    told = [
        any(
            c['start_s'] - 2 <= fact.time_s <= c['end_s'] + 2
            and all(word.lower() in c['text'].lower() for word in fact.words)
            for c in details['clips']
        )
        for fact in facts
    ]
    return float(np.mean(told))


def kendall(world: World, importance: Sequence[tuple[float, float]]) -> float:
    """Tau-b of importance and of what truly happens around each second."""
    seconds = np.arange(1, int(world.seconds) - 2)
    times, values = np.array(importance).T
    mine = [values[(times >= t - 0.75) & (times < t + 0.75)].max(initial=0) for t in seconds]
    true = [sum(abs(f.time_s - t) <= 0.75 for f in world.facts) for t in seconds]
    return float(kendalltau(mine, true).statistic)


def spread(world: World, rng: np.random.Generator | None) -> list[tuple[float, float]]:
    """Clips at equal distances, or anywhere."""
    number = round(SHARE * world.seconds / CLIP_S)
    if rng is None:
        middles = (np.arange(number) + 0.5) * world.seconds / number
    else:  # without overlap: what is left is shared out between them
        gaps = np.sort(rng.uniform(0, world.seconds - number * CLIP_S, number))
        middles = gaps + (np.arange(number) + 0.5) * CLIP_S
    return [(float(m) - CLIP_S / 2, float(m) + CLIP_S / 2) for m in middles]


def measure(way: str, worlds: Sequence[World]) -> dict[str, Any]:
    rows = []
    for world in worlds:
        if way == 'uniform':
            row = {'recall': recall(world.facts, spread(world, None)), 'share': SHARE}
        elif way == 'oracle':
            clips = best_clips(world)
            row = {
                'recall': recall(world.facts, clips),
                'share': sum(b - a for a, b in clips) / world.seconds,
            }
        elif way == 'random':
            rng = np.random.default_rng(world.seen.drive.seed)
            draws = [recall(world.facts, spread(world, rng)) for _ in range(200)]
            noise = [(float(t), float(rng.random())) for t in np.arange(0, world.seconds, 0.4)]
            row = {
                'recall': float(np.mean(draws)), 'recall_std': float(np.std(draws)),
                'share': SHARE, 'kendall_tau': kendall(world, noise),
            }  # fmt: skip
        else:
            details, _, cpu_ms = summarise(world, WAYS[way])
            clips = [(c['start_s'], c['end_s']) for c in details['clips']]
            row = {
                'recall': recall(world.facts, clips),
                'share': sum(b - a for a, b in clips) / world.seconds,
                'fact_recall': fact_recall(world.facts, details),
                'kendall_tau': kendall(world, details['importance']),
                'segments': len(details['segments']), 'clips': len(clips),
                'cpu_ms_per_picture': cpu_ms,
            }  # fmt: skip
        rows.append(row)
    return {
        **{k: round(float(np.mean([row[k] for row in rows])), 3) for k in rows[0]},
        'recall_by_world': [round(row['recall'], 3) for row in rows],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=2)
    parser.add_argument('--seconds', type=float, default=180.0)
    ways = (*WAYS, 'oracle', 'uniform', 'random')
    parser.add_argument('--ways', nargs='*', default=ways, choices=ways)
    parser.add_argument('--keep', type=Path, help='a file of worlds, written if it is not there')
    parser.add_argument('--board', type=Path, help='write the storyboard of the first world here')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report = provenance()
    seeds = [FIRST_SEED + 50 + i for i in range(args.worlds)]
    worlds = load_worlds(seeds, args.seconds, args.keep)
    report |= {
        'seeds': seeds, 'seconds': args.seconds, 'vehicles': VEHICLES,
        'facts': [len(world.facts) for world in worlds], 'ways': {},
    }  # fmt: skip
    if any('chain' in WAYS.get(way, ()) for way in args.ways):
        costs = []
        for world in worlds:
            world.chain, cpu_s = chain(world.seen)
            costs.append(cpu_s)
            print(f'text_tracker: {cpu_s:.2f} s of CPU time per picture', flush=True)
        report['chain_cpu_s_per_picture'] = round(float(np.mean(costs)), 3)
    for way in args.ways:
        report['ways'][way] = measure(way, worlds)
        print(way, report['ways'][way], flush=True)
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    if args.board:
        import cv2

        _, plugin, _ = summarise(worlds[0], WAYS['all, true'])
        text, _, board = plugin.sum_up('', has_picture=True)
        print(text)
        if board is not None:
            cv2.imwrite(str(args.board), board[..., ::-1])


if __name__ == '__main__':
    main()
