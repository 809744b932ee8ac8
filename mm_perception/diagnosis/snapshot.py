"""What was observed of a running ROS system, or of a bag: plain values, no ROS.

Names are full ROS names with a leading slash. Stamps are nanoseconds of the clock that stamped the
message; arrivals are wall-clock time (live) or log time (bag).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Qos:
    """The part of a QoS profile that decides whether two endpoints match.

    Attributes:
        reliability: reliable or best_effort.
        durability: volatile or transient_local.
        depth: Messages kept; 0 if the middleware does not tell.
    """

    reliability: str = 'reliable'
    durability: str = 'volatile'
    depth: int = 0


@dataclass(frozen=True)
class Endpoint:
    """A publisher or a subscription.

    Attributes:
        node: Full name of its node; the bag's name in a bag.
        type: Such as sensor_msgs/msg/Image.
        type_hash: RIHS01_..., empty if unknown.
        segment_bytes: Shared memory of its process; 0 if unknown or on another machine.
    """

    node: str
    type: str
    qos: Qos = Qos()
    type_hash: str = ''
    segment_bytes: int = 0


@dataclass(frozen=True)
class Traffic:
    """The messages of one topic that arrived while we listened.

    Attributes:
        count: Messages.
        span_s: From first to last arrival.
        size_bytes: Largest serialized message.
        first_stamp_ns: Smallest stamp; 0 where messages have no header.
        last_stamp_ns: Largest stamp.
        num_backwards: How often a stamp was smaller than the one before.
        longest_gap_s: Longest time between the stamps of neighbours.
        lag_s: Median of arrival minus stamp; None without header.
        frame_ids: Every frame_id seen.
        encodings: Every image encoding or compressed format seen.
    """

    count: int = 0
    span_s: float = 0.0
    size_bytes: int = 0
    first_stamp_ns: int = 0
    last_stamp_ns: int = 0
    num_backwards: int = 0
    longest_gap_s: float = 0.0
    lag_s: float | None = None
    frame_ids: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()

    @property
    def rate_hz(self) -> float:
        """Messages per second; 0 with fewer than two."""
        return (self.count - 1) / self.span_s if self.count > 1 and self.span_s > 0 else 0.0


@dataclass(frozen=True)
class Topic:
    """One topic; `traffic` is None if nobody listened to it for us."""

    name: str
    publishers: tuple[Endpoint, ...] = ()
    subscribers: tuple[Endpoint, ...] = ()
    traffic: Traffic | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """Every type that an endpoint declares, publishers first."""
        ends = (*self.publishers, *self.subscribers)
        return tuple(dict.fromkeys(end.type for end in ends))


@dataclass(frozen=True)
class Calibration:
    """The newest CameraInfo of a topic.

    Attributes:
        k: (3, 3) float64 intrinsics, pixels; all zero means uncalibrated.
        d: (N,) float64 distortion coefficients of `model`.
    """

    topic: str
    frame_id: str
    width: int
    height: int
    model: str
    k: npt.NDArray[np.float64]
    d: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Edge:
    """One transform of the TF tree, from all messages that carried it."""

    parent: str
    child: str
    is_static: bool = False
    count: int = 1
    first_stamp_ns: int = 0
    last_stamp_ns: int = 0
    longest_gap_s: float = 0.0


@dataclass(frozen=True)
class Node:
    """A node; `state` is empty and `use_sim_time` None where it does not tell."""

    name: str
    state: str = ''
    use_sim_time: bool | None = None


@dataclass(frozen=True)
class Status:
    """The newest entry of /diagnostics under one name; levels as in `faults.Level`."""

    name: str
    level: int
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Clock:
    """/clock: how many messages came, the newest time on it."""

    count: int = 0
    now_ns: int = 0


@dataclass(frozen=True)
class Machine:
    """This computer and the settings of this shell.

    Attributes:
        domains: Domain ids in which this machine has open discovery ports, to the programs that
            have them.
        profile: File with the Fast DDS profile in use; empty if none.
        segment_bytes: Size of the shared-memory segment of that profile; 0 if it sets none.
        shm_free_bytes: Free space in /dev/shm.
        gpus: GPUs that the kernel knows.
        is_cuda_usable: What torch says; None if it was not asked.
    """

    domain_id: int = 0
    discovery_range: str = 'SUBNET'
    domains: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    profile: str = ''
    segment_bytes: int = 0
    shm_free_bytes: int = 0
    shm_total_bytes: int = 0
    gpus: tuple[str, ...] = ()
    is_cuda_usable: bool | None = None


@dataclass(frozen=True)
class Wanted:
    """An input that a stack needs.

    Attributes:
        node: Full name of the node.
        port: 'port' or 'port/stream'.
        topic: Full topic name; empty if it is `auto` and nothing fits.
        types: Message types that fit.
        is_required: The node stays silent without it.
        is_event: It comes when somebody asks (a prompt): silence is normal.
    """

    node: str
    port: str
    topic: str
    types: tuple[str, ...]
    is_required: bool = True
    is_event: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Everything the checks look at.

    Attributes:
        source: 'live', or the bag's path.
        duration_s: How long was listened, or the length of the bag.
        hashes_here: Type to the hash of its definition in this environment.
        encodings: Image encodings that the converters know.
        formats: Compressed formats that the converters know, matched as parts of `format`.
        elsewhere: What was seen in other domains: domain to topic to types.
        uses_transforms: A node of the stack that was asked for needs TF.
    """

    source: str = 'live'
    duration_s: float = 0.0
    topics: Mapping[str, Topic] = field(default_factory=dict)
    calibrations: tuple[Calibration, ...] = ()
    edges: tuple[Edge, ...] = ()
    nodes: tuple[Node, ...] = ()
    statuses: tuple[Status, ...] = ()
    clock: Clock = Clock()
    machine: Machine | None = None
    wanted: tuple[Wanted, ...] = ()
    hashes_here: Mapping[str, str] = field(default_factory=dict)
    encodings: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    elsewhere: Mapping[int, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    uses_transforms: bool = False

    @property
    def is_live(self) -> bool:
        """False for a bag."""
        return self.source == 'live'

    def traffic(self) -> dict[str, Traffic]:
        """Topics from which at least one message came."""
        found = {name: t.traffic for name, t in self.topics.items()}
        return {name: t for name, t in found.items() if t is not None and t.count}
