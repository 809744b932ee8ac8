"""Whatever arrives: a sample that is right, or an error of ours; no crash, no big bill."""

from __future__ import annotations

import contextlib
import struct

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mm_perception.cdr import ImageView
from mm_perception.errors import MalformedMessageError, MmPerceptionError
from mm_perception.imaging.compressed import MAX_PIXELS
from mm_perception.ros import convert, wire
from mm_perception.ros.convert.image import image_from
from mm_perception.samples import (
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Detections,
    Embedding,
    Image,
    Labels,
    Masks,
    Odometry,
    PointCloud,
    Prompt,
    PromptStatus,
    Sample,
    Text,
)
from test.unit.ros_convert.messages import as_bytes, cloud, compressed, image, point_field, stamped

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
U32 = st.one_of(st.integers(0, 12), st.sampled_from([255, 65535, 2**31 - 1, 2**31, 2**32 - 1]))
U8 = st.integers(0, 255)
FLOATS = st.floats(width=32)
STEPS = {'rgb8': 3, 'mono8': 1, 'mono16': 2, '32FC1': 4}


def sample_or_none(message, sample_type: type[Sample]) -> Sample | None:
    try:
        sample = convert.from_msg(message, sample_type, 7)
    except MmPerceptionError:  # anything else fails the test
        return None
    assert isinstance(sample, sample_type)
    return sample


@SETTINGS
@given(
    height=U32,
    width=U32,
    step=U32,
    encoding=st.one_of(st.sampled_from(convert.ENCODINGS), st.text(max_size=8)),
    big=U8,
    data=st.binary(max_size=200),
)
def test_any_image(height, width, step, encoding, big, data) -> None:
    message = stamped('sensor_msgs/msg/Image')
    message.height, message.width, message.step = height, width, step
    message.encoding, message.is_bigendian, message.data = encoding, big, as_bytes(data)
    sample = sample_or_none(message, Image)
    if sample is not None:
        assert sample.data.shape[:2] == (height, width)
        assert sample.data.nbytes <= 4 * max(len(data), 1)


@SETTINGS
@given(
    encoding=st.sampled_from(sorted(STEPS)),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    padding=st.integers(0, 5),
    data=st.data(),
)
def test_images_that_are_right_come_through_to_the_byte(
    encoding, height, width, padding, data
) -> None:
    row = width * STEPS[encoding]
    raw = data.draw(st.binary(min_size=row * height, max_size=row * height))
    pixels = np.frombuffer(raw, np.uint8).reshape(height, row)
    message = image(pixels, encoding, row_bytes=row + padding, width=width)
    sample = convert.from_msg(message, Image)
    assert sample.data.tobytes() == raw
    assert sample.data.flags.aligned
    without_rclpy = image_from(ImageView(wire.serialize(message)), 0)
    assert without_rclpy.data.tobytes() == raw
    assert without_rclpy.data.flags.aligned
    assert convert.to_msgs(sample)[''].data.tobytes() == raw


FIELDS = st.lists(
    st.builds(
        point_field,
        st.one_of(st.sampled_from(['x', 'y', 'z', 'rgb']), st.text(max_size=3)),
        U32,
        st.one_of(st.integers(1, 8), U8),
        U32,
    ),
    max_size=5,
)


@SETTINGS
@given(
    fields=FIELDS, step=U32, width=U32, height=U32, row=U32, data=st.binary(max_size=200),
    big=st.booleans(),
)  # fmt: skip
def test_any_cloud(fields, step, width, height, row, data, big) -> None:
    message = cloud(data, fields, step, width, height, row_step=row, is_bigendian=big)
    sample = sample_or_none(message, PointCloud)
    if sample is None:
        return
    assert len(sample) == height * width
    for name in sample.fields:
        np.array(sample.points[name])  # every byte is inside the data
    back = convert.from_msg(convert.to_msgs(sample)[''], PointCloud)
    assert back.points.tobytes() == sample.points.tobytes()


@SETTINGS
@given(
    st.binary(max_size=300), st.sampled_from(['', b'\xff\xd8', b'\x89PNG\r\n\x1a\n']), st.text()
)
def test_any_compressed_image(data, head, form) -> None:
    sample_or_none(compressed((head or b'') + data, form), Image)


PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
FILES = [cv2.imencode(e, PICTURE)[1].tobytes() for e in ('.jpg', '.png')]


@SETTINGS
@given(st.sampled_from(FILES), st.integers(0, 2000), U8, st.booleans(), st.integers(0, 2000))
def test_damaged_compressed_images(file, place, value, is_depth, end) -> None:
    damaged = bytearray(file)
    damaged[place % len(file)] = value
    data = bytes(damaged[: max(end, 30)])
    form = '32FC1; compressedDepth png' if is_depth else 'jpeg'
    head = struct.pack('<iff', 0, 10.0, 1.0) if is_depth else b''
    sample = sample_or_none(compressed(head + data, form), Image)
    if sample is not None:
        assert sample.data.size <= 4 * MAX_PIXELS
        assert sample.encoding != '32FC1' or is_depth


@SETTINGS
@given(
    st.sampled_from(['', 'plumb_bob', 'equidistant', 'rational_polynomial', 'fisheye', 'odd']),
    st.lists(st.floats(), max_size=16),
    st.lists(st.floats(), min_size=9, max_size=9),
    st.tuples(U32, U32, U32, U32, U32, U32),
)
def test_any_camera_info(model, d, k, sizes) -> None:
    message = stamped('sensor_msgs/msg/CameraInfo')
    message.distortion_model, message.d, message.k = model, d, np.array(k)
    message.width, message.height = sizes[:2]
    roi = message.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = sizes[2:]
    sample = sample_or_none(message, CameraInfo)
    if sample is not None:
        assert np.isfinite(sample.k).all()
        assert convert.to_msgs(sample)['']


@SETTINGS
@given(st.sampled_from(['S16LE', 'F32LE', 'x']), U8, U32, st.binary(max_size=64))
def test_any_audio(encoding, channels, rate, data) -> None:
    message = stamped('mm_perception_msgs/msg/AudioChunk')
    message.encoding, message.channels, message.sample_rate_hz = encoding, channels, rate
    message.data = as_bytes(data)
    sample = sample_or_none(message, AudioClip)
    assert sample is None or sample.data.nbytes == len(data)


@SETTINGS
@given(
    action=U8,
    text=st.text(max_size=4),
    points=st.lists(FLOATS, max_size=6),
    labels=st.lists(st.integers(-128, 127), max_size=3),
    box=st.lists(FLOATS, max_size=5),
    width=U32,
)
def test_any_prompt(action, text, points, labels, box, width) -> None:
    message = stamped('mm_perception_msgs/msg/Prompt')
    message.action, message.text, message.points_xy = action, text, points
    message.point_labels, message.box_xyxy, message.mask.width = labels, box, width
    sample = sample_or_none(message, Prompt)
    assert sample is None or np.isfinite(sample.points).all()


@SETTINGS
@given(st.lists(st.tuples(*[st.floats()] * 6, st.text(max_size=3)), max_size=4))
def test_any_detections(boxes) -> None:
    message = stamped('vision_msgs/msg/Detection2DArray')
    detection = wire.message_class('vision_msgs/msg/Detection2D')
    result = wire.message_class('vision_msgs/msg/ObjectHypothesisWithPose')
    for x, y, size_x, size_y, theta, score, text in boxes:
        one = detection(id=text, results=[result()])
        centre = one.bbox.center
        centre.position.x, centre.position.y, centre.theta = x, y, theta
        one.bbox.size_x, one.bbox.size_y = size_x, size_y
        one.results[0].hypothesis.score = score
        message.detections.append(one)
    sample = sample_or_none(message, Detections)
    if sample is not None:
        assert np.isfinite(sample.xyxy).all()
        assert (sample.xyxy[:, 2:] >= sample.xyxy[:, :2]).all()
    assembler = convert.assemble(Masks)
    assembler.add('', image(np.ones((2, 2), np.uint16), 'mono16'))
    with contextlib.suppress(MmPerceptionError):
        assembler.add('/detections', message)


USED = [
    (type_name, sample_type)
    for sample_type in (
        AudioClip, BevGrid, Boxes3D, CameraInfo, Detections, Embedding, Image, Labels, Odometry,
        PointCloud, Prompt, PromptStatus, Text,
    )
    for type_name in convert.accepted_types(sample_type)
]  # fmt: skip


@pytest.mark.parametrize(('type_name', 'sample_type'), USED)
@SETTINGS
@given(data=st.data())
def test_any_bytes(type_name, sample_type, data) -> None:
    base = bytearray(wire.serialize(wire.message_class(type_name)()))
    start = data.draw(st.integers(4, len(base)))
    kind = data.draw(st.sampled_from(['tail', 'lie', 'cut']))
    if kind == 'tail':
        raw = bytes(base[:start]) + data.draw(st.binary(max_size=120))
    elif kind == 'cut':
        raw = bytes(base[:start])
    else:
        place = start - start % 4
        base[place : place + 4] = struct.pack('<I', data.draw(U32))
        raw = bytes(base) + data.draw(st.binary(max_size=60))
    try:
        message = wire.deserialize(raw, type_name)
    except MalformedMessageError:
        return
    sample = sample_or_none(message, sample_type)
    if sample is not None:
        for out in convert.to_msgs(sample).values():
            assert wire.deserialize(wire.serialize(out), wire.type_name_of(out)) is not None
