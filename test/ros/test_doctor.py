"""`mmp doctor` against faulty robots that run as processes of their own, over real DDS.

The robots run at the same time, each in a domain of its own; a doctor looks at each of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from rosbags.typesys import Stores, get_typestore

from mm_perception.ros import dds

#: The robots start and are examined in the set-up of the first test: 20 busy processes.
pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Discovery alone takes 3 s, and more where the machine is busy.
LOOKS_S = (5.0, 15.0, 30.0)
RAW, RECT = '/camera/image_raw', '/camera/image_rect'


@dataclass(frozen=True)
class Case:
    """What the doctor must say first, and in which words.

    Attributes:
        words: In the evidence.
        fix: In the fix.
        after: Causes that it must call consequences.
    """

    cause: str
    subject: str
    words: tuple[str, ...]
    fix: str
    after: tuple[str, ...] = ()


CASES: Mapping[str, Case] = {
    'no_publisher': Case(
        'no_publisher', '/front/image_raw', ('/viewer', 'nobody publishes', '/front/image_color'),
        '/front/image_raw:=/front/image_color',
    ),
    'qos_mismatch': Case(
        'qos_mismatch', RAW, ('/driver offers reliability best_effort', '/viewer', 'reliable'),
        'reliability best_effort in the subscription of /viewer',
    ),
    'large_best_effort': Case(
        'large_best_effort', RAW, ('/driver', 'shared memory has 0.55 MB', '6.22 MB', 'lost'),
        'mmp doctor --profile',
    ),
    'unsupported_encoding': Case('unsupported_encoding', RAW, ("'nv61'",), 'rgb8'),
    'unrectified': Case(
        'unrectified', RECT, ('/camera/camera_info', 'plumb_bob', '-0.3', '17 px'), 'D = 0',
    ),
    'uncalibrated': Case('uncalibrated', '/camera/camera_info', ('not calibrated',), 'calibrat'),
    'frame_missing': Case(
        'frame_missing', RAW, ("'camera_optical' is not in TF", 'base_link, lidar'),
        '--frame-id base_link --child-frame-id camera_optical',
    ),
    'no_clock': Case(
        'no_clock', '/clock', ('use_sim_time is true', 'not published', '/viewer'),
        'use_sim_time false',
    ),
    'wall_time': Case(
        'other_clock', RAW, ('/clock is there', '/viewer use wall time'),
        'ros2 param set /viewer use_sim_time true',
    ),
    'other_clock': Case('other_clock', RAW, ('3.0 days behind',), '--clock'),
    'stamp_skew': Case(
        'stamp_skew', RAW, ('20', 'ms behind their arrival'), 'chrony', ('sensor_skew',)
    ),
    'sensor_skew': Case(
        'sensor_skew', f'{RAW} and /lidar/points', ('ms apart',), 'synchronise'
    ),
    'wrong_domain': Case(
        'wrong_domain', 'domain ', ('ROS_DOMAIN_ID is', RAW, 'faulty_robot.py'),
        'export ROS_DOMAIN_ID=', ('no_publisher', 'nobody_here'),
    ),
    'model_missing': Case(
        'model_missing', '/segmenter', ("'nobody/segments-all'", 'local hub cache'),
        'mmp fetch nobody/segments-all', ('node_inactive',),
    ),
    'device_missing': Case(
        'device_missing', '/segmenter', ("'cuda:7'", 'CUDA devices'), 'set it to "cpu"',
        ('node_inactive',),
    ),
    'node_inactive': Case('node_inactive', '/segmenter', ('unconfigured',), 'configure'),
    'talker': Case(
        'type_hash_mismatch', '/chatter', ('std_msgs/msg/String', 'this environment', '/driver'),
        'same version of std_msgs',
    ),
}  # fmt: skip


class Ward:
    """Robots, each in its own domain, and what the doctors said of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self.domains: dict[str, int] = {}
        self.reports: dict[str, dict[str, Any]] = {}

    def start(self, *robots: str, **environment: str) -> None:
        """Start robots in domains of their own and wait until all are ready."""
        for robot in robots:
            taken = set(self.domains.values())
            self.domains[robot] = next(
                domain for domain in iter(dds.free_domain, None) if domain not in taken
            )
        variables = {k: v for k, v in os.environ.items() if k not in dds.PROFILE_VARIABLES}
        variables |= self.environment(0) | environment
        words = [f'{robot}={self.domains[robot]}' for robot in robots]
        with (self.folder / f'{robots[0]}.log').open('w') as log:
            process = subprocess.Popen(
                [sys.executable, str(HERE / 'faulty_robot.py'), *words], stdout=subprocess.PIPE,
                stderr=log, text=True, cwd=ROOT, env=variables, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        assert process.stdout is not None
        ready = {process.stdout.readline().strip() for _ in robots}
        assert ready == {f'{robot} ready' for robot in robots}

    def environment(self, domain: int) -> dict[str, str]:
        return {
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_LOG_DIR': str(self.folder),
            'MMP_SHM_SEGMENT_MB': '16',
            'PYTHONPATH': str(ROOT),
        }

    def examine(self, robots: list[str], seconds: float) -> None:
        """A doctor for each of the robots, all at once."""
        jobs = [
            {
                'path': str(self.folder / f'{robot}.json'),
                'environment': self.environment(self.domains[robot]),
                'arguments': ['--seconds', str(seconds), '--json'],
            }
            for robot in robots
        ]
        subprocess.run(
            [sys.executable, str(HERE / 'doctors.py')], input='\n'.join(map(json.dumps, jobs)),
            text=True, cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)}, check=True,
        )  # fmt: skip
        for robot, job in zip(robots, jobs, strict=True):
            said = json.loads(Path(str(job['path'])).read_text())
            self.reports[robot] = json.loads(said['text'])
            assert said['code'] == self.reports[robot]['exit_code']

    def first(self, robot: str) -> dict[str, Any]:
        return dict(self.reports[robot]['findings'][0])

    def causes(self, robot: str) -> list[str]:
        """Everything that is wrong and no consequence of something else."""
        findings = self.reports[robot]['findings']
        return [f['cause'] for f in findings if f['level'] != 'OK' and not f['follows']]

    def close(self) -> None:
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
        while self.running:
            self.running.pop().wait(45)


@pytest.fixture(scope='module')
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """All robots running, all examined until the cause was found or patience ends."""
    ward = Ward(tmp_path_factory.mktemp('doctor'))
    try:
        # Few at first: a doctor looks into a few other domains only.
        ward.start('good_robot', 'wrong_domain', 'healthy')
        _examine(ward, ['wrong_domain', 'healthy'])
        ward.close()
        others = [robot for robot in CASES if robot not in ('wrong_domain', 'talker')]
        ward.start(*others)
        definition = _other_definition(ward.folder)
        if definition is not None:
            others.append('talker')
            ward.start('talker', **definition)
        _examine(ward, others)
        ward.close()
        yield ward
    finally:
        ward.close()


def _examine(ward: Ward, robots: list[str]) -> None:
    for seconds in LOOKS_S:
        ward.examine(robots, seconds)
        robots = [robot for robot in robots if not _is_settled(ward, robot)]
        if not robots:
            return


def _is_settled(ward: Ward, robot: str) -> bool:
    if robot == 'healthy':
        return int(ward.reports[robot]['exit_code']) == 0
    return ward.causes(robot) == [CASES[robot].cause]


def _other_definition(folder: Path) -> dict[str, str] | None:
    """Variables with which std_msgs/msg/String has another type hash; None without wheels.

    The hash lies in the type support library as bytes, which are turned round in a copy of it.
    """
    library = 'libstd_msgs__rosidl_generator_c.so'
    original = Path(sys.prefix) / 'lib' / library
    if not original.is_file():
        return None
    digest = _hash_of_string()
    content = original.read_bytes()
    assert digest in content
    (folder / library).write_bytes(content.replace(digest, bytes(reversed(digest))))
    first = f'{folder}:{os.environ.get("LD_LIBRARY_PATH", "")}'
    return {'LD_LIBRARY_PATH': first, '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1'}


def _hash_of_string() -> bytes:
    known = get_typestore(Stores.ROS2_KILTED).hash_rihs01('std_msgs/msg/String')
    return bytes.fromhex(known.removeprefix('RIHS01_'))


@pytest.mark.parametrize('robot', CASES)
def test_fault_is_named_first_with_its_fix(ward: Ward, robot: str) -> None:
    if robot not in ward.reports:
        pytest.skip('the type support is not a wheel: no second definition can be made of it')
    case, report = CASES[robot], ward.reports[robot]
    said = ward.first(robot)
    assert said['cause'] == case.cause, report
    assert said['subject'].startswith(case.subject)
    for word in case.words:
        assert word in said['evidence']
    assert case.fix in said['fix']
    assert report['exit_code'] in (1, 2)
    assert ward.causes(robot) == [case.cause], 'nothing else is wrong with this robot'
    follows = {f['cause'] for f in report['findings'] if f['follows']}
    assert follows >= set(case.after)


def test_wrong_domain_names_the_right_one(ward: Ward) -> None:
    said = ward.first('wrong_domain')
    assert f'ROS_DOMAIN_ID is {ward.domains["wrong_domain"]} here' in said['evidence']
    assert f'export ROS_DOMAIN_ID={ward.domains["good_robot"]} ' in said['fix']


def test_both_hashes_are_shown(ward: Ward) -> None:
    if 'talker' not in ward.reports:
        pytest.skip('the type support is not a wheel')
    digest, evidence = _hash_of_string(), ward.first('talker')['evidence']
    assert f'RIHS01_{digest.hex()[:12]}' in evidence
    assert f'RIHS01_{bytes(reversed(digest)).hex()[:12]}' in evidence


def test_healthy_robot_has_no_finding(ward: Ward) -> None:
    """With distorted raw pictures, large best-effort messages on our profile, and TF."""
    report = ward.reports['healthy']
    assert [f for f in report['findings'] if f['level'] != 'OK'] == []
    assert report['exit_code'] == 0
    assert {f['cause'] for f in report['findings']} == {'lens', 'stream'}


def doctor(ward: Ward, robot: str, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, '-m', 'mm_perception.cli.main', 'doctor', *arguments]
    environment = {**os.environ, **ward.environment(ward.domains[robot])}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert all(line.startswith('looking: ') for line in done.stderr.splitlines())  # progress
    return done.returncode, done.stdout


def test_command_prints_reason_and_fix_and_what_a_stack_lacks(ward: Ward, tmp_path: Path) -> None:
    """Before the stack is started: its input, its weights and its device."""
    stack = tmp_path / 'mine.yaml'
    stack.write_text(
        'nodes:\n  segmenter:\n    plugin: sam2\n'
        '    inputs: {image: /front/image_raw}\n'
        '    parameters: {weights: nobody/segments-all, device: "cuda:7"}\n'
    )
    ward.start('no_publisher')
    for seconds in LOOKS_S:
        code, text = doctor(ward, 'no_publisher', '--seconds', str(seconds), '--stack', str(stack))
        if '/front/image_color' in text:
            break
    assert code == 2
    for words in (
        'ERROR  no_publisher', 'ERROR  model_missing', 'ERROR  device_missing',
        'fix: run: mmp fetch nobody/segments-all',
    ):  # fmt: skip
        assert words in text
    ward.close()
    assert text.splitlines()[-1].endswith('begin with no_publisher')
