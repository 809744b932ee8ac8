"""Is what is missing here published in another domain?"""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Machine, Snapshot
from mm_perception.faults import Level

_SENSORS = 'sensor_msgs/'
_NAMED = 4


def lacking(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Topics of sensors that somebody here waits for and nobody publishes, to their types."""
    found = {w.topic: w.types for w in snapshot.wanted if w.topic and not w.is_event}
    for name, topic in snapshot.topics.items():
        kinds = tuple(s.type for s in topic.subscribers if s.type.startswith(_SENSORS))
        if kinds:
            found.setdefault(name, kinds)
    there = {name for name, topic in snapshot.topics.items() if topic.publishers}
    return {name: types for name, types in found.items() if name not in there}


def is_empty(snapshot: Snapshot) -> bool:
    """Whether nothing at all is published here."""
    return not any(topic.publishers for topic in snapshot.topics.values())


def suspects(snapshot: Snapshot) -> tuple[int, ...]:
    """Domains worth a look: something is missing here, and ROS runs in them on this machine."""
    machine = snapshot.machine
    if machine is None or not snapshot.is_live:
        return ()
    if not is_empty(snapshot) and not lacking(snapshot):
        return ()
    return tuple(d for d in machine.domains if d != machine.domain_id)


def wrong_domain(snapshot: Snapshot) -> list[Finding]:
    """A topic that is missing here is published in another domain."""
    machine, missing = snapshot.machine, lacking(snapshot)
    if machine is None or not snapshot.is_live:
        return []
    matches: dict[int, list[str]] = {}
    for domain, topics in snapshot.elsewhere.items():
        matches[domain] = [t for t in missing if set(topics.get(t, ())) & set(missing[t])]
        if not matches[domain] and not missing and is_empty(snapshot):
            matches[domain] = sorted(topics, key=lambda t: not topics[t][0].startswith(_SENSORS))
    found = {d: topics for d, topics in matches.items() if topics}
    if not found:
        return []
    best = max(found, key=lambda d: (_weight(snapshot, d, found[d]), -d))
    return [_finding(snapshot, machine, best, found)]


def _weight(snapshot: Snapshot, domain: int, topics: list[str]) -> tuple[int, int]:
    kinds = snapshot.elsewhere[domain]
    return sum(kinds[t][0].startswith(_SENSORS) for t in topics), len(topics)


def _finding(
    snapshot: Snapshot, machine: Machine, domain: int, found: dict[int, list[str]]
) -> Finding:
    topics = found[domain]
    named = ', '.join(topics[:_NAMED]) + (' ...' if len(topics) > _NAMED else '')
    programs = ', '.join(machine.domains.get(domain, ())[:2])
    here = 'nothing is' if is_empty(snapshot) else 'they are not'
    evidence = (
        f'ROS_DOMAIN_ID is {machine.domain_id} here, where {here} published; domain {domain} has '
        f'{named}' + (f', from {programs}' if programs else '')
    )
    others = sorted(set(found) - {domain})
    if others:
        evidence += f' (topics are also in domain {", ".join(map(str, others[:6]))})'
    fix = (
        f'export ROS_DOMAIN_ID={domain} in this shell and where the stack is started, or start '
        f'the robot with ROS_DOMAIN_ID={machine.domain_id}'
    )
    subject = f'domain {machine.domain_id}'
    return Finding(Level.ERROR, 'wrong_domain', subject, evidence, fix, tuple(topics))


def nobody_here(snapshot: Snapshot) -> list[Finding]:
    """An empty graph without a better explanation: not started, or out of discovery's reach."""
    machine = snapshot.machine
    if machine is None or not snapshot.is_live or not is_empty(snapshot):
        return []
    evidence = (
        f'no topic at all with ROS_DOMAIN_ID={machine.domain_id}, '
        f'ROS_AUTOMATIC_DISCOVERY_RANGE={machine.discovery_range}'
    )
    others = [d for d in machine.domains if d != machine.domain_id]
    if others:
        evidence += f'; on this machine ROS runs in domain {", ".join(map(str, others[:6]))}'
    if machine.discovery_range in ('LOCALHOST', 'OFF'):
        fix = (
            'start the nodes; for those of another machine: '
            'export ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET'
        )
    else:
        fix = (
            'start the nodes; check echo $ROS_DOMAIN_ID in their shell, and that the network '
            'passes UDP multicast'
        )
    return [Finding(Level.ERROR, 'nobody_here', f'domain {machine.domain_id}', evidence, fix)]
