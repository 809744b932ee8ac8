"""Workers that render do not outlive who started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from mm_perception.world.workers import render_pool

PARENT = """
import os, time
from mm_perception.world.workers import render_pool

if __name__ == '__main__':
    pool = render_pool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_a_worker_ends_when_its_parent_is_killed(tmp_path) -> None:
    script = tmp_path / 'parent.py'
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        parent.kill()
    deadline = time.monotonic() + 20
    while is_alive(worker):
        assert time.monotonic() < deadline, 'it is still there'
        time.sleep(0.1)


def test_it_works_in_another_process() -> None:
    with render_pool(1) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
