"""Start a stack on a robot: what `mmp run STACK` starts, with ROS names and parameters.

    ros2 launch mm_perception perception.launch.py stack:=track namespace:=robot
    ros2 launch mm_perception perception.launch.py stack:=my_stack.yaml remap:='/prompt:=/ask'
    ros2 launch mm_perception perception.launch.py stack:=bev rviz:=true rviz_config:=my.rviz
    ros2 launch mm_perception perception.launch.py stack:=track record:=result

The container configures and activates its nodes itself. In one process they share pictures and
models; `only:=NODE` hosts a single node, so that several launches make one process per node.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = {
    'stack': ('track', 'name of a stack of this package, or path of a YAML file'),
    'namespace': ('', 'namespace of all nodes'),
    'params_file': ('', 'ROS parameter file, over what the stack says'),
    'set': ('', 'NODE.PARAMETER=VALUE ..., over what the stack says'),
    'remap': ('', 'FROM:=TO ..., as after --ros-args -r'),
    'only': ('', 'host just this node of the stack'),
    'use_sim_time': ('false', 'true: take time from /clock'),
    'local_only': ('false', 'true: bind 127.0.0.1 and nothing else'),
    'log_level': ('info', 'debug, info, warn or error'),
    'record': ('', 'folder to write: bag and summary, at Ctrl-C a report.html'),
    'rviz': ('false', 'true: open RViz'),
    'rviz_config': ('', 'file for RViz, such as mmp layout writes; else the one that is shipped'),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; start the container when they are known."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    starters = (start_container, start_viewer)
    return LaunchDescription([*declared, *(OpaqueFunction(function=f) for f in starters)])


def start_viewer(context: LaunchContext) -> list[Node]:
    """RViz, if it is asked for; closing it ends nothing else."""
    share = FindPackageShare('mm_perception')
    own = LaunchConfiguration('rviz_config').perform(context)
    viewer = Node(
        package='rviz2',
        executable='rviz2',
        arguments=[
            '-d', own or PathJoinSubstitution([share, 'config', 'rviz', 'perception.rviz']),
        ],
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
        output='screen',
        condition=IfCondition(LaunchConfiguration('rviz')),
    )  # fmt: skip
    return [viewer]


def start_container(context: LaunchContext) -> list[Node]:
    """The process; its node names come from the stack, so it gets none here."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    options = ['run', given['stack']]
    for setting in given['set'].split():
        options += ['--set', setting]
    if given['only']:
        options += ['--only', given['only']]
    if given['local_only'] == 'true':
        options.append('--local-only')
    if given['record']:
        options += ['--record', given['record']]
    parameters: list[str | dict[str, bool]] = [{'use_sim_time': given['use_sim_time'] == 'true'}]
    if given['params_file']:
        parameters.append(given['params_file'])
    container = Node(
        package='mm_perception',
        executable='mmp',
        namespace=given['namespace'],
        arguments=options,
        parameters=parameters,
        remappings=[tuple(rule.split(':=', 1)) for rule in given['remap'].split()],
        ros_arguments=['--log-level', given['log_level']],
        output='screen',
        emulate_tty=True,
        sigterm_timeout='120',  # of a long run the report takes its time
    )
    return [container]
