"""What a machine must have before the environment can be built, and the command that installs it.

Standard library only, and old syntax: this runs on whatever Python the machine has.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig

OLDEST = (3, 10)
NEWEST = (3, 12)
DISK_BYTES = 9 * 10**9  # 7 GB installed, plus room for unpacking


class MissingPrerequisiteError(Exception):
    """Something has to be installed first; the message says what and how."""


def switch_python(arguments: list[str]) -> None:
    """Continue under a supported Python if the running one is not.

    Args:
        arguments: script and arguments to start again with; nothing is returned in that case.

    Raises:
        MissingPrerequisiteError: no Python from 3.10 to 3.12 is on PATH.
    """
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f'python3.{minor}')
        if found and _starts(found):
            os.execv(found, [found, '-I', '-S', *arguments])
    raise MissingPrerequisiteError(
        'Python 3.10, 3.11 or 3.12 is needed (the ROS 2 wheels are made for these); '
        f'{sys.executable} is '
        f'{platform.python_version()}. Install one with:\n'
        '  sudo apt-get install -y python3.12 python3.12-venv python3.12-dev\n'
        'or, where the distribution has none: uv python install 3.12, and set MMP_PYTHON to it.'
    )


def check(*, needs_venv: bool, folder: str) -> None:
    """Check everything at once, so that one command repairs everything.

    Args:
        needs_venv: whether uv has to be installed with venv and pip.
        folder: where the environment goes.

    Raises:
        MissingPrerequisiteError: names each missing piece and the apt command.
    """
    machine = (sys.platform, platform.machine())
    if machine != ('linux', 'x86_64'):
        raise MissingPrerequisiteError(
            f'The ROS 2 wheels exist for Linux on x86_64 only; this is {" on ".join(machine)}. '
            'Use an installed ROS 2 and colcon instead (README.md).'
        )
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES:
        raise MissingPrerequisiteError(
            f'{folder} has {free / 1e9:.1f} GB free and {DISK_BYTES / 1e9:.0f} GB are needed. '
            'Free some, or set MMP_CACHE (and UV_CACHE_DIR) to a folder on a larger disk.'
        )
    missing = _missing_packages(needs_venv)
    if missing:
        wanted = '\n'.join(f'  {what}' for what in missing)
        packages = ' '.join(missing.values())
        raise MissingPrerequisiteError(
            f'Missing on this machine:\n{wanted}\n'
            f'Install with:\n  sudo apt-get install -y {packages}'
        )


def _missing_packages(needs_venv: bool) -> dict[str, str]:
    """What is missing, and the Debian package that has it."""
    python = 'python3' if _is_default_python() else f'python3.{sys.version_info[1]}'
    missing = {}
    if needs_venv and not all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')):
        missing[f'the venv module of {sys.executable}'] = f'{python}-venv'
    header = os.path.join(sysconfig.get_paths()['include'], 'Python.h')
    if not os.path.exists(header):
        missing[f'the Python headers ({header})'] = f'{python}-dev'
    compilers = (os.environ.get('CXX', ''), 'c++', 'g++', 'clang++')
    if not any(shutil.which(name) for name in compilers if name):
        missing['a C++ compiler (g++)'] = 'g++'
    return missing


def _is_default_python() -> bool:
    default = '/usr/bin/python3'
    return os.path.exists(default) and os.path.realpath(default).endswith(
        f'3.{sys.version_info[1]}'
    )


def _starts(python: str) -> bool:
    """Version managers leave commands on PATH that only print an error."""
    return (
        subprocess.run([python, '-I', '-S', '-c', ''], check=False, capture_output=True).returncode
        == 0
    )
