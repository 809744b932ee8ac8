"""Play a bag into a stack: `mmp play` and the container of perception.launch.py on the bag's time.

    ros2 launch mm_perception replay.launch.py bag:=/data/street stack:=track rviz:=true

Everything ends when the bag does. For results in a file, without DDS: `mmp replay --offline`.
"""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir
from launch_ros.substitutions import ExecutableInPackage

ARGUMENTS = {
    'bag': (None, 'folder of a rosbag2, or an .mcap or .db3 file'),
    'rate': ('1.0', 'speed of the replay'),
    'stack': ('track', 'as in perception.launch.py, which takes its other arguments too'),
}


def generate_launch_description() -> LaunchDescription:
    """Player and container."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([ThisLaunchFileDir(), 'perception.launch.py'])
        ),
        launch_arguments={'stack': LaunchConfiguration('stack'), 'use_sim_time': 'true'}.items(),
    )
    player = ExecuteProcess(
        cmd=[
            ExecutableInPackage(package='mm_perception', executable='mmp'),
            'play',
            LaunchConfiguration('bag'),
            '--rate',
            LaunchConfiguration('rate'),
            '--clock',
            '--wait',
        ],
        output='screen',
        on_exit=Shutdown(reason='the bag is over'),
    )
    return LaunchDescription([*declared, perception, player])
