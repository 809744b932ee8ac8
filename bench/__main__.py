"""`python -m bench [NAME ...]`: all benchmarks, or those whose name contains one of the words."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

PREFIX = 'bench_'


def names() -> list[str]:
    """Every benchmark there is."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return [m.name.removeprefix(PREFIX) for m in modules if m.name.startswith(PREFIX)]


def main() -> int:
    words = sys.argv[1:]
    chosen = [name for name in names() if not words or any(word in name for word in words)]
    if not chosen:
        print(f'no benchmark is named {" or ".join(words)}; there are: {", ".join(names())}')
        return 2
    commands = [[sys.executable, '-m', f'bench.{PREFIX}{name}'] for name in chosen]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == '__main__':
    sys.exit(main())
