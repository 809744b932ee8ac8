"""SAM 2 on a stream: ours against the reference video predictor, with the same weights and pixels.

`python -m bench.bench_sam2` writes bench/results/sam2.json:
  speed    seconds per frame with 1, 4 and 16 objects once memories are full; both take turns
           frame by frame, so that a busy machine hits both. Ours includes resizing the picture,
           which the reference did beforehand; both include masks at the size of the picture.
  parity   largest difference of mask logits and smallest IoU over a whole clip.
  memory   bytes held by a session and by the process over 2,000 frames.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from bench.provenance import ROOT, provenance
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from test.parity import reference
from test.parity.reference import Event

RESULTS = ROOT / 'bench' / 'results' / 'sam2.json'
SEED = 3


def make_pair(
    folder: Path, frames: list[np.ndarray], image_size: int
) -> tuple[Any, str, Sam2Engine]:
    predictor = reference.build_reference(image_size, seed=SEED)
    path = reference.write_frames(frames, folder / 'frames')
    reference.balance(predictor, path)
    weights = reference.save_checkpoint(predictor, folder / 'model.pt')
    return predictor, path, Sam2Engine.load(weights, image_size=image_size)


def grid_of_points(count: int, height: int, width: int) -> list[ObjectPrompt]:
    side = int(np.ceil(count**0.5))
    places = [
        (width * (i + 0.5) / side, height * (j + 0.5) / side)
        for j in range(side)
        for i in range(side)
    ]
    return [ObjectPrompt(number + 1, points=[xy]) for number, xy in enumerate(places[:count])]


def measure_speed(num_objects: int, num_timed: int, image_size: int) -> dict[str, Any]:
    num_warm_up = 8  # then all 7 spatial memories are in use
    frames = reference.bedroom_frames(1 + num_warm_up + num_timed)
    ours_s, theirs_s, worst = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        predictor, path, engine = make_pair(Path(folder), frames, image_size)
        prompts = grid_of_points(num_objects, *frames[0].shape[:2])
        state = predictor.init_state(path)
        state['num_frames'] = max(16, len(frames))  # of a shorter clip it scales pointer ages
        for prompt in prompts:
            predictor.add_new_points_or_box(
                state, 0, prompt.object_id, points=prompt.points, labels=[1]
            )
        session = engine.open_session(max_objects=num_objects)
        steps = predictor.propagate_in_video(state, 0)
        for index, frame in enumerate(frames):
            begin = time.perf_counter()
            _, _, theirs = next(steps)
            middle = time.perf_counter()
            ours = session.step(frame, prompts if index == 0 else []).full_logits()
            end = time.perf_counter()
            worst = max(worst, (ours - theirs[:, 0]).abs().max().item())
            if index > num_warm_up:
                theirs_s.append(middle - begin)
                ours_s.append(end - middle)
    mine, other = statistics.median(ours_s), statistics.median(theirs_s)
    return {
        'objects': num_objects,
        'frames_timed': num_timed,
        'ours_s_per_frame': round(mine, 4),
        'reference_s_per_frame': round(other, 4),
        'ours_fps': round(1 / mine, 3),
        'reference_fps': round(1 / other, 3),
        'speed_up': round(other / mine, 3),
        'ratios_per_frame': [round(b / a, 3) for a, b in zip(ours_s, theirs_s, strict=True)],
        'logit_max_abs_diff': worst,
    }


def measure_parity(num_frames: int, image_size: int) -> dict[str, Any]:
    frames = reference.bedroom_frames(num_frames)
    script = {
        0: Event(
            (
                ObjectPrompt(1, points=[(480, 270), (300, 80)], labels=[1, 0]),
                ObjectPrompt(2, box=(100, 100, 400, 300)),
            )
        ),
        min(20, num_frames // 2): Event((ObjectPrompt(9, points=[(700, 200)]),)),
        min(40, num_frames // 2 + 2): Event(
            (ObjectPrompt(1, 'refine', points=[(500, 300)], labels=[0]),)
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        predictor, path, engine = make_pair(Path(folder), frames, image_size)
        ours = reference.run_ours(engine, frames, script)
        theirs = reference.run_reference(predictor, path, script)
    comparison = reference.compare(ours, theirs)
    spread = torch.stack([logits.std() for frame in theirs for logits in frame.values()])
    return {
        'clip': 'bedroom, 960x540',
        'frames': num_frames,
        'image_size': image_size,
        **comparison.summary(),
        'logit_std_mean': spread.mean().item(),
    }


def measure_memory(num_frames: int) -> dict[str, Any]:
    engine = Sam2Engine.load('random', image_size=64)
    session = engine.open_session()
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (96, 128, 3), np.uint8)
    process = psutil.Process()
    samples = []
    for index in range(num_frames):
        prompts = [ObjectPrompt(1, points=[(60, 40)]), ObjectPrompt(2, box=(10, 10, 60, 60))]
        session.step(np.roll(ground, index, axis=1), prompts if index == 0 else [])
        if index % 100 == 99 or index == 20:
            samples.append(
                {
                    'frame': index + 1,
                    'tensors': session.num_tensors(),
                    'session_bytes': session.memory_bytes(),
                    'process_rss_mb': round(process.memory_info().rss / 2**20, 1),
                }
            )
    settled = [sample['process_rss_mb'] for sample in samples if sample['frame'] >= 200]
    return {
        'weights': 'random',
        'image_size': engine.image_size,
        'objects': 2,
        'frames': num_frames,
        'session_is_flat': len({s['session_bytes'] for s in samples}) == 1,
        'process_growth_mb_after_200_frames': round(max(settled) - settled[0], 1),
        'samples': samples,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--parts', nargs='+', default=['speed', 'parity', 'memory'])
    parser.add_argument('--image-size', type=int, default=256)
    parser.add_argument('--objects', type=int, nargs='+', default=[1, 4, 16])
    parser.add_argument('--frames', type=int, default=5, help='timed frames per number of objects')
    parser.add_argument('--parity-frames', type=int, default=90)
    parser.add_argument('--memory-frames', type=int, default=2000)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report = json.loads(args.out.read_text()) if args.out.is_file() else {}
    for part in args.parts:
        source = {**provenance(), 'threads': args.threads, 'weights': 'random, sam2.1_hiera_tiny'}
        if part == 'speed':
            rows = [measure_speed(n, args.frames, args.image_size) for n in args.objects]
            result: dict[str, Any] = {'image_size': args.image_size, 'rows': rows}
        elif part == 'parity':
            result = measure_parity(args.parity_frames, args.image_size)
        else:
            result = measure_memory(args.memory_frames)
        name = part if part == 'memory' else f'{part}_{args.image_size}'
        report |= source
        report[name] = {**result, 'provenance': source}
        args.out.write_text(json.dumps(report, indent=2) + '\n')
        print(json.dumps({name: result}, indent=2))


if __name__ == '__main__':
    main()
