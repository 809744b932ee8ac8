from __future__ import annotations

import numpy as np
import pytest

from mm_perception.errors import MalformedMessageError, ShapeError
from mm_perception.ros import convert
from mm_perception.samples import PointCloud
from test.unit.ros_convert.messages import STAMP_NS, as_bytes, cloud, point_field

FLOAT = 7
XYZ = [point_field(name, 4 * i, FLOAT) for i, name in enumerate('xyz')]


def xyz_cloud(num: int = 3, **changes):
    data = np.arange(num * 3, dtype=np.float32).tobytes()
    return cloud(data, XYZ, 12, num, **changes)


def shares(sample: PointCloud, message) -> bool:
    return np.shares_memory(sample.points, np.frombuffer(message.data, np.uint8))


def test_every_datatype_count_and_gap_without_a_copy() -> None:
    kinds = ['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'f4', 'f8']
    dtype = np.dtype(
        {
            'names': [f'f{i}' for i in range(8)] + ['histogram'],
            'formats': [*kinds, ('f4', (3,))],
            'offsets': [40, 1, 2, 5, 7, 12, 16, 21, 48],  # unordered, unaligned, with gaps
            'itemsize': 64,
        }
    )
    data = np.random.default_rng(1).integers(0, 100, 5 * 64, np.uint8).tobytes()
    fields = [point_field(f'f{i}', dtype.fields[f'f{i}'][1], i + 1) for i in range(8)]
    message = cloud(data, [*fields, point_field('histogram', 48, FLOAT, 3)], 64, 5)
    sample = convert.from_msg(message, PointCloud)
    assert sample.points.dtype == dtype
    assert sample.points.tobytes() == data
    assert shares(sample, message)
    back = convert.to_msgs(sample)['']
    assert back.data == message.data
    assert back.fields == message.fields


def test_overlapping_fields_see_the_same_bytes() -> None:
    fields = [*XYZ, point_field('rgb', 12, FLOAT), point_field('r', 14, 2)]
    data = bytes(12) + bytes([3, 2, 1, 0])
    sample = convert.from_msg(cloud(data, fields, 16, 1), PointCloud)
    assert sample.points['r'].tolist() == [1]
    assert sample.points['rgb'].tobytes() == data[12:]


def test_organised_with_row_padding_is_a_strided_view() -> None:
    rows = np.zeros((2, 40), np.uint8)
    rows[:, :36] = np.arange(18, dtype=np.float32).reshape(2, 9).view(np.uint8)
    message = cloud(rows.tobytes(), XYZ, 12, 3, 2, row_step=40)
    sample = convert.from_msg(message, PointCloud)
    assert sample.points.shape == (2, 3)
    assert shares(sample, message)
    np.testing.assert_array_equal(sample.xyz(), np.arange(18, dtype=np.float32).reshape(6, 3))
    packed = convert.to_msgs(sample)['']
    assert (packed.row_step, packed.height, len(packed.data)) == (36, 2, 72)
    np.testing.assert_array_equal(convert.from_msg(packed, PointCloud).points, sample.points)


def test_last_row_may_lack_its_padding() -> None:
    data = bytes(40 + 36)
    assert len(convert.from_msg(cloud(data, XYZ, 12, 3, 2, row_step=40), PointCloud)) == 6


def test_big_endian_with_overlap_keeps_every_number() -> None:
    fields = [point_field('whole', 0, 6), point_field('half', 0, 4), point_field('x', 4, FLOAT)]
    data = b'\x01\x02\x03\x04' + np.array([2.5], '>f4').tobytes()
    message = cloud(data + bytes(4), fields, 12, 1, is_bigendian=True)
    sample = convert.from_msg(message, PointCloud)
    assert sample.points.tolist() == [(0x01020304, 0x0102, 2.5)]
    assert all(sample.points.dtype[name].isnative for name in sample.fields)


def test_big_endian_sample_leaves_in_native_order() -> None:
    points = np.array([(1.5, 7)], [('x', '>f4'), ('ring', '>u2')])
    message = convert.to_msgs(PointCloud(stamp_ns=0, points=points))['']
    assert not message.is_bigendian
    assert convert.from_msg(message, PointCloud).points.tolist() == [(1.5, 7)]


def test_padding_of_a_strided_sample_does_not_show_old_memory() -> None:
    dtype = np.dtype({'names': ['x'], 'formats': ['f4'], 'offsets': [0], 'itemsize': 16})
    wide = np.zeros((8, 8), dtype)
    wide['x'] = 1
    left = [np.full(8 * 4 * 16, 0x55, np.uint8) for _ in range(8)]
    del left  # blocks of the size that the packed copy needs, with something in them
    message = convert.to_msgs(PointCloud(stamp_ns=0, points=wide[:, ::2]))['']
    points = np.frombuffer(message.data, np.uint8).reshape(-1, 16)
    assert not points[:, 4:].any()


def test_convention_zero_points_are_a_legal_cloud() -> None:
    for message in (xyz_cloud(0), xyz_cloud(0, height=0), cloud(b'', [], 0, 0)):
        sample = convert.from_msg(message, PointCloud)
        assert len(sample) == 0
        assert sample.stamp_ns == STAMP_NS
        assert len(convert.from_msg(convert.to_msgs(sample)[''], PointCloud)) == 0
    assert convert.from_msg(xyz_cloud(0), PointCloud).xyz().shape == (0, 3)


def test_not_finite_points_and_is_dense_are_kept() -> None:
    data = np.array([np.nan, np.inf, -np.inf], np.float32).tobytes()
    sample = convert.from_msg(cloud(data, XYZ, 12, 1, is_dense=False), PointCloud)
    np.testing.assert_array_equal(sample.xyz(), [[np.nan, np.inf, -np.inf]])
    assert not convert.from_msg(convert.to_msgs(sample)[''], PointCloud).is_dense


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'point_step': 11}, "field 'z'"),
        ({'point_step': 0}, "field 'x'"),
        ({'point_step': 2**32 - 1}, 'a point has more than'),
        ({'width': 4}, 'only 36 bytes'),
        ({'width': 2**32 - 1}, 'only 36 bytes'),
        ({'height': 2}, 'only 36 bytes'),
        ({'height': 2**32 - 1}, 'only 36 bytes'),
        ({'height': 3, 'width': 1, 'row_step': 11}, 'a row needs 12'),
        ({'data': as_bytes(b'')}, 'only 0 bytes'),
        ({'fields': []}, 'no fields'),
        ({'fields': [point_field('x', 9, FLOAT)]}, 'exceeds point_step'),
        ({'fields': [point_field('x', 2**32 - 1, FLOAT)]}, 'exceeds point_step'),
        ({'fields': [point_field('x', 0, FLOAT, 2**32 - 1)]}, 'exceeds point_step'),
        ({'fields': [point_field('x', 0, 0)]}, 'datatype 0'),
        ({'fields': [point_field('x', 0, 255)]}, 'datatype 255'),
        ({'fields': [point_field('x', 0, 1), point_field('x', 1, 1)]}, "named 'x'"),
        ({'fields': [point_field('', 0, 1)]}, "named ''"),
    ],
)
def test_contradictions_are_refused_with_the_numbers(change, words) -> None:
    message = xyz_cloud()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(message, PointCloud)


@pytest.mark.parametrize('kind', ['?', 'i8', 'f2'])
def test_types_that_point_field_lacks_are_named(kind) -> None:
    with pytest.raises(ShapeError, match="'flag'"):
        convert.to_msgs(PointCloud(stamp_ns=0, points=np.zeros(2, [('flag', kind)])))
