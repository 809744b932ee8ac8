"""Stamps and clocks."""

from __future__ import annotations

import pytest

from mm_perception.diagnosis import timing
from mm_perception.diagnosis.snapshot import Clock, Endpoint, Node, Snapshot, Topic, Traffic
from mm_perception.faults import Level

IMAGE = 'sensor_msgs/msg/Image'
CLOUD = 'sensor_msgs/msg/PointCloud2'
NOW_NS = 1_700_000_000 * 10**9


def stream(name='/cam', lag_s=0.01, count=100, stamp_ns=NOW_NS, kind=IMAGE, **kwargs) -> Topic:
    given = {'first_stamp_ns': stamp_ns - 10 * 10**9, 'last_stamp_ns': stamp_ns, **kwargs}
    traffic = Traffic(count=count, span_s=10.0, lag_s=lag_s, **given)
    return Topic(name, (Endpoint('/driver', kind),), (), traffic)


def snapshot(*topics: Topic, **kwargs) -> Snapshot:
    return Snapshot(topics={t.name: t for t in topics}, **kwargs)


HEALTHY = snapshot(stream(), stream('/cam2', lag_s=0.05))


@pytest.mark.parametrize(
    'check',
    [
        timing.unstamped,
        timing.other_clock,
        timing.late_stamps,
        timing.sensor_skew,
        timing.backward_stamps,
        timing.stream_gaps,
        timing.sim_time_without_clock,
    ],
)
def test_healthy_streams_have_no_finding(check) -> None:
    assert check(HEALTHY) == []


def test_zero_stamps() -> None:
    seen = snapshot(stream(stamp_ns=0, first_stamp_ns=0, lag_s=1.7e9))
    (finding,) = timing.unstamped(seen)
    assert finding.level is Level.ERROR
    assert timing.other_clock(seen) == []


def test_stamps_of_a_simulation_while_nodes_use_wall_time() -> None:
    seen = snapshot(
        stream(stamp_ns=42 * 10**9, lag_s=1.7e9),
        clock=Clock(10, 42 * 10**9),
        nodes=(Node('/seg', use_sim_time=False),),
    )
    (finding,) = timing.other_clock(seen)
    assert finding.level is Level.ERROR
    assert '42.000 s' in finding.evidence
    assert 'use_sim_time true' in finding.fix


def test_simulation_with_nodes_on_its_clock_is_fine() -> None:
    seen = snapshot(
        stream(stamp_ns=42 * 10**9, lag_s=1.7e9),
        clock=Clock(10, 42 * 10**9),
        nodes=(Node('/seg', use_sim_time=True),),
    )
    assert timing.other_clock(seen) == []


def test_old_stamps_without_a_clock_are_a_bag_played_without_one() -> None:
    (finding,) = timing.other_clock(snapshot(stream(lag_s=3 * 86_400.0)))
    assert '3.0 days' in finding.evidence
    assert '--clock' in finding.fix


@pytest.mark.parametrize(
    ('lag_s', 'phrase'), [(2.0, '2000 ms behind'), (-0.4, '400 ms ahead'), (0.2, '')]
)
def test_late_and_early_stamps(lag_s: float, phrase: str) -> None:
    findings = timing.late_stamps(snapshot(stream(lag_s=lag_s)))
    assert [phrase in f.evidence for f in findings] == ([True] if phrase else [])


@pytest.mark.parametrize(
    ('other_s', 'level'), [(0.05, None), (0.35, Level.WARN), (1.5, Level.ERROR)]
)
def test_sensors_that_run_apart(other_s: float, level: Level | None) -> None:
    seen = snapshot(stream(lag_s=0.0), stream('/lidar', lag_s=other_s), stream('/x', lag_s=0.01))
    findings = timing.sensor_skew(seen)
    assert [f.level for f in findings] == ([level] if level else [])
    if findings:
        assert '/lidar' in findings[0].subject
        assert f'{other_s * 1e3:.0f} ms apart' in findings[0].evidence


@pytest.mark.parametrize(
    ('camera_s', 'scan_s', 'apart'),
    [
        (0.009, 0.113, ''),  # stamped with the start of its turn, as it should be
        (0.009, 0.410, '300 ms apart, besides the 101 ms of a scan'),
        (0.300, 0.113, '187 ms apart'),  # the picture is late: a turn excuses nothing
    ],
)
def test_the_turn_of_a_scan_is_no_skew(camera_s: float, scan_s: float, apart: str) -> None:
    lidar = stream('/lidar', lag_s=scan_s, kind=CLOUD)
    findings = timing.sensor_skew(snapshot(stream(lag_s=camera_s), lidar))
    assert [f.evidence.endswith(apart) for f in findings] == ([True] if apart else [])


def test_a_slow_cloud_excuses_no_more_than_a_slow_turn() -> None:
    lidar = stream('/lidar', lag_s=0.9, kind=CLOUD, count=11)  # once a second
    (finding,) = timing.sensor_skew(snapshot(stream(lag_s=0.0), lidar))
    assert '700 ms apart, besides the 200 ms' in finding.evidence


def test_stamps_that_go_back() -> None:
    (finding,) = timing.backward_stamps(snapshot(stream(num_backwards=3)))
    assert '3 times in 100' in finding.evidence


def test_gap_is_measured_against_the_usual_period() -> None:
    (finding,) = timing.stream_gaps(snapshot(stream(longest_gap_s=2.0)))
    assert '2.00 s' in finding.evidence
    assert '82 ms' in finding.evidence  # (10 - 2) s over 98 steps
    slow = snapshot(stream(count=6, longest_gap_s=2.5))
    assert timing.stream_gaps(slow) == []


def test_sim_time_without_clock() -> None:
    nodes = (Node('/seg', use_sim_time=True), Node('/rviz', use_sim_time=False))
    (finding,) = timing.sim_time_without_clock(snapshot(nodes=nodes))
    assert finding.level is Level.ERROR
    assert '/seg' in finding.evidence
    assert '/rviz' not in finding.evidence
    assert timing.sim_time_without_clock(snapshot(nodes=nodes, clock=Clock(3, 1))) == []
