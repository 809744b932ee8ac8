"""Ctrl-C within a session of ROS: no work is cut in the middle, and a second one ends at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mm_perception.ros import dds

_SCRIPT = """
import os, signal, time
from mm_perception.ros.session import Session

before = signal.getsignal(signal.SIGINT)
with Session('pressed', local_only=True) as session:
    assert session.is_up
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(100):  # where the exception used to come
        time.sleep(0.001)
    assert session.was_interrupted and not session.is_up
    {then}
assert session.was_interrupted
assert signal.getsignal(signal.SIGINT) is before
print('ended')
"""
_EXPECTED = """
    try:
        {call}
        raise AssertionError
    except KeyboardInterrupt:
        print('raised')
"""


@pytest.mark.ros
@pytest.mark.parametrize(
    ('then', 'said'),
    [
        ('pass', 'ended'),
        ('session.node.create_publisher(Clock, "/clock", 1)', 'ended'),
        (_EXPECTED.format(call='session.serve(0.1)'), 'raised\nended'),
        (_EXPECTED.format(call='os.kill(os.getpid(), signal.SIGINT)'), 'raised\nended'),
    ],
    ids=['nothing', 'a call of ROS', 'waiting', 'a second time'],
)
def test_ctrl_c(then: str, said: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, 'ROS_DOMAIN_ID': str(dds.free_domain()), 'ROS_LOG_DIR': str(tmp_path)
    }  # fmt: skip
    script = 'from rosgraph_msgs.msg import Clock\n' + _SCRIPT.replace('{then}', then.strip())
    done = subprocess.run(
        [sys.executable, '-c', script], env=environment, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == said
