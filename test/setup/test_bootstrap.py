"""tools/bootstrap with a stand-in for uv: what it does when, not what uv does."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = r"""#!/bin/sh
# Stand-in for uv: writes down its arguments, makes the files that the real one would make.
echo "$*" >> "$UV_LOG"
for last; do :; done
case "$1 $2" in
'--version '*) echo 'uv 99.0.0' ;;
'venv '*) mkdir -p "$last/bin" "$last/lib"; echo x >> "$last/visits"; sleep "${UV_SLEEP:-0}"
    while [ -n "$UV_GATE" ] && [ ! -e "$UV_GATE" ]; do sleep 0.1; done ;;
'export '*) echo "$UV_DEFAULT_INDEX" > "$last" ;;
'pip sync') [ -z "$UV_FAILS" ] || { echo 'no route to host' >&2; exit 2; } ;;
'build '*)
    while [ "$1" != --out-dir ]; do shift; done
    mkdir -p "$2"; touch "$2/$(basename "$last").whl" ;;
esac
"""


class Machine:
    """A checkout, a cache and a PATH with chosen commands."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / 'a checkout'
        self.cache = folder / 'a cache'
        self.bin = folder / 'bin'
        self.log = folder / 'uv.log'
        self.bin.mkdir()
        for name in ('msg', 'tools'):
            shutil.copytree(ROOT / name, self.checkout / name)
        for name in ('uv.lock', 'mmp', 'Makefile'):
            shutil.copy(ROOT / name, self.checkout)
        for name in (
            'sh',
            'dirname',
            'readlink',
            'basename',
            'mkdir',
            'touch',
            'sleep',
            'g++',
            'env',
        ):
            (self.bin / name).symlink_to(shutil.which(name) or '/nonexistent')
        python = Path(sys.base_prefix, 'bin', f'python3.{sys.version_info[1]}')
        (self.bin / 'python3').symlink_to(python)
        (self.bin / 'uv').write_text(UV)
        (self.bin / 'uv').chmod(0o755)

    def environ(self, **variables: str) -> dict[str, str]:
        return {
            'PATH': str(self.bin),
            'HOME': str(self.cache),
            'MMP_CACHE': str(self.cache),
            'UV_LOG': str(self.log),
            **variables,
        }

    def start(self, *arguments: str, **variables: str) -> 'subprocess.Popen[str]':
        return subprocess.Popen(
            [self.checkout / 'tools' / 'bootstrap', *arguments],
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> 'subprocess.CompletedProcess[str]':
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def environment(self) -> Path:
        result = self.run()
        assert result.returncode == 0, result.stderr
        return Path(result.stdout.strip())

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def change_lock(self) -> None:
        with open(self.checkout / 'uv.lock', 'a') as lock:
            lock.write('# changed\n')


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_second_run_uses_the_environment_quietly(machine: Machine) -> None:
    env = machine.environment()
    assert env.parent == machine.cache / 'envs'
    calls = machine.calls()
    again = machine.run('printf', '%s|', 'one', 'two words')
    assert (again.stdout, again.stderr) == (
        '',
        'mm_perception: cannot run printf: No such file or directory\n',
    )
    (env / 'bin' / 'printf').symlink_to('/usr/bin/printf')
    again = machine.run('printf', '%s|', 'one', 'two words')
    assert (again.stdout, again.stderr, again.returncode) == ('one|two words|', '', 0)
    assert machine.calls() == calls


def test_installs_locked_packages_then_own_interfaces(machine: Machine) -> None:
    machine.environment()
    steps = [call.split()[0] for call in machine.calls() if not call.startswith('--version')]
    assert steps == ['venv', 'export', 'export', 'pip', *4 * ['build'], 'pip']
    assert '--require-hashes' in next(
        call for call in machine.calls() if call.startswith('pip sync')
    )


def test_environment_follows_lock_and_interfaces(machine: Machine) -> None:
    first = machine.environment()
    machine.change_lock()
    second = machine.environment()
    assert sum(call.startswith('build') for call in machine.calls()) == 4  # wheels are kept
    with open(machine.checkout / 'msg' / 'msg' / 'Prompt.msg', 'a') as message:
        message.write('# changed\n')
    third = machine.environment()
    assert len({first, second, third}) == 3
    assert sum(call.startswith('build') for call in machine.calls()) == 8


def test_failed_step_leaves_nothing_that_looks_complete(machine: Machine) -> None:
    failed = machine.run('true', UV_FAILS='1')
    assert failed.returncode == 1
    assert 'could not install the packages' in failed.stderr
    (ruin,) = (machine.cache / 'envs').iterdir()
    (ruin / 'half-written').touch()
    env = machine.environment()
    assert env == ruin
    assert not (env / 'half-written').exists()


def test_killed_in_the_middle(machine: Machine) -> None:
    process = machine.start('true', UV_SLEEP='2')
    while not list((machine.cache / 'envs').glob('*/visits')):
        time.sleep(0.05)
    process.kill()
    process.communicate()
    # uv lives on for a moment and still holds the lock: the next set-up waits for it.
    env = machine.environment()
    assert (env / 'visits').read_text() == 'x\n'


def test_two_at_once_build_once(machine: Machine) -> None:
    gate = machine.cache / 'gate'
    first = machine.start(UV_GATE=str(gate))
    while not list((machine.cache / 'envs').glob('*/visits')):
        time.sleep(0.05)
    second = machine.start(UV_GATE=str(gate))
    assert second.stderr is not None
    assert 'waiting for another set-up' in second.stderr.readline()
    gate.touch()
    outputs = [process.communicate(timeout=60) for process in (first, second)]
    assert outputs[0][0] == outputs[1][0]
    assert not any('waiting for another set-up' in err for _, err in outputs)
    assert sum(call.startswith('venv') for call in machine.calls()) == 1


def test_keeps_two_environments_and_those_in_use(machine: Machine) -> None:
    oldest = machine.environment()
    machine.change_lock()
    old = machine.environment()
    with open(old / '.complete') as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # as a running command does
        for age, env in ((200, oldest), (300, old)):
            os.utime(env / '.complete', (time.time() - age,) * 2)
        machine.change_lock()
        newer = machine.environment()
        assert {old, oldest, newer} == set((machine.cache / 'envs').iterdir())
    machine.change_lock()
    newest = machine.environment()
    assert set((machine.cache / 'envs').iterdir()) == {newer, newest}


def test_command_holds_its_environment(machine: Machine) -> None:
    env = machine.environment()
    process = machine.start('sleep', '90')
    try:
        with open(env / '.complete') as stamp:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                fcntl.flock(stamp, fcntl.LOCK_UN)
                time.sleep(0.05)
        pytest.fail('the running command does not hold its environment')
    finally:
        process.kill()
        process.communicate()


def test_pip_settings_reach_uv(machine: Machine) -> None:
    machine.run(
        'true', PIP_INDEX_URL='https://mirror.example/simple', PIP_CERT='/etc/corporate.pem'
    )
    probe = machine.bin / 'uv'
    probe.write_text('#!/bin/sh\n[ "$1" = --version ] && echo uv 99.0.0 || env\n')
    seen = machine.run(
        '--uv',
        'lock',
        PIP_INDEX_URL='https://mirror.example/simple',
        PIP_EXTRA_INDEX_URL='https://more.example/simple',
        PIP_CERT='/etc/corporate.pem',
        PYTHONPATH='/opt/ros/jazzy/lib/python3.12/site-packages',
    ).stdout.splitlines()
    assert 'UV_DEFAULT_INDEX=https://mirror.example/simple' in seen
    assert 'UV_INDEX=https://more.example/simple' in seen
    assert 'SSL_CERT_FILE=/etc/corporate.pem' in seen
    assert not any(line.startswith('PYTHONPATH=') for line in seen)


def test_users_uv_settings_win(machine: Machine) -> None:
    (machine.bin / 'uv').write_text('#!/bin/sh\n[ "$1" = --version ] && echo uv 99.0.0 || env\n')
    seen = machine.run(
        '--uv', 'lock', PIP_INDEX_URL='https://a.example', UV_DEFAULT_INDEX='https://b.example'
    )
    assert 'UV_DEFAULT_INDEX=https://b.example' in seen.stdout.splitlines()


def test_environment_comes_before_a_sourced_ros(machine: Machine) -> None:
    env = machine.environment()
    (env / 'bin' / 'printenv').symlink_to('/usr/bin/env')
    sourced = {
        'ROS_DISTRO': 'jazzy',
        'PYTHONPATH': '/opt/ros/jazzy/lib/python3.12/site-packages',
        'LD_LIBRARY_PATH': '/opt/ros/jazzy/lib',
        'AMENT_PREFIX_PATH': '/opt/ros/jazzy',
        'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp',
    }
    result = machine.run('printenv', **sourced)
    seen = dict(line.split('=', 1) for line in result.stdout.splitlines())
    assert seen['PYTHONPATH'] == str(machine.checkout)
    assert seen['LD_LIBRARY_PATH'].split(':') == [str(env / 'lib'), '/opt/ros/jazzy/lib']
    assert seen['AMENT_PREFIX_PATH'].split(':')[0] == str(env)
    assert 'RMW_IMPLEMENTATION' not in seen
    assert 'rmw_cyclonedds_cpp' in result.stderr


@pytest.mark.parametrize(
    ('missing', 'named'), [('g++', 'a C++ compiler (g++)'), ('python3', 'python3 is missing')]
)
def test_missing_prerequisite_is_named_with_its_command(
    machine: Machine, missing: str, named: str
) -> None:
    (machine.bin / missing).unlink()
    result = machine.run('true')
    assert result.returncode == 1
    assert named in result.stderr
    assert 'sudo apt-get install -y' in result.stderr
    assert 'g++' in result.stderr
    assert not list(machine.cache.glob('envs/*'))


def test_unsupported_python_is_named(machine: Machine) -> None:
    (machine.checkout / 'tools' / 'old.py').write_text(
        'import sys; sys.version_info = (3, 9, 2); import prerequisites\n'
        'try: prerequisites.switch_python([])\n'
        'except prerequisites.MissingPrerequisiteError as error: print(error)\n'
    )
    command = [sys.executable, machine.checkout / 'tools' / 'old.py']
    text = subprocess.run(
        command, check=True, capture_output=True, text=True, env=machine.environ()
    ).stdout
    assert 'Python 3.10, 3.11 or 3.12 is needed' in text
    assert 'apt-get install -y python3.12 python3.12-venv python3.12-dev' in text


def test_unwritable_cache_is_named(machine: Machine) -> None:
    result = machine.run('true', MMP_CACHE='/dev/null/cache')
    assert result.returncode == 1
    assert 'cannot write to /dev/null/cache' in result.stderr
    assert 'Set MMP_CACHE' in result.stderr


def test_mmp_through_a_link_from_elsewhere(machine: Machine, tmp_path: Path) -> None:
    env = machine.environment()
    (env / 'bin' / 'python').unlink(missing_ok=True)
    (env / 'bin' / 'python').write_text('#!/bin/sh\necho "$PYTHONPATH: $*"\n')
    (env / 'bin' / 'python').chmod(0o755)
    (tmp_path / 'link').symlink_to(machine.checkout / 'mmp')
    result = subprocess.run(
        [tmp_path / 'link', 'run', 'two words'],
        check=True, capture_output=True, text=True, cwd='/', env=machine.environ(),
    )  # fmt: skip
    assert result.stdout == f'{machine.checkout}: -m mm_perception.cli.main run two words\n'


@pytest.mark.skipif(not shutil.which('make'), reason='make is not installed')
def test_make_passes_arguments_in_a_path_with_a_space(machine: Machine) -> None:
    env = machine.environment()
    for name in ('python', 'ruff', 'mypy'):
        (env / 'bin' / name).unlink(missing_ok=True)
        (env / 'bin' / name).write_text(f'#!/bin/sh\nfor word; do echo "{name}: $word"; done\n')
        (env / 'bin' / name).chmod(0o755)
    command = ['/usr/bin/make', '-C', machine.checkout, 'test', "ARGS=-k 'this or that'"]
    result = subprocess.run(
        command, check=True, capture_output=True, text=True, env=machine.environ(SHELL='/bin/sh')
    )
    assert 'python: this or that' in result.stdout
    assert 'ruff: check' in result.stdout
