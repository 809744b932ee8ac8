"""How fast the synthetic world is seen: `python -m bench.bench_world` writes results/world.json.

Rates are per second of CPU time, that is per core: pictures and scans are made by as many
processes as there are cores, and a busy machine does not change them much. Every street is
looked at from the same moments of its drive; the first of each is not counted.
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

from bench.provenance import ROOT, provenance
from mm_perception.world.drive import Drive, make_scan, one_camera, render_frame
from mm_perception.world.lidar import Lidar
from mm_perception.world.render import Optics

RESULTS = ROOT / 'bench' / 'results' / 'world.json'
SIZES = ('320x240', '640x360')


def measure(look: Callable[[int], object], num: int) -> dict[str, Any]:
    """Look at moments 1 to `num`; 0 is the warm-up."""
    look(0)
    cpu_s, wall_s = [], []
    for index in range(1, num + 1):
        began = time.process_time(), time.perf_counter()
        look(index)
        cpu_s.append(time.process_time() - began[0])
        wall_s.append(time.perf_counter() - began[1])
    return {
        'per_s_per_core': round(1 / statistics.mean(cpu_s), 2),
        'cpu_s': [round(value, 4) for value in cpu_s],
        'wall_s': [round(value, 4) for value in wall_s],
    }


def measure_street(seed: int, sizes: list[str], num: int, fineness: int) -> dict[str, Any]:
    row: dict[str, Any] = {'seed': seed}
    for size in sizes:
        width, height = map(int, size.split('x'))
        drive = Drive(seed, cameras=one_camera(width, height), optics=Optics(fineness=fineness))
        row[f'frames_{size}'] = measure(lambda index, drive=drive: render_frame(drive, index), num)
    drive, lidar = Drive(seed), Lidar()
    row['scans'] = measure(lambda index: make_scan(drive, lidar, index), num)
    row['points_per_scan'] = len(make_scan(drive, lidar, 0).points)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', nargs='+', default=list(SIZES))
    parser.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
    parser.add_argument('--frames', type=int, default=10, help='timed per street and size')
    parser.add_argument('--fine', type=int, default=1, help='rays per pixel and side')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    source = provenance()
    rows = [measure_street(seed, args.sizes, args.frames, args.fine) for seed in args.seeds]
    rates = {
        f'{name}_per_s_per_core': statistics.median(row[name]['per_s_per_core'] for row in rows)
        for name in (*(f'frames_{size}' for size in args.sizes), 'scans')
    }
    report = {**source, 'fineness': args.fine, **rates, 'streets': rows}
    args.out.write_text(json.dumps(report, indent=2) + '\n')
    print(json.dumps(rates, indent=2))


if __name__ == '__main__':
    main()
