"""Reading heads from serialized messages; malformed ones never raise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from mm_perception.cdr import IMAGE
from mm_perception.diagnosis.tally import TopicTally, TransformTally, read_calibration

STORE = get_typestore(Stores.ROS2_KILTED)


def header(stamp_ns: int = 5_000_000_007, frame_id: str = 'cam'):
    time = STORE.types['builtin_interfaces/msg/Time'](
        sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
    )
    return STORE.types['std_msgs/msg/Header'](stamp=time, frame_id=frame_id)


def image_bytes(stamp_ns: int = 5_000_000_007, frame_id: str = 'cam', order: bool = True) -> bytes:
    message = STORE.types[IMAGE](
        header=header(stamp_ns, frame_id), height=1, width=2, encoding='mono8',
        is_bigendian=0, step=2, data=np.zeros(2, np.uint8),
    )  # fmt: skip
    return bytes(STORE.serialize_cdr(message, IMAGE, little_endian=order))


def test_traffic_of_a_stream_with_a_gap_and_a_jump_back() -> None:
    tally = TopicTally(IMAGE, has_header=True)
    stamps_ns = [10**9 + int(t * 1e9) for t in (0.0, 0.1, 0.2, 1.2, 1.1)]
    for stamp_ns in stamps_ns:
        tally.add(stamp_ns + 20_000_000, image_bytes(stamp_ns))
    traffic = tally.traffic()
    assert traffic.count == 5
    assert traffic.num_backwards == 1
    assert traffic.longest_gap_s == pytest.approx(1.0)
    assert traffic.lag_s == pytest.approx(0.02)
    assert (traffic.first_stamp_ns, traffic.last_stamp_ns) == (10**9, stamps_ns[3])
    assert traffic.encodings == ('mono8',)
    assert traffic.rate_hz == pytest.approx(4 / 1.1)


def test_messages_without_header_are_only_counted() -> None:
    tally = TopicTally('std_msgs/msg/String', has_header=False)
    tally.add(1, b'\0\1\0\0abcd')
    traffic = tally.traffic()
    assert (traffic.count, traffic.size_bytes, traffic.lag_s) == (1, 8, None)


def test_empty_tally() -> None:
    assert TopicTally(IMAGE, has_header=True).traffic().count == 0


def transform(parent: str, child: str, stamp_ns: int) -> SimpleNamespace:
    return SimpleNamespace(header=header(stamp_ns, parent), child_frame_id=child)


def test_transforms_become_edges() -> None:
    tally = TransformTally()
    for stamp_ns in (10**9, 2 * 10**9, 2_100_000_000):
        moving = transform('odom', '/base', stamp_ns)
        tally.add(SimpleNamespace(transforms=[moving]), is_static=False)
    tally.add(SimpleNamespace(transforms=[transform('base', 'cam', 0)]), is_static=True)
    moving_edge, static_edge = tally.edges()
    assert (moving_edge.parent, moving_edge.child, moving_edge.count) == ('odom', 'base', 3)
    assert moving_edge.longest_gap_s == pytest.approx(1.0)
    assert moving_edge.last_stamp_ns == 2_100_000_000
    assert static_edge.is_static


def test_calibration_is_read() -> None:
    message = SimpleNamespace(
        header=header(), width=640, height=480, distortion_model='plumb_bob',
        k=list(range(9)), d=[0.1, 0.2],
    )  # fmt: skip
    calibration = read_calibration('/info', message)
    assert calibration.k[1, 2] == 5.0
    assert calibration.d.tolist() == [0.1, 0.2]
