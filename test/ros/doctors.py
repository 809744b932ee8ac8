"""Many `mmp doctor` at once: each line of stdin is one, a process forked after importing once.

A line is {"path", "environment", "arguments"}; the path gets {"code", "text"}. Nothing of ROS runs
before the fork.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from mm_perception.cli.main import build_parser, main
from mm_perception.ros import convert, elsewhere, observer

AT_ONCE = 8
del convert, elsewhere, observer  # what the command would import, only earlier


def visit(path: str, environment: dict[str, str], arguments: list[str]) -> None:
    os.environ.update(environment)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = main(['doctor', *arguments])
    Path(path).write_text(json.dumps({'code': code, 'text': text.getvalue()}))


def fork(line: str) -> None:
    if os.fork() == 0:
        try:
            visit(**json.loads(line))
        finally:
            os._exit(0)


if __name__ == '__main__':
    build_parser()  # imports every command
    jobs = sys.stdin.read().splitlines()
    for number, job in enumerate(jobs):
        if number >= AT_ONCE:
            os.wait()
        fork(job)
    for _ in jobs[:AT_ONCE]:
        os.wait()
