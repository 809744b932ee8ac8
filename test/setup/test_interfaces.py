"""The interface packages: what is generated, is it compatible, does it cross processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from mm_perception.ros.dds import free_domain

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ROOT / 'msg' / 'foreign'
UPSTREAM = json.loads((Path(__file__).parent / 'data' / 'upstream_type_hashes.json').read_text())[
    'type_hashes'
]
PACKAGES = {'mm_perception_msgs': ROOT / 'msg', **{p.name: p for p in FOREIGN.glob('*_msgs')}}


def interfaces_of(folder: Path) -> list[str]:
    files = [path for kind in ('msg', 'srv', 'action') for path in folder.glob(f'{kind}/*.{kind}')]
    return sorted(path.relative_to(folder).as_posix() for path in files)


def installed_hash(name: str) -> str:
    """Type hash that the generator wrote for `package/kind/Name`."""
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    found = [
        path for prefix in prefixes if (path := Path(prefix, 'share', f'{name}.json')).is_file()
    ]
    described = json.loads(found[0].read_text())
    return {entry['type_name']: entry['hash_string'] for entry in described['type_hashes']}[name]


@pytest.mark.parametrize('package', PACKAGES)
def test_every_interface_file_is_generated(package: str) -> None:
    """A file that CMakeLists.txt forgets is not an error for CMake."""
    listed = (PACKAGES[package] / 'CMakeLists.txt').read_text().split()
    assert interfaces_of(PACKAGES[package])
    assert [name for name in listed if '.' in name and '/' in name and '{' not in name] == (
        interfaces_of(PACKAGES[package])
    )


def test_foreign_interfaces_are_all_of_upstreams() -> None:
    """Of foxglove_msgs only what annotates pictures: its other messages have standard ones."""
    ours = {
        f'{package.name}/{name.rpartition(".")[0]}'
        for package in FOREIGN.glob('*_msgs')
        for name in interfaces_of(package)
    }
    assert ours == UPSTREAM.keys()


def test_colcon_leaves_foreign_interfaces_alone() -> None:
    """Beside an upstream package of the same name they would be a conflict."""
    assert (FOREIGN / 'COLCON_IGNORE').is_file()


@pytest.mark.parametrize('name', UPSTREAM)
def test_generated_type_hash_is_upstreams(name: str) -> None:
    assert installed_hash(name) == UPSTREAM[name]


def test_type_hashes_of_the_definitions_by_another_implementation() -> None:
    """rosbags computes RIHS01 itself: this needs no build, and would see a stale one."""
    definitions = {}
    for package in FOREIGN.glob('*_msgs'):
        for path in package.glob('msg/*.msg'):
            definitions.update(
                get_types_from_msg(path.read_text(), f'{package.name}/msg/{path.stem}')
            )
    store = get_typestore(Stores.ROS2_KILTED)
    store.register({k: v for k, v in definitions.items() if k not in store.fielddefs})
    assert {name: store.hash_rihs01(name) for name in definitions} == {
        name: value for name, value in UPSTREAM.items() if '/msg/' in name
    }


SERVER = """
import rclpy
from rclpy.action import ActionServer
from rclpy.executors import ExternalShutdownException
from mm_perception_msgs.action import Track
from mm_perception_msgs.msg import Prompt, PromptStatus
from mm_perception_msgs.srv import SetPrompt

rclpy.init()
node = rclpy.create_node('server')
statuses = node.create_publisher(PromptStatus, 'status', 1)

def answer(request, response):
    prompt = request.prompt
    assert prompt.action == Prompt.REFINE
    assert prompt.mask.width == 2 and bytes(prompt.mask.data) == b'ab'
    response.success, response.message = True, prompt.text
    response.track_ids, response.stamp = [prompt.track_id], prompt.header.stamp
    return response

def track(goal):
    for frame in range(1, 4):
        goal.publish_feedback(Track.Feedback(frames=frame, track_ids=['7'], scores=[0.5]))
    goal.succeed()
    return Track.Result(success=True, track_ids=['7'], frames=goal.request.max_frames)

def forward(prompt):
    status = PromptStatus(id=prompt.id, state=PromptStatus.FOUND, score=sum(prompt.points_xy))
    statuses.publish(status)

node.create_subscription(Prompt, 'prompt', forward, 1)
node.create_service(SetPrompt, 'set_prompt', answer)
server = ActionServer(node, Track, 'track', track)
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
rclpy.try_shutdown()
"""

CLIENT = """
import rclpy, time
from rclpy.action import ActionClient
from mm_perception_msgs.action import Track
from mm_perception_msgs.msg import Prompt, PromptStatus
from mm_perception_msgs.srv import SetPrompt

rclpy.init()
node = rclpy.create_node('client')
deadline = time.monotonic() + 90

def until(is_true, what):
    while not is_true():
        assert time.monotonic() < deadline, what
        rclpy.spin_once(node, timeout_sec=0.2)

def wait(future, what):
    until(future.done, f'no {what}')
    return future.result()

prompt = Prompt(action=Prompt.REFINE, text='a mug', track_id='7', id='x', points_xy=[1.5, 2.5])
prompt.header.stamp.nanosec = 5
prompt.mask.height, prompt.mask.width, prompt.mask.data = 1, 2, b'ab'
publisher = node.create_publisher(Prompt, 'prompt', 1)
service = node.create_client(SetPrompt, 'set_prompt')
action = ActionClient(node, Track, 'track')

# The last reader of this process: who reaches it has discovered those of service and action too,
# whose answers and feedback would otherwise be lost without a word.
received = []
node.create_subscription(PromptStatus, 'status', received.append, 1)
while not received:
    assert time.monotonic() < deadline, 'no status'
    publisher.publish(prompt)
    rclpy.spin_once(node, timeout_sec=0.2)
assert (received[0].id, received[0].state, received[0].score) == ('x', PromptStatus.FOUND, 4.0)

until(service.service_is_ready, 'no service')
response = wait(service.call_async(SetPrompt.Request(prompt=prompt)), 'response')
assert response.success and response.message == 'a mug' and list(response.track_ids) == ['7']
assert response.stamp.nanosec == 5

until(action.server_is_ready, 'no action server')
goal = Track.Goal(prompt=prompt, max_frames=9)
feedback = []
hear = lambda message: feedback.append(message.feedback)
while len(feedback) < 3:
    # A server that is ready may still not know the reader of its feedback, which then is lost.
    feedback.clear()
    handle = wait(action.send_goal_async(goal, hear), 'answer to the goal')
    assert handle.accepted
    # rclpy throws away feedback that it takes after the result: ask for that when all has come.
    enough = time.monotonic() + 5
    until(lambda: len(feedback) >= 3 or time.monotonic() > enough, feedback)
result = wait(handle.get_result_async(), 'result').result
assert result.success and result.frames == 9 and list(result.track_ids) == ['7']
assert [f.frames for f in feedback] == [1, 2, 3]
assert all(list(f.track_ids) == ['7'] and list(f.scores) == [0.5] for f in feedback)
rclpy.try_shutdown()
"""


@pytest.mark.ros
def test_message_service_and_action_between_two_processes(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        'ROS_DOMAIN_ID': str(free_domain()),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_LOG_DIR': str(tmp_path),
    }
    with subprocess.Popen([sys.executable, '-c', SERVER], env=environ) as server:
        try:
            client = [sys.executable, '-c', CLIENT]
            result = subprocess.run(
                client, check=False, env=environ, capture_output=True, text=True, timeout=150
            )
        finally:
            server.terminate()
    assert result.returncode == 0, result.stderr
    assert server.returncode == 0
