"""By what a result was made: versions of the software, and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import mm_perception
from mm_perception.diagnosis.machine import read_machine

_PACKAGE = Path(mm_perception.__file__).parent
#: Major and minor version of rclpy by distribution (REP 2000).
_DISTROS = {'7.1': 'jazzy', '9.1': 'kilted'}


def versions() -> dict[str, str]:
    """Package, git commit, Python, torch and ROS; what is not there is left out."""
    found = {
        'mm_perception': mm_perception.__version__,
        'commit': _commit(),
        'python': platform.python_version(),
        'torch': _installed('torch'),
        'ros': _distro(),
    }
    return {name: value for name, value in found.items() if value}


def machine() -> dict[str, str]:
    """Processor, memory, GPU and operating system."""
    found = {
        'cpu': _cpu(),
        'cores': str(len(os.sched_getaffinity(0))),
        'memory': _memory(),
        'gpu': ', '.join(read_machine().gpus),
        'system': _system(),
    }
    return {name: value for name, value in found.items() if value}


@cache
def _commit() -> str:
    """Of the checkout that the package runs from; empty where it was installed."""
    if _git('ls-files', '--error-unmatch', '__init__.py') is None:
        return ''
    commit = _git('rev-parse', '--short=12', 'HEAD') or ''
    return f'{commit} with changes' if _git('status', '--porcelain', '-uno', '.') else commit


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ['git', '-C', str(_PACKAGE), *words],
            capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ''


def _distro() -> str:
    """As a sourced ROS says, or by the wheel of rclpy."""
    rclpy = _installed('ros-rclpy') or _installed('rclpy')
    name = os.environ.get('ROS_DISTRO') or _DISTROS.get('.'.join(rclpy.split('.')[:2]), '')
    return f'{name} (rclpy {rclpy})' if name and rclpy else name or rclpy


def _cpu() -> str:
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.is_file() else []
    models = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(models, platform.processor() or platform.machine())


def _memory() -> str:
    try:
        size = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (ValueError, OSError):
        return ''
    return f'{size / 2**30:.0f} GiB'


def _system() -> str:
    try:
        name = platform.freedesktop_os_release().get('PRETTY_NAME', '')
    except OSError:
        name = ''
    return ', '.join(text for text in (name, f'{platform.system()} {platform.release()}') if text)
