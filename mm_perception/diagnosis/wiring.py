"""Do publishers and subscribers find each other: names, types, QoS, definitions."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.snapshot import Endpoint, Qos, Snapshot, Topic, Wanted
from mm_perception.faults import Level

_PLUMBING = ('/rosout', '/parameter_events', '/clock')


def missing_inputs(snapshot: Snapshot) -> list[Finding]:
    """Each input of the stack: is it there, of the right type, and does it come?"""
    return [_judge(snapshot, wanted) for wanted in snapshot.wanted]


def _judge(snapshot: Snapshot, wanted: Wanted) -> Finding:
    subject = f'{wanted.node} input {wanted.port} <- {wanted.topic or "auto"}'
    bad = Level.ERROR if wanted.is_required else Level.WARN
    topic = snapshot.topics.get(wanted.topic)
    if topic is None or not topic.publishers:
        if wanted.is_event:
            kind = wanted.types[0] if wanted.types else '<type>'
            return ok(
                'input', subject, f'nobody sends it yet; send a {kind} when you want something'
            )
        evidence = f'nobody publishes it; {near_misses(snapshot, wanted.topic, wanted.types)}'
        fix = _wire_fix(snapshot, wanted)
        return Finding(bad, 'no_publisher', subject, evidence, fix, (wanted.topic,))
    offered = tuple(dict.fromkeys(p.type for p in topic.publishers))
    if not set(offered) & set(wanted.types):
        evidence = f'is {", ".join(offered)}, needed is {" or ".join(wanted.types)}'
        fix = _wire_fix(snapshot, wanted)
        return Finding(bad, 'wrong_type', subject, evidence, fix, (wanted.topic,))
    traffic = topic.traffic
    if traffic is None or not traffic.count:
        return ok('input', subject, f'{offered[0]}, published by {_names(topic.publishers)}')
    about = ', '.join((*traffic.encodings, *traffic.frame_ids))
    return ok('input', subject, f'{traffic.rate_hz:.1f} Hz, {offered[0]} {about}'.rstrip())


def _wire_fix(snapshot: Snapshot, wanted: Wanted) -> str:
    candidates = similar(snapshot, wanted.topic, wanted.types)
    if candidates:
        port, _, stream = wanted.port.partition('/')
        node = wanted.node.rsplit('/', 1)[-1]
        value = f'{{{stream}: {candidates[0]}}}' if stream else candidates[0]
        return f'in the stack set nodes.{node}.inputs.{port}: {value}, or remap the driver to it'
    return f'start a driver that publishes {" or ".join(wanted.types)}'


def unheard_subscriptions(snapshot: Snapshot) -> list[Finding]:
    """A subscription to sensor data without a publisher; missing requests are normal."""
    judged = {wanted.topic for wanted in snapshot.wanted}
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        if topic.publishers or name in judged or name in _PLUMBING or not snapshot.is_live:
            continue
        sensor = [s for s in topic.subscribers if s.type.startswith('sensor_msgs/')]
        if not sensor:
            continue
        calibration_only = all(s.type.endswith('/CameraInfo') for s in sensor)
        evidence = (
            f'{_names(sensor)} listens for {sensor[0].type}, nobody publishes; '
            f'{near_misses(snapshot, name, topic.types)}'
        )
        close = similar(snapshot, name, topic.types)
        fix = (
            f'remap the listener with {name}:={close[0]}'
            if close
            else f'start the driver of {name}'
        )
        level = Level.WARN if calibration_only else Level.ERROR
        findings.append(Finding(level, 'no_publisher', name, evidence, fix))
    return findings


def unheard_outputs(snapshot: Snapshot) -> list[Finding]:
    """A node of this package infers only while somebody listens; is there anybody?"""
    if not snapshot.is_live:
        return []
    heard: dict[str, list[bool]] = {}
    for name, topic in snapshot.topics.items():
        for publisher in topic.publishers:
            if name.startswith(f'{publisher.node}/output/'):
                heard.setdefault(publisher.node, []).append(bool(topic.subscribers))
    return [
        Finding(
            Level.WARN,
            'no_subscriber',
            node,
            f'nobody listens to any of its {len(flags)} outputs, so it does no work',
            f'subscribe to {node}/output/..., or ros2 param set {node} works_unheard true',
        )
        for node, flags in sorted(heard.items())
        if not any(flags)
    ]


def qos_mismatch(snapshot: Snapshot) -> list[Finding]:
    """Pairs of one topic and type that the middleware refuses to connect."""
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        for reader in topic.subscribers:
            for writer in topic.publishers:
                policy = incompatible(writer.qos, reader.qos)
                if policy and writer.type == reader.type:
                    findings.append(_qos_finding(name, policy, writer, reader))
    return findings


def incompatible(offered: Qos, requested: Qos) -> str:
    """Name of the policy that keeps two endpoints apart; empty if they match."""
    if requested.reliability == 'reliable' and offered.reliability == 'best_effort':
        return 'reliability'
    if requested.durability == 'transient_local' and offered.durability == 'volatile':
        return 'durability'
    return ''


def _qos_finding(name: str, policy: str, writer: Endpoint, reader: Endpoint) -> Finding:
    offered, requested = getattr(writer.qos, policy), getattr(reader.qos, policy)
    evidence = (
        f'{writer.node} offers {policy} {offered}, {reader.node} asks for {requested}: '
        f'nothing passes between them'
    )
    fix = (
        f'set {policy} {offered} in the subscription of {reader.node}, or {policy} {requested} in '
        f'the publisher of {writer.node}; echo it with --qos-{policy} {offered}'
    )
    return Finding(Level.ERROR, 'qos_mismatch', name, evidence, fix)


def type_conflict(snapshot: Snapshot) -> list[Finding]:
    """Different types under one topic name never match."""
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        kinds = [k for k in topic.types if k]
        if len(kinds) > 1:
            ends = (*topic.publishers, *topic.subscribers)
            users = '; '.join(f'{k}: {_names(e for e in ends if e.type == k)}' for k in kinds)
            fix = f'remap one of them away from {name}'
            findings.append(Finding(Level.ERROR, 'type_conflict', name, users, fix))
    return findings


def type_hash_mismatch(snapshot: Snapshot) -> list[Finding]:
    """One type name, different definitions: endpoints stay silently apart."""
    findings = []
    for name, topic in sorted(snapshot.topics.items()):
        for kind in topic.types:
            ends = [e for e in (*topic.publishers, *topic.subscribers) if e.type == kind]
            by_hash: dict[str, list[str]] = {}
            for end in ends:
                if end.type_hash:
                    by_hash.setdefault(end.type_hash, []).append(end.node)
            here = snapshot.hashes_here.get(kind, '')
            if here:
                by_hash.setdefault(here, []).append('this environment')
            if len(by_hash) > 1:
                findings.append(_hash_finding(name, kind, by_hash))
    return findings


def _hash_finding(name: str, kind: str, by_hash: dict[str, list[str]]) -> Finding:
    sides = '; '.join(f'{h[:19]}... {", ".join(dict.fromkeys(n))}' for h, n in by_hash.items())
    package = kind.split('/')[0]
    fix = (
        f'install the same version of {package} on both sides (ros2 pkg xml {package}, or in a '
        f'Python environment pip show ros-{package.replace("_", "-")}), rebuild, restart'
    )
    evidence = f'{kind} is defined differently: {sides}'
    return Finding(Level.ERROR, 'type_hash_mismatch', name, evidence, fix)


def similar(snapshot: Snapshot, name: str, types: Iterable[str]) -> list[str]:
    """Published topics that could have been meant: of a fitting type, the closest name first."""
    wanted = set(types)
    fitting = sorted(
        t.name
        for t in snapshot.topics.values()
        if wanted & {p.type for p in t.publishers} and t.name != name
    )
    close = get_close_matches(name, fitting, n=3, cutoff=0.3)
    return close + [t for t in fitting if t not in close]


def near_misses(snapshot: Snapshot, name: str, types: Iterable[str]) -> str:
    """A phrase that names published topics of a fitting type, or of a similar name."""
    fitting = similar(snapshot, name, types)[:3]
    if fitting:
        return f'of that type there is {", ".join(fitting)}'
    published = [t.name for t in snapshot.topics.values() if t.publishers]
    close = get_close_matches(name, published, n=3, cutoff=0.6)
    if close:
        kinds = ', '.join(f'{c} ({_kinds(snapshot.topics[c])})' for c in close)
        return f'a similar name has {kinds}'
    return 'no topic of that type exists'


def _kinds(topic: Topic) -> str:
    return ', '.join(dict.fromkeys(p.type for p in topic.publishers))


def _names(ends: Iterable[Endpoint]) -> str:
    return ', '.join(dict.fromkeys(end.node for end in ends))
