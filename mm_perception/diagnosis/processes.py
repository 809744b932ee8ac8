"""Which ROS processes of this machine hold which ports and which shared memory, from /proc.

What belongs to other users or to another container is not seen, and counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_PROC = Path('/proc')
_SOCKET = re.compile(r'socket:\[(\d+)\]')
#: The owner of a Fast DDS segment keeps a lock file beside it open; readers of it do not.
_LOCK = re.compile(r'/dev/shm/((?:fastdds|fastrtps)_[0-9a-f]{16})_el')
_PREFIX = 4


def udp_ports() -> dict[int, str]:
    """Open UDP ports of this machine, to the inode of a socket."""
    ports = {}
    for name in ('net/udp', 'net/udp6'):
        path = _PROC / name
        if path.is_file():
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                ports[int(fields[1].rpartition(':')[2], 16)] = fields[9]
    return ports


def programs_of(inodes: set[str]) -> dict[str, str]:
    """Socket inodes to 'program (pid N)', as far as this user may look."""
    found = {}
    for pid in _pids():
        for target in _open_files(pid):
            match = _SOCKET.fullmatch(target)
            if match and match[1] in inodes:
                found[match[1]] = f'{_program(pid)} (pid {pid})'
    return found


def segment_bytes(gid: bytes, own_gid: bytes) -> int:
    """Size of the shared-memory segment of the process that has an endpoint; 0 if unknown.

    Args:
        gid: Of the endpoint. Fast DDS makes it of vendor (2 bytes), host (2), the lower half of
            the process id (2, little endian), and more.
        own_gid: Of an endpoint of this process, which tells what this host's bytes are.
    """
    if gid[:_PREFIX] != own_gid[:_PREFIX] or len(gid) < _PREFIX + 2:
        return 0
    low = int.from_bytes(gid[_PREFIX : _PREFIX + 2], 'little')
    sizes = [size for pid in _pids() if pid & 0xFFFF == low for size in _segments(pid)]
    return max(sizes, default=0)


def _segments(pid: int) -> list[int]:
    locks = filter(None, map(_LOCK.match, _open_files(pid)))
    paths = [Path('/dev/shm') / match[1] for match in locks]
    return [path.stat().st_size for path in paths if path.is_file()]


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdecimal()]


def _open_files(pid: int) -> list[str]:
    found = []
    with suppress(OSError):  # it ended, or is somebody else's
        for path in (_PROC / str(pid) / 'fd').iterdir():
            with suppress(OSError):  # this file was closed meanwhile
                found.append(str(path.readlink()))
    return found


def _program(pid: int) -> str:
    try:
        words = (_PROC / str(pid) / 'cmdline').read_bytes().decode(errors='replace').split('\0')
    except OSError:
        return '?'
    names = [Path(word).name if '/' in word else word for word in words if word]
    return ' '.join(names[:4]) or '?'


def by_domain(domains: Mapping[int, set[str]]) -> dict[int, tuple[str, ...]]:
    """Domains with the inodes of their sockets, to the programs that have them."""
    programs = programs_of(set().union(*domains.values()))
    return {
        domain: tuple(sorted({programs[i] for i in inodes if i in programs}))
        for domain, inodes in domains.items()
    }
