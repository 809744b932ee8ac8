"""The ROS package: what its descriptions say, and what a wheel of it contains."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import mm_perception

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
OTHER_ROS_PACKAGES = {
    'ament_index_python',
    'cv_bridge',
    'launch',
    'launch_ros',
    'rclpy',
    'tf2_ros',
}


def read_toml(name: str) -> dict:
    return tomllib.loads((ROOT / name).read_text())


INTERFACES = [
    'msg', 'msg/foreign/foxglove_msgs', 'msg/foreign/tf2_msgs', 'msg/foreign/vision_msgs',
]  # fmt: skip


def locked_packages() -> dict[str, dict]:
    return {package['name']: package for package in read_toml('uv.lock')['package']}


def test_versions_agree() -> None:
    version = read_toml('pyproject.toml')['project']['version']
    assert ET.parse(ROOT / 'package.xml').findtext('version') == version
    assert f"version='{version}'" in (ROOT / 'setup.py').read_text()
    assert mm_perception.__version__ == version


@pytest.mark.parametrize('folder', INTERFACES)
def test_versions_of_interfaces_agree(folder: str) -> None:
    version = read_toml(f'{folder}/pyproject.toml')['project']['version']
    assert ET.parse(ROOT / folder / 'package.xml').findtext('version') == version


def bare_names(requirements: list[str]) -> set[str]:
    return {re.split(r'[\s\[><=~;]', line)[0].replace('_', '-') for line in requirements}


def test_lock_is_of_this_pyproject() -> None:
    """Else `make lock` was forgotten, and people install something else than what is declared."""
    declared = read_toml('pyproject.toml')
    metadata = locked_packages()['mm-perception']['metadata']
    needed = [e for e in metadata['requires-dist'] if 'extra ==' not in e.get('marker', '')]
    locked = {entry['name'] for entry in needed}
    assert locked == bare_names(declared['project']['dependencies'])
    groups = {name: bare_names(lines) for name, lines in declared['dependency-groups'].items()}
    locked_groups = metadata['requires-dev'].items()
    assert groups == {
        name: {entry['name'] for entry in entries} for name, entries in locked_groups
    }


@pytest.mark.parametrize('folder', INTERFACES)
def test_build_tools_of_interfaces_are_locked(folder: str) -> None:
    """Their builds are constrained to uv.lock; what is not in it would float."""
    required = read_toml(f'{folder}/pyproject.toml')['build-system']['requires']
    assert bare_names(required) <= locked_packages().keys()


def test_package_xml_lists_every_ros_package_that_is_imported() -> None:
    tree = ET.parse(ROOT / 'package.xml')
    listed = [element.text for element in tree.findall('exec_depend')]
    assert len(listed) == len(set(listed))
    assert tree.findtext('export/build_type') == 'ament_python'
    imported = set()
    for path in (ROOT / 'mm_perception').rglob('*.py'):
        imported |= set(re.findall(r'^\s*(?:from|import) (\w+)', path.read_text(), re.MULTILINE))
    ros = {name for name in imported if name.endswith(('_msgs', '_interfaces'))}
    ros |= imported & OTHER_ROS_PACKAGES
    keys = {'tf2_ros': 'tf2_ros_py'}
    assert {keys.get(name, name) for name in ros} <= set(listed)


@pytest.fixture(scope='module')
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds a wheel of this tree and nothing else."""
    base = tmp_path_factory.mktemp('a wheel')
    source = base / 'source'
    source.mkdir()
    for name in ('package.xml', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    for name in ('resource', 'launch', 'config', 'mm_perception'):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
    build = f'from setuptools.build_meta import build_wheel; print(build_wheel({str(base)!r}))'
    subprocess.run([sys.executable, '-c', build], cwd=source, check=True, capture_output=True)
    (wheel,) = base.glob('*.whl')
    environment = base / 'environment'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', environment], check=True)
    target = ['--python', environment / 'bin' / 'python', '--no-deps', '--offline', wheel]
    subprocess.run([ROOT / 'tools' / 'bootstrap', '--uv', 'pip', 'install', *target], check=True)
    return environment


def run_in(prefix: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run with the packages of this test's environment, but mm_perception from `prefix`."""
    packages = str(Path(np.__file__).parents[1])
    environ = {**os.environ, 'PYTHONPATH': packages, 'AMENT_PREFIX_PATH': str(prefix)}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd='/', env=environ
    )


def test_wheel_is_found_by_the_ament_index(prefix: Path) -> None:
    code = (
        'import mm_perception; print(mm_perception.__file__);'
        'from ament_index_python.packages import get_package_share_directory as share;'
        'print(share("mm_perception"))'
    )
    result = run_in(prefix, prefix / 'bin' / 'python', '-c', code)
    assert result.returncode == 0, result.stderr
    module, share = map(Path, result.stdout.splitlines())
    assert module.is_relative_to(prefix)
    assert share == prefix / 'share' / 'mm_perception'
    assert (share / 'package.xml').is_file()


def test_wheel_carries_launch_and_config(prefix: Path) -> None:
    share = prefix / 'share' / 'mm_perception'
    for folder in ('launch', 'config'):
        wanted = {path.relative_to(ROOT) for path in (ROOT / folder).rglob('*.*')}
        there = {path.relative_to(share) for path in (share / folder).rglob('*.*')}
        assert there == {path for path in wanted if '__pycache__' not in path.parts}


@pytest.mark.parametrize('executable', ['bin/mmp', 'lib/mm_perception/mmp'])
def test_executable_of_the_wheel_starts(prefix: Path, executable: str) -> None:
    result = run_in(prefix, prefix / executable, '--version')
    assert (result.returncode, result.stdout.strip()) == (0, mm_perception.__version__), (
        result.stderr
    )


@pytest.mark.parametrize('name', ['mmp', 'container'])
def test_executables_name_what_exists(name: str) -> None:
    """`ros2 run mm_perception NAME` must not end in an ImportError."""
    text = (ROOT / 'resource' / 'lib' / name).read_text()
    (module,) = re.findall(r'^from ([\w.]+) import .*\bmain$', text, re.MULTILINE)
    path = ROOT.joinpath(*module.split('.'))
    assert path.with_suffix('.py').is_file() or path.is_dir()
