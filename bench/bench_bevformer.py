"""BEVFormer by parts: pre-processing, network, post-processing, memory, and cost per camera.

`python -m bench.bench_bevformer` adds to bench/results/bevformer.json, under the name of device,
number format and compilation:
  sizes    seconds per moment with 6 cameras of 1600x900 whose lenses distort, and memory
  cameras  the same with 1 to 8 cameras

Pre-processing takes turns with the straightforward port: OpenCV undistorts, resizes and normalises
camera by camera, then all are uploaded as floats. The network has no such rival here: deformable
attention is one grid_sample per level in both. Weights are random, which does not change times.
Needs no ROS. Each size runs in a process of its own, so that the peak of its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.provenance import ROOT, provenance
from mm_perception.nets.bevformer import (
    BevFormerEngine,
    BevOutput,
    Clouds,
    EgoMotion,
    Lens,
    projection,
)
from mm_perception.nets.bevformer.geometry import nearest_cameras

RESULTS = ROOT / 'bench' / 'results' / 'bevformer.json'
WIDTH, HEIGHT, FOCAL = 1600, 900, 1260.0
MATRIX = np.array([[FOCAL, 0, 799.5], [0, FOCAL, 449.5], [0, 0, 1]])
COEFFICIENTS = (-0.3, 0.1, 0.001, -0.001, -0.02)
MOTION = EgoMotion(dx_m=2.0, dyaw_rad=0.05, dt_s=0.5)
NUM_POINTS = 35_000
DTYPES = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}
SIZES = ('nano', 'tiny', 'small', 'base')


@dataclass(frozen=True)
class Way:
    """How a network is run."""

    device: str
    dtype: str
    is_compiled: bool
    rounds: int
    threads: int

    def autocast(self) -> AbstractContextManager[Any]:
        if self.dtype == 'fp32':
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, DTYPES[self.dtype])

    def wait(self) -> None:
        if self.device.startswith('cuda'):
            torch.cuda.synchronize(self.device)


class Rig:
    """Cameras all around, their pictures, and a scan."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(count)
        small = rng.integers(0, 256, (count, 90, 160, 3), np.uint8)
        self.images = [cv2.resize(picture, (WIDTH, HEIGHT)) for picture in small]
        self.matrices = np.stack(
            [projection(MATRIX, _camera_from_bev(2 * math.pi * i / count)) for i in range(count)]
        )
        self.lenses = [Lens(FOCAL, FOCAL, 799.5, 449.5, 'plumb_bob', COEFFICIENTS)] * count
        self.points = rng.uniform((-30, -30, 0, 0), (30, 30, 3, 1), (NUM_POINTS, 4))


def _camera_from_bev(heading: float) -> np.ndarray:
    """(4, 4) of a level camera, 1.5 m up, that looks this way, rad to the left of ahead."""
    ahead = np.array([-math.sin(heading), math.cos(heading), 0.0])
    right, down = np.array([ahead[1], -ahead[0], 0.0]), np.array([0.0, 0.0, -1.0])
    camera_from_bev = np.eye(4)
    camera_from_bev[:3, :3] = right, down, ahead
    camera_from_bev[:3, 3] = -camera_from_bev[:3, :3] @ [0.0, 0.0, 1.5]
    return camera_from_bev


def port(rig: Rig, engine: BevFormerEngine) -> torch.Tensor:
    """The straightforward pre-processing: pixels (1, N, 3, h, w)."""
    config, planes = engine.config.pixels, []
    mean, std = np.array(config.mean, np.float32), np.array(config.std, np.float32)
    height = int(HEIGHT * config.width_px / WIDTH)
    below = -height % config.size_divisor
    for picture in rig.images:
        flat = cv2.undistort(picture, MATRIX, np.array(COEFFICIENTS))
        scaled = cv2.resize(flat, (config.width_px, height))
        colours = scaled if config.is_rgb else scaled[..., ::-1]
        plane = (colours.astype(np.float32) - mean) / std
        planes.append(np.pad(plane, ((0, below), (0, 0), (0, 0))).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(planes))[None].to(engine.device)


class Moment:
    """One network with one rig, step by step."""

    def __init__(self, engine: BevFormerEngine, rig: Rig, way: Way) -> None:
        self.engine, self.rig, self.way = engine, rig, way
        ids = nearest_cameras(rig.matrices, engine.config.camera_headings_rad)
        self.ids = torch.from_numpy(ids).to(engine.device)
        self.bev: torch.Tensor | None = None

    def before(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels and projections."""
        return self.engine.preprocess(self.rig.images, self.rig.matrices, self.rig.lenses)

    def network(self, pixels: torch.Tensor, matrices: torch.Tensor) -> BevOutput:
        """One step with memory; the scan is uploaded here."""
        device, clouds = self.engine.device, None
        if self.engine.config.pillars is not None:
            points = torch.from_numpy(self.rig.points).float().to(device)
            sample = torch.zeros(len(points), dtype=torch.int64, device=device)
            clouds = Clouds(points, sample, torch.ones(1, dtype=torch.bool, device=device))
        with self.way.autocast():
            output: BevOutput = self.engine.model(
                pixels, matrices, [MOTION], self.bev, None, self.ids, clouds
            )
        self.bev = output.bev
        return output

    def after(self, output: BevOutput) -> object:
        """Boxes and map on the CPU."""
        boxes = self.engine.model.boxes(output)[0]
        found = boxes.xyz_lwh_yaw.cpu().numpy(), boxes.scores.cpu().numpy()
        if output.map_logits is None:
            return found
        return *found, output.map_logits[0].float().sigmoid().cpu().numpy()

    def timed(self, call: Callable[[], Any]) -> tuple[float, Any]:
        self.way.wait()
        began = time.perf_counter()
        result = call()
        self.way.wait()
        return time.perf_counter() - began, result


@torch.inference_mode()
def measure(size: str, count: int, way: Way) -> dict[str, Any]:
    """Times of all rounds, and what they come to; after two rounds that do not count."""
    torch.set_num_threads(way.threads)
    cv2.setNumThreads(way.threads)
    engine = BevFormerEngine.load(f'random:{size}', way.device)
    if way.is_compiled:
        # The encoder works on as many cells as the busiest camera sees: sizes that data decide.
        for part in (engine.model.backbone, engine.model.neck, engine.model.decoder):
            part.compile()
    moment = Moment(engine, Rig(count), way)
    rows: dict[str, list[float]] = {'before': [], 'network': [], 'after': [], 'port_before': []}
    apart = 0.0
    for number in range(2 + way.rounds):
        before_s, (pixels, matrices) = moment.timed(moment.before)
        network_s, output = moment.timed(partial(moment.network, pixels, matrices))
        after_s, _ = moment.timed(partial(moment.after, output))
        port_s, theirs = moment.timed(partial(port, moment.rig, engine))
        apart = float((pixels - theirs).abs().mean())
        if number >= 2:
            for name, value in zip(rows, (before_s, network_s, after_s, port_s), strict=True):
                rows[name].append(round(value, 5))
    return {'cameras': count, **_summary(rows), 'pixels_mean_abs_diff': round(apart, 4),
            **_memory(way)}  # fmt: skip


def _summary(rows: dict[str, list[float]]) -> dict[str, Any]:
    middle = {name: statistics.median(values) for name, values in rows.items()}
    whole = middle['before'] + middle['network'] + middle['after']
    return {
        **{f'{name}_s': round(value, 5) for name, value in middle.items()},
        'whole_s': round(whole, 5),
        'per_s': round(1 / whole, 3),
        'before_share': round(middle['before'] / whole, 4),
        'before_speed_up': round(middle['port_before'] / middle['before'], 2),
        'rounds': rows,
    }


def _memory(way: Way) -> dict[str, float]:
    found = {'peak_rss_mb': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}
    if way.device.startswith('cuda'):
        found['peak_cuda_mb'] = round(torch.cuda.max_memory_allocated(way.device) / 2**20, 1)
    return found


def alone(size: str, count: int, way: Way) -> dict[str, Any]:
    """`measure` in a process of its own; a network that does not fit is a result too."""
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(measure, size, count, way).result()
        except (MemoryError, torch.OutOfMemoryError, BrokenProcessPool) as error:
            return {'cameras': count, 'error': f'{type(error).__name__}: {error}'}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', choices=DTYPES, default='fp32')
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--sizes', nargs='*', choices=SIZES, default=['nano', 'tiny', 'small'])
    parser.add_argument('--scaled', nargs='*', choices=SIZES, default=['nano'])
    parser.add_argument('--cameras', nargs='+', type=int, default=list(range(1, 9)))
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    way = Way(args.device, args.dtype, args.compile, args.rounds, args.threads)
    source = {**provenance(), 'torch': torch.__version__, 'threads': args.threads}
    if args.device.startswith('cuda'):
        source['gpu'] = torch.cuda.get_device_name(args.device)
    sizes: dict[str, Any] = {}
    cameras: dict[str, Any] = {}
    for size in args.sizes:
        sizes[size] = alone(size, 6, way)
        print(size, {k: v for k, v in sizes[size].items() if k != 'rounds'}, flush=True)
    for size in args.scaled:
        cameras[size] = [alone(size, count, way) for count in args.cameras]
        print(size, [(row['cameras'], row.get('whole_s')) for row in cameras[size]], flush=True)
    name = '_'.join([args.device, args.dtype, *(['compiled'] if args.compile else [])])
    report = json.loads(args.out.read_text()) if args.out.is_file() else {}
    report |= source
    report[name] = {'sizes': sizes, 'cameras': cameras, 'provenance': source}
    args.out.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
    main()
