"""Facts of this computer and shell, read from the environment, /proc and /dev."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from mm_perception.diagnosis import processes
from mm_perception.diagnosis.snapshot import Machine

_FIRST_UNICAST = 7410
_DOMAIN_GAIN = 250
_LAST_DOMAIN = 232
_PARTICIPANTS = 30


def read_machine() -> Machine:
    """Look; starts nothing. torch is imported only where there is a GPU."""
    gpus = _gpus()
    profile = os.environ.get('FASTDDS_DEFAULT_PROFILES_FILE', '')
    profile = profile or os.environ.get('FASTRTPS_DEFAULT_PROFILES_FILE', '')
    shm = shutil.disk_usage('/dev/shm') if Path('/dev/shm').is_dir() else None
    only_local = os.environ.get('ROS_LOCALHOST_ONLY') == '1'
    fallback = 'LOCALHOST' if only_local else 'SUBNET'
    return Machine(
        domain_id=int(os.environ.get('ROS_DOMAIN_ID') or 0),
        discovery_range=os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', fallback),
        domains=processes.by_domain(open_domains(processes.udp_ports())),
        profile=profile,
        segment_bytes=segment_size(Path(profile)) if profile else 0,
        shm_free_bytes=shm.free if shm else 0,
        shm_total_bytes=shm.total if shm else 0,
        gpus=gpus,
        is_cuda_usable=_is_cuda_usable() if gpus else None,
    )


def open_domains(ports: Mapping[int, str]) -> dict[int, set[str]]:
    """ROS domains whose discovery ports are open, to the inodes of their sockets.

    Args:
        ports: Open UDP ports, to the inode of a socket.

    Convention:
        DDS: participant p of domain d listens on 7410 + 250 d + 2 p for discovery and on the next
        port for data; both must be there, for one alone may be any program's.
    """
    found: dict[int, set[str]] = {}
    for domain in range(_LAST_DOMAIN + 1):
        first = _FIRST_UNICAST + _DOMAIN_GAIN * domain
        for port in range(first, first + 2 * _PARTICIPANTS, 2):
            if port in ports and port + 1 in ports:
                found.setdefault(domain, set()).update((ports[port], ports[port + 1]))
    return found


def segment_size(profile: Path) -> int:
    """Largest shared-memory segment of a Fast DDS profile file in bytes; 0 if it sets none."""
    try:
        root = ElementTree.parse(profile).getroot()
    except (OSError, ElementTree.ParseError):
        return 0
    texts = [e.text or '' for e in root.iter() if e.tag.rpartition('}')[2] == 'segment_size']
    return max((int(t) for t in texts if t.strip().isdigit()), default=0)


def _gpus() -> tuple[str, ...]:
    names = []
    for path in sorted(Path('/proc/driver/nvidia/gpus').glob('*/information')):
        for line in path.read_text().splitlines():
            if line.startswith('Model:'):
                names.append(line.partition(':')[2].strip())
    return tuple(names)


def _is_cuda_usable() -> bool | None:
    try:
        import torch  # slow, and only needed where there is a GPU
    except ImportError:
        return None
    return bool(torch.cuda.is_available())
