"""`mmp prompt`: what is asked of running nodes from a shell, without the `ros2` command."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

import rclpy

from mm_perception.cli import main as mmp
from mm_perception.ros.session import Session
from test.ros.rig import Rig
from test.ros.test_run_record import red_square

pytestmark = pytest.mark.ros
IMAGE = '/camera/image'


def _ask(rig: Rig, publisher: Any, *words: str) -> tuple[int, str]:
    """Exit status and output of the command, while pictures come."""
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'prompt', *words]
    process = subprocess.Popen(
        command, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        rig.feed(publisher, lambda: process.poll() is not None, 'the end of mmp prompt')
        return process.returncode, process.communicate()[0]
    finally:
        process.kill()


def test_a_running_node_is_asked_and_its_answer_printed(rig: Rig) -> None:
    spec = {'plugin': 'colour_tracker', 'inputs': {'image': IMAGE, 'prompt': '/prompt'}}
    rig.start({'finder': spec})
    rig.wait_active('finder')
    publisher = rig.camera(IMAGE)
    send = publisher.publish
    publisher.publish = lambda message: send(red_square(20))  # `feed` paces, we say what is seen
    status, printed = _ask(rig, publisher, 'red', '--seconds', '30')
    assert status == 0, printed
    assert 'sent to /prompt' in printed
    assert 'finder: found' in printed
    status, printed = _ask(rig, publisher, 'the thing', '--seconds', '30')
    assert status == 1, printed
    assert 'finder: rejected: no colour word' in printed
    status, printed = _ask(rig, publisher, '--clear')
    assert status == 0, printed


def test_where_nobody_listens_it_says_so(rig: Rig) -> None:
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'prompt', 'red', '--seconds', '1']
    done = subprocess.run(command, env=dict(os.environ), text=True, capture_output=True)
    assert done.returncode == 1
    assert 'nobody takes prompts on /prompt; start nodes that do' in done.stderr


@pytest.mark.parametrize('words', [[], ['red', '--clear']])
def test_one_thing_is_asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mmp.main(['prompt', *words]) == 2
    assert 'or else --clear' in capsys.readouterr().err


@pytest.mark.usefixtures('rig')
def test_sigterm_within_a_call_is_no_traceback() -> None:
    with Session('cut_short', local_only=True) as session:
        rclpy.shutdown()  # what the handler of SIGTERM does
        session.node.get_publishers_info_by_topic('/camera/image')
        pytest.fail('the call was to be refused')
    with pytest.raises(ValueError, match='ours'), Session('sound', local_only=True):
        raise ValueError('ours')
