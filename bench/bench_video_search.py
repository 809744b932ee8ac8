"""The video index on held-out worlds: `python -m bench.bench_video_search`.

  scenes   captions of whole scenes: is the own scene among the first 1, 5, 10 of 50
  things   texts that name one thing: does a hit show one; and texts that are true of no scene: is
           the answer that nothing is like it
  moments  eight scenes of six seconds one after the other: does the first moment overlap a time in
           which such a thing is seen with an IoU of at least 0.5
  speed    pictures per second, what is stored of them, bytes per entry
  stores   entries per second, seconds to open and to search, recall, memory and disk
  graph    the same of Qdrant's engine with the graph that a server builds

Masks are the true ones: what is measured is the index, not a tracker.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from bench.search_stores import ENGINE, measure
from mm_perception.nets.clip import ClipEngine, load_clip
from mm_perception.samples import Image, Masks, SearchRequest
from mm_perception.search.indexer import Indexer, Origin, Sameness
from mm_perception.search.query import Strictness, answer
from mm_perception.search.sights import Sights
from mm_perception.search.store import Store, open_store
from mm_perception.training.data import FINAL_SEED, final_clips, load_clips
from mm_perception.training.recipe import weights_of
from mm_perception.world.clips import Clip
from mm_perception.world.language import Phrase, absent_phrase, phrase, scene_caption, scenery_of
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'video_search.json'
GALLERY, GALLERIES, TEXTS = 50, 4, 60
STEP_NS = 100_000_000
SMALLEST_PX = 250
EVERYTHING = Strictness(min_share=0.0)
COSINE = Strictness(min_share=0.0, share_weight=0.0, parts_weight=0.0)
#: Name of a way to (with tracks, how strict).
WAYS: dict[str, tuple[bool, Strictness]] = {
    'frames, cosine alone': (False, COSINE),
    'frames': (False, EVERYTHING),
    'frames and tracks, cosine alone': (True, COSINE),
    'frames and tracks': (True, EVERYTHING),
}


def samples_of(clip: Clip, frame: int, stamp_ns: int) -> tuple[Image, Masks]:
    """A picture and its true masks."""
    ids = tuple(t.instance for t in clip.things)
    masks = Masks(
        stamp_ns=stamp_ns, id_map=clip.ids[frame].astype(np.uint16), ids=ids,
        labels=tuple(t.kind for t in clip.things), scores=np.ones(len(ids), np.float32),
    )  # fmt: skip
    return Image(stamp_ns=stamp_ns, data=clip.rgb[frame]), masks


def index_clip(
    engine: ClipEngine,
    store: Store,
    clip: Clip,
    name: str,
    *,
    with_tracks: bool,
    first_ns: int = 0,
) -> Indexer:
    """Put all frames of a clip into a store, 10 per second."""
    sights = Sights(0.0, 0.5, SMALLEST_PX)
    indexer = Indexer(engine, store, Sameness(), 160, Origin(name, name))
    for frame in range(len(clip.rgb)):
        image, masks = samples_of(clip, frame, first_ns + frame * STEP_NS)
        found = sights.picture(image, 'front')
        indexer.add([*found, *(sights.masks(masks, 'front') if with_tracks else [])])
    indexer.flush()
    return indexer


def ranked(
    engine: ClipEngine, store: Store, text: str, strictness: Strictness, limit: int
) -> list[Any]:
    """Hits for a text."""
    return list(answer(engine, store, SearchRequest(text=text, limit=limit), strictness).hits)


def bench_scenes(engine: ClipEngine) -> dict[str, Any]:
    """Recall of scenes by their caption."""
    clips, ranks = final_clips(240), {way: [] for way in WAYS}
    accepted = []
    for gallery in range(GALLERIES):
        rng = np.random.default_rng(gallery)
        captions: dict[str, int] = {}
        for number in range(60 * gallery, 60 * gallery + 60):
            scenery = scenery_of(clips[number], 0)
            caption = scene_caption(rng, scenery)
            if len(scenery.things) > 1 and len(captions) < GALLERY:
                captions.setdefault(caption, number)
        for with_tracks in (False, True):
            with open_store('') as store:
                for number in captions.values():
                    index_clip(engine, store, clips[number], str(number), with_tracks=with_tracks)
                for caption, number in captions.items():
                    for way in [w for w, (tracks, _) in WAYS.items() if tracks == with_tracks]:
                        hits = ranked(engine, store, caption, WAYS[way][1], 10)
                        bags = [hit.bag for hit in hits]
                        ranks[way].append(bags.index(str(number)) if str(number) in bags else 99)
                    if with_tracks:
                        accepted.append(bool(ranked(engine, store, caption, Strictness(), 1)))
    table = {way: _recalls(found) for way, found in ranks.items()}
    chance = {f'recall@{k}': k / GALLERY for k in (1, 5, 10)}
    return {
        'captions': len(accepted), 'gallery': GALLERY, **table, 'chance': chance,
        'captions that are answered at all': round(float(np.mean(accepted)), 3),
    }  # fmt: skip


def _recalls(ranks: Sequence[int]) -> dict[str, float]:
    return {f'recall@{k}': round(float((np.array(ranks) < k).mean()), 3) for k in (1, 5, 10)}


def bench_things(engine: ClipEngine) -> dict[str, Any]:
    """Recall of scenes that show a thing, and whether absence is noticed."""
    clips, ranks = final_clips(240), {way: [] for way in WAYS}
    shares: list[float] = []
    kept, refused, right = [], [], []
    for gallery in range(GALLERIES):
        rng, chosen = np.random.default_rng(gallery), range(60 * gallery, 60 * gallery + GALLERY)
        there = {n: scenery_of(clips[n], 0, SMALLEST_PX).things for n in chosen}
        things = [thing for found in there.values() for thing in found]
        present = [things[int(rng.integers(len(things)))] for _ in range(TEXTS)]
        texts = [phrase(rng, thing.kind, thing.colour) for thing in present]
        absent = [absent_phrase(rng, things) for _ in range(TEXTS)]
        for with_tracks in (False, True):
            with open_store('') as store:
                for n in chosen:
                    index_clip(engine, store, clips[n], str(n), with_tracks=with_tracks)
                for text in texts:
                    true = {str(n) for n in chosen if any(text.means(t) for t in there[n])}
                    shares.append(len(true) / GALLERY)
                    for way in [w for w, (tracks, _) in WAYS.items() if tracks == with_tracks]:
                        hits = ranked(engine, store, text.text, WAYS[way][1], 10)
                        ranks[way].append(_first(hits, true))
                    if with_tracks:
                        hits = ranked(engine, store, text.text, Strictness(), 1)
                        kept.append(bool(hits))
                        right += [hits[0].bag in true] if hits else []
                if with_tracks:
                    refused += [not ranked(engine, store, a.text, Strictness(), 1) for a in absent]
    table = {way: _recalls(found) for way, found in ranks.items()}
    return {
        'texts': len(kept), 'gallery': GALLERY, **table,
        'chance': {'recall@1': round(float(np.mean(shares)), 3)},
        'with the threshold': {
            'present texts that are answered': round(float(np.mean(kept)), 3),
            'of these, first hit is right': round(float(np.mean(right)), 3),
            'absent texts that are refused': round(float(np.mean(refused)), 3),
        },
    }  # fmt: skip


def _first(hits: Sequence[Any], true: set[str]) -> int:
    return next((rank for rank, hit in enumerate(hits) if hit.bag in true), 99)


def bench_moments(engine: ClipEngine) -> dict[str, Any]:
    """Eight scenes of six seconds, one after the other, as one recording."""
    clips = load_clips(Split.HELD_OUT, 8, num_frames=60, step_s=0.1, first=FINAL_SEED)
    rng = np.random.default_rng(0)
    texts = {}
    for clip in clips:
        for thing in scenery_of(clip, 30, SMALLEST_PX).things:
            text = phrase(rng, thing.kind, thing.colour)
            texts[text.text] = text
    truth = {text: spans_of(clips, meant) for text, meant in texts.items()}
    truth = {text: spans for text, spans in truth.items() if spans}
    found: dict[str, Any] = {'texts': len(truth), 'seconds': sum(len(c.rgb) for c in clips) / 10}
    for way, (with_tracks, strictness) in WAYS.items():
        with open_store('') as store:
            for number, clip in enumerate(clips):
                first_ns = number * 60 * STEP_NS
                index_clip(engine, store, clip, 'all', with_tracks=with_tracks, first_ns=first_ns)
            found[way] = _moment_scores(
                truth, lambda text, s=strictness, i=store: _spans(ranked(engine, i, text, s, 5))
            )
    found['chance'] = _moment_scores(truth, lambda text: _random_spans(rng, truth[text]))
    return found


def spans_of(clips: Sequence[Clip], text: Phrase) -> list[tuple[float, float]]:
    """Seconds in which something that a text means is seen, without gaps of a second or less."""
    times = [
        6.0 * number + 0.1 * frame
        for number, clip in enumerate(clips)
        for frame in range(len(clip.rgb))
        for thing in [t for t in clip.things if text.means(t)][:1]
        if any(
            (clip.ids[frame] == t.instance).sum() >= SMALLEST_PX
            for t in clip.things if text.means(t)
        ) and thing
    ]  # fmt: skip
    spans: list[tuple[float, float]] = []
    for time_s in times:
        if spans and time_s - spans[-1][1] <= 1.0:
            spans[-1] = spans[-1][0], time_s
        else:
            spans.append((time_s, time_s))
    return [span for span in spans if span[1] - span[0] >= 0.5]


def _spans(hits: Sequence[Any]) -> list[tuple[float, float]]:
    return [(hit.start_ns / 1e9, hit.end_ns / 1e9) for hit in hits]


def _random_spans(
    rng: np.random.Generator, true: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Of a true length, anywhere."""
    length = true[0][1] - true[0][0]
    return [(s, s + length) for s in rng.uniform(0, max(48 - length, 0), 5).tolist()]


def _moment_scores(
    truth: dict[str, list[tuple[float, float]]], find: Callable[[str], list[tuple[float, float]]]
) -> dict[str, float]:
    first, five, inside = [], [], []
    for text, true in truth.items():
        found = find(text)
        overlaps = [max(iou(span, t) for t in true) for span in found] or [0.0]
        first.append(overlaps[0] >= 0.5)
        five.append(max(overlaps) >= 0.5)
        middle = sum(found[0]) / 2 if found else -1.0
        inside.append(any(a <= middle <= b for a, b in true))
    means = [round(float(np.mean(values)), 3) for values in (first, five, inside)]
    names = ('R@1 at IoU 0.5', 'R@5 at IoU 0.5', 'middle of the first is true')
    return dict(zip(names, means, strict=True))


def iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Of two spans of time; a moment has at least the length of a frame."""
    a, b = (a[0], max(a[1], a[0] + 0.1)), (b[0], max(b[1], b[0] + 0.1))
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def bench_speed(engine: ClipEngine) -> dict[str, Any]:
    """A minute of pictures of 10 per second, with the time that it takes and what is stored."""
    clips = load_clips(Split.HELD_OUT, 8, num_frames=60, step_s=0.1, first=FINAL_SEED)
    found: dict[str, Any] = {}
    for name, with_tracks in (('frames', False), ('frames and tracks', True)):
        with open_store('') as store:
            seen = stored = 0
            began_s = time.process_time()
            for number, clip in enumerate(clips):
                made = index_clip(engine, store, clip, str(number), with_tracks=with_tracks)
                seen, stored = seen + made.seen, stored + made.stored
            seconds = time.process_time() - began_s
        found[name] = {
            'pictures_per_cpu_s': round(sum(len(c.rgb) for c in clips) / seconds, 1),
            'sights': seen, 'stored': stored, 'stored_share': round(stored / seen, 3),
        }  # fmt: skip
    return found


def bench_stores(engine: ClipEngine) -> dict[str, Any]:
    """Both stores, as they are used."""
    cases = [(kind, count) for count in (20_000, 1_000_000) for kind in ('sqlite', ENGINE)]
    return _measured(row for case in cases for row in measure(*case))


def bench_graph(engine: ClipEngine) -> dict[str, Any]:
    """Qdrant's engine with and without a graph; no million, which takes far longer."""
    return _measured(measure(ENGINE, 200_000, with_graph=True))


def _measured(rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    found = {}
    for name, row in rows:
        found[name] = row
        print(name, row, flush=True)
    return found


PARTS: dict[str, Callable[[ClipEngine], Any]] = {
    'scenes': bench_scenes, 'things': bench_things, 'moments': bench_moments,
    'speed': bench_speed, 'stores': bench_stores, 'graph': bench_graph,
}  # fmt: skip


def main() -> None:
    """Run the parts that are asked for; the others keep their last result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    old = json.loads(args.out.read_text()) if args.out.is_file() else {}
    report = {**old, **provenance()}
    engine = load_clip(str(weights_of('clip')))
    for part in args.parts:
        origin = {key: report[key] for key in ('command', 'commit', 'date')}
        report[part] = {'weights': engine.sha256[:12], **origin}
        report[part]['result'] = PARTS[part](engine)
        print(part, json.dumps(report[part]['result'], indent=1), flush=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
