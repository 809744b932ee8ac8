"""Serialized messages read and written by hand equal what rosbags and rclpy make of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from mm_perception.cdr import COMPRESSED, IMAGE, Head, ImageView, image_head, read_head
from mm_perception.errors import MalformedMessageError

STORE = get_typestore(Stores.ROS2_KILTED)


def header(stamp_ns: int = 5_000_000_007, frame_id: str = 'cam'):
    time = STORE.types['builtin_interfaces/msg/Time'](
        sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
    )
    return STORE.types['std_msgs/msg/Header'](stamp=time, frame_id=frame_id)


def image_message(frame_id: str = 'cam', encoding: str = 'mono8', pixels=(7, 9)):
    data = np.array(pixels, np.uint8)
    return STORE.types[IMAGE](
        header=header(frame_id=frame_id), height=1, width=2, encoding=encoding,
        is_bigendian=0, step=data.size, data=data,
    )  # fmt: skip


def image_bytes_of(message, order: bool = True) -> bytes:
    return bytes(STORE.serialize_cdr(message, IMAGE, little_endian=order))


@pytest.mark.parametrize('order', [True, False])
@pytest.mark.parametrize('frame_id', ['', 'a', 'cam', 'camera_optical', 'größe'])
def test_head_of_an_image(frame_id: str, order: bool) -> None:
    raw = image_bytes_of(image_message(frame_id), order)
    assert read_head(IMAGE, raw) == Head(5_000_000_007, frame_id, 'mono8')


def test_head_of_a_compressed_image() -> None:
    message = STORE.types[COMPRESSED](header=header(), format='jpeg', data=np.zeros(3, np.uint8))
    raw = bytes(STORE.serialize_cdr(message, COMPRESSED))
    assert read_head(COMPRESSED, raw) == Head(5_000_000_007, 'cam', 'jpeg')


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    head = read_head(IMAGE, raw)
    assert head is None or isinstance(head, Head)


@given(st.integers(0, 60))
def test_truncated_image_is_refused_or_equal(length: int) -> None:
    head = read_head(IMAGE, image_bytes_of(image_message())[:length])
    assert head is None or head == Head(5_000_000_007, 'cam', 'mono8')


@pytest.mark.parametrize('order', [True, False])
@pytest.mark.parametrize('frame_id', ['', 'a', 'cam', 'camera_optical'])
@pytest.mark.parametrize('encoding', ['mono8', 'rgb8', '16UC1', 'bayer_rggb8'])
def test_view_has_the_fields_of_the_message(frame_id: str, encoding: str, order: bool) -> None:
    message = image_message(frame_id, encoding, (1, 2, 3, 4, 5, 6))
    view = ImageView(image_bytes_of(message, order))
    assert (view.header.stamp.sec, view.header.stamp.nanosec) == (5, 7)
    assert view.header.frame_id == frame_id
    assert (view.height, view.width, view.step) == (1, 2, 6)
    assert (view.encoding, view.is_bigendian) == (encoding, 0)
    assert bytes(view.data) == message.data.tobytes()


@pytest.mark.parametrize('frame_id', ['', 'a', 'cam', 'camera_optical'])
@pytest.mark.parametrize('encoding', ['mono8', 'rgb8', '16UC1', 'mono16'])
def test_written_bytes_equal_those_of_rosbags(frame_id: str, encoding: str) -> None:
    message = image_message(frame_id, encoding, (1, 2, 3, 4, 5, 6))
    head = image_head(5_000_000_007, frame_id, (1, 2), encoding, message.data.nbytes)
    assert head + message.data.tobytes() == image_bytes_of(message)


@given(st.integers(0, 59))
def test_truncated_picture_is_refused(length: int) -> None:
    whole = image_bytes_of(image_message())
    with pytest.raises(MalformedMessageError):
        ImageView(whole[: min(length, len(whole) - 1)])


@given(st.binary(max_size=80))
def test_any_bytes_are_a_picture_or_refused(raw: bytes) -> None:
    try:
        view = ImageView(raw)
    except MalformedMessageError:
        return
    assert len(view.data) <= len(raw)
