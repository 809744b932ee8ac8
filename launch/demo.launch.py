"""`mmp demo` as a launch file: a rendered drive, real nodes on 127.0.0.1, a report in a folder.

ros2 launch mm_perception demo.launch.py out:=/tmp/demo prompt:='the purple car'
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

ARGUMENTS = {
    'out': ('demo_result', 'folder to write, must not exist'),
    'prompt': ('', 'a colour and a kind of thing; empty: the red car'),
}


def generate_launch_description() -> LaunchDescription:
    """One process, which starts the rest."""
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
        on_exit=Shutdown(reason='the demo is over'),
    )
    return LaunchDescription([*declared, demo])
