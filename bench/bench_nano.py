"""How fast the nano weights are here: `python -m bench.bench_nano` writes results/nano.json.

  sam2      frames per second of a whole step (resizing, memory, masks at the size of the picture)
            with 1 and 4 objects once all memories are in use
  clip      pictures per second, one by one and in batches of 32
  grounder  texts per second, and pictures per second with one text

Pictures are of a held-out clip, enlarged to 640x360; torch has as many threads as there are cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.provenance import ROOT, provenance
from mm_perception.training.data import FINAL_SEED, Pixels, load_clips
from mm_perception.training.recipe import weights_of
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'nano.json'
SIZE = (640, 360)


def pictures() -> list[Pixels]:
    clip = load_clips(Split.HELD_OUT, 1, num_frames=60, step_s=0.1, first=FINAL_SEED)[0]
    return [np.asarray(cv2.resize(rgb, SIZE), np.uint8) for rgb in clip.rgb]


def median_s(call: Callable[[], object], num: int) -> float:
    taken = []
    for _ in range(num):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def bench_sam2(frames: list[Pixels]) -> dict[str, Any]:
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine

    engine, found = Sam2Engine.load(str(weights_of('sam2'))), {}
    for num_objects in (1, 4):
        session, coming = engine.open_session(), iter(frames)
        boxes = [(60 + 120 * i, 100, 160 + 120 * i, 260) for i in range(num_objects)]
        session.step(next(coming), [ObjectPrompt(i + 1, box=b) for i, b in enumerate(boxes)])
        for _ in range(16):  # as many pointers as there will ever be
            session.step(next(coming))
        seconds = median_s(lambda s=session, c=coming: s.step(next(c)).masks(), 40)
        found[f'frames_per_s_{num_objects}_objects'] = round(1 / seconds, 1)
    return {**found, 'image_size': engine.image_size}


def bench_clip(frames: list[Pixels]) -> dict[str, Any]:
    from mm_perception.nets.clip import load_clip

    engine = load_clip(str(weights_of('clip')))
    engine.embed_images(frames[:32])
    one = median_s(lambda: engine.embed_images(frames[:1]), 20)
    many = median_s(lambda: engine.embed_images(frames[:32]), 5)
    return {
        'pictures_per_s_alone': round(1 / one, 1), 'pictures_per_s_by_32': round(32 / many, 1)
    }  # fmt: skip


def bench_grounder(frames: list[Pixels]) -> dict[str, Any]:
    from mm_perception.nets.grounders import load_grounder
    from mm_perception.nets.grounders.grounder import GrounderSettings

    settings = GrounderSettings(weights=str(weights_of('grounder')), device='cpu')
    grounder = load_grounder('sam3', settings)
    grounder.ground(frames[0], ['a red car'], 0.5)
    one = median_s(lambda: grounder.ground(frames[0], ['a red car'], 0.5), 10)
    texts = ['a red car', 'a blue van', 'a person', 'the white bus']
    four = median_s(lambda: grounder.ground(frames[0], texts, 0.5), 10)
    return {
        'pictures_per_s_1_text': round(1 / one, 1),
        'seconds_per_further_text': round((four - one) / 3, 4),
    }


BENCHES = {'sam2': bench_sam2, 'clip': bench_clip, 'grounder': bench_grounder}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--nets', nargs='+', choices=BENCHES, default=list(BENCHES))
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = {**provenance(), 'threads': torch.get_num_threads()}
    frames = pictures()
    for net in args.nets:
        if (weights_of(net) / 'model.safetensors').is_file():
            report[net] = BENCHES[net](frames)
            print(net, report[net], flush=True)
    args.out.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
    main()
