"""This machine, and what nodes say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_perception.diagnosis import host, machine, nodes
from mm_perception.diagnosis.snapshot import (
    Endpoint,
    Machine,
    Node,
    Snapshot,
    Status,
    Topic,
    Wanted,
)
from mm_perception.faults import Level

MB = 1024**2
BUSY = {'/x': Topic('/x', (Endpoint('/n', 'std_msgs/msg/String'),))}


def test_discovery_off() -> None:
    (finding,) = host.discovery_off(Snapshot(machine=Machine(discovery_range='OFF')))
    assert finding.level is Level.ERROR
    assert host.discovery_off(Snapshot(machine=Machine())) == []


@pytest.mark.parametrize(('free_mb', 'level'), [(20, Level.ERROR), (64, Level.WARN), (1024, None)])
def test_shared_memory(free_mb: int, level: Level | None) -> None:
    pc = Machine(shm_free_bytes=free_mb * MB, shm_total_bytes=2048 * MB, segment_bytes=32 * MB)
    findings = host.low_shared_memory(Snapshot(machine=pc))
    assert [f.level for f in findings] == ([level] if level else [])


def test_cpu_although_there_is_a_gpu() -> None:
    status = Status('/seg', 0, '', {'device': 'cpu'})
    with_gpu = Machine(gpus=('RTX',), is_cuda_usable=True)
    (finding,) = host.cpu_fallback(Snapshot(statuses=(status,), machine=with_gpu))
    assert (finding.level, finding.subject) == (Level.WARN, '/seg')
    (finding,) = host.cpu_fallback(Snapshot(statuses=(status,), machine=Machine()))
    assert finding.level is Level.OK
    assert 'device auto became cpu: this machine has no GPU' in finding.evidence
    told = Status('/seg', 0, '', {'device': 'cpu', 'device_asked': 'cpu'})
    assert host.cpu_fallback(Snapshot(statuses=(told,), machine=with_gpu)) == []
    broken = Machine(gpus=('RTX',), is_cuda_usable=False)
    (finding,) = host.cpu_fallback(Snapshot(machine=broken))
    assert finding.level is Level.ERROR


def test_lifecycle_states() -> None:
    wanted = (Wanted('/seg', 'image', '/x', ()),)
    seen = Snapshot(
        nodes=(
            Node('/seg', 'inactive'),
            Node('/other', 'unconfigured'),
            Node('/good', 'active'),
            Node('/plain'),
            Node('/dead', 'finalized'),
        ),
        wanted=wanted,
    )
    found = {f.subject: f for f in nodes.inactive_nodes(seen)}
    assert set(found) == {'/seg', '/other', '/dead'}
    assert found['/seg'].level is Level.ERROR
    assert found['/seg'].fix == 'ros2 lifecycle set /seg activate'
    assert found['/other'].level is Level.WARN
    assert found['/other'].fix == 'ros2 lifecycle set /other configure'
    assert found['/dead'].level is Level.ERROR


def test_node_of_the_stack_that_does_not_run() -> None:
    wanted = (Wanted('/seg', 'image', '/x', ()), Wanted('/seg', 'prompt', '/p', ()))
    (finding,) = nodes.absent_nodes(Snapshot(wanted=wanted))
    assert finding.subject == '/seg'
    assert nodes.absent_nodes(Snapshot(wanted=wanted, nodes=(Node('/seg'),))) == []


def test_diagnostics_are_passed_on() -> None:
    seen = Snapshot(
        statuses=(
            Status('/a', 0, 'fine'),
            Status('/b', 1, 'slow'),
            Status('/c', 2, 'weights x: no file'),
            Status('/d', 3, 'old'),
        )
    )
    found = {f.subject: (f.level, f.evidence) for f in nodes.diagnostics(seen)}
    assert found == {
        '/b': (Level.WARN, 'slow'),
        '/c': (Level.ERROR, 'weights x: no file'),
        '/d': (Level.WARN, 'old'),
    }


def test_random_weights() -> None:
    seen = Snapshot(
        statuses=(
            Status('/a', 0, '', {'weights': 'random'}),
            Status('/b', 0, '', {'weights': 'facebook/sam2'}),
        )
    )
    (finding,) = nodes.random_weights(seen)
    assert finding.subject == '/a'


@pytest.mark.parametrize(
    ('message', 'cause', 'words', 'fix'),
    [
        (
            "WeightsError: weights 'a/b': not on this machine; run: mmp fetch a/b",
            'model_missing', "weights 'a/b': not on this machine",
            'run: mmp fetch a/b; then: ros2 lifecycle set /robot/seg configure',
        ),
        (
            'inactive after DeviceError: device cuda: there are 0 CUDA devices; set it to cpu',
            'device_missing', 'Linux knows no NVIDIA GPU', 'set it to cpu; then: ',
        ),
        (
            'MissingDependencyError: x needs y, which is not installed; run: make y',
            'library_missing', 'x needs y', 'run: make y; then: ',
        ),
        (
            'TransformUnavailableError: no transform a <- b: c; check that both are there',
            'diagnostic', 'no transform a <- b', 'check that both are there',
        ),
        ('StaleInputError: input is old', 'diagnostic', 'is old', 'raise `max_age_s`'),
        ('waiting for required input: map', 'diagnostic', 'waiting for', '/diagnostics'),
    ],
)  # fmt: skip
def test_errors_of_our_nodes_get_their_cause_and_fix(
    message: str, cause: str, words: str, fix: str
) -> None:
    status = Status('robot/seg: perception', 2, message)
    (finding,) = nodes.diagnostics(Snapshot(statuses=(status,)))
    assert (finding.cause, finding.subject) == (cause, '/robot/seg')
    assert words in finding.evidence
    assert fix in finding.fix


def test_convention_open_domains() -> None:
    """Domain 87: 7410 + 250 * 87 = 29160; one port alone proves nothing."""
    assert machine.open_domains({29160: 'a', 29161: 'b', 7410: 'c'}) == {87: {'a', 'b'}}
    found = machine.open_domains({29164: 'a', 29165: 'b', 7410: 'c', 7411: 'd'})
    assert set(found) == {0, 87}
    assert machine.open_domains({29161: 'a', 29162: 'b'}) == {}


def test_segment_of_a_profile(tmp_path: Path) -> None:
    profile = tmp_path / 'p.xml'
    profile.write_text(
        '<dds xmlns="http://www.eprosima.com"><a><segment_size>33554432</segment_size></a></dds>'
    )
    assert machine.segment_size(profile) == 33554432
    profile.write_text('<broken')
    assert machine.segment_size(profile) == 0
    assert machine.segment_size(tmp_path / 'absent.xml') == 0


def test_machine_is_read_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '17')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    found = machine.read_machine()
    assert (found.domain_id, found.discovery_range) == (17, 'OFF')
    assert found.shm_total_bytes >= found.shm_free_bytes >= 0
