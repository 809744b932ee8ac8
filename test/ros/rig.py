"""A container process and a robot beside it: two processes, real DDS, 127.0.0.1 only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from mm_perception.ros import dds

ROOT = Path(__file__).parents[2]
WAIT_S = 45.0
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=10)


def install_plugins(folder: Path) -> None:
    """What `pip install` leaves of a package that brings a plugin."""
    info = folder / 'patient-1.0.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[mm_perception.plugins]\n'
        'patient = test.ros.runtime_plugins:PLUGIN\n'
        'pointer = test.ros.pointer_plugin:PLUGIN\n'
    )


def held_by(pid: int) -> list[Path]:
    """Segments of a process in /dev/shm, by their open lock files."""
    files = [Path(f'/proc/{pid}/fd/{number}') for number in os.listdir(f'/proc/{pid}/fd')]
    locks = [str(file.readlink()) for file in files if file.is_symlink()]
    names = [lock[: -len('_el')] for lock in locks if lock.startswith('/dev/shm/fastdds_')]
    return [Path(name) for name in names if '_port' not in name]


class Rig:
    """One container and one robot node, in a domain of their own."""

    def __init__(self, folder: Path, monkeypatch: Any) -> None:
        self.folder = folder
        monkeypatch.setenv('ROS_DOMAIN_ID', str(dds.free_domain()))
        monkeypatch.setenv('ROS_LOG_DIR', str(folder / 'log'))
        monkeypatch.setenv('PYTHONPATH', f'{folder / "site"}:{ROOT}')
        monkeypatch.setenv('MMP_LOCAL_ONLY', '1')
        monkeypatch.setenv('MMP_SHM_SEGMENT_MB', '16')
        for variable in dds.PROFILE_VARIABLES:  # `prepare` sets one: give it back afterwards
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.setenv(variable, '')
        dds.prepare(local_only=True)
        install_plugins(folder / 'site')
        self._context = Context()
        rclpy.init(context=self._context, domain_id=int(os.environ['ROS_DOMAIN_ID']))
        self.node = rclpy.create_node('robot', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.container: subprocess.Popen[str] | None = None
        self._held: list[Path] = []
        self.reports: dict[str, Any] = {}
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._take_report, 50)

    def close(self) -> None:
        # Our node first: one that ends within a second after another process was killed may crash
        # in Fast DDS, which is just then replacing a shared-memory port that the other had locked.
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()
        if self.container is not None and self.container.poll() is None:
            left = held_by(self.container.pid)
            self.container.kill()
            self.container.wait()
            for segment in left:  # 16 MB of memory each, for nobody
                segment.unlink(missing_ok=True)
                Path(f'{segment}_el').unlink(missing_ok=True)

    def start(self, nodes: dict[str, Any], *words: str, **environment: str) -> None:
        """Start the container with a stack; `nodes` as in a stack file."""
        for spec in nodes.values():  # 'auto' imports torch, which takes a busy machine a while
            spec['parameters'] = {'device': 'cpu', **spec.get('parameters', {})}
        path = self.folder / 'stack.yaml'
        path.write_text(yaml.safe_dump({'nodes': nodes}, sort_keys=False))
        log = (self.folder / 'container.log').open('w')
        self.container = subprocess.Popen(
            [sys.executable, '-m', 'mm_perception.ros.container', str(path), *words],
            env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit status."""
        assert self.container is not None
        self._held = held_by(self.container.pid)
        self.container.send_signal(number)
        return self.wait_end()

    def left_in_shared_memory(self) -> list[Path]:
        """Segments of the stopped process that are still there."""
        assert self._held, 'the process had no segment: this would prove nothing'
        return [path for path in self._held if path.exists()]

    def wait_end(self) -> int:
        """Exit status of a container that ends by itself."""
        assert self.container is not None
        return self.container.wait(WAIT_S)

    @property
    def log(self) -> str:
        return (self.folder / 'container.log').read_text()

    def until(self, is_true: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
        """Spin until it is true; what it returned."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            value = is_true()
            if value:
                return value
            self._executor.spin_once(timeout_sec=0.02)
        raise AssertionError(f'{what} did not happen; container said:\n{self.log}')

    def spin(self, duration_s: float) -> None:
        """Serve callbacks for a while: only to show that something does NOT happen."""
        deadline_s = time.monotonic() + duration_s
        while time.monotonic() < deadline_s:
            self._executor.spin_once(timeout_sec=0.02)

    def hear(self, cls: type[Any], topic: str, qos: Any = RELIABLE) -> list[Any]:
        """Messages of a topic, as they come."""
        heard: list[Any] = []
        self.node.create_subscription(cls, topic, heard.append, qos)
        return heard

    def camera(self, topic: str = '/camera/image', qos: Any = BEST_EFFORT) -> Any:
        """A publisher that somebody has subscribed to."""
        publisher = self.node.create_publisher(Image, topic, qos)
        self.until(publisher.get_subscription_count, f'a subscription to {topic}')
        return publisher

    def feed(self, publisher: Any, until: Callable[[], Any], what: str, **fields: Any) -> Any:
        """Publish pictures with growing stamps until something happens."""
        self.stamp_ns = getattr(self, 'stamp_ns', 1_000_000_000)
        last_s = 0.0

        def poll() -> Any:
            nonlocal last_s
            if time.monotonic() - last_s > 0.1:
                last_s = time.monotonic()
                self.stamp_ns += 100_000_000
                publisher.publish(picture(self.stamp_ns, **fields))
            return until()

        return self.until(poll, what)

    def call(self, cls: type[Any], name: str, request: Any) -> Any:
        """Call a service."""
        client = self.node.create_client(cls, name)
        self.until(client.service_is_ready, f'service {name}')
        future = client.call_async(request)
        self.until(future.done, f'an answer of {name}')
        return future.result()

    def set(self, node: str, **values: Any) -> SetParametersResult:
        """Set parameters at once."""
        parameters = [Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        request = SetParameters.Request(parameters=parameters)
        results = self.call(SetParameters, f'/{node}/set_parameters', request).results
        return next((r for r in results if not r.successful), results[0])

    def change(self, node: str, transition: str) -> bool:
        """A lifecycle transition by name."""
        request = ChangeState.Request()
        request.transition.id = {
            'configure': 1, 'cleanup': 2, 'activate': 3, 'deactivate': 4,
        }[transition]  # fmt: skip
        return bool(self.call(ChangeState, f'/{node}/change_state', request).success)

    def state(self, node: str) -> str:
        answer = self.call(GetState, f'/{node}/get_state', GetState.Request())
        return str(answer.current_state.label)

    def wait_active(self, node: str) -> None:
        self.until(lambda: self.value(node, 'state') == 'active', f'{node} active')

    def value(self, node: str, key: str) -> str | None:
        """A value of the newest diagnostics of a node."""
        report = self.reports.get(node)
        values = {v.key: v.value for v in report.values} if report else {}
        return values.get(key)

    def _take_report(self, message: Any) -> None:
        for status in message.status:
            self.reports[status.name.split(':')[0]] = status


def picture(stamp_ns: int, *, shade: int = 200, frame_id: str = 'front', size: int = 8) -> Image:
    """One rgb8 picture of one shade."""
    message = Image(height=size, width=size, encoding='rgb8', step=3 * size)
    message.header.frame_id = frame_id
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    message.data = bytes([shade]) * (3 * size * size)
    return message


def stamp_of(message: Any) -> int:
    return int(message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec)
