"""`tools/bootstrap --extra mmdet3d` with stand-ins for uv and for the compiler's Python."""

import re
import sys
import tarfile
from pathlib import Path

import pytest

from test.setup.test_bootstrap import ROOT, UV, Machine

# What a Python in a build environment does: writes its call down, makes what would be made.
PYTHON = r"""#!/bin/sh
echo "python $*" >> "$UV_LOG"
while [ $# -gt 1 ]; do
    case "$1" in
    --dest) cp "$SDIST" "$2/" ;;
    --dist-dir) [ -z "$COMPILER_FAILS" ] || exit 3
        cp setup.py "$UV_LOG.setup.py"; touch "$2/mmcv-2.1.0-cp311-linux.whl" ;;
    esac
    shift
done
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    for name in ('cp', 'chmod', 'tar'):
        (machine.bin / name).symlink_to(f'/usr/bin/{name}')
    (machine.bin / 'build_python').write_text(PYTHON)
    (machine.bin / 'build_python').chmod(0o755)
    packages = f'lib/python3.{sys.version_info[1]}/site-packages'
    make_python = f'mkdir -p "$last/{packages}"; cp "$STAND_IN" "$last/bin/python"'
    install = """'pip install') while [ $# -gt 1 ]; do
    [ "$1" != --target ] || { mkdir -p "$2"; touch "$2/installed"; }; shift; done ;;
"""
    uv = UV.replace("'pip sync')", f"{install}'pip sync')")
    uv = uv.replace('echo x >>', f'{make_python}; echo x >>')
    (machine.bin / 'uv').write_text(uv)
    return machine


@pytest.fixture
def settings(machine: Machine, tmp_path: Path) -> dict[str, str]:
    source = tmp_path / 'mmcv-2.1.0'
    source.mkdir()
    (source / 'setup.py').write_text("args = ['-std=c++17']\n")
    with tarfile.open(tmp_path / 'mmcv-2.1.0.tar.gz', 'w:gz') as archive:
        archive.add(source, 'mmcv-2.1.0')
    stand_in = str(machine.bin / 'build_python')
    return {'SDIST': str(tmp_path / 'mmcv-2.1.0.tar.gz'), 'STAND_IN': stand_in}


def compiled(machine: Machine) -> int:
    return sum('bdist_wheel' in call for call in machine.calls())


def test_compiles_once_and_is_seen_by_all_commands(machine: Machine, settings) -> None:
    built = machine.run('--extra', 'mmdet3d', **settings)
    assert built.returncode == 0, built.stderr
    env = Path(built.stdout.strip())
    assert env.parent == machine.cache / 'envs'
    folder = env / 'extras' / 'mmdet3d'
    assert (folder / 'installed').exists()
    assert 'c++20' in Path(f'{machine.log}.setup.py').read_text(), 'torch needs it'
    (env / 'bin' / 'printenv').symlink_to('/usr/bin/env')
    for arguments in (('printenv',), ('--extra', 'mmdet3d', 'printenv')):
        seen = machine.run(*arguments, **settings)
        assert f'PYTHONPATH={machine.checkout}:{folder}' in seen.stdout.splitlines()
        assert seen.stderr == ''
    assert compiled(machine) == 1


def test_everything_that_is_installed_has_a_hash(machine: Machine, settings) -> None:
    machine.run('--extra', 'mmdet3d', **settings)
    fetching = [call for call in machine.calls() if ' -r ' in call and 'mmdet3d' in call]
    fetching += [call for call in machine.calls() if 'pip download' in call]
    assert len(fetching) == 3
    assert all('--require-hashes' in call and '--no-deps' in call for call in fetching)


def test_other_versions_replace_the_folder_but_compile_nothing(machine, settings) -> None:
    env = Path(machine.run('--extra', 'mmdet3d', **settings).stdout.strip())
    (env / 'extras' / 'mmdet3d' / 'old').touch()
    with open(machine.checkout / 'tools' / 'mmdet3d.txt', 'a') as requirements:
        requirements.write('# changed\n')
    machine.run('--extra', 'mmdet3d', **settings)
    assert not (env / 'extras' / 'mmdet3d' / 'old').exists()
    assert compiled(machine) == 1


def test_failed_compilation_leaves_no_extra(machine: Machine, settings) -> None:
    failed = machine.run('--extra', 'mmdet3d', 'true', **settings, COMPILER_FAILS='1')
    assert failed.returncode == 1
    assert 'could not compile mmcv' in failed.stderr
    assert not list(machine.cache.glob('envs/*/extras/mmdet3d'))
    assert machine.run('--extra', 'mmdet3d', **settings).returncode == 0


def test_unknown_extra_is_named(machine: Machine, settings) -> None:
    result = machine.run('--extra', 'mmdet4d', **settings)
    assert result.returncode == 1
    assert "there is no extra 'mmdet4d'; there are: mmdet3d" in result.stderr


def test_lock_knows_nothing_of_it() -> None:
    locked = set(re.findall(r'^name = "([^"]+)"', (ROOT / 'uv.lock').read_text(), re.MULTILINE))
    extra = re.findall(r'^([\w-]+)==', (ROOT / 'tools' / 'mmdet3d.txt').read_text(), re.MULTILINE)
    assert {'mmdet3d', 'mmdet', 'mmengine'} <= set(extra)
    assert not {'mmdet3d', 'mmdet', 'mmengine', 'mmcv'} & locked
