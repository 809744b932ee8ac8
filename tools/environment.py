"""The project's environment: find it, build it if it is missing, run a command in it.

Environments live in a cache outside the checkout, named by what determines their contents:
uv.lock, the interfaces in msg/ and the Python. Checkouts that agree share one. Standard library
only; see tools/bootstrap for use.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(
    os.environ.get('MMP_CACHE')
    or Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'mm_perception')
).absolute()
STAMP = '.complete'  # written last: without it an environment is a ruin
INTERFACES = (
    'msg', 'msg/foreign/foxglove_msgs', 'msg/foreign/tf2_msgs', 'msg/foreign/vision_msgs',
)  # fmt: skip


def digest_interfaces() -> str:
    """Hash of the interface packages' sources."""
    names = [path for folder in INTERFACES for path in (ROOT / folder).glob('*') if path.is_file()]
    for folder in INTERFACES:
        for kind in ('msg', 'srv', 'action'):
            names += sorted((ROOT / folder / kind).glob('*.' + kind))
    digest = hashlib.sha256()
    for path in sorted(names):
        digest.update(str(path.relative_to(ROOT)).encode() + b'\0' + path.read_bytes() + b'\0')
    return digest.hexdigest()


def environment_folder() -> Path:
    """Folder of this checkout's environment, whether it exists or not."""
    digest = hashlib.sha256(digest_interfaces().encode())
    digest.update((ROOT / 'uv.lock').read_bytes())
    digest.update(repr((sys.version_info[:2], sys.base_prefix)).encode())
    return CACHE / 'envs' / digest.hexdigest()[:16]


def site_packages(env: Path) -> Path:
    """Where an environment has its Python packages."""
    return env / 'lib' / f'python3.{sys.version_info[1]}' / 'site-packages'


def variables(env: Path) -> dict[str, str]:
    """Environment variables for a command that runs in `env`, from those of this process.

    The wheels of ROS 2 find their libraries through LD_LIBRARY_PATH. Their start-up hook would set
    it by starting Python a second time, in random order with what is there already, so that a
    sourced ROS installation could win. Here `env` always comes first, and the hook is told so.
    """
    result = dict(os.environ)
    libraries = [env / 'lib', *sorted(site_packages(env).glob('ros_*.libs'))]
    extras = sorted(stamp.parent for stamp in env.glob(f'extras/*/{STAMP}'))
    sourced_ros = 'ROS_DISTRO' in os.environ
    _prepend(result, 'LD_LIBRARY_PATH', libraries)
    _prepend(result, 'PATH', [env / 'bin'])
    _prepend(result, 'AMENT_PREFIX_PATH', [env])
    if sourced_ros:  # its Python packages belong to other libraries
        del result['ROS_DISTRO']
        result.pop('PYTHONPATH', None)
    _prepend(result, 'PYTHONPATH', [ROOT, *extras])
    middleware = result.get('RMW_IMPLEMENTATION')
    if middleware and not (env / 'lib' / f'lib{middleware}.so').exists():
        print(
            f'mm_perception: RMW_IMPLEMENTATION={middleware} has no wheel; using Fast DDS.',
            file=sys.stderr,
        )
        del result['RMW_IMPLEMENTATION']
    result['_ROS_WHEELS_BOOTSTRAP_COMPLETE'] = '1'
    result['VIRTUAL_ENV'] = str(env)
    result.pop('PYTHONHOME', None)
    return result


def _prepend(environ: dict[str, str], name: str, folders: list[Path]) -> None:
    new = [str(folder) for folder in folders]
    old = [part for part in environ.get(name, '').split(os.pathsep) if part and part not in new]
    environ[name] = os.pathsep.join(new + old)


def _hold(env: Path) -> bool:
    """Mark `env` as used, and as in use until this process and the command it becomes have ended.

    Returns:
        Whether the environment is complete.
    """
    try:
        descriptor = os.open(env / STAMP, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not (env / STAMP).exists():  # removed while this waited
        os.close(descriptor)
        return False
    os.set_inheritable(descriptor, True)
    with contextlib.suppress(PermissionError):  # an administrator's environment
        os.utime(env / STAMP)
    return True


def main(arguments: list[str]) -> int:
    """Run `arguments` in the environment; build it first if needed."""
    env = environment_folder()
    wants_uv, wants_extra = arguments[:1] == ['--uv'], arguments[:1] == ['--extra']
    if wants_uv or wants_extra or not _hold(env):
        import building
        import prerequisites

        try:
            prerequisites.switch_python([__file__, *arguments])
            if wants_uv:
                building.run_uv(arguments[1:])
            building.build(env)
            if wants_extra:
                import extras

                _hold(env)  # against who clears the cache while the extra is built
                extras.build(''.join(arguments[1:2]), env)
                arguments = arguments[2:]
        except (building.BuildError, prerequisites.MissingPrerequisiteError) as error:
            print(f'mm_perception: {error}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(
                'mm_perception: interrupted; the next call starts the set-up again.',
                file=sys.stderr,
            )
            return 130
        _hold(env)
    if not arguments:
        print(env)
        return 0
    try:
        os.execvpe(arguments[0], arguments, variables(env))
    except OSError as error:
        print(f'mm_perception: cannot run {arguments[0]}: {error.strerror}', file=sys.stderr)
        return 127


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
