"""Make large messages work: a Fast DDS profile and allocator settings, before `rclpy.init()`.

Why (measured, ros2-on-pip.md 6.2 and 6.3): the default shared-memory segment is 512 KB, so that
a best-effort raw VGA image never arrives, without a word; and glibc maps fresh pages for every
image.
"""

from __future__ import annotations

import ctypes
import logging
import os
import random
import shutil
import socket
import tempfile
from pathlib import Path

from mm_perception.errors import ConfigError

log = logging.getLogger('mm_perception.dds')

PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
SEGMENT_VARIABLE = 'MMP_SHM_SEGMENT_MB'
LOCAL_VARIABLE = 'MMP_LOCAL_ONLY'
SEGMENT_MB = 64
_SMALLEST_MB = 4
_PARTICIPANTS = 16
_MALLOC = {-3: 32 << 20, -1: 1 << 30, -2: 64 << 20}  # mmap threshold, trim threshold, top pad

_PROFILE = """<?xml version="1.0" encoding="UTF-8" ?>
<dds xmlns="http://www.eprosima.com">
  <profiles>
    <transport_descriptors>
      <transport_descriptor>
        <transport_id>mmp_shm</transport_id>
        <type>SHM</type>
        <segment_size>{segment}</segment_size>
        <maxMessageSize>{message}</maxMessageSize>
      </transport_descriptor>
      <transport_descriptor>
        <transport_id>mmp_udp</transport_id>
        <type>UDPv4</type>{whitelist}
      </transport_descriptor>
    </transport_descriptors>
    <participant profile_name="mm_perception" is_default_profile="true">
      <rtps>{discovery}
        <userTransports>
          <transport_id>mmp_shm</transport_id>
          <transport_id>mmp_udp</transport_id>
        </userTransports>
        <useBuiltinTransports>false</useBuiltinTransports>
      </rtps>
    </participant>
  </profiles>
</dds>
"""
_WHITELIST = """
        <maxInitialPeersRange>32</maxInitialPeersRange>
        <interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>"""
_LOCATOR = '<locator><udpv4><address>127.0.0.1</address></udpv4></locator>'
_DISCOVERY = f"""
        <builtin>
          <metatrafficUnicastLocatorList>{_LOCATOR}</metatrafficUnicastLocatorList>
          <initialPeersList>{_LOCATOR}</initialPeersList>
        </builtin>"""


def prepare(local_only: bool | None = None) -> None:
    """Everything that must happen before the first `rclpy.init()` of a process.

    Args:
        local_only: Bind 127.0.0.1 and nothing else; None takes it from $MMP_LOCAL_ONLY.
    """
    if local_only is None:
        local_only = os.environ.get(LOCAL_VARIABLE, '') not in ('', '0')
    if local_only:
        os.environ[LOCAL_VARIABLE] = '1'
    path = apply_profile(local_only=local_only)
    if local_only:
        # For LOCALHOST the middleware adds a transport of its own, which sends from every address
        # (0.0.0.0 and the network's, measured). Our profile does what it does, on 127.0.0.1 only.
        own_discovery = 'SYSTEM_DEFAULT' if path else 'LOCALHOST'
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = own_discovery
    tune_malloc()
    if not os.environ.get('HOME') and not os.environ.get('ROS_LOG_DIR'):
        os.environ['ROS_LOG_DIR'] = str(Path(tempfile.gettempdir()) / 'ros_log')


def apply_profile(*, local_only: bool = False) -> Path | None:
    """Point Fast DDS to our profile, unless the user has one or asks for built-in transports.

    Returns:
        The profile's file, or None where the user's own settings were left alone.
    """
    users = [os.environ[v] for v in PROFILE_VARIABLES if os.environ.get(v)]
    if users and Path(users[0]).parent != _folder():
        if local_only:
            log.warning(
                'local-only is asked for, but %s decides which addresses are used', users[0]
            )
        return None
    path = write_profile(segment_mb(), local_only=local_only)
    os.environ[PROFILE_VARIABLES[0]] = str(path)
    return path


def write_profile(segment: int, *, local_only: bool) -> Path:
    """Write the profile, by way of a second file so that nobody reads half of it.

    Args:
        segment: Size of the shared-memory segment in MB.
        local_only: Use 127.0.0.1 only.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'fastdds_{segment}mb_{"local" if local_only else "all"}.xml'
    text = _PROFILE.format(
        segment=segment << 20,
        message=(segment << 20) // 2,
        whitelist=_WHITELIST if local_only else '',
        discovery=_DISCOVERY if local_only else '',
    )
    if not path.is_file() or path.read_text() != text:
        draft = path.with_suffix(f'.{os.getpid()}')
        draft.write_text(text)
        draft.replace(path)
    return path


def segment_mb() -> int:
    """Size of the segment: $MMP_SHM_SEGMENT_MB or 64 MB, less where /dev/shm has no room for it.

    Raises:
        ConfigError: The variable is no number from 4 to 1024.
    """
    asked = os.environ.get(SEGMENT_VARIABLE, str(SEGMENT_MB))
    if not asked.isdecimal() or not _SMALLEST_MB <= int(asked) <= 1024:
        raise ConfigError(SEGMENT_VARIABLE, asked, f'a number of MB from {_SMALLEST_MB} to 1024')
    free = shutil.disk_usage('/dev/shm').free >> 20 if Path('/dev/shm').is_dir() else 0
    size = int(asked)
    while size > _SMALLEST_MB and size * 2 > free:
        size //= 2
    if size < int(asked):
        log.warning(
            '/dev/shm has %d MB free: shared-memory segment reduced from %s to %d MB; large '
            'best-effort messages may be lost (docker run --shm-size=1g)', free, asked, size,
        )  # fmt: skip
    return max(size, _SMALLEST_MB)


def tune_malloc() -> bool:
    """Keep freed pages for the next image; returns whether the C library takes the settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    results = [mallopt(option, value) for option, value in _MALLOC.items()]
    return all(result == 1 for result in results)


def free_domain() -> int:
    """A domain that no ROS program of this computer is in.

    Participant p of domain d listens on port 7410 + 250 d + 2 p. Ports from 32768 on, which begin
    within domain 101, Linux gives to any program.
    """
    for domain in random.sample(range(1, 101), 100):
        first = 7410 + 250 * domain
        if all(_is_port_free(first + 2 * participant) for participant in range(_PARTICIPANTS)):
            return domain
    raise ConfigError('ROS_DOMAIN_ID', '1 to 100', 'one that is not in use')


def _is_port_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True


def shell_exports() -> str:
    """`export` lines that give a shell the same profile."""
    local_only = os.environ.get(LOCAL_VARIABLE, '') not in ('', '0')
    path = write_profile(segment_mb(), local_only=local_only)
    return f'export {PROFILE_VARIABLES[0]}={path}'


def _folder() -> Path:
    base = os.environ.get('MMP_CACHE') or os.environ.get('XDG_CACHE_HOME')
    if base:
        return Path(base) / 'mm_perception_dds'
    if os.environ.get('HOME'):
        return Path(os.environ['HOME']) / '.cache' / 'mm_perception' / 'dds'
    return Path(tempfile.gettempdir()) / f'mm_perception_dds_{os.getuid()}'
