"""TF trees."""

from __future__ import annotations

from mm_perception.diagnosis import frames
from mm_perception.diagnosis.snapshot import Edge, Endpoint, Snapshot, Topic, Traffic
from mm_perception.faults import Level

IMAGE = 'sensor_msgs/msg/Image'
SEC = 10**9


def stream(name: str, frame: str, stamp_ns: int = 100 * SEC) -> Topic:
    traffic = Traffic(count=9, last_stamp_ns=stamp_ns, lag_s=0.0, frame_ids=(frame,))
    return Topic(name, (Endpoint('/driver', IMAGE),), (), traffic)


def snapshot(*topics: Topic, edges: tuple[Edge, ...] = ()) -> Snapshot:
    return Snapshot(topics={t.name: t for t in topics}, edges=edges)


def fixed(parent: str, child: str) -> Edge:
    return Edge(parent, child, is_static=True)


def test_connected_tree_has_no_finding() -> None:
    moving = Edge('odom', 'base_link', False, 50, 90 * SEC, 100 * SEC, 0.05)
    seen = snapshot(
        stream('/a', 'cam'), stream('/b', 'lidar'),
        edges=(moving, fixed('base_link', 'cam'), fixed('base_link', 'lidar')),
    )  # fmt: skip
    for check in (
        frames.missing_frames, frames.disconnected, frames.two_parents, frames.transform_gaps,
    ):  # fmt: skip
        assert check(seen) == []


def test_frame_that_tf_does_not_know() -> None:
    seen = snapshot(stream('/a', 'cam'), edges=(fixed('base_link', 'lidar'),))
    (finding,) = frames.missing_frames(seen)
    assert (finding.level, finding.subject) == (Level.WARN, '/a')
    assert 'base_link, lidar' in finding.evidence
    assert '--frame-id base_link --child-frame-id cam' in finding.fix


def test_empty_frame_id() -> None:
    (finding,) = frames.missing_frames(snapshot(stream('/a', '')))
    assert 'empty' in finding.evidence


def test_sensors_in_two_trees() -> None:
    seen = snapshot(
        stream('/a', 'cam'), stream('/b', 'lidar'),
        edges=(fixed('base_link', 'cam'), fixed('map', 'lidar')),
    )  # fmt: skip
    (finding,) = frames.disconnected(seen)
    assert finding.level is Level.ERROR
    assert 'cam | lidar' in finding.evidence


def test_unused_second_tree_is_a_warning() -> None:
    seen = snapshot(stream('/a', 'cam'), edges=(fixed('base_link', 'cam'), fixed('map', 'x')))
    (finding,) = frames.disconnected(seen)
    assert finding.level is Level.WARN


def test_groups_join_when_an_edge_links_them() -> None:
    edges = (fixed('a', 'b'), fixed('c', 'd'), fixed('b', 'c'))
    assert frames.components(snapshot(edges=edges)) == [{'a', 'b', 'c', 'd'}]


def test_two_parents() -> None:
    (finding,) = frames.two_parents(snapshot(edges=(fixed('a', 'c'), fixed('b', 'c'))))
    assert finding.subject == 'c'
    assert 'a, b' in finding.evidence


def test_pause_in_a_moving_frame_and_a_frame_that_ended() -> None:
    pause = Edge('odom', 'base_link', False, 50, 90 * SEC, 100 * SEC, 1.5)
    (finding,) = frames.transform_gaps(snapshot(edges=(pause,)))
    assert '1.50 s' in finding.evidence
    ended = Edge('odom', 'base_link', False, 50, 90 * SEC, 97 * SEC, 0.1)
    (finding,) = frames.transform_gaps(snapshot(stream('/a', 'cam'), edges=(ended,)))
    assert '3.00 s older' in finding.evidence
    static = Edge('odom', 'base_link', True, 1, 0, 0)
    assert frames.transform_gaps(snapshot(stream('/a', 'cam'), edges=(static,))) == []
