"""`mmp doctor` against faulty robots that run as processes of their own, over real DDS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.diagnosis.checks import run_checks
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.ros import dds
from mm_perception.ros.observer import observe

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
ROBOT = Path(__file__).with_name('faulty_robot.py')
#: Discovery alone takes 3 s, and more where the machine is busy.
LOOKS_S = (3.0, 5.0, 10.0, 20.0, 30.0)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def own_network(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', str(dds.free_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a robot with a fault; it ends with the test."""
    running = []

    def start_robot(fault: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(ROBOT), fault],
            stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == 'ready'
        return process

    yield start_robot
    for process in running:
        process.terminate()
        process.wait(45)


def find(cause: str, **changes) -> tuple[Snapshot, list[Finding]]:
    """Observe until the cause is found: discovery alone may take seconds."""
    findings: list[Finding] = []
    for duration_s in LOOKS_S:
        seen = observe(duration_s)
        seen = Snapshot(**{**seen.__dict__, **changes})
        findings = run_checks(seen)
        if any(f.cause == cause for f in findings):
            return seen, [f for f in findings if f.cause == cause]
    raise AssertionError(f'no {cause} in {findings}')


@pytest.mark.parametrize(
    ('fault', 'subject', 'words'),
    [
        ('qos_mismatch', '/camera/image_raw', ('/driver', 'best_effort', '/viewer', 'reliable')),
        ('no_publisher', '/camera/image_raw', ('/driver', '/camera/image_rect')),
        ('frame_missing', '/camera/image_raw', ('camera_optical', 'base_link, lidar')),
        ('sensor_skew', '/camera/image_raw and /lidar/points', ('ms apart',)),
        ('uncalibrated', '/camera/camera_info', ('not calibrated',)),
        ('unsupported_encoding', '/camera/image_raw', ("'nv61'",)),
        ('other_clock', '/camera/image_raw', ('3.0 days',)),
        ('stamp_skew', '/camera/image_raw', ('behind their arrival',)),
        ('no_clock', '/clock', ('/driver', 'not published')),
        ('node_inactive', '/segmenter', ('unconfigured',)),
    ],
)
def test_fault_is_named(start: Start, fault: str, subject: str, words: tuple[str, ...]) -> None:
    start(fault)
    _, findings = find(fault, encodings=('rgb8',))
    (finding,) = findings
    assert finding.subject == subject
    for word in words:
        assert word in finding.evidence
    assert finding.fix


def test_definitions_that_differ_are_named(start: Start, tmp_path: Path) -> None:
    """The robot's std_msgs/String has another type hash: nothing arrives, nothing is logged."""
    library = 'libstd_msgs__rosidl_generator_c.so'
    original = Path(sys.prefix) / 'lib' / library
    if not original.is_file():
        pytest.skip(f'{original} is not there: the type support is not a wheel')
    known = _hash_of_string(start)
    digest = bytes.fromhex(known.removeprefix('RIHS01_'))
    content = original.read_bytes()
    assert digest in content
    (tmp_path / library).write_bytes(content.replace(digest, bytes(reversed(digest))))
    first = f'{tmp_path}:{os.environ.get("LD_LIBRARY_PATH", "")}'
    start('talker', LD_LIBRARY_PATH=first, _ROS_WHEELS_BOOTSTRAP_COMPLETE='1')
    _, (finding,) = find('type_hash_mismatch')
    assert finding.subject == '/chatter'
    assert 'this environment' in finding.evidence
    assert f'RIHS01_{bytes(reversed(digest)).hex()[:12]}' in finding.evidence


def _hash_of_string(start: Start) -> str:
    process = start('talker')
    for duration_s in LOOKS_S:
        seen = observe(duration_s)
        if 'std_msgs/msg/String' in seen.hashes_here:
            process.terminate()
            process.wait(45)
            return seen.hashes_here['std_msgs/msg/String']
    raise AssertionError('the talker was not discovered')


def doctor(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'doctor', *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ''
    return done.returncode, done.stdout


def test_command_reports_an_empty_domain() -> None:
    code, text = doctor('--seconds', '1', '--json')
    report = json.loads(text)
    assert code == report['exit_code'] == 2
    assert [f['cause'] for f in report['findings']] == ['nobody_here']


def test_command_prints_reason_and_fix(start: Start) -> None:
    start('qos_mismatch')
    for duration_s in (8, 20, 40):
        code, text = doctor('--seconds', str(duration_s))
        if 'qos_mismatch' in text:
            break
    assert code == 2
    assert 'ERROR  qos_mismatch' in text
    assert 'fix: set reliability best_effort' in text
    assert text.splitlines()[-1].endswith('warnings')
