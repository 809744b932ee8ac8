"""The text tracker on held-out drives: `python -m bench.bench_text_tracker` writes its scores.

It runs `mmp eval track` and keeps the sums in results/text_tracker.json: HOTA, IDF1, mask IoU of
what is named, false alarms on what is not there, beside both baselines. The page with pictures is
in the folder that it prints.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.provenance import ROOT, provenance

RESULTS = ROOT / 'bench' / 'results' / 'text_tracker.json'
KEPT = ('stack', 'parameters', 'settings', 'systems', 'scores', 'worlds', 'nodes')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=6)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    folder = Path(tempfile.mkdtemp(prefix='bench-text-tracker-')) / 'result'
    words = ['eval', 'track', '--out', str(folder), '--worlds', str(args.worlds)]
    done = subprocess.run(
        [sys.executable, '-m', 'mm_perception.cli.main', *words], cwd=ROOT, check=False
    )
    if done.returncode == 2:
        return done.returncode
    found = json.loads((folder / 'result.json').read_text())
    report |= {name: found[name] for name in KEPT if name in found}
    for world in report['worlds']:
        world['bag'] = Path(world['bag']).name
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(f'page with pictures: {folder / "report.html"}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
