"""The transport profile: 127.0.0.1 only when asked, and large messages arrive."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.errors import ConfigError
from mm_perception.ros import dds

ROOT = Path(__file__).parents[2]
LISTEN = """
import json, os, re
from mm_perception.ros import dds
dds.prepare(local_only=True)
import rclpy
rclpy.init()
node = rclpy.create_node('listener')
inodes = set()
for fd in os.listdir('/proc/self/fd'):
    try:
        found = re.match(r'socket:\\[(\\d+)\\]', os.readlink(f'/proc/self/fd/{fd}'))
    except OSError:
        continue
    if found:
        inodes.add(found[1])
bound = []
for table in ('udp', 'udp6', 'tcp', 'tcp6'):
    for line in open(f'/proc/self/net/{table}').read().splitlines()[1:]:
        words = line.split()
        if words[9] in inodes:
            bound.append((table, words[1].split(':')[0]))
print(json.dumps(bound))
node.destroy_node()
rclpy.shutdown()
"""
TALK = """
import time
from mm_perception.ros import dds
dds.prepare(local_only=True)
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('camera')
publisher = node.create_publisher(Image, '/image', qos_profile_sensor_data)
message = Image(width=640, height=480, encoding='rgb8', step=1920)
message.data = bytes(480 * 1920)
end = time.monotonic() + 60
while not publisher.get_subscription_count() and time.monotonic() < end:
    time.sleep(0.05)
while publisher.get_subscription_count() and time.monotonic() < end:
    publisher.publish(message)
    time.sleep(0.05)
"""
HEAR = """
import sys, time
from mm_perception.ros import dds
dds.prepare(local_only=True)
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('viewer')
got = []
hear = lambda m: got.append(len(m.data))
node.create_subscription(Image, '/image', hear, qos_profile_sensor_data)
print('ready', flush=True)
end = time.monotonic() + 60
while time.monotonic() < end and len(got) < 45:
    rclpy.spin_once(node, timeout_sec=0.1)
print(len(got), set(got) == {921600})
node.destroy_node()
rclpy.shutdown()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if k not in dds.PROFILE_VARIABLES},
        'ROS_DOMAIN_ID': str(dds.free_domain()), 'ROS_LOG_DIR': str(tmp_path),
        'XDG_CACHE_HOME': str(tmp_path), 'PYTHONPATH': str(ROOT), 'MMP_SHM_SEGMENT_MB': '32',
    }  # fmt: skip


def script(text: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', text], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.ros
def test_local_only_binds_nothing_but_127_0_0_1(environment: dict[str, str]) -> None:
    process = script(LISTEN, environment)
    bound = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 0
    receivers = [address for table, address in bound if table == 'udp']
    assert '0100007F' in receivers
    assert {table for table, _ in bound} == {'udp'}
    assert set(receivers) == {'0100007F'}


@pytest.mark.ros
@pytest.mark.parametrize('has_profile', [True, False], ids=['ours', 'plain LOCALHOST viewer'])
def test_raw_best_effort_pictures_arrive(environment: dict[str, str], has_profile: bool) -> None:
    hear = HEAR if has_profile else HEAR.replace('dds.prepare(local_only=True)', '')
    viewer = script(hear, {**environment, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'})
    assert viewer.stdout is not None
    assert viewer.stdout.readline().strip() == 'ready'
    camera = script(TALK, environment)
    said = viewer.communicate(timeout=90)[0].split()
    assert camera.wait(75) == 0
    # Of the default transport's none arrives, however many are sent; a busy machine loses a few.
    assert int(said[0]) == 45
    assert said[1] == 'True'


def test_profile_of_the_user_is_left_alone(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(tmp_path / 'mine.xml'))
    assert dds.apply_profile(local_only=False) is None
    assert os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] == str(tmp_path / 'mine.xml')


@pytest.mark.parametrize('size', ['lots', '3', '1025', '-8'])
def test_segment_size_that_cannot_be_is_refused(monkeypatch, size: str) -> None:
    monkeypatch.setenv('MMP_SHM_SEGMENT_MB', size)
    with pytest.raises(ConfigError, match='from 4 to 1024'):
        dds.segment_mb()


def test_segment_shrinks_where_shared_memory_is_short(monkeypatch, caplog) -> None:
    monkeypatch.setenv('MMP_SHM_SEGMENT_MB', '64')
    usage = type('Usage', (), {'free': 40 << 20})
    monkeypatch.setattr(dds.shutil, 'disk_usage', lambda path: usage)
    assert dds.segment_mb() == 16
    assert 'reduced from 64 to 16 MB' in caplog.text


def test_a_domain_in_use_is_not_free(monkeypatch) -> None:
    monkeypatch.setattr(dds.random, 'sample', lambda domains, count: [domains[98], domains[99]])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second_participant:
        second_participant.bind(('127.0.0.1', 7410 + 250 * 99 + 2))
        assert dds.free_domain() == 100


def test_log_folder_where_there_is_no_home(monkeypatch, tmp_path: Path) -> None:
    for variable in ('HOME', 'ROS_LOG_DIR', *dds.PROFILE_VARIABLES):
        monkeypatch.setenv(variable, '')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    dds.prepare(local_only=False)
    assert os.environ['ROS_LOG_DIR']
