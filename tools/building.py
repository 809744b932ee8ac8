"""Builds an environment: uv, the locked packages, the interfaces. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import prerequisites
from environment import CACHE, INTERFACES, ROOT, STAMP, digest_interfaces

KEPT_ENVIRONMENTS = 2
OLDEST_UV = (0, 8)
SCRATCH = CACHE / 'scratch'


class BuildError(Exception):
    """A step of the set-up failed; the message says which and what to try."""


def build(env: Path) -> None:
    """Build `env`, or wait for whoever is building it.

    Raises:
        BuildError: a step failed. What was built so far is thrown away by the next attempt.
        MissingPrerequisiteError: the machine lacks something.
    """
    with lock(CACHE):
        if (env / STAMP).exists():
            return
        prerequisites.check(needs_venv=_uv_on_path() is None, folder=str(CACHE))
        say(f'first run: setting up {env} (about 7 GB; takes a few minutes)')
        uv = _find_uv()
        shutil.rmtree(env, ignore_errors=True)
        env.parent.mkdir(exist_ok=True)
        _remove_unused(env)
        run(
            'create the environment',
            uv,
            'venv',
            '--quiet',
            '--no-project',
            '--python',
            sys.executable,
            str(env),
        )
        _install(uv, env)
        (env / STAMP).touch()
        say('set-up complete')


def run_uv(arguments: list[str]) -> NoReturn:
    """Become uv."""
    uv = locate_uv()
    os.execve(uv, [uv, *arguments], clean_variables())


def clean_variables() -> dict[str, str]:
    """Variables for uv: this process's, with pip's index settings translated.

    Foreign Python packages and libraries are left out.
    """
    result = dict(os.environ)
    for name in (
        'PYTHONPATH',
        'PYTHONHOME',
        'VIRTUAL_ENV',
        'AMENT_PREFIX_PATH',
        'CMAKE_PREFIX_PATH',
        'ROS_DISTRO',
    ):
        result.pop(name, None)
    if result.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None):
        result.pop('LD_LIBRARY_PATH', None)  # another environment's
    result.setdefault(
        'SAM2_BUILD_CUDA', '0'
    )  # its only extension serves a post-processing step that nobody here uses
    pairs = {
        'PIP_INDEX_URL': 'UV_DEFAULT_INDEX',
        'PIP_CERT': 'SSL_CERT_FILE',
        'PIP_TRUSTED_HOST': 'UV_INSECURE_HOST',
    }
    for pip, uv in pairs.items():
        if result.get(pip):
            result.setdefault(uv, result[pip])
    if result.get('PIP_FIND_LINKS'):
        result.setdefault('UV_FIND_LINKS', ','.join(result['PIP_FIND_LINKS'].split()))
    if result.get('PIP_EXTRA_INDEX_URL') and 'UV_INDEX' not in result:
        result['UV_INDEX'] = result['PIP_EXTRA_INDEX_URL']
        result.setdefault(
            'UV_INDEX_STRATEGY', 'unsafe-best-match'
        )  # what pip does; the hashes are locked
    return result


def locate_uv() -> str:
    """Path of a uv that is new enough, installed into the cache where there is none."""
    found = _uv_on_path()
    if found is None:
        with lock(CACHE):
            found = _find_uv()
    return found


def _find_uv() -> str:
    """Path of a uv that is new enough: from PATH, or from the cache (put there with pip)."""
    on_path = _uv_on_path()
    if on_path:
        return on_path
    home = CACHE / 'uv'
    if not (home / 'bin' / 'uv').exists():
        say('installing uv')
        venv = SCRATCH / 'uv'
        run('create an environment for uv', sys.executable, '-m', 'venv', str(venv))
        wanted = f'uv>={".".join(map(str, OLDEST_UV))}'
        run('install uv', str(venv / 'bin' / 'python'), '-m', 'pip', 'install', '--quiet', wanted)
        shutil.rmtree(home, ignore_errors=True)
        os.replace(venv, home)  # uv is one binary and does not mind being moved
    return str(home / 'bin' / 'uv')


def _install(uv: str, env: Path) -> None:
    """Install the locked packages and the interfaces into `env`."""
    locked = SCRATCH / 'locked.txt'
    _export(uv, locked, '--group', 'dev')
    build_tools = SCRATCH / 'build.txt'
    _export(uv, build_tools, '--all-groups')
    say('installing the locked packages')
    # Not `uv sync`: that takes addresses from uv.lock and so ignores the user's index settings.
    python = str(env / 'bin' / 'python')
    options = ('--python', python, *([] if sys.stderr.isatty() else ['--quiet']))
    constraints = ('--build-constraints', str(build_tools))
    run(
        'install the packages',
        uv,
        'pip',
        'sync',
        *options,
        *constraints,
        '--require-hashes',
        str(locked),
    )
    wheels = _interface_wheels(uv, python, build_tools)
    run('install the interfaces', uv, 'pip', 'install', *options, '--no-deps', *map(str, wheels))


def _export(uv: str, target: Path, *options: str) -> None:
    common = (
        '--frozen',
        '--quiet',
        '--no-header',
        '--no-annotate',
        '--no-emit-local',
        '--directory',
        str(ROOT),
    )
    run('read uv.lock', uv, 'export', *common, *options, '--output-file', str(target))


def _interface_wheels(uv: str, python: str, build_tools: Path) -> list[Path]:
    """Wheels of the interfaces, built once per definition, ROS release and Python."""
    release = re.findall(
        r'^name = "(ros-[^"]+)"\nversion = "([^"]+)"', (ROOT / 'uv.lock').read_text(), re.MULTILINE
    )
    key = hashlib.sha256(
        repr((digest_interfaces(), release, sys.version_info[:2])).encode()
    ).hexdigest()[:16]
    folder = CACHE / 'interfaces' / key
    if not folder.exists():
        say('building the ROS interfaces')
        folder.parent.mkdir(parents=True, exist_ok=True)
        target = SCRATCH / 'wheels'
        options = (
            '--wheel',
            '--python',
            python,
            '--out-dir',
            str(target),
            '--build-constraints',
            str(build_tools),
        )
        for package in INTERFACES:
            source = (
                SCRATCH / 'interfaces' / Path(package).name
            )  # a copy: building must not write into the checkout
            shutil.copytree(
                ROOT / package, source, ignore=shutil.ignore_patterns('foreign', 'build')
            )
            run(f'build {package}', uv, 'build', '--quiet', *options, str(source))
        os.replace(target, folder)
    return sorted(folder.glob('*.whl'))


def _remove_unused(wanted: Path) -> None:
    """Keep the newest environments, `wanted` included, and those a running command holds."""
    others = [path for path in (CACHE / 'envs').iterdir() if path != wanted]
    others.sort(
        key=lambda path: (path / STAMP).stat().st_mtime if (path / STAMP).exists() else 0.0,
        reverse=True,
    )
    for env in others[KEPT_ENVIRONMENTS - 1 :]:
        if not _is_in_use(env):
            shutil.rmtree(env, ignore_errors=True)


def _is_in_use(env: Path) -> bool:
    try:
        with open(env / STAMP) as stamp:
            fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(env / STAMP)  # while locked: nobody can start using what is about to go
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One set-up at a time per folder, with an empty scratch folder in it.

    The commands that are run inherit the lock. It ends with the last of them, also when this
    process is killed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / 'lock', 'w')  # noqa: SIM115 (closed below)
    except OSError as error:
        raise BuildError(
            f'cannot write to {folder}: {error.strerror}. Set MMP_CACHE to another folder.'
        ) from error
    with handle:
        os.set_inheritable(handle.fileno(), True)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('waiting for another set-up to finish')
            fcntl.flock(handle, fcntl.LOCK_EX)
        scratch = folder / SCRATCH.name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _uv_on_path() -> str | None:
    found = shutil.which('uv')
    if not found:
        return None
    answer = subprocess.run([found, '--version'], check=False, capture_output=True, text=True)
    version = re.search(r'(\d+)\.(\d+)', answer.stdout)
    if answer.returncode or not version or tuple(map(int, version.groups())) < OLDEST_UV:
        return None
    return found


def run(
    step: str, *command: str, cwd: Path | None = None, variables: dict[str, str] | None = None
) -> None:
    """Run one command of a set-up, its output on stderr.

    Args:
        step: what it does, for the message of a failure.
        *command: program and arguments.
        cwd: where; None for the folder of this process.
        variables: environment variables beside `clean_variables`.

    Raises:
        BuildError: it failed.
    """
    try:
        # stdout belongs to the command that the user asked for.
        result = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env={**clean_variables(), **(variables or {})},
            stdout=sys.stderr,
            close_fds=False,
        )
    except OSError as error:
        raise BuildError(f'could not {step}: {command[0]}: {error.strerror}') from error
    if result.returncode:
        raise BuildError(
            f'could not {step} (exit status {result.returncode}, see above): {" ".join(command)}'
        )


def say(text: str) -> None:
    """Tell the user, on stderr: stdout belongs to the command that was asked for."""
    print(f'mm_perception: {text}', file=sys.stderr, flush=True)
