"""How fast the synthetic world is seen: `python -m bench.bench_world` writes results/world.json.

  frames    pictures with all their truth per second of CPU time, that is per core, of streets and
            of rooms, by size; a busy machine does not change them much
  scans     turns of the default LiDAR in streets, likewise
  parallel  pictures per second of wall time with one process and with as many as there are cores,
            from the first to the last, so that starting the processes does not count

Every world is looked at from the same moments of its drive; the first of each is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from bench.provenance import ROOT, provenance
from mm_perception.world.drive import (
    Drive,
    Place,
    make_scan,
    observe,
    one_camera,
    render_frame,
)
from mm_perception.world.lidar import Lidar
from mm_perception.world.render import Optics

RESULTS = ROOT / 'bench' / 'results' / 'world.json'
PLACES: tuple[Place, ...] = ('street', 'room')
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


def drive_of(seed: int, place: Place, size: str, fineness: int, **more: Any) -> Drive:
    """With one camera and no LiDAR."""
    width, height = map(int, size.split('x'))
    cameras, optics = one_camera(width, height, place), Optics(fineness=fineness)
    return Drive(seed, cameras=cameras, optics=optics, place=place, lidar=None, **more)


def measure_world(
    seed: int, place: Place, sizes: list[str], num: int, fineness: int
) -> dict[str, Any]:
    row: dict[str, Any] = {'seed': seed, 'place': place}
    for size in sizes:
        drive = drive_of(seed, place, size, fineness)
        row[f'frames_{size}'] = measure(lambda index, drive=drive: render_frame(drive, index), num)
    if place == 'street':
        drive, lidar = Drive(seed), Lidar()
        row['scans'] = measure(lambda index: make_scan(drive, lidar, index), num)
        row['points_per_scan'] = len(make_scan(drive, lidar, 0).points)
    return row


def measure_parallel(size: str, num: int, workers: int) -> dict[str, Any]:
    """Wall time of the same pictures, made by one process and by several."""
    drive = drive_of(1, 'street', size, 1, seconds=num / 10)
    rates = {}
    for processes in (1, workers):
        times = [time.perf_counter() for _ in observe(drive, processes)]
        rates[processes] = (len(times) - 1) / (times[-1] - times[0])
    return {
        'size': size,
        'workers': workers,
        'frames_per_s_alone': round(rates[1], 2),
        'frames_per_s': round(rates[workers], 2),
        'speed_up': round(rates[workers] / rates[1], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--places', nargs='+', choices=PLACES, default=list(PLACES))
    parser.add_argument('--sizes', nargs='+', default=list(SIZES))
    parser.add_argument('--seeds', type=int, nargs='+', default=[1, 2, 3])
    parser.add_argument('--frames', type=int, default=10, help='timed per world and size')
    parser.add_argument('--fine', type=int, default=1, help='rays per pixel and side')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='in parallel')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    source = provenance()
    rows = [
        measure_world(seed, place, args.sizes, args.frames, args.fine)
        for place in args.places
        for seed in args.seeds
    ]
    rates = {}
    for place in args.places:
        for name in (*(f'frames_{size}' for size in args.sizes), 'scans'):
            found = [r[name]['per_s_per_core'] for r in rows if r['place'] == place and name in r]
            if found:
                rates[f'{place}_{name}_per_s_per_core'] = statistics.median(found)
    parallel = measure_parallel(args.sizes[0], 8 * args.frames, args.workers)
    report = {**source, 'fineness': args.fine, **rates, 'parallel': parallel, 'worlds': rows}
    args.out.write_text(json.dumps(report, indent=2) + '\n')
    print(json.dumps({**rates, 'parallel': parallel}, indent=2))


if __name__ == '__main__':
    main()
