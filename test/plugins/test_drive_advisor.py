"""The drive advisor: one scenario per rule, and what becomes of several findings."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mm_perception.errors import ConfigError
from mm_perception.geometry import pose_matrix
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.drive_advisor import DriveAdvisor, DriveAdvisorConfig, rules
from mm_perception.plugins.drive_advisor.rules import Thresholds, safe_speed
from mm_perception.plugins.drive_advisor.situation import Car, Ground, Other, Situation, Way
from mm_perception.samples import Action, Advice, BevGrid, Boxes3D, Odometry, quats_of_yaws

T = Thresholds()
CAR = Car(front_m=2.0, rear_m=2.0, half_width_m=1.0)


def other(label: str = 'car', **changes: Any) -> Other:
    values = {'x': 20.0, 'y': 0.0, 'vx': 0.0, 'vy': 0.0, 'half_x': 2.0, 'half_y': 0.9}
    if label == 'pedestrian':
        values |= {'half_x': 0.3, 'half_y': 0.3}
    return Other('7', label, **{**values, **changes})


def ground(
    crossing: tuple[float, float] | None = None,
    unknown_from: float = 99.0,
    block: tuple[float, float] | None = None,
    **more: Any,
) -> Ground:
    """A map 60 m ahead: a crossing from x to x, unknown from x on, something at (x, y)."""
    cells = np.zeros((2, 40, 140), np.int8)  # y from -10, x from -10, cells of 0.5 m
    x = -10 + (np.arange(140) + 0.5) * 0.5
    cells[0, :, x > unknown_from] = -1
    if crossing is not None:
        cells[1, :, (x > crossing[0]) & (x < crossing[1])] = 100
    if block is not None:
        cells[0, int((block[1] + 10) / 0.5), int((block[0] + 10) / 0.5)] = 100
    grid = BevGrid(
        stamp_ns=0, layers=('occupied', 'crossing'), cells=cells, resolution_m=0.5,
        origin=(-10.0, -10.0, 0.0, 0.0),
    )  # fmt: skip
    return Ground(grid, np.eye(4), **more)


def situation(*others: Other, speed: float = 8.0, of: Ground | None = None) -> Situation:
    return Situation(speed, others, of, CAR)


def test_convention_of_safe_speed() -> None:
    t = replace(T, reaction_s=1.0, brake_mps2=2.0, stand_m=0.0)
    speed = safe_speed(10, 0, t)
    assert speed == pytest.approx(4.633, abs=1e-3)
    assert speed * 1.0 + speed**2 / (2 * 2.0) == pytest.approx(10)  # it just stops
    assert safe_speed(1.0, 0, T) == 0
    assert safe_speed(10, 5, T) > safe_speed(10, 0, T)


class TestTimeToCollision:
    def test_far_or_faster_is_no_matter(self) -> None:
        assert rules.time_to_collision(situation(other(x=60, vx=8)), T) == []
        assert rules.time_to_collision(situation(other(x=30, vx=12)), T) == []

    def test_slow_then_stop_as_it_comes_nearer(self) -> None:
        # 8 m/s towards what stands: the gap is x - 2 - 2.
        actions = [rules.time_to_collision(situation(other(x=4 + gap)), T)[0] for gap in (11, 20)]
        assert [f.action for f in actions] == [Action.STOP, Action.SLOW]
        assert actions[0].limit_mps == 0
        assert 'car 7 is 11 m ahead, 1.4 s to a collision' in actions[0].reason
        assert actions[1].track_ids == ('7',)

    def test_one_follows_at_the_speed_that_is_safe(self) -> None:
        (found,) = rules.time_to_collision(situation(other(x=12, vx=5), speed=4.0), T)
        assert found.action is Action.GO
        assert found.limit_mps == pytest.approx(safe_speed(8, 5, T))

    def test_who_is_beside_the_way_or_behind_is_no_matter(self) -> None:
        for who in (other(y=2.0), other(y=-2.0), other(x=-10, vx=20)):
            assert rules.time_to_collision(situation(who), T) == []
        assert rules.time_to_collision(situation(other(y=1.8)), T)

    def test_who_is_less_sure_is_nearer(self) -> None:
        sure, unsure = (
            rules.time_to_collision(situation(other(x=24, sigma_m=s)), T)[0] for s in (0.0, 3.0)
        )
        assert unsure.limit_mps < sure.limit_mps

    def test_standing_behind_what_stands_is_stop(self) -> None:
        (found,) = rules.time_to_collision(situation(other(x=5.2), speed=0.0), T)
        assert (found.action, found.limit_mps) == (Action.STOP, 0)


class TestCrossing:
    @pytest.mark.parametrize(
        ('who', 'how'),
        [
            ({'y': 0.5, 'vy': 1.0}, 'is at'),
            ({'y': -9.0}, 'is at'),
            ({'x': 16.0, 'y': -6.0, 'vx': 1.5}, 'is heading for'),
        ],
    )
    def test_people_are_yielded_to(self, who, how) -> None:
        now = situation(other('pedestrian', **who), of=ground((20, 23)))
        (found,) = rules.people_at_crossing(now, T)
        assert found.action is Action.YIELD
        assert found.reason == f'pedestrian 7 {how} the crossing 18 m ahead'
        assert found.limit_mps == pytest.approx(safe_speed(18.25, 0, T))

    @pytest.mark.parametrize(
        'who',
        [
            {'x': 10.0, 'y': -6.0},  # stands elsewhere
            {'x': 16.0, 'y': -6.0, 'vx': -1.5},  # goes away from it
            {'x': 21.0, 'y': 3.0, 'vy': 1.2},  # has crossed
        ],
    )
    def test_others_are_not(self, who) -> None:
        now = situation(other('pedestrian', **who), of=ground((20, 23)))
        assert rules.people_at_crossing(now, T) == []

    def test_cars_on_it_and_crossings_passed_or_far_are_no_matter(self) -> None:
        at = {'x': 21.0, 'y': 0.5}
        assert rules.people_at_crossing(situation(other(**at), of=ground((20, 23))), T) == []
        for span, x in (((-8, -5), -6.0), ((50, 53), 51.0)):
            now = situation(other('pedestrian', x=x), of=ground(span))
            assert rules.people_at_crossing(now, T) == []
        assert rules.people_at_crossing(situation(other('pedestrian', **at)), T) == []

    def test_of_two_crossings_the_one_that_matters_is_named(self) -> None:
        both = ground((10, 12))
        cells = both.grid.cells.copy()
        cells[1, :, 70:76] = 100
        both = replace(both, grid=replace(both.grid, cells=cells))
        now = situation(other('pedestrian', x=26.0), of=both)
        (found,) = rules.people_at_crossing(now, T)
        assert '23 m ahead' in found.reason


class TestRightOfWay:
    def test_from_the_right_one_yields_from_the_left_one_slows(self) -> None:
        right = rules.right_of_way(situation(other(y=-15, vy=6)), T)
        left = rules.right_of_way(situation(other(y=15, vy=-6)), T)
        assert [right[0].action, left[0].action] == [Action.YIELD, Action.SLOW]
        assert 'from the right in 2.2 s' in right[0].reason
        assert 'has to give way' in left[0].reason
        swapped = replace(T, gives_way_to='left')
        (left,) = rules.right_of_way(situation(other(y=15, vy=-6)), swapped)
        assert left.action is Action.YIELD

    def test_people_always_have_it(self) -> None:
        who = other('pedestrian', y=4, vy=-1.5)
        (found,) = rules.right_of_way(situation(who), replace(T, gives_way_to='none'))
        assert found.action is Action.YIELD

    @pytest.mark.parametrize(
        'who',
        [
            {'y': -15, 'vy': -6},  # goes away
            {'y': -60, 'vy': 6},  # long after
            {'y': -2.5, 'vy': 8, 'x': 34},  # is gone long before
            {'y': -3.4, 'vx': -5, 'vy': 0.4},  # comes the other way and weaves
            {'x': -15, 'y': -15, 'vy': 6},  # behind
        ],
    )
    def test_no_conflict_no_finding(self, who) -> None:
        assert rules.right_of_way(situation(other(**who)), T) == []


class TestMap:
    def test_one_can_stop_before_what_cannot_be_seen(self) -> None:
        (near,) = rules.unknown_ahead(situation(of=ground(unknown_from=10)), T)
        assert (near.action, near.rule) == (Action.SLOW, 'unknown')
        assert near.limit_mps == pytest.approx(safe_speed(8.25, 0, T))
        (at_once,) = rules.unknown_ahead(situation(of=ground(unknown_from=2)), T)
        assert at_once.action is Action.STOP
        assert rules.unknown_ahead(situation(of=ground()), T) == []

    def test_something_that_no_track_explains(self) -> None:
        now = situation(of=ground(block=(16.0, 0.2)))
        (found,) = rules.obstacle_ahead(now, T)
        assert found.action is Action.SLOW
        assert 'something that is no track stands 14 m ahead' in found.reason
        beside = situation(of=ground(block=(16.0, 3.0)))
        assert rules.obstacle_ahead(beside, T) == []

    def test_what_a_track_explains_is_not_told_twice_even_if_the_map_is_old(self) -> None:
        of = ground(block=(16.0, 0.2))
        assert rules.obstacle_ahead(situation(other(x=16.5), of=of), T) == []
        moving = other(x=26.0, vx=10.0)
        assert rules.obstacle_ahead(situation(moving, of=of), T)
        assert rules.obstacle_ahead(situation(moving, of=replace(of, age_s=1.0)), T) == []


def test_convention_of_the_way() -> None:
    bend = Way(0.1)
    along, turn = bend.along(np.array([[10.0, 10.0], [0.0, 2.0]]))
    np.testing.assert_allclose(along, [[5 * np.pi, 0], [0, 2]], atol=1e-9)
    np.testing.assert_allclose(turn, [np.pi / 2, 0], atol=1e-9)
    for way in (Way(), bend, Way(-0.05)):
        xy = np.random.default_rng(0).uniform([2, -4], [10, 4], (20, 2))
        np.testing.assert_allclose(way.places(way.along(xy)[0]), xy, atol=1e-9)


# The plugin as a whole.


def odometry(stamp_ns: int = 10**9, speed: float = 8.0, **changes: Any) -> Odometry:
    values = {
        'stamp_ns': stamp_ns, 'frame_id': 'odom', 'child_frame_id': 'base_link',
        'position': np.array([100.0, 50, 0]), 'quat_xyzw': quats_of_yaws(np.array(np.pi / 2)),
        'linear': np.array([speed, 0, 0]), 'angular': np.zeros(3),
        'pose_covariance': np.zeros((6, 6)), 'twist_covariance': np.zeros((6, 6)),
    }  # fmt: skip
    return Odometry(**{**values, **changes})


def tracks(stamp_ns: int = 10**9, **changes: Any) -> Boxes3D:
    """A car that stands 14 m ahead of the base_link of `odometry`, in odom."""
    values = {
        'stamp_ns': stamp_ns, 'frame_id': 'odom', 'centres': np.array([[100.0, 64, 0.8]]),
        'sizes': np.array([[4.0, 1.8, 1.5]]), 'quats_xyzw': quats_of_yaws(np.array([np.pi / 2])),
        'scores': np.ones(1, np.float32), 'labels': ('red car',), 'track_ids': ('7',),
        'velocities': np.zeros((1, 3)),
    }  # fmt: skip
    return Boxes3D(**{**values, **changes})


def free(stamp_ns: int = 10**9) -> BevGrid:
    return replace(ground().grid, stamp_ns=stamp_ns, frame_id='base_link')


class Rig:
    def __init__(self, **settings: Any) -> None:
        context = Context(lookup_transform=lambda to, of, stamp_ns: pose_matrix(
            odometry().position, odometry().quat_xyzw))  # fmt: skip
        config = DriveAdvisorConfig(**{'hold_s': 0.0, **settings})
        self.plugin = DriveAdvisor(config, context)

    def ask(self, where: Odometry, seen: Boxes3D | None, grid: BevGrid | None) -> Advice:
        inputs = Inputs(
            where.stamp_ns, 'odom', samples={'odometry': where, 'tracks': seen, 'map': grid}
        )
        advice: Any = self.plugin.infer(inputs)['advice']
        return advice


def test_frames_and_time_are_brought_together() -> None:
    advice = Rig().ask(odometry(), tracks(), free())
    # 14 - 2 - 2.3 m at 8 m/s.
    assert advice.action is Action.STOP
    assert advice.reason.startswith('red car 7 is 10 m ahead, 1.2 s to a collision')
    assert (advice.track_ids, advice.rules[0]) == (('7',), 'time_to_collision')
    assert (advice.stamp_ns, advice.frame_id, advice.speed_limit_mps) == (10**9, 'odom', 0)
    # Seen 0.4 s ago it drove at 5 m/s: now it is 2 m farther.
    moving = tracks(10**9 - 400_000_000, velocities=np.array([[0, 5.0, 0]]))
    assert 'red car 7 is 12 m ahead' in Rig().ask(odometry(), moving, free()).reason
    # On an arc to the right it is not on the way.
    turning = Rig().ask(odometry(angular=np.array([0, 0, -1.0])), tracks(), free())
    assert 'time_to_collision' not in turning.rules


def test_nothing_in_the_way_is_go() -> None:
    none = tracks(
        centres=np.zeros((0, 3)), sizes=np.zeros((0, 3)), quats_xyzw=np.zeros((0, 4)),
        scores=np.zeros(0, np.float32), labels=(), track_ids=(), velocities=np.zeros((0, 3)),
    )  # fmt: skip
    advice = Rig().ask(odometry(), none, free())
    assert (advice.action, advice.speed_limit_mps) == (Action.GO, 8.0)
    assert advice.sentence() == 'go, at most 8.0 m/s: nothing is in the way (advisory only)'


@pytest.mark.parametrize(
    ('seen', 'grid', 'reason'),
    [
        (None, free(), 'there are no tracks yet'),
        (tracks(0), free(), r'the tracks are 1\.0 s old, stale_after_s allows 0\.5 s'),
        (tracks(3 * 10**9), free(), r'the tracks are -2\.0 s old'),
        (tracks(), None, 'there are no maps yet'),
        (tracks(), free(-2 * 10**9), r'the maps are 3\.0 s old, map_stale_after_s allows 2 s'),
        (tracks(velocities=None), free(), 'the tracks have no velocities'),
    ],
)
def test_without_fresh_inputs_it_says_stop_and_why(seen, grid, reason) -> None:
    advice = Rig().ask(odometry(), seen, grid)
    assert (advice.action, advice.rules) == (Action.STOP, ('inputs',))
    assert re.search(reason, advice.reason)


@pytest.mark.parametrize('label', ['cone', 'traffic cone', 'traffic_cone'])
def test_a_cone_beside_the_way_goes_nowhere_and_one_on_it_is_stopped_for(label: str) -> None:
    """What a tracker makes of its noise, 1 m/s across, is no motion. Half of the way is 1 m."""

    def seen(right_m: float) -> Boxes3D:
        return tracks(
            centres=np.array([[100.0 + right_m, 62, 0.4]]), sizes=np.array([[0.4, 0.4, 0.8]]),
            quats_xyzw=quats_of_yaws(np.array([0.0])), labels=(label,),
            velocities=np.array([[-1.0, 0, 0]]),
        )  # fmt: skip

    assert Rig().ask(odometry(), seen(1.25), free()).action is Action.GO
    advice = Rig().ask(odometry(), seen(1.15), free())
    assert (advice.action, advice.rules) == (Action.STOP, ('time_to_collision',))


def test_the_older_the_tracks_the_slower() -> None:
    """What others did since then is not known: it counts as time to react."""
    far = {'centres': np.array([[100.0, 68, 0.8]]), 'velocities': np.zeros((1, 3))}
    rig = Rig(stale_after_s=2.0)
    limits = [
        rig.ask(odometry(), tracks(10**9 - age_ms * 10**6, **far), free()).speed_limit_mps
        for age_ms in (0, 500, 1500)
    ]
    assert limits == sorted(limits, reverse=True)
    slower = Rig(reaction_s=2.0).ask(odometry(), tracks(**far), free()).speed_limit_mps
    assert limits[0] > limits[-1] == pytest.approx(slower)


def test_a_map_can_be_done_without() -> None:
    assert Rig(needs_map=False).ask(odometry(speed=2.0), tracks(), None).action is not Action.STOP


def test_caution_ends_only_once_it_is_over_for_a_while() -> None:
    rig, ahead = Rig(hold_s=0.5), tracks()
    away = tracks(centres=np.array([[140.0, 64, 0.8]]))
    answers = []
    for step, seen in enumerate((ahead, away, away, away)):
        stamp_ns = 10**9 + step * 200_000_000
        seen, grid = replace(seen, stamp_ns=stamp_ns), free(stamp_ns)
        answers.append(rig.ask(odometry(stamp_ns), seen, grid))
    assert [a.action for a in answers] == [Action.STOP] * 3 + [Action.GO]
    assert answers[1].reason.startswith('a moment ago red car 7')


def test_the_most_cautious_counts_and_the_lowest_limit() -> None:
    findings = [
        rules.Finding('a', Action.SLOW, 2.0, 'slowly'),
        rules.Finding('b', Action.YIELD, 4.0, 'wait', ('1',)),
    ]
    action, limit, ordered = rules.most_cautious(findings, T)
    assert (action, limit, [f.rule for f in ordered]) == (Action.YIELD, 2.0, ['b', 'a'])
    assert rules.most_cautious([], T)[:2] == (Action.GO, T.max_speed_mps)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match='slow_ttc_s'):
        DriveAdvisorConfig(stop_ttc_s=4.0, slow_ttc_s=2.0)
