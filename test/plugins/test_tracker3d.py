"""The 3D tracker: stable names, right velocities, honest covariances, late and lost detections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_perception.errors import (
    ConfigError,
    LateInputError,
    ShapeError,
    TransformUnavailableError,
)
from mm_perception.geometry import pose_matrix
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.tracker3d import Tracker3D, Tracker3DConfig
from mm_perception.samples import Boxes3D, quats_of_yaws

STEP_NS = 100_000_000


def seen(
    stamp_ns: int,
    *places: tuple[float, float],
    frame_id: str = 'odom',
    labels: tuple[str, ...] = (),
    scores: tuple[float, ...] = (),
    yaws: tuple[float, ...] = (),
    **more: Any,
) -> Boxes3D:
    num = len(places)
    xy = np.array(places, np.float64).reshape(-1, 2)
    return Boxes3D(
        stamp_ns=stamp_ns, frame_id=frame_id, centres=np.hstack([xy, np.full((num, 1), 0.8)]),
        sizes=np.tile([4.5, 1.8, 1.5], (num, 1)),
        quats_xyzw=quats_of_yaws(np.array(yaws or (0.0,) * num, np.float64).reshape(-1)),
        scores=np.array(scores or (0.9,) * num, np.float32), labels=labels or ('car',) * num,
        **more,
    )  # fmt: skip


class Rig:
    """The plugin, what it published last, and what it reported."""

    def __init__(self, lookup: Any = None, **settings: Any) -> None:
        self.reports: list[Exception] = []
        context = Context(report=self.reports.append)
        if lookup is not None:
            context = Context(report=self.reports.append, lookup_transform=lookup)
        self.plugin = Tracker3D(Tracker3DConfig(**settings), context)
        self.plugin.load('cpu')

    def take(self, *samples: Boxes3D) -> Boxes3D | None:
        inputs = Inputs(
            stamp_ns=samples[-1].stamp_ns, frame_id=samples[-1].frame_id,
            samples={'detections': samples},
        )  # fmt: skip
        found: Any = self.plugin.infer(inputs).get('tracks')
        return found

    def drive(self, *steps: Boxes3D) -> Boxes3D:
        for step in steps:
            found = self.take(step)
        assert found is not None
        return found


def passing(num: int, speed: float = 5.0, first: int = 0) -> list[Boxes3D]:
    """A car that drives along y = 2, every 100 ms."""
    return [seen(i * STEP_NS, (10 + speed * i * 0.1, 2)) for i in range(first, num)]


def test_a_track_is_published_once_it_is_sure_and_knows_its_velocity() -> None:
    rig = Rig()
    early = [rig.take(step) for step in passing(2)]
    assert [len(found) for found in early] == [0, 0], 'looked, and nothing is sure yet'
    found = rig.drive(*passing(20, first=2))
    assert (found.track_ids, found.labels, found.frame_id) == (('1',), ('car',), 'odom')
    assert found.stamp_ns == 19 * STEP_NS
    np.testing.assert_allclose(found.velocities[0], [5, 0, 0], atol=0.05)
    np.testing.assert_allclose(found.centres[0], [19.5, 2, 0.8], atol=0.05)
    np.testing.assert_allclose(found.sizes[0], [4.5, 1.8, 1.5])


@pytest.mark.parametrize(('period_s', 'num_tracks'), [(1.5, 2), (3.0, 0)])
def test_a_detector_that_takes_its_time_is_tracked_too(period_s: float, num_tracks: int) -> None:
    """One that stands and one that drives at 5 m/s, seen every 1.5 s; 3 s is too seldom."""
    steps = [
        seen(
            round(i * period_s * 1e9), (20, -4), (10 + 5 * i * period_s, 2),
            velocities=np.array([[0.0, 0, 0], [5.0, 0, 0]]),
        )
        for i in range(6)
    ]  # fmt: skip
    found = Rig().drive(*steps)
    assert len(found) == num_tracks
    assert found.track_ids == tuple(map(str, range(1, 1 + num_tracks)))


def test_covariance_is_honest() -> None:
    """Errors are as large as it says: normalised error squared has the mean 4 (x, y, vx, vy)."""
    rng, total = np.random.default_rng(3), []
    for _ in range(40):
        rig = Rig(acceleration_mps2=0.05)
        for i in range(15):
            at = np.array([10 + 0.5 * i, 2.0]) + rng.normal(0, 0.3, 2)
            found = rig.take(seen(i * STEP_NS, tuple(at)))
        error = np.concatenate([found.centres[0, :2] - [17, 2], found.velocities[0, :2] - [5, 0]])
        position, speed = found.covariances[0, :2, :2], found.velocity_covariances[0, :2, :2]
        total.append(
            error[:2] @ np.linalg.inv(position) @ error[:2]
            + error[2:] @ np.linalg.inv(speed) @ error[2:]
        )
    assert 2.5 < np.mean(total) < 5.5


def test_an_unseen_track_moves_on_grows_unsure_and_ends() -> None:
    rig = Rig(death_after_s=1.0)
    sure = rig.drive(*passing(10))
    nothing = [seen((9 + i) * STEP_NS) for i in range(1, 13)]
    hidden = [rig.take(step) for step in nothing]
    assert [len(found) for found in hidden] == [1] * 10 + [0] * 2
    np.testing.assert_allclose(hidden[9].centres[0, :2], [10 + 4.5 + 5.0, 2], atol=0.3)
    assert hidden[9].covariances[0, 0, 0] > 3 * sure.covariances[0, 0, 0]
    assert hidden[9].scores[0] < 0.5 * sure.scores[0]


def test_what_comes_back_in_time_keeps_its_id() -> None:
    rig = Rig()
    rig.drive(*passing(10))
    back = rig.drive(*passing(20, first=17))
    assert back.track_ids == ('1',)


def test_two_that_meet_keep_their_ids() -> None:
    rig = Rig()
    for i in range(40):
        t = i * 0.1
        found = rig.take(seen(i * STEP_NS, (5 * t, 1.2), (20 - 5 * t, -1.2)))
    by_id = dict(zip(found.track_ids, found.velocities[:, 0], strict=True))
    assert by_id['1'] == pytest.approx(5, abs=0.2)
    assert by_id['2'] == pytest.approx(-5, abs=0.2)


def test_false_alarms_never_come_out() -> None:
    rig, rng = Rig(), np.random.default_rng(1)
    for i in range(60):
        found = rig.take(seen(i * STEP_NS, tuple(rng.uniform(-50, 50, 2))))
        assert len(found) == 0


def test_weak_detections_keep_a_track_but_begin_none() -> None:
    rig = Rig()
    rig.drive(*passing(5))
    for i in range(5, 15):
        found = rig.take(
            seen(i * STEP_NS, (10 + 0.5 * i, 2), (-30, 5), scores=(0.2, 0.2))
        )  # fmt: skip
    assert found.track_ids == ('1',)


def test_other_classes_are_other_things_but_a_car_may_be_a_van() -> None:
    rig = Rig()
    for i in range(6):
        kind = 'red van' if i == 2 else 'car'
        found = rig.take(seen(i * STEP_NS, (5, 0), (5.2, 0.2), labels=(kind, 'pedestrian')))
    assert sorted(zip(found.labels, found.track_ids, strict=True)) == [
        ('car', '1'), ('pedestrian', '2'),
    ]  # fmt: skip


def test_a_box_seen_the_wrong_way_round_does_not_turn_a_track() -> None:
    rig = Rig()
    for i in range(10):
        yaw = np.pi if i == 6 else 0.1
        found = rig.take(seen(i * STEP_NS, (5, 0), yaws=(yaw,)))
        if found is not None and len(found):
            assert abs(found.yaws()[0]) < 0.2
    for i in range(10, 20):  # it was the other way round all the time
        found = rig.take(seen(i * STEP_NS, (5, 0), yaws=(np.pi - 0.1,)))
    assert abs(abs(found.yaws()[0]) - np.pi) < 0.2


@pytest.mark.parametrize(('speed', 'yaw'), [(5.0, 0.0), (1.0, np.pi), (0.0, np.pi)])
def test_what_is_fast_is_headed_where_it_goes(speed: float, yaw: float) -> None:
    """A car that reverses is slow, and keeps the heading that it was seen with."""
    rig, found = Rig(), None
    for i in range(20):
        found = rig.take(seen(i * STEP_NS, (5 + speed * i * STEP_NS / 1e9, 0), yaws=(np.pi,)))
    assert found is not None
    assert abs(np.angle(np.exp(1j * (found.yaws()[0] - yaw)))) < 0.2


def test_detected_velocities_and_covariances_are_used() -> None:
    plain, told = Rig(birth_hits=1), Rig(birth_hits=1)
    assert plain.take(seen(0, (5, 0))).velocities[0, 0] == 0
    velocity = {
        'velocities': np.array([[7.0, 0, 0]]), 'velocity_covariances': np.eye(3)[None] * 0.04,
        'covariances': np.eye(6)[None] * 0.25,
    }  # fmt: skip
    found = told.take(seen(0, (5, 0), **velocity))
    assert found.velocities[0, 0] == 7
    assert found.velocity_covariances[0, 0, 0] == pytest.approx(0.04)
    assert found.covariances[0, 0, 0] == pytest.approx(0.25)


def ego_at(stamp_ns: int) -> np.ndarray:
    """A vehicle at 10 m/s that turns by 0.5 rad/s."""
    t = stamp_ns / 1e9
    return pose_matrix(np.array([10.0 * t, 0, 0]), quats_of_yaws(np.array(0.5 * t)))


def test_motion_of_the_vehicle_is_none_of_the_tracks() -> None:
    rig = Rig(lambda target, source, stamp_ns: ego_at(stamp_ns))
    for i in range(20):
        stamp_ns = i * STEP_NS
        x, y = (np.linalg.inv(ego_at(stamp_ns)) @ [30, 5, 0, 1])[:2]
        found = rig.take(seen(stamp_ns, (x, y), frame_id='base_link'))
    assert found.frame_id == 'odom'
    np.testing.assert_allclose(found.centres[0, :2], [30, 5], atol=0.01)
    np.testing.assert_allclose(found.velocities[0], 0, atol=0.05)


def no_transform(target: str, source: str, stamp_ns: int) -> Any:
    raise TransformUnavailableError(target, source, stamp_ns, 'not there')


def test_no_transform_no_result() -> None:
    rig = Rig(no_transform)
    with pytest.raises(TransformUnavailableError):
        rig.take(seen(0, (1, 1), frame_id='lidar'))
    assert rig.take(seen(0, (1, 1), frame_id='lidar'), seen(1, (1, 1))) is not None
    assert [type(error) for error in rig.reports] == [TransformUnavailableError]


def same(a: Boxes3D, b: Boxes3D) -> bool:
    return (
        a.track_ids == b.track_ids
        and np.allclose(a.centres, b.centres, atol=1e-9)
        and np.allclose(a.velocities, b.velocities, atol=1e-9)
        and np.allclose(a.covariances, b.covariances, atol=1e-9)
    )


def test_late_detections_change_nothing_in_the_end() -> None:
    """Any order within late_s gives what the right order gives, but for the names."""
    rng = np.random.default_rng(0)
    steps = [
        seen(i * STEP_NS, (10 + 0.5 * i + rng.normal(0, 0.2), 2), (0.1 * i, -3)) for i in range(30)
    ]
    order = sorted(range(30), key=lambda i: i + rng.uniform(0, 4))
    assert order != list(range(30))
    straight, mixed = Rig(), Rig()
    expected = straight.drive(*steps)
    for i in order:
        found = mixed.take(steps[i])
    assert same(found, expected)
    assert not mixed.reports


def test_a_late_detection_is_put_in_its_place() -> None:
    rig = Rig()
    steps = passing(6)
    without = rig.drive(*steps[:4], steps[5])
    with_it = rig.take(steps[4])
    assert with_it.stamp_ns == without.stamp_ns == 5 * STEP_NS
    assert with_it.covariances[0, 0, 0] < without.covariances[0, 0, 0]
    straight = Rig()
    assert same(with_it, straight.drive(*steps))


def test_a_name_that_was_given_stays_when_an_earlier_detection_comes_late() -> None:
    rig = Rig(birth_hits=1)
    rig.take(seen(0, (50, 50)))
    assert rig.take(seen(STEP_NS * 2, (5, 0))).track_ids == ('1', '2')
    assert rig.take(seen(STEP_NS, (5, 0))).track_ids == ('1', '2')


def test_too_late_is_refused_counted_and_harmless() -> None:
    rig = Rig(late_s=0.5)
    before = rig.drive(*passing(20))
    with pytest.raises(LateInputError, match=r'1\.00 s after a newer one'):
        rig.take(seen(9 * STEP_NS, (70, 0)))
    after = rig.take(seen(9 * STEP_NS, (70, 0)), *passing(21, first=20))
    assert after.track_ids == before.track_ids
    assert [type(error) for error in rig.reports] == [LateInputError]


def test_time_that_jumps_back_ends_all_tracks() -> None:
    rig = Rig(birth_hits=1)
    assert rig.take(seen(100 * STEP_NS, (1, 1))).track_ids == ('1',)
    again = rig.take(seen(0, (1, 1)))
    assert (again.track_ids, again.stamp_ns) == (('2',), 0)
    rig.plugin.rewind('')
    assert rig.take(seen(50 * STEP_NS, (1, 1))).track_ids == ('3',)


def test_one_stamp_of_the_future_ends_no_track() -> None:
    rig = Rig()
    before = rig.drive(*passing(20))
    rig.take(seen(120 * STEP_NS, (20, 2)))
    after = rig.drive(*passing(22, first=20))
    assert (after.track_ids, after.stamp_ns) == (before.track_ids, 21 * STEP_NS)


def test_memory_is_bounded() -> None:
    rig = Rig(late_s=0.5, max_tracks=2)
    rig.drive(*[seen(i * STEP_NS, (0, 0), (20, 0), (40, 0)) for i in range(200)])
    tracker = rig.plugin._tracker
    assert len(tracker._past) <= 7
    assert len(tracker._births) <= 2 * 7
    assert len(rig.drive(seen(200 * STEP_NS, (0, 0), (20, 0), (40, 0)))) == 2


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'late_s': 3.0, 'jump_back_s': 2.0}, 'jump_back_s'),
        ({'same': ('car van', 'van truck')}, 'one group'),
    ],
)
def test_settings_that_contradict_each_other(settings, words) -> None:
    with pytest.raises(ConfigError, match=words):
        Tracker3DConfig(**settings)


def test_detector_that_does_not_stamp_is_told_and_fills_no_memory() -> None:
    rig = Rig()
    for _ in range(64):
        rig.take(seen(0, (1.0, 2.0)))
    with pytest.raises(ShapeError, match=r'stamps of detections: .*let the detector.* 0\.000 s'):
        rig.take(seen(0, (1.0, 2.0)))
    assert len(rig.plugin._tracker._past) <= 64
    assert rig.drive(seen(STEP_NS, (1.0, 2.0))).track_ids == ('1',)


def test_zeros_mean_that_a_box_does_not_tell_its_covariance() -> None:
    covariances = np.zeros((2, 6, 6))
    covariances[0] = np.eye(6) * 0.1
    boxes = [
        seen(stamp, (1.0, 2.0), (20.0, 5.0), covariances=covariances) for stamp in (1, 1, 1, 2)
    ]  # two detectors, the same moment: the covariance of zeros was singular
    found = Rig().drive(*boxes)
    assert found.track_ids == ('1', '2')
    assert found.covariances is not None
    assert found.covariances[1, 0, 0] > found.covariances[0, 0, 0] / 2


def test_step_that_fails_leaves_the_tracks_as_they_were(monkeypatch) -> None:
    rig = Rig()
    rig.drive(*[seen(i * STEP_NS, (1.0, 2.0)) for i in range(4)])
    with monkeypatch.context() as patch:
        failed = ArithmeticError('made to fail')
        patch.setattr(rig.plugin._tracker, '_step', lambda *_: (_ for _ in ()).throw(failed))
        with pytest.raises(ArithmeticError):
            rig.take(seen(4 * STEP_NS, (1.0, 2.0)))
    assert rig.drive(seen(5 * STEP_NS, (1.0, 2.0))).track_ids == ('1',)
