"""Does TF connect what the messages name."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Snapshot
from mm_perception.diagnosis.timing import sensor_traffic
from mm_perception.faults import Level

_GAP_S = 0.5
_STATIC = (
    'ros2 run tf2_ros static_transform_publisher --frame-id {parent} --child-frame-id {child} '
    '--x ... --yaw ...'
)


def sensor_frames(snapshot: Snapshot) -> dict[str, str]:
    """Frame of each sensor to one topic that names it."""
    return {
        frame: name
        for name, traffic in sorted(sensor_traffic(snapshot).items(), reverse=True)
        for frame in traffic.frame_ids
    }


def components(snapshot: Snapshot) -> list[set[str]]:
    """Frames that are connected with each other, the largest group first."""
    groups: list[set[str]] = []
    for edge in snapshot.edges:
        touched = [g for g in groups if edge.parent in g or edge.child in g]
        groups = [g for g in groups if g not in touched]
        groups.append(set().union({edge.parent, edge.child}, *touched))
    return sorted(groups, key=lambda g: (-len(g), sorted(g)))


def reach(snapshot: Snapshot, frame: str) -> set[str]:
    """Frames that TF connects with one; itself alone where TF does not know it."""
    return next((g for g in components(snapshot) if frame in g), {frame})


def missing_frames(snapshot: Snapshot) -> list[Finding]:
    """Frames of sensors that TF does not know."""
    groups = components(snapshot)
    known = set().union(*groups) if groups else set()
    root = _root(snapshot) if groups else 'base_link'
    findings = []
    for frame, topic in sorted(sensor_frames(snapshot).items()):
        if frame in known:
            continue
        if not frame:
            evidence = 'header.frame_id is empty'
            fix = 'set the frame_id parameter of the driver (an optical frame for cameras)'
        else:
            there = ', '.join(sorted(known)[:8]) or 'nothing on /tf and /tf_static'
            evidence = f'frame {frame!r} is not in TF; there is: {there}'
            fix = _STATIC.format(parent=root, child=frame) + ', or start the URDF'
        level = Level.ERROR if snapshot.uses_transforms else Level.WARN
        names = (frame,) if frame else (topic,)
        findings.append(Finding(level, 'frame_missing', topic, evidence, fix, names))
    return findings


def _root(snapshot: Snapshot) -> str:
    children = {e.child for e in snapshot.edges}
    roots = sorted({e.parent for e in snapshot.edges} - children)
    frames = {e.parent for e in snapshot.edges} | children
    return 'base_link' if 'base_link' in frames else (roots or ['base_link'])[0]


def disconnected(snapshot: Snapshot) -> list[Finding]:
    """Two sensors in parts of the tree that nothing connects."""
    groups = components(snapshot)
    used = [sorted(g & set(sensor_frames(snapshot))) for g in groups]
    parts = [frames for frames in used if frames]
    if len(parts) < 2:
        if len(groups) < 2:
            return []
        parts = [sorted(g) for g in groups]
    level = Level.ERROR if sum(bool(u) for u in used) > 1 else Level.WARN
    evidence = f'{len(parts)} trees: ' + ' | '.join(', '.join(p[:4]) for p in parts)
    fix = 'join them: ' + _STATIC.format(parent=parts[0][0], child=parts[1][0])
    return [Finding(level, 'tf_disconnected', '/tf', evidence, fix)]


def two_parents(snapshot: Snapshot) -> list[Finding]:
    """A frame with two parents jumps between two places."""
    parents: dict[str, set[str]] = {}
    for edge in snapshot.edges:
        parents.setdefault(edge.child, set()).add(edge.parent)
    return [
        Finding(
            Level.ERROR,
            'tf_two_parents',
            child,
            f'has the parents {", ".join(sorted(found))}',
            f'stop one of the publishers of {child}: ros2 topic info -v /tf',
        )
        for child, found in sorted(parents.items())
        if len(found) > 1
    ]


def transform_gaps(snapshot: Snapshot) -> list[Finding]:
    """Moving frames that pause, or end before the sensor data does."""
    newest_ns = max((t.last_stamp_ns for t in sensor_traffic(snapshot).values()), default=0)
    findings = []
    for edge in snapshot.edges:
        if edge.is_static:
            continue
        subject = f'{edge.parent} -> {edge.child}'
        fix = f'look at the publisher of {edge.child}: ros2 run tf2_ros tf2_monitor'
        behind_s = (newest_ns - edge.last_stamp_ns) / 1e9
        if edge.longest_gap_s > _GAP_S:
            evidence = f'{edge.longest_gap_s:.2f} s between two transforms, {edge.count} in all'
            findings.append(Finding(Level.WARN, 'tf_gap', subject, evidence, fix))
        elif newest_ns and behind_s > _GAP_S:
            evidence = f'newest transform is {behind_s:.2f} s older than the newest sensor message'
            findings.append(Finding(Level.WARN, 'tf_gap', subject, evidence, fix))
    return findings
