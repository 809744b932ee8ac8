"""The text tracker beside programs that want the same cores: `python -m bench.bench_busy_cpu`.

Threads of torch spin while they wait for one another. Each way of waiting, and one thread, tracks
the same pictures offline, alone and beside busy loops, and results/busy_cpu.json tells how long a
picture takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.provenance import ROOT, provenance

RESULTS = ROOT / 'bench' / 'results' / 'busy_cpu.json'
MMP = [sys.executable, '-m', 'mm_perception.cli.main']
SEED = '131'  # the street of the demo
TEXT = 'the red car'
WAYS = {
    'ours': {},
    "torch's default": {'GOMP_SPINCOUNT': '300000'},
    'never spins': {'OMP_WAIT_POLICY': 'PASSIVE'},
    'one thread': {'OMP_NUM_THREADS': '1'},
}
SETTINGS = {name for way in WAYS.values() for name in way}


def measure(drive: Path, way: dict[str, str], others: int) -> dict[str, float]:
    """Milliseconds per picture beside so many busy loops."""
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS} | way
    loop = [sys.executable, '-c', 'while True: pass']
    # Sessions of their own, as services and terminals have them: Linux shares cores among those.
    busy = [subprocess.Popen(loop, start_new_session=True) for _ in range(others)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            words = ['replay', str(drive), '--stack', 'track', '--prompt', TEXT, '--offline']
            words += ['--no-film', '--out', f'{folder}/out']
            subprocess.run([*MMP, *words], env=environment, check=True, stdout=subprocess.DEVNULL)
            summary = json.loads(Path(folder, 'out', 'summary.json').read_text())
    finally:
        for process in busy:
            process.kill()
            process.wait()
    node = summary['nodes']['text_tracker']
    return {name: node[name] for name in ('inference_p50_ms', 'inference_p95_ms')}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', default='2', help='of the drive, ten pictures each')
    parser.add_argument('--others', type=int, nargs='+', default=[0, 1], help='busy loops')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    with tempfile.TemporaryDirectory() as folder:
        drive = Path(folder, 'drive')
        words = ['world', '--out', str(drive), '--seed', SEED, '--seconds', args.seconds]
        words += ['--width', '320', '--no-lidar']
        subprocess.run([*MMP, *words], check=True, stdout=subprocess.DEVNULL)
        report['seconds'] = float(args.seconds)
        report['ways'] = {
            f'{way}, beside {others} busy loops': measure(drive, settings, others)
            for others in args.others
            for way, settings in WAYS.items()
        }
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps(report['ways'], indent=1))


if __name__ == '__main__':
    main()
