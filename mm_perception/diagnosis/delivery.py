"""Do messages get through: silent publishers, and what their shared memory cannot hold."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Calibration, Endpoint, Snapshot, Topic
from mm_perception.faults import Level

IMAGE, CLOUD = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/PointCloud2'
#: Bytes of a pixel of the usual colour picture.
_COLOUR = 3


def large_best_effort(snapshot: Snapshot) -> list[Finding]:
    """Best-effort messages larger than the publisher's shared memory vanish without a word.

    Fast DDS's segment has 512 KB unless a profile says otherwise. A larger message passes in
    pieces that overwrite each other unless the reader is faster: of 6.2 MB at 10 Hz, 0 to 2
    messages came between two processes in 6 s, and most of them on another occasion (measured).
    """
    if not snapshot.is_live:
        return []
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        for writer in _best_effort(topic):
            if topic.traffic is None or not writer.segment_bytes:
                continue
            info = _beside(snapshot, name)
            size, source = topic.traffic.size_bytes, 'a message has'
            if not topic.traffic.count and info is not None:
                size = info.width * info.height * _COLOUR
                source = f'a colour picture of {info.width}x{info.height} ({info.topic}) has'
            if size > writer.segment_bytes:
                sent = _count(snapshot, info.topic) if info else 0
                evidence = f'{source} {_mb(size)}: what is larger is easily lost on the way; '
                findings.append(_finding(topic, writer, evidence, sent))
    return findings


def _best_effort(topic: Topic) -> list[Endpoint]:
    return [
        p for p in topic.publishers
        if p.qos.reliability == 'best_effort' and p.type in (IMAGE, CLOUD)
    ]  # fmt: skip


def _beside(snapshot: Snapshot, name: str) -> Calibration | None:
    """The CameraInfo beside a picture: small, so it arrives, and it tells the size."""
    folder = name.rsplit('/', 1)[0]
    found = (c for c in snapshot.calibrations if c.topic.rsplit('/', 1)[0] == folder)
    return next(found, None)


def _count(snapshot: Snapshot, name: str) -> int:
    traffic = snapshot.topics[name].traffic if name in snapshot.topics else None
    return traffic.count if traffic else 0


def _finding(topic: Topic, writer: Endpoint, evidence: str, sent: int) -> Finding:
    count = topic.traffic.count if topic.traffic else 0
    arrived = f'{count} arrived' if count else 'none arrived'
    arrived += f' while {sent} CameraInfo did' if sent else ''
    text = (
        f'{writer.node} publishes best effort, its shared memory has '
        f'{_mb(writer.segment_bytes)} and {evidence}{arrived}'
    )
    fix = (
        f'start {writer.node} with our profile: eval "$(mmp doctor --profile)" in its shell, or '
        f'let it publish reliable'
    )
    level = Level.ERROR if count <= sent / 2 else Level.WARN
    return Finding(level, 'large_best_effort', topic.name, text, fix)


def _mb(size: int) -> str:
    return f'{size / 1e6:.2f} MB'


def nothing_arrives(snapshot: Snapshot) -> list[Finding]:
    """A publisher exists, we listened, and no message came."""
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        traffic = topic.traffic
        kinds = {p.type for p in topic.publishers}
        is_sensor = any(k.startswith('sensor_msgs/') for k in kinds)
        if traffic is None or traffic.count or not is_sensor or '/output/' in name:
            continue
        if not snapshot.is_live:
            fix = 'record it again, and see meanwhile that it publishes: ros2 topic hz ' + name
            findings.append(
                Finding(Level.ERROR, 'nothing_arrives', name, 'has no message in the bag', fix)
            )
            continue
        who = ', '.join(dict.fromkeys(p.node for p in topic.publishers))
        evidence = f'published by {who}, nothing came within {snapshot.duration_s:.1f} s'
        fix = f'check that the sensor runs: ros2 topic hz {name}; look at the log of {who}'
        lossy = _best_effort(topic)
        if lossy:
            known = lossy[0].segment_bytes
            limit = f'its shared memory has {_mb(known)}' if known else 'shared memory has 0.5 MB'
            evidence += f'; {limit}, what is larger is lost best effort'
            fix = (
                f'see whether the sensor runs (log of {who}); if its messages are larger, start '
                f'it with our profile: eval "$(mmp doctor --profile)", or let it publish reliable'
            )
        findings.append(Finding(Level.ERROR, 'nothing_arrives', name, evidence, fix))
    return findings
