"""This computer and this shell: discovery, shared memory, GPU."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.snapshot import Machine, Snapshot
from mm_perception.faults import Level

#: Segment of our profile; every ROS process allocates one.
_SEGMENT_BYTES = 32 * 1024 * 1024
_ROOM_FOR = 4


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
    """Nodes that compute on the CPU although there is a GPU, unless they were told to."""
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
        asked = status.values.get('device_asked', 'auto')
        if status.values.get('device') != 'cpu' or asked == 'cpu':
            continue
        if machine.gpus:
            evidence = f'device {asked} became cpu, there is {", ".join(machine.gpus)}'
            fix = f'set device: cuda in the parameters of {status.name} and configure it again'
            findings.append(Finding(Level.WARN, 'cpu_fallback', status.name, evidence, fix))
        else:
            evidence = f'device {asked} became cpu: this machine has no GPU that Linux knows'
            findings.append(ok('device', status.name, evidence))
    return findings
