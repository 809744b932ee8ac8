"""Launch files: what they name must exist; where upstream launch is installed, they are loaded.

The `launch` of PyPI is another program; only `launch_ros` proves that ROS's launch is there.
"""

from __future__ import annotations

import ast
import importlib.util
import runpy
from pathlib import Path

import pytest

from mm_perception.cli.main import build_parser
from mm_perception.graph import stack_names

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
NAMES = ['demo.launch.py', 'perception.launch.py', 'replay.launch.py']
STANDARD = {'launch', 'launch_ros'}
HAS_LAUNCH = importlib.util.find_spec('launch_ros') is not None


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def arguments_of(path: Path) -> dict[str, str | None]:
    """The ARGUMENTS table: name to default."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'ARGUMENTS':
            return {name: default for name, (default, _) in ast.literal_eval(node.value).items()}
    return {}


def calls(path: Path, function: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == function
    ]


def keyword(call: ast.Call, name: str) -> str:
    return next(ast.literal_eval(k.value) for k in call.keywords if k.arg == name)


def test_all_launch_files_are_known() -> None:
    assert [path.name for path in FILES] == NAMES


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_it_compiles_and_imports_launch_only(path: Path) -> None:
    compile(path.read_text(), str(path), 'exec')
    roots = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            roots.add((node.module or '').split('.')[0])
        elif isinstance(node, ast.Import):
            roots |= {alias.name.split('.')[0] for alias in node.names}
    assert roots <= STANDARD, 'a launch file stays thin'


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_every_argument_that_is_used_is_declared(path: Path) -> None:
    used = {
        ast.literal_eval(call.args[0])
        for call in calls(path, 'LaunchConfiguration')
        if isinstance(call.args[0], ast.Constant)
    }
    used |= {
        ast.literal_eval(node.slice)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == 'given'
    }
    assert used == set(arguments_of(path)), 'declared and unused, or used and not declared'


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_executables_exist(path: Path) -> None:
    named = calls(path, 'Node') + calls(path, 'ExecutableInPackage')
    assert named
    for call in named:
        if keyword(call, 'package') == 'rviz2':
            assert keyword(call, 'executable') == 'rviz2'
            continue
        assert keyword(call, 'package') == 'mm_perception'
        assert (ROOT / 'resource' / 'lib' / keyword(call, 'executable')).is_file()


@pytest.mark.parametrize('name', ['demo.launch.py', 'perception.launch.py'])
def test_rviz_is_opened_with_a_file_that_is_installed(name: str) -> None:
    """Below share/mm_perception, where setup.py puts all of config/."""
    path = ROOT / 'launch' / name
    (rviz,) = [c for c in calls(path, 'Node') if keyword(c, 'package') == 'rviz2']
    (arguments,) = (k.value for k in rviz.keywords if k.arg == 'arguments')
    constants = [n.value for n in ast.walk(arguments) if isinstance(n, ast.Constant)]
    parts = [str(c) for c in constants if c not in ('-d', 'mm_perception')]
    assert '-d' in constants
    assert (ROOT / Path(*parts)).is_file()
    assert 'FindPackageShare' in path.read_text()
    assert "IfCondition(LaunchConfiguration('rviz'))" in path.read_text()


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_default_stack_exists(path: Path) -> None:
    stack = arguments_of(path).get('stack')
    assert stack is None or stack in stack_names()


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_options_that_it_passes_are_accepted(path: Path) -> None:
    """Words after `mmp` form a command line that the parser takes."""
    for call in calls(path, 'ExecuteProcess'):
        (cmd,) = (k.value for k in call.keywords if k.arg == 'cmd')
        assert isinstance(cmd, ast.List)
        words = [e.value if isinstance(e, ast.Constant) else '1' for e in cmd.elts[1:]]
        build_parser().parse_args(words)


def test_options_of_a_run_are_accepted() -> None:
    """`mmp run STACK` with all of them; ROS options come behind."""
    pytest.importorskip('mm_perception.ros.container', reason='needs rclpy')
    path = ROOT / 'launch' / 'perception.launch.py'
    constants = {n.value for n in ast.walk(tree_of(path)) if isinstance(n, ast.Constant)}
    options = sorted(c for c in constants if isinstance(c, str) and c.startswith('--'))
    own = [option for option in options if option != '--log-level']
    assert {'--record', '--set'} <= set(own)
    words = [word for o in own for word in ([o] if o == '--local-only' else [o, 'a.b=1'])]
    args = build_parser().parse_args(['run', 'track', *words, '--ros-args', '-r', '__ns:=/x'])
    assert str(args.record) == 'a.b=1'
    assert args.ros_args == ['-r', '__ns:=/x']


@pytest.mark.launch
@pytest.mark.skipif(not HAS_LAUNCH, reason='launch_ros is not installed (it has no wheel)')
@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_upstream_launch_loads_it(path: Path) -> None:
    from launch.actions import DeclareLaunchArgument

    description = runpy.run_path(str(path))['generate_launch_description']()
    declared = {e.name for e in description.entities if isinstance(e, DeclareLaunchArgument)}
    assert declared == set(arguments_of(path))


@pytest.mark.launch
@pytest.mark.skipif(not HAS_LAUNCH, reason='launch_ros is not installed (it has no wheel)')
def test_command_line_of_the_nodes() -> None:
    """Substitutions resolve to the options of `mmp run`."""
    from launch import LaunchContext

    path = ROOT / 'launch' / 'perception.launch.py'
    module = runpy.run_path(str(path))
    context = LaunchContext()
    context.launch_configurations.update(
        {name: default or '' for name, default in arguments_of(path).items()}
    )
    context.launch_configurations.update(
        {'stack': 'segment', 'set': 'sam2.device=cpu', 'only': 'sam2', 'local_only': 'true'}
    )
    (container,) = module['start_container'](context)
    words = [w.perform(context) for part in container.cmd for w in part]
    at = words.index('segment')
    expected = ['segment', '--set', 'sam2.device=cpu', '--only', 'sam2', '--local-only']
    assert words[at : at + len(expected)] == expected
