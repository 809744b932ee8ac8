"""This computer and this shell: domain, shared memory, GPU."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Machine, Snapshot
from mm_perception.faults import Level

#: Segment of our profile; every ROS process allocates one.
_SEGMENT_BYTES = 32 * 1024 * 1024
_ROOM_FOR = 4


def nobody_here(snapshot: Snapshot) -> list[Finding]:
    """An empty graph usually means the wrong domain or discovery range."""
    machine = snapshot.machine
    published = [t for t in snapshot.topics.values() if t.publishers]
    if machine is None or not snapshot.is_live or published:
        return []
    others = [d for d in machine.domains if d != machine.domain_id]
    evidence = (
        f'no topic at all with ROS_DOMAIN_ID={machine.domain_id}, '
        f'ROS_AUTOMATIC_DISCOVERY_RANGE={machine.discovery_range}'
    )
    if others:
        evidence += f'; on this machine ROS runs in domain {", ".join(map(str, others))}'
        fix = f'export ROS_DOMAIN_ID={others[0]}'
    elif machine.discovery_range in ('LOCALHOST', 'OFF'):
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


def discovery_off(snapshot: Snapshot) -> list[Finding]:
    """OFF stops discovery, even on one machine."""
    machine = snapshot.machine
    if machine is None or machine.discovery_range != 'OFF':
        return []
    evidence = 'discovery is switched off: no node finds any other, not even on this machine'
    fix = 'export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST (one machine) or SUBNET'
    return [Finding(Level.ERROR, 'discovery_off', 'ROS_AUTOMATIC_DISCOVERY_RANGE', evidence, fix)]


def low_shared_memory(snapshot: Snapshot) -> list[Finding]:
    """Every process allocates its segment in /dev/shm; without room it falls back to UDP."""
    machine = snapshot.machine
    if machine is None or not snapshot.is_live or not machine.shm_total_bytes:
        return []
    segment = machine.segment_bytes or _SEGMENT_BYTES
    if machine.shm_free_bytes >= _ROOM_FOR * segment:
        return []
    room = machine.shm_free_bytes // segment
    evidence = (
        f'{_mb(machine.shm_free_bytes)} of {_mb(machine.shm_total_bytes)} free, room for {room} '
        f'processes with a segment of {_mb(segment)}'
    )
    fix = (
        'docker run --shm-size=1g (or --ipc=host); mount -o remount,size=1g /dev/shm; segments of '
        'killed processes: fastdds shm clean'
    )
    level = Level.ERROR if room == 0 else Level.WARN
    return [Finding(level, 'low_shm', '/dev/shm', evidence, fix)]


def _mb(size: int) -> str:
    return f'{size / 1024**2:.0f} MB'


def cpu_fallback(snapshot: Snapshot) -> list[Finding]:
    """Nodes that compute on the CPU although there is a GPU."""
    machine = snapshot.machine or Machine()
    findings = []
    if machine.gpus and machine.is_cuda_usable is False:
        evidence = f'{", ".join(machine.gpus)} is there, torch cannot use it'
        fix = (
            'install the CUDA build of torch that fits the driver (nvidia-smi shows its version); '
            'in docker add --gpus all'
        )
        findings.append(Finding(Level.ERROR, 'cpu_fallback', 'GPU', evidence, fix))
    for status in snapshot.statuses:
        device = status.values.get('device', '')
        if device == 'cpu' and machine.gpus:
            evidence = f'runs on cpu, there is {", ".join(machine.gpus)}'
            fix = f'set device: cuda in the parameters of {status.name} and configure it again'
            findings.append(Finding(Level.WARN, 'cpu_fallback', status.name, evidence, fix))
    return findings
