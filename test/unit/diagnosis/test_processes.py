"""Ports and shared memory of processes, read off this very process."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from mm_perception.diagnosis import processes

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs /proc')
OWN = bytes.fromhex('010f78fd') + (os.getpid() & 0xFFFF).to_bytes(2, 'little') + bytes(6)


def test_program_of_a_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(('127.0.0.1', 0))
        inode = processes.udp_ports()[listener.getsockname()[1]]
        found = processes.by_domain({7: {inode}, 8: {'0'}})
    assert found[7][0].endswith(f'(pid {os.getpid()})')
    assert found[8] == ()


def test_convention_segment_bytes() -> None:
    """Whoever holds /dev/shm/fastdds_<id>_el open owns the segment fastdds_<id>."""
    segment = Path('/dev/shm') / f'fastdds_{os.getpid():016x}'
    if not segment.parent.is_dir():
        pytest.skip('no /dev/shm')
    lock = Path(f'{segment}_el')
    try:
        segment.write_bytes(bytes(4096))
        with lock.open('w'):
            assert processes.segment_bytes(OWN, OWN) == 4096
            elsewhere = bytes.fromhex('010f0000') + OWN[4:]
            assert processes.segment_bytes(elsewhere, OWN) == 0
            assert processes.segment_bytes(b'', b'') == 0
        assert processes.segment_bytes(OWN, OWN) == 0
    finally:
        segment.unlink()
        lock.unlink(missing_ok=True)
