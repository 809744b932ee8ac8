"""Maps, odometry and advice on the wire."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mm_perception.errors import MalformedMessageError, MmPerceptionError
from mm_perception.ros import convert, wire
from mm_perception.samples import LAYERS, Action, Advice, BevGrid, Odometry, Point3D, quats_of_yaws
from test.unit.ros_convert.messages import STAMP_NS, stamped

SETTINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
NUMBERS = st.floats(-1e4, 1e4, allow_subnormal=False)


def grid(**changes) -> BevGrid:
    cells = np.array([[[0, 100, -1], [50, 0, 0]], [[100, 0, -1], [100, 100, 1]]], np.int8)
    values = {
        'stamp_ns': STAMP_NS, 'frame_id': 'base_link', 'layers': ('occupied', 'crossing'),
        'cells': cells, 'resolution_m': 0.5, 'origin': (-20.0, -10.0, 0.25, 0.5),
    }  # fmt: skip
    return BevGrid(**{**values, **changes})


def through_bytes(message):
    return wire.deserialize(wire.serialize(message), wire.type_name_of(message))


@st.composite
def any_grid(draw) -> BevGrid:
    layers = draw(st.lists(st.sampled_from(LAYERS), min_size=1, unique=True))
    shape = (len(layers), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    return BevGrid(
        stamp_ns=STAMP_NS, frame_id='map', layers=tuple(layers),
        cells=draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, 100))),
        resolution_m=draw(st.floats(np.float32(0.01), 4, width=32)),
        origin=(draw(NUMBERS), draw(NUMBERS), draw(NUMBERS), draw(st.floats(-3.1, 3.1))),
    )  # fmt: skip


@SETTINGS
@given(any_grid())
def test_grids_come_through_whole(sample) -> None:
    join, found = convert.assemble(BevGrid), None
    messages = convert.to_msgs(sample)
    for _ in range(2):  # the second time it knows which layers there are
        join.reset()
        for suffix, message in messages.items():
            found = join.add(suffix, through_bytes(message)) or found
    for layer in sample.layers:
        np.testing.assert_array_equal(found.layer(layer), sample.layer(layer))
    assert set(found.layers) == set(sample.layers)
    assert found.resolution_m == sample.resolution_m
    assert found.origin == pytest.approx(sample.origin, abs=1e-9)


def test_convention_of_grids_on_the_wire() -> None:
    messages = convert.to_msgs(grid())
    assert messages.keys() == {'', '/crossing'}
    occupied = messages['']
    assert (occupied.info.width, occupied.info.height, occupied.info.resolution) == (3, 2, 0.5)
    assert list(occupied.data) == [0, 100, -1, 50, 0, 0]
    assert (occupied.info.origin.position.x, occupied.info.origin.position.y) == (-20, -10)
    assert occupied.header.frame_id == 'base_link'


def test_layers_that_lie_elsewhere_are_refused() -> None:
    join = convert.assemble(BevGrid)
    join.add('/crossing', convert.to_msgs(grid())['/crossing'])
    join.add('', convert.to_msgs(grid())[''])
    moved = grid(stamp_ns=STAMP_NS + 1, origin=(0.0, 0.0, 0.0, 0.0))
    join.add('', convert.to_msgs(moved)[''])
    other = convert.to_msgs(grid(stamp_ns=STAMP_NS + 1))['/crossing']
    with pytest.raises(MalformedMessageError, match='elsewhere'):
        join.add('/crossing', other)


@pytest.mark.parametrize(
    ('lie', 'words'),
    [
        (lambda m: setattr(m.info, 'width', 4), '4 x 2 cells are claimed, 6'),
        (lambda m: setattr(m.info, 'resolution', 0.0), 'above 0'),
        (lambda m: setattr(m.info, 'resolution', math.nan), 'above 0'),
        (lambda m: setattr(m, 'data', array('b', [0, 101, 0, 0, 0, 0])), '0 to 101'),
        (lambda m: setattr(m, 'data', array('b', [0, -2, 0, 0, 0, 0])), '-2 to'),
        (lambda m: setattr(m.info.origin.position, 'y', math.inf), 'x, y, z and yaw'),
        (lambda m: setattr(m.info.origin.orientation, 'w', 9.0), 'lengths'),
        (
            lambda m: (
                setattr(m.info.origin.orientation, 'x', 0.6),
                setattr(m.info.origin.orientation, 'z', 0.0),
                setattr(m.info.origin.orientation, 'w', 0.8),
            ),
            'lie flat',
        ),
    ],
)
def test_grids_that_lie(lie, words) -> None:
    message = convert.to_msgs(grid())['']
    lie(message)
    with pytest.raises(MalformedMessageError, match=words):
        convert.from_msg(message, BevGrid)


@st.composite
def any_odometry(draw) -> Odometry:
    rng, scale = (
        np.random.default_rng(draw(st.integers(0, 2**32))),
        10.0 ** draw(st.integers(-3, 5)),
    )
    quat, factors = rng.normal(size=4), rng.normal(size=(2, 6, 6))
    pose, twist = factors @ np.swapaxes(factors, 1, 2)
    position, linear, angular = rng.normal(size=(3, 3)) * scale
    return Odometry(
        stamp_ns=STAMP_NS, frame_id='odom', child_frame_id='base_link', position=position,
        quat_xyzw=quat / np.linalg.norm(quat), linear=linear, angular=angular,
        pose_covariance=pose, twist_covariance=twist,
    )  # fmt: skip


@SETTINGS
@given(any_odometry())
def test_odometry_comes_through_whole(sample) -> None:
    found = convert.from_msg(through_bytes(convert.to_msgs(sample)['']), Odometry)
    for name in ('position', 'quat_xyzw', 'linear', 'angular', 'pose_covariance',
                 'twist_covariance'):  # fmt: skip
        np.testing.assert_allclose(getattr(found, name), getattr(sample, name), rtol=1e-12)
    assert (found.child_frame_id, found.frame_id) == ('base_link', 'odom')


@SETTINGS
@given(st.lists(st.floats(), min_size=8, max_size=8))
def test_any_odometry_is_right_or_refused(numbers) -> None:
    message = stamped('nav_msgs/msg/Odometry')
    turn = message.pose.pose.orientation
    turn.x, turn.y, turn.z, turn.w = numbers[:4]
    message.pose.pose.position.x, message.twist.twist.linear.x = numbers[4:6]
    message.pose.covariance[0], message.twist.covariance[1] = numbers[6:]
    try:
        sample = convert.from_msg(message, Odometry)
    except MmPerceptionError:
        return
    assert np.isfinite(sample.position).all()
    assert (np.diag(sample.pose_covariance) >= 0).all()


def test_advice_is_a_line_for_people_and_values_for_programs() -> None:
    advice = Advice(
        stamp_ns=STAMP_NS, frame_id='odom', action=Action.YIELD, speed_limit_mps=2.5,
        rules=('crossing',), reason='pedestrian 7 is on the crossing', track_ids=('7',),
    )  # fmt: skip
    messages = {suffix: through_bytes(m) for suffix, m in convert.to_msgs(advice).items()}
    text = messages[''].text
    assert text == ('yield, at most 2.5 m/s: pedestrian 7 is on the crossing (advisory only)')
    (status,) = messages['/details'].status
    values = {pair.key: pair.value for pair in status.values}
    assert (values['action'], values['track_ids']) == ('yield', '7')
    assert (values['speed_limit_mps'], values['is_advisory']) == ('2.500', 'true')
    assert status.level == b'\x01'
    back = convert.from_msg(messages['/details'], Advice)
    assert isinstance(back, Advice)
    for name in ('stamp_ns', 'frame_id', 'action', 'speed_limit_mps', 'rules', 'track_ids'):
        assert getattr(back, name) == getattr(advice, name)
    assert back.sentence() == advice.sentence()


def test_diagnostics_of_something_else_are_no_advice() -> None:
    message = stamped('diagnostic_msgs/msg/DiagnosticArray')
    with pytest.raises(MmPerceptionError, match='no advice'):
        convert.from_msg(message, Advice)


def test_convention_of_cells_and_places() -> None:
    cells = np.zeros((1, 4, 4), np.int8)
    cells[0, 2, 1] = 100
    plain = BevGrid(
        stamp_ns=0, layers=('occupied',), cells=cells, resolution_m=0.5,
        origin=(-20.0, -10.0, 0.0, 0.0),
    )  # fmt: skip
    np.testing.assert_allclose(plain.places('occupied'), [[-19.25, -8.75]])
    assert plain.lookup('occupied', np.array([[-19.25, -8.75], [0, 0]])).tolist() == [100, -1]
    assert plain.lookup('crossing', np.array([[-19.25, -8.75]])).tolist() == [-1]
    turned = BevGrid(
        stamp_ns=0, layers=('occupied',), cells=cells, resolution_m=0.5,
        origin=(1.0, 2.0, 0.0, math.pi / 2),
    )  # fmt: skip
    # Columns run along x of the grid, which points along y of the frame.
    np.testing.assert_allclose(turned.places('occupied'), [[1 - 1.25, 2 + 0.75]], atol=1e-12)
    assert turned.lookup('occupied', turned.places('occupied')).tolist() == [100]
    assert quats_of_yaws(np.array(math.pi / 2)).tolist()[2] == pytest.approx(math.sqrt(0.5))


def test_places_come_through_whole() -> None:
    place = Point3D(stamp_ns=STAMP_NS, frame_id='map', position=np.array([500000.25, -3.0, 0.8]))
    back = convert.from_msg(through_bytes(convert.to_msgs(place)['']), Point3D)
    assert (back.stamp_ns, back.frame_id) == (STAMP_NS, 'map')
    np.testing.assert_array_equal(back.position, place.position)


@pytest.mark.parametrize(('frame_id', 'x'), [('map', math.nan), ('map', math.inf), ('', 1.0)])
def test_places_that_are_nowhere_are_refused(frame_id: str, x: float) -> None:
    message = stamped('geometry_msgs/msg/PointStamped')
    message.header.frame_id, message.point.x = frame_id, x
    with pytest.raises(MalformedMessageError):
        convert.from_msg(message, Point3D)
