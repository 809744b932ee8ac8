"""The tree as a colcon workspace.

Needs colcon and ament_cmake from PyPI and two minutes, so only `make test-colcon` runs it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mm_perception

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif('MMP_TEST_COLCON' not in os.environ, reason='run with `make test-colcon`'),
]
ROS = ('ros-rclpy[fastrtps]~=9.1', 'ros-common-interfaces~=5.5', 'numpy', 'pyyaml')
COLCON = ('colcon-common-extensions', 'setuptools==68.1.2')  # the setuptools of Ubuntu 24.04


@pytest.fixture(scope='module')
def colcon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with colcon, ament_cmake and rclpy, but nothing of this project."""
    base = tmp_path_factory.mktemp('colcon')
    uv = [ROOT / 'tools' / 'bootstrap', '--uv']
    tools = base / 'tools.txt'
    export = ['export', '-q', '--frozen', '--directory', ROOT, '--only-group', 'interfaces']
    subprocess.run(
        [*uv, *export, '--no-hashes', '-o', tools], check=True, stdout=subprocess.DEVNULL
    )
    venv = base / 'venv'
    subprocess.run(
        [*uv, 'venv', '-q', '--no-project', '--python', sys.executable, venv], check=True
    )
    install = ['pip', 'install', '-q', '--python', venv / 'bin' / 'python', '-r', tools]
    subprocess.run([*uv, *install, *ROS, *COLCON], check=True)
    return venv


def run(venv: Path, script: str, folder: Path) -> str:
    """Run in a shell as after sourcing a ROS installation that lives in `venv`."""
    environ = {
        'HOME': str(folder),
        'PATH': f'{venv / "bin"}:/usr/bin:/bin',
        'AMENT_PREFIX_PATH': str(venv),
        'CMAKE_PREFIX_PATH': str(venv),
        'COLCON_DEFAULTS_FILE': 'colcon_defaults.yaml',
    }
    result = subprocess.run(
        ['bash', '-c', script],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environ,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module', params=['', '--symlink-install'], ids=['copy', 'symlink'])
def workspace(
    request: pytest.FixtureRequest, colcon: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """This tree, built."""
    folder = tmp_path_factory.mktemp('workspace') / 'mm_perception'
    ignored = shutil.ignore_patterns(
        '.git', '.venv', 'build', 'install', 'log', '*_cache', '__pycache__'
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    output = run(colcon, f'colcon build {request.param}', folder)
    assert re.search(r'Summary: 2 packages finished', output)
    return folder


def test_built_packages_are_found_and_work(colcon: Path, workspace: Path) -> None:
    code = (
        'from ament_index_python.packages import get_package_share_directory as share;'
        'import rclpy.serialization as cdr; from mm_perception_msgs.msg import Prompt;'
        'assert cdr.serialize_message(Prompt(text="a mug"));'
        'print(share("mm_perception")); print(share("mm_perception_msgs"))'
    )
    output = run(colcon, f". install/setup.bash && cd / && python -c '{code}'", workspace)
    install = workspace / 'install'
    assert output.split() == [
        f'{install}/mm_perception/share/mm_perception',
        f'{install}/mm_perception_msgs/share/mm_perception_msgs',
    ]
    share = install / 'mm_perception' / 'share' / 'mm_perception'
    for folder in ('launch', 'config'):
        wanted = {path.relative_to(workspace) for path in (workspace / folder).rglob('*.*')}
        assert wanted == {path.relative_to(share) for path in (share / folder).rglob('*.*')}


def test_ros2_run_would_find_and_start_it(colcon: Path, workspace: Path) -> None:
    executable = workspace / 'install' / 'mm_perception' / 'lib' / 'mm_perception' / 'mmp'
    packages = os.path.dirname(os.path.dirname(pytest.__file__))
    start = f'PYTHONPATH="$PYTHONPATH:{packages}" "{executable}" --version'
    output = run(colcon, f'. install/setup.bash && cd / && {start}', workspace)
    assert output.strip() == mm_perception.__version__
