"""The path of a message: picture in, no-op inference, mask out; ours against the usual rclpy node.

`python -m bench.bench_message_path` runs every way in turn, several rounds, on one machine, and
writes medians and ratios to bench/results/message_path.json. bench/README.md says what they mean.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.counter import FOLDER, total
from bench.provenance import provenance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / 'bench' / 'results' / 'message_path.json'
SIZES = {'640x480': (640, 480), '1920x1080': (1920, 1080)}
RATE_HZ = 30.0
#: More than any way can answer, and not so much that the source takes the CPU away from it.
SATURATING_HZ = {(640, 480): 600.0, (1920, 1080): 100.0}
DRAIN_S = 1.0
READY_S = 60.0


@dataclass(frozen=True)
class Way:
    """One way to answer pictures with masks.

    Attributes:
        role: ours, usual or bare; inside-ours and inside-usual are one process.
        num: How many nodes or plugins on the one camera.
        profile: True for our transport profile in every process.
    """

    name: str
    role: str
    num: int
    profile: bool = True


WAYS = (
    Way('ours x1', 'ours', 1),
    Way('bare x1', 'bare', 1),
    Way('usual x1', 'usual', 1),
    Way('usual x1, default transport', 'usual', 1, profile=False),
    Way('ours x4', 'ours', 4),
    Way('usual x4', 'usual', 4),
    Way('usual x4, default transport', 'usual', 4, profile=False),
    Way('one process: ours x1', 'inside-ours', 1),
    Way('one process: usual x1', 'inside-usual', 1),
    Way('one process: ours x4', 'inside-ours', 4),
    Way('one process: usual x4', 'inside-usual', 4),
)


class Session:
    """The processes of one way; `measure` may be called several times."""

    def __init__(self, way: Way, size: tuple[int, int], folder: Path) -> None:
        self._way = way
        self._folder = folder
        self._size = ['--width', str(size[0]), '--height', str(size[1])]
        self._environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(random.randrange(10, 100)),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_LOG_DIR': str(folder / 'log'),
            FOLDER: str(folder),
            'PYTHONPATH': os.pathsep.join(
                (str(folder), str(ROOT), os.environ.get('PYTHONPATH', ''))
            ),
        }
        outputs = [f'/noop_{i}/output/mask' for i in range(way.num)]
        self._nodes = self._start_nodes(outputs, folder)
        sink = [argument for output in outputs for argument in ('--output', output)]
        self._sink = self._start('sink', *sink)
        matches = 1 if way.role == 'ours' else way.num
        self._source = self._start('source', '--matches', str(matches))
        for process in (self._sink, self._source):
            expect_ready(process)

    def _start_nodes(self, outputs: list[str], folder: Path) -> list[subprocess.Popen[str]]:
        if self._way.role == 'ours':
            command = ours_command(outputs, folder)
            return [subprocess.Popen(command, env=self._environment, text=True)]
        nodes = [self._start(self._way.role, '--output', output) for output in outputs]
        for node in nodes:
            expect_ready(node)
        return nodes

    def _start(self, role: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, '-m', 'bench.message_path_roles', role, *self._size, *arguments]
        if self._way.profile:
            command.append('--profile')
            if role != 'usual':
                command.append('--malloc')
        return subprocess.Popen(
            command, env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def peak(self, rate_hz: float, seconds: float) -> dict[str, float]:
        """How many masks per second are published while the sink leaves them lying."""
        tell(self._sink, 'pause')
        before = total(self._folder)
        published = tell(self._source, f'go {rate_hz} {seconds}')['published']
        masks = total(self._folder) - before
        tell(self._sink, 'report')
        return {'offered': published / seconds, 'masks': masks / seconds}

    def measure(self, rate_hz: float, seconds: float) -> dict[str, Any]:
        """Send pictures, collect what came back."""
        cpu_s = self._cpu_s()
        published = tell(self._source, f'go {rate_hz} {seconds}')['published']
        time.sleep(DRAIN_S)
        cpu_s = self._cpu_s() - cpu_s
        latencies = tell(self._sink, 'report')['latencies_ms']
        return {'published': published, 'cpu_s': cpu_s, 'latencies_ms': latencies}

    def _cpu_s(self) -> float:
        times = [psutil.Process(node.pid).cpu_times() for node in self._nodes]
        return sum(t.user + t.system for t in times)

    def close(self) -> None:
        for process in (self._source, self._sink):
            process.communicate()
        for node in self._nodes:
            node.terminate()
        for node in self._nodes:
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:  # rclpy's own shutdown hangs now and then
                node.kill()
                node.wait()


def ours_command(outputs: list[str], folder: Path) -> list[str]:
    """A stack of no-op plugins, found by entry point as a third party's plugin is."""
    info = folder / 'mmp_bench-0.dist-info'
    info.mkdir(exist_ok=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmp-bench\nVersion: 0\n')
    (info / 'entry_points.txt').write_text(
        '[mm_perception.plugins]\nbench_noop = bench.noop_plugin:NoOp\n'
    )
    node = {
        'plugin': 'bench_noop',
        'inputs': {'image': '/camera/image_raw'},
        'parameters': {'device': 'cpu'},
    }
    names = [output.split('/')[1] for output in outputs]
    stack = folder / f'noop_x{len(names)}.yaml'
    stack.write_text(json.dumps({'nodes': dict.fromkeys(names, node)}))  # JSON is YAML
    return [sys.executable, '-m', 'mm_perception.ros.container', str(stack)]


def tell(process: subprocess.Popen[str], command: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(command + '\n')
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def expect_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != 'ready':
        raise RuntimeError(f'{process.args} said {line!r}')


def inside(way: Way, size: tuple[int, int], rate_hz: float, seconds: float) -> dict[str, Any]:
    values = [way.role.split('-')[1], way.num, *size, rate_hz, seconds]
    command = [sys.executable, '-m', 'bench.message_path_inside', *map(str, values)]
    environment = {
        **os.environ,
        'ROS_DOMAIN_ID': str(random.randrange(10, 100)),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_way(way: Way, size: tuple[int, int], seconds: float, folder: Path) -> dict[str, float]:
    """One round of one way: paced and saturated."""
    if way.role.startswith('inside'):
        paced = inside(way, size, RATE_HZ, seconds)
        peak = inside(way, size, 0, seconds)
        masks = sum(map(len, peak['latencies_ms']))
        peak = {'offered': peak['published'] / seconds, 'masks': masks / seconds}
    else:
        session = Session(way, size, folder)
        try:
            session.measure(RATE_HZ, 1.0)
            paced = session.measure(RATE_HZ, seconds)
            peak = session.peak(SATURATING_HZ[size], seconds)
        finally:
            session.close()
    return figures(way.num, paced, peak)


def figures(num: int, paced: dict[str, Any], peak: dict[str, float]) -> dict[str, float]:
    masks = sum(map(len, paced['latencies_ms']))
    latencies = [ms for each in paced['latencies_ms'] for ms in each]
    frames = masks / num
    return {
        'delivered_share': masks / (paced['published'] * num),
        'latency_p50_ms': float(np.percentile(latencies, 50)) if latencies else float('nan'),
        'latency_p99_ms': float(np.percentile(latencies, 99)) if latencies else float('nan'),
        'cpu_ms_per_frame': 1e3 * paced['cpu_s'] / frames if frames else float('nan'),
        'peak_masks_per_s': peak['masks'],
        'peak_offered_per_s': peak['offered'],
    }


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(r[key] for r in rounds), 4) for key in rounds[0]}


def ratios(summary: dict[str, dict[str, float]]) -> dict[str, float]:
    """Goals first; above 1 is in favour of ours, except against bare: the cost of ours."""

    def ratio(key: str, first: str, second: str) -> float:
        if first not in summary or second not in summary:
            return float('nan')
        return round(summary[first][key] / max(summary[second][key], 1e-9), 3)

    peak, p50, cpu = 'peak_masks_per_s', 'latency_p50_ms', 'cpu_ms_per_frame'
    return {
        'throughput x4: ours / usual (goal >= 4)': ratio(peak, 'ours x4', 'usual x4'),
        'throughput x1: bare / ours (goal <= 1.3)': ratio(peak, 'bare x1', 'ours x1'),
        'latency p50 x1: ours / bare (goal <= 1.3)': ratio(p50, 'ours x1', 'bare x1'),
        'cpu per frame x1: ours / bare (goal <= 1.3)': ratio(cpu, 'ours x1', 'bare x1'),
        'throughput x1: ours / usual': ratio(peak, 'ours x1', 'usual x1'),
        'latency p50 x1: usual / ours': ratio(p50, 'usual x1', 'ours x1'),
        'cpu per frame x1: usual / ours': ratio(cpu, 'usual x1', 'ours x1'),
        'latency p50 x4: usual / ours': ratio(p50, 'usual x4', 'ours x4'),
        'cpu per frame x4: usual / ours': ratio(cpu, 'usual x4', 'ours x4'),
        'one process, throughput x4: ours / usual': ratio(
            peak, 'one process: ours x4', 'one process: usual x4'
        ),
    }


def print_table(size: str, summary: dict[str, dict[str, float]]) -> None:
    print(f'\n{size:<30} delivered   p50 ms   p99 ms  CPU ms/frame   peak masks/s (offered)')
    for name, row in summary.items():
        print(
            f'{name:<30} {row["delivered_share"]:9.3f} {row["latency_p50_ms"]:8.2f} '
            f'{row["latency_p99_ms"]:8.2f} {row["cpu_ms_per_frame"]:13.2f} '
            f'{row["peak_masks_per_s"]:14.0f} ({row["peak_offered_per_s"]:.0f})'
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=5.0, help='of each measurement')
    parser.add_argument('--size', choices=SIZES, action='append')
    parser.add_argument('--only', help='ways whose name contains this')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    ways = [way for way in WAYS if not args.only or args.only in way.name]
    report: dict[str, Any] = {**provenance(), 'rounds': args.rounds, 'seconds': args.seconds}
    report['sizes'] = {}
    for size in args.size or SIZES:
        rounds: dict[str, list[dict[str, float]]] = {way.name: [] for way in ways}
        for number in range(args.rounds):
            for way in ways:  # in turn, so that a busy machine hits all alike
                print(f'{size} round {number + 1}: {way.name}', file=sys.stderr)
                with tempfile.TemporaryDirectory() as folder:
                    row = run_way(way, SIZES[size], args.seconds, Path(folder))
                rounds[way.name].append({**row, 'load': os.getloadavg()[0]})
        summary = {name: medians(rows) for name, rows in rounds.items()}
        report['sizes'][size] = {'ratios': ratios(summary), 'medians': summary, 'rounds': rounds}
        print_table(size, summary)
        for name, value in ratios(summary).items():
            print(f'  {name}: {value}')
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
