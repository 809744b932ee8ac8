"""Tables, exit codes, and the run of all checks."""

from __future__ import annotations

import pytest

from mm_perception.diagnosis.checks import run_checks
from mm_perception.diagnosis.finding import Finding, exit_code, ok, table
from mm_perception.diagnosis.snapshot import Edge, Endpoint, Machine, Snapshot, Topic, Traffic
from mm_perception.faults import Level

WARNING = Finding(Level.WARN, 'stream_gap', '/a', 'two seconds ' * 20, 'mend it')
ERROR = Finding(Level.ERROR, 'qos_mismatch', '/b', 'broken', 'set it')


@pytest.mark.parametrize(
    ('findings', 'code'),
    [([], 0), ([ok('x', 'y', 'z')], 0), ([WARNING], 1), ([WARNING, ERROR], 2)],
)
def test_exit_code(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code


def test_table_is_aligned_and_wrapped() -> None:
    lines = table([ERROR, WARNING, ok('input', '/c', 'fine')], width=80).splitlines()
    assert lines[0].startswith('ERROR  qos_mismatch  /b: broken')
    assert lines[1].strip() == 'fix: set it'
    assert lines[1].index('fix') == lines[0].index('/b')
    assert lines[-1].startswith('OK     input         /c: fine')
    assert max(map(len, lines)) <= 80


def test_finding_as_json() -> None:
    assert ERROR.as_dict()['level'] == 'ERROR'


def test_healthy_system_is_listed_as_ok() -> None:
    traffic = Traffic(30, 1.0, 1000, 10**18, 10**18 + 10**9, 0, 0.04, 0.01, ('lidar',))
    topic = Topic('/points', (Endpoint('/d', 'sensor_msgs/msg/PointCloud2'),), (), traffic)
    seen = Snapshot(
        topics={'/points': topic},
        edges=(Edge('base_link', 'lidar', is_static=True),),
        machine=Machine(shm_free_bytes=10**10, shm_total_bytes=10**10),
    )
    (finding,) = run_checks(seen)
    assert (finding.level, finding.subject) == (Level.OK, '/points')
    assert '29.0 Hz' in finding.evidence


def test_empty_graph_is_an_error() -> None:
    assert exit_code(run_checks(Snapshot(machine=Machine()))) == 2
