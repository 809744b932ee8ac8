"""Look at a live ROS graph for a few seconds and say what was there (`diagnosis.Snapshot`)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import rclpy
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node as RosNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from mm_perception.diagnosis.delivery import CLOUD, IMAGE
from mm_perception.diagnosis.machine import read_machine
from mm_perception.diagnosis.processes import segment_bytes
from mm_perception.diagnosis.snapshot import (
    Calibration,
    Clock,
    Endpoint,
    Node,
    Qos,
    Snapshot,
    Status,
    Topic,
    Traffic,
)
from mm_perception.diagnosis.tally import TopicTally, TransformTally, read_calibration
from mm_perception.errors import ConfigError, MissingDependencyError
from mm_perception.ros import wire

_NAME = '_mmp_doctor'
_RESCAN_S = 0.25
_TURN_S = 0.05
#: A topic that was found late may not have had the time to be heard.
_FAIR_S = 2.0
_QUIET = ('/rosout', '/parameter_events')
_OWN_RESULTS = ('output', 'debug')
_DEEP = ('/tf', '/tf_static', '/diagnostics')


def observe(duration_s: float, *, listen: bool = True) -> Snapshot:
    """Watch the graph; a context of its own, so it can run beside other nodes of the process.

    Args:
        duration_s: How long, in seconds; discovery alone may take 3.
        listen: Subscribe to what is published; False looks at names and QoS only.
    """
    context = rclpy.Context()
    rclpy.init(context=context)
    node = RosNode(
        f'{_NAME}_{os.getpid()}',
        context=context,
        use_global_arguments=False,
        enable_rosout=False,
        start_parameter_services=False,
    )
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        observer = _Observer(node, listen)
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            observer.scan()
            turn_end_s = min(end_s, time.monotonic() + _RESCAN_S)
            while time.monotonic() < turn_end_s:
                executor.spin_once(timeout_sec=_TURN_S)
        return observer.snapshot(duration_s)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


@dataclass
class _Asked:
    """Answers of one node, filled as they come."""

    state: str = ''
    use_sim_time: bool | None = None
    clients: dict[str, Any] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)


def _note(asked: _Asked, future: Any) -> None:
    reply = future.result()
    if isinstance(reply, GetState.Response):
        asked.state = reply.current_state.label
    elif reply is not None and reply.values:
        asked.use_sim_time = bool(reply.values[0].bool_value)


class _Observer:
    def __init__(self, node: RosNode, listen: bool) -> None:
        self._node = node
        self._listen = listen
        self._tallies: dict[str, TopicTally] = {}
        self._since_s: dict[str, float] = {}
        self._transforms = TransformTally()
        self._calibrations: dict[str, Calibration] = {}
        self._statuses: dict[str, Status] = {}
        self._clock = Clock()
        self._asked: dict[str, _Asked] = {}
        self._own_gid = b''

    def scan(self) -> None:
        """Subscribe to what appeared, ask nodes that appeared."""
        if self._listen:
            for name, kinds in self._node.get_topic_names_and_types():
                if name not in self._tallies and name not in _QUIET and len(kinds) == 1:
                    self._hear(name, kinds[0])
        for name, namespace in self._node.get_node_names_and_namespaces():
            if not name.startswith('_'):
                self._ask(name, namespace)

    def _hear(self, name: str, kind: str) -> None:
        if set(_OWN_RESULTS) & set(name.split('/')):
            return  # our nodes work only while somebody listens: looking must not wake them
        publishers = self._node.get_publishers_info_by_topic(name)
        message_class = message_class_of(kind)
        if not publishers or message_class is None:
            return
        has_header = _has_header(message_class)
        tally = self._tallies[name] = TopicTally(kind, has_header)
        self._since_s[name] = time.monotonic()

        def hear(raw: bytes) -> None:
            tally.add(time.time_ns(), raw)
            self._look_inside(name, kind, raw, message_class)

        depth = 200 if name in _DEEP else 10
        profile = fitting_profile((p.qos_profile for p in publishers), depth)
        self._node.create_subscription(message_class, name, hear, profile, raw=True)

    def _look_inside(self, name: str, kind: str, raw: bytes, message_class: type) -> None:
        if kind == 'tf2_msgs/msg/TFMessage':
            message = deserialize_message(raw, message_class)
            self._transforms.add(message, is_static=name.endswith('tf_static'))
        elif kind == 'sensor_msgs/msg/CameraInfo':
            self._calibrations[name] = read_calibration(
                name, deserialize_message(raw, message_class)
            )
        elif kind == 'diagnostic_msgs/msg/DiagnosticArray':
            for status in deserialize_message(raw, message_class).status:
                self._statuses[status.name] = _status(status)
        elif name == '/clock':
            now = deserialize_message(raw, message_class).clock
            self._clock = Clock(self._clock.count + 1, now.sec * 10**9 + now.nanosec)

    def _ask(self, name: str, namespace: str) -> None:
        full = f'{namespace.rstrip("/")}/{name}'
        asked = self._asked.setdefault(full, _Asked())
        offered = {s for s, _ in self._node.get_service_names_and_types()}
        for service, kind, request in (
            ('get_state', GetState, GetState.Request()),
            ('get_parameters', GetParameters, GetParameters.Request(names=['use_sim_time'])),
        ):
            if f'{full}/{service}' in offered and service not in asked.clients:
                asked.clients[service] = self._node.create_client(kind, f'{full}/{service}')
            client = asked.clients.get(service)
            # A new client needs a moment to find its service: the next scan asks again.
            if client is not None and service not in asked.sent and client.service_is_ready():
                client.call_async(request).add_done_callback(partial(_note, asked))
                asked.sent.add(service)

    def snapshot(self, duration_s: float) -> Snapshot:
        hashes: dict[str, str] = {}
        self._own_gid = self._find_own_gid()
        topics = {
            name: self._topic(name, hashes)
            for name, _ in self._node.get_topic_names_and_types()
            if name not in _QUIET
        }
        nodes = [Node(name, a.state, a.use_sim_time) for name, a in sorted(self._asked.items())]
        return Snapshot(
            duration_s=duration_s,
            topics=topics,
            calibrations=tuple(self._calibrations.values()),
            edges=self._transforms.edges(),
            nodes=tuple(nodes),
            statuses=tuple(self._statuses.values()),
            clock=self._clock,
            machine=read_machine(),
            hashes_here=hashes,
        )

    def _traffic(self, name: str) -> Traffic | None:
        """None if nobody listened, or not long enough to call it silent."""
        tally = self._tallies.get(name)
        if tally is None:
            return None
        traffic = tally.traffic()
        listened_s = time.monotonic() - self._since_s[name]
        return traffic if traffic.count or listened_s >= _FAIR_S else None

    def _find_own_gid(self) -> bytes:
        for name in self._tallies:
            for end in self._node.get_subscriptions_info_by_topic(name):
                if end.node_name == self._node.get_name():
                    return bytes(end.endpoint_gid)
        return b''

    def _segment_bytes(self, info: Any) -> int:
        """Only of publishers for whom it matters: best effort, pictures and clouds."""
        is_lossy = info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        if not is_lossy or info.topic_type not in (IMAGE, CLOUD):
            return 0
        return segment_bytes(bytes(info.endpoint_gid), self._own_gid)

    def _topic(self, name: str, hashes: dict[str, str]) -> Topic:
        own = self._node.get_name()
        subscribers = self._node.get_subscriptions_info_by_topic(name)
        for end in subscribers:
            if end.node_name == own:
                hashes[end.topic_type] = _hash(end)
        return Topic(
            name=name,
            publishers=tuple(
                replace(_endpoint(info), segment_bytes=self._segment_bytes(info))
                for info in self._node.get_publishers_info_by_topic(name)
            ),
            subscribers=tuple(_endpoint(s) for s in subscribers if s.node_name != own),
            traffic=self._traffic(name),
        )


def message_class_of(kind: str) -> type | None:
    """The Python class of a message type, or None if its package is not installed here."""
    try:
        found: type = wire.message_class(kind)
    except (ConfigError, MissingDependencyError):
        return None
    return found


def _has_header(message_class: Any) -> bool:
    types: Mapping[str, str] = message_class.get_fields_and_field_types()
    return next(iter(types.items()), ('', ''))[1] == 'std_msgs/Header'


def fitting_profile(offered: Iterable[QoSProfile], depth: int) -> QoSProfile:
    """The most demanding profile that every publisher satisfies.

    Args:
        offered: QoS of the publishers, at least one.
        depth: Messages to keep.
    """
    profiles = list(offered)
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _endpoint(info: Any) -> Endpoint:
    return Endpoint(
        node=f'{info.node_namespace.rstrip("/")}/{info.node_name}',
        type=info.topic_type,
        qos=Qos(
            reliability=info.qos_profile.reliability.name.lower(),
            durability=info.qos_profile.durability.name.lower(),
            depth=info.qos_profile.depth,
        ),
        type_hash=_hash(info),
    )


def _hash(info: Any) -> str:
    text = str(info.topic_type_hash)
    return text if text.startswith('RIHS') else ''


def _status(status: Any) -> Status:
    level = status.level
    number = level[0] if isinstance(level, bytes) else int(level)
    values = {v.key: v.value for v in status.values}
    return Status(status.name, number, status.message, values)
