"""Where a number comes from: date, machine, commit, command, versions, load."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ('ros-rclpy', 'ros-fastdds', 'numpy', 'torch')


def provenance() -> dict[str, Any]:
    """Facts to store beside every benchmark result."""
    return {
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'command': ' '.join(['python', '-m', _module(), *sys.argv[1:]]),
        'commit': _git('rev-parse', '--short', 'HEAD'),
        'has_local_changes': bool(_git('status', '--porcelain', '--untracked-files=no')),
        'cpu': _cpu(),
        'num_cpus': os.cpu_count(),
        'load_before': os.getloadavg(),
        'python': platform.python_version(),
        'packages': {name: _version(name) for name in PACKAGES},
    }


def _module() -> str:
    return f'bench.{Path(sys.argv[0]).stem}'


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ['git', *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _cpu() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ''
