"""`mmp demo` as a launch file: a rendered drive, real nodes on 127.0.0.1, a report in a folder.

ros2 launch mm_perception demo.launch.py out:=/tmp/demo prompt:='the purple car'
ros2 launch mm_perception demo.launch.py out:=/tmp/demo rviz:=true

The demo's own nodes talk in a domain of their own: what RViz shows is their results, again and
again, until it is closed.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage, FindPackageShare

ARGUMENTS = {
    'out': ('demo_result', 'folder to write, must not exist'),
    'prompt': ('', 'a colour and a kind of thing; empty: the red car'),
    'rviz': ('false', 'true: show the results in RViz when they are there'),
}
#: What the tracker adds to what was seen from above.
MASKS = ('/text_tracker/debug/overlay', '/text_tracker/output/status/markers')


def generate_launch_description() -> LaunchDescription:
    """One process, which starts the rest; then its results, if they shall be shown."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    demo = ExecuteProcess(
        cmd=[
            ExecutableInPackage(package='mm_perception', executable='mmp'),
            'demo',
            '--out',
            LaunchConfiguration('out'),
            '--prompt',
            LaunchConfiguration('prompt'),
        ],
        output='screen',
        on_exit=[
            Shutdown(
                reason='the demo is over', condition=UnlessCondition(LaunchConfiguration('rviz'))
            ),
            *shown(),
        ],
    )
    return LaunchDescription([*declared, demo])


def shown() -> list[ExecuteProcess]:
    """Players of two result bags, and RViz, which ends everything when it is closed."""
    is_wanted = IfCondition(LaunchConfiguration('rviz'))
    out = LaunchConfiguration('out')
    mmp = ExecutableInPackage(package='mm_perception', executable='mmp')
    above = PathJoinSubstitution([out, 'from_above', 'bag'])
    masks = PathJoinSubstitution([out, 'result', 'bag'])
    viewer = Node(
        package='rviz2',
        executable='rviz2',
        arguments=[
            '-d',
            PathJoinSubstitution(
                [FindPackageShare('mm_perception'), 'config', 'rviz', 'perception.rviz']
            ),
        ],
        parameters=[{'use_sim_time': True}],
        output='screen',
        condition=is_wanted,
        on_exit=Shutdown(reason='RViz was closed'),
    )
    return [
        ExecuteProcess(cmd=[mmp, 'play', above, '--loop', '--clock'], condition=is_wanted),
        ExecuteProcess(
            cmd=[mmp, 'play', masks, '--loop', '--topics', *MASKS], condition=is_wanted
        ),
        viewer,
    ]
