"""Open-vocabulary segmentation: `python -m bench.bench_dino_segment` writes its figures.

  plugin    the plugin itself on held-out worlds with its default labels: IoU of each class over
            all pixels, beside those of CLIP alone on patches of two sizes (the same texts)
  speed     seconds of one picture of 640x360, of the network and of the whole plugin, and of CLIP
            alone on the same picture
  wording   share of the pixels of things that get their class whatever the text is called:
            'car', 'a car', 'the car', 'a photo of a car'

torch has one thread. The scores of the weights alone are in mm_perception/weights/dino.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.provenance import ROOT, provenance
from mm_perception.inputs import Inputs
from mm_perception.nets.clip import ClipEngine, load_clip
from mm_perception.nets.dino.labelling import Vocabulary, paint
from mm_perception.plugins.dino_segment import DinoSegment, DinoSegmentConfig
from mm_perception.samples import Image, Masks
from mm_perception.training.data import Pixels, final_clips
from mm_perception.training.dino_batches import PLACES
from mm_perception.training.dino_scores import LABELS, label_map, patches_of
from mm_perception.weights import locate
from mm_perception.world.clips import Clip

RESULTS = ROOT / 'bench' / 'results' / 'dino_segment.json'
SIZE = (640, 360)
THINGS = LABELS[: -len(PLACES)]
WORDINGS = ('{}', 'a {}', 'the {}', 'a photo of a {}')


def plugin_of(wording: str = '{}') -> DinoSegment:
    """The plugin with all classes as labels."""
    labels = tuple(wording.replace('{}', label) for label in THINGS)
    plugin = DinoSegment(DinoSegmentConfig(labels=labels))
    plugin.load('cpu')
    return plugin


def painted(plugin: DinoSegment, rgb: Pixels) -> Pixels:
    """Ids of every pixel, (H, W), from 1; 0 for background."""
    image = Image(stamp_ns=1, frame_id='camera', data=rgb)
    inputs = Inputs(stamp_ns=1, frame_id='camera', stream='', samples={'image': image})
    masks = plugin.infer(inputs)['masks']
    assert isinstance(masks, Masks)
    return np.asarray(masks.id_map)


def painted_by_clip(clip: ClipEngine, rgb: Pixels) -> Pixels:
    """The same by CLIP alone."""
    ids = tuple(range(1, len(THINGS) + 1))
    words = Vocabulary(THINGS, ids, clip.embed_texts([*THINGS, *PLACES]))
    shares = words.shares(patches_of(clip, rgb), clip.logit_scale)
    return paint(shares, (rgb.shape[0], rgb.shape[1]), ids, 0.0)[0]


def truth_of(clip: Clip) -> Pixels:
    """Ids as `painted` has them."""
    labels = label_map(clip)[0]
    return np.where(labels < len(THINGS), labels + 1, 0)


def ious(found: Sequence[Pixels], real: Sequence[Pixels]) -> dict[str, float]:
    """Of background and of each class that is there, over all pixels."""
    flat, truth = (np.concatenate([m.ravel() for m in maps]) for maps in (found, real))
    names = ('background', *THINGS)
    values = {
        name: float(((flat == i) & (truth == i)).sum() / ((flat == i) | (truth == i)).sum())
        for i, name in enumerate(names)
        if (truth == i).any()
    }
    return {**{k: round(v, 3) for k, v in values.items()},
            'mean': round(float(np.mean(list(values.values()))), 3)}  # fmt: skip


def median_s(call: Callable[[], object], num: int = 7) -> float:
    taken = []
    for _ in range(num):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 4)


def speed(plugin: DinoSegment, clip: ClipEngine, rgb: Pixels) -> dict[str, float]:
    large = np.asarray(cv2.resize(rgb, SIZE), np.uint8)
    painted(plugin, large)
    return {
        'network_s': median_s(lambda: plugin._engine.look(large)),
        'plugin_s': median_s(lambda: painted(plugin, large)),
        'clip_alone_s': median_s(lambda: painted_by_clip(clip, large), 3),
    }


def wording(clips: Sequence[Clip]) -> dict[str, float]:
    found = {}
    for text in WORDINGS:
        plugin = plugin_of(text)
        right, total = 0, 0
        for clip in clips:
            real = truth_of(clip)
            right += int(((painted(plugin, clip.rgb[0]) == real) & (real > 0)).sum())
            total += int((real > 0).sum())
        found[text] = round(right / total, 3)
        plugin.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=40)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    torch.set_num_threads(1)
    clips, clip = final_clips(args.worlds), load_clip(locate('nano', 'clip'))
    plugin, real = plugin_of(), [truth_of(c) for c in clips]
    report['pictures'] = len(clips)
    report['iou'] = ious([painted(plugin, c.rgb[0]) for c in clips], real)
    report['iou_clip_alone'] = ious([painted_by_clip(clip, c.rgb[0]) for c in clips], real)
    report['speed'] = speed(plugin, clip, clips[0].rgb[0])
    plugin.close()
    report['wording'] = wording(clips[:12])
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps({k: report[k] for k in ('iou', 'iou_clip_alone', 'speed', 'wording')}))


if __name__ == '__main__':
    main()
