"""Go, slow, yield or stop, how fast at most, and why: advice by rules that one can read.

ADVISORY ONLY. Nothing here is certified or fit to control a vehicle: it publishes words and
numbers, no command, and whoever drives is responsible. Odometry drives it, so that it speaks also
when tracks or map stay away; when odometry itself stays away it is silent, and silence is no go.

The rules are in `rules.py`, one function each:

- inputs: tracks or map are missing or old, or the tracks have no velocities: stop. Tracks that are
  not too old move on until now; how old they are counts as time to react: older ones mean slower.
- time_to_collision: somebody on the way ahead; constant velocities, and the safe distance of RSS.
- crossing: somebody on foot is at a crossing ahead, or heads for it: yield.
- right_of_way: a path that crosses the way; yield to people, and to who comes from the right.
- unknown: what nobody can see ahead; drive so that one can stop before it.
- obstacle: something on the way that is no track.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import ConfigError
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Reference,
)
from mm_perception.plugins.drive_advisor.rules import (
    RULES,
    Finding,
    Thresholds,
    inputs_in_time,
    most_cautious,
)
from mm_perception.plugins.drive_advisor.situation import (
    Car,
    Situation,
    ground_of,
    others_of,
    way_of,
)
from mm_perception.samples import Action, Advice, BevGrid, Boxes3D, Odometry, Sample
from mm_perception.samples.sample import Array

_REASONS = 3


@dataclass(frozen=True)
class DriveAdvisorConfig:
    """Settings of the `drive_advisor` plugin."""

    max_speed_mps: float = parameter(
        8.0, 'Limit where nothing is in the way, m/s.', minimum=0.0, live=True
    )
    front_m: float = parameter(2.3, 'From base_link to the front, metres.', minimum=0.0)
    rear_m: float = parameter(2.3, 'From base_link to the rear, metres.', minimum=0.0)
    half_width_m: float = parameter(
        1.0, 'Half of the corridor that it needs, metres, with room at the sides.', minimum=0.1
    )
    turning_rad_s: float = parameter(
        0.15, 'Turning faster than this the way ahead is an arc, else straight on.', minimum=0.0
    )
    needs_map: bool = parameter(True, 'Stop where there is no map, or an old one.')
    stale_after_s: float = parameter(
        0.5, 'Stop if the tracks are older than this, in seconds. They are as old as detector and '
        'tracker take, and the time until the next ones; their age adds to reaction_s.',
        minimum=0.01, live=True,
    )  # fmt: skip
    map_stale_after_s: float = parameter(
        2.0, 'Stop if the map is older than this, in seconds.', minimum=0.01, live=True
    )
    stop_ttc_s: float = parameter(
        1.5, 'Stop if a collision is nearer than this, in seconds.', minimum=0.0, live=True
    )
    slow_ttc_s: float = parameter(
        3.0, 'Slow down if a collision is nearer than this, in seconds.', minimum=0.0, live=True
    )
    reaction_s: float = parameter(
        0.5, 'Seconds until braking takes effect.', minimum=0.0, live=True
    )
    brake_mps2: float = parameter(
        3.5, 'Braking that one is ready to do, m/s^2.', minimum=0.1, live=True
    )
    others_brake_mps2: float = parameter(
        6.0, 'Hardest braking of others, m/s^2.', minimum=0.1, live=True
    )
    stand_m: float = parameter(1.5, 'Room left when standing, metres.', minimum=0.0, live=True)
    caution_sigmas: float = parameter(
        1.0, 'Others are nearer by so many standard deviations of their place.',
        minimum=0.0, live=True,
    )  # fmt: skip
    sure_sigmas: float = parameter(
        2.0, 'Who moves by less than so many standard deviations of its velocity may stand.',
        minimum=0.0, live=True,
    )  # fmt: skip
    look_m: float = parameter(35.0, 'Crossings and map count up to here, metres.', minimum=1.0)
    at_crossing_m: float = parameter(
        1.0, 'Who is nearer to a crossing than this is at it, metres.', minimum=0.0, live=True
    )
    heading_s: float = parameter(
        3.0, 'Who will be there within this is heading for it, seconds.', minimum=0.0, live=True
    )
    gap_s: float = parameter(
        1.5, 'Time between two that cross, seconds; less is a conflict.', minimum=0.0, live=True
    )
    horizon_s: float = parameter(
        6.0, 'Who crosses later than this does not count yet, seconds.', minimum=0.0, live=True
    )
    gives_way_to: str = parameter(
        'right', 'Vehicles from which side have the right of way; people always have it.',
        choices=('right', 'left', 'both', 'none'), live=True,
    )  # fmt: skip
    occupied_percent: int = parameter(
        65, 'Cells of the map from this belief on are occupied.', minimum=1, maximum=100, live=True
    )
    unknown_share: float = parameter(
        0.5, 'Unknown ahead if more than this share of the corridor is.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    hold_s: float = parameter(
        0.5, 'Advice becomes less cautious only after so many seconds.', minimum=0.0, live=True
    )

    def __post_init__(self) -> None:
        """Refuse times that contradict each other."""
        if self.slow_ttc_s < self.stop_ttc_s:
            expected = f'at least stop_ttc_s ({self.stop_ttc_s})'
            raise ConfigError('slow_ttc_s', self.slow_ttc_s, expected)

    def thresholds(self) -> Thresholds:
        """The numbers of the rules."""
        return Thresholds(**{name: getattr(self, name) for name in vars(Thresholds())})

    def car(self) -> Car:
        """The vehicle."""
        return Car(self.front_m, self.rear_m, self.half_width_m)


class DriveAdvisor(Plugin[DriveAdvisorConfig]):
    """Tracks, map and odometry in; advice out."""

    card: ClassVar[Card] = Card(
        title='Advises go, slow, yield or stop, with a reason; advisory only',
        system='5',
        paper='Shalev-Shwartz et al., On a Formal Model of Safe and Scalable Self-Driving Cars, '
        '2017, arXiv 1708.06374 (safe distance); the other rules are explicit in rules.py',
        reference_code='none',
        limits=(
            'Advisory only: not certified, and not fit to control a vehicle.',
            'Everybody is assumed to keep velocity and direction; vehicles go where they point.',
            'The way is straight on or the present arc; it knows no route and no lanes.',
            'It sees no traffic lights and no signs.',
            'Unknown space beside the way, from which somebody may step, does not count.',
            'What was just seen for the first time may be taken to stand a little off its place.',
            'Without odometry it is silent: silence is no go.',
        ),
    )
    Config: ClassVar[type[Any]] = DriveAdvisorConfig
    inputs: ClassVar[dict[str, Port]] = {
        'odometry': Reference(Odometry, 'Of base_link; each gets an advice.'),
        'tracks': Latest(Boxes3D, 'With ids and velocities over ground.'),
        'map': Latest(BevGrid, 'Layer occupied; crossing where it is known.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'advice': Output(Advice, 'One line, and the same as values. Advisory only.'),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: DriveAdvisorConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        #: The last advice that was more than go, by stream.
        self._held: dict[str, Advice] = {}

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Advise.

        Raises:
            TransformUnavailableError: Tracks or map cannot be brought to the frame of odometry.
        """
        odometry = _as(Odometry, inputs.one('odometry'))
        tracks, grid = inputs.maybe('tracks'), inputs.maybe('map')
        thresholds = self.config.thresholds()
        findings = self._lacking(odometry.stamp_ns, tracks, grid)
        if not findings and isinstance(tracks, Boxes3D):
            situation = self._situation(odometry, tracks, grid)
            unseen_s = max((odometry.stamp_ns - tracks.stamp_ns) / 1e9, 0.0)
            thresholds = replace(thresholds, reaction_s=thresholds.reaction_s + unseen_s)
            findings = [found for rule in RULES for found in rule(situation, thresholds)]
        advice = self._advice(odometry, findings, thresholds)
        return {'advice': self._held_back(inputs.stream, advice)}

    def rewind(self, stream: str) -> None:
        """Forget what was advised."""
        self._held.pop(stream, None)

    def reset(self) -> None:
        """Forget what was advised."""
        self._held.clear()

    def _lacking(self, now_ns: int, tracks: Sample | None, grid: Sample | None) -> list[Finding]:
        ages_s = {'tracks': _age_s(now_ns, tracks)}
        if self.config.needs_map:
            ages_s['maps'] = _age_s(now_ns, grid)
        limits_s = {
            'tracks': ('stale_after_s', self.config.stale_after_s),
            'maps': ('map_stale_after_s', self.config.map_stale_after_s),
        }
        has_velocities = not isinstance(tracks, Boxes3D) or tracks.velocities is not None
        return inputs_in_time(ages_s, limits_s, has_velocities=has_velocities)

    def _situation(self, odometry: Odometry, tracks: Boxes3D, grid: Sample | None) -> Situation:
        way = way_of(odometry, self.config.turning_rad_s)
        others = others_of(tracks, self._to_odom(odometry, tracks), odometry, way)
        ground = None
        is_new = grid is not None and (
            abs(odometry.stamp_ns - grid.stamp_ns) <= self.config.map_stale_after_s * 1e9
        )
        if is_new and isinstance(grid, BevGrid):
            ground = ground_of(grid, self._to_odom(odometry, grid), odometry, way)
        return Situation(float(odometry.linear[0]), others, ground, self.config.car())

    def _to_odom(self, odometry: Odometry, sample: Sample) -> Array:
        if sample.frame_id == odometry.frame_id:
            return np.eye(4)
        return self.context.lookup_transform(odometry.frame_id, sample.frame_id, sample.stamp_ns)

    def _advice(
        self, odometry: Odometry, findings: list[Finding], thresholds: Thresholds
    ) -> Advice:
        action, limit, ordered = most_cautious(findings, thresholds)
        reasons = [finding.reason for finding in ordered[:_REASONS]]
        return Advice(
            stamp_ns=odometry.stamp_ns, frame_id=odometry.frame_id, action=action,
            speed_limit_mps=limit, reason='; '.join(reasons) or 'nothing is in the way',
            rules=tuple(dict.fromkeys(finding.rule for finding in ordered)),
            track_ids=tuple(dict.fromkeys(i for f in ordered for i in f.track_ids if i)),
        )  # fmt: skip

    def _held_back(self, stream: str, advice: Advice) -> Advice:
        """Advice that flickers is no advice: caution ends only once it is over for a while."""
        held = self._held.get(stream)
        is_held = (
            held is not None
            and advice.action < held.action
            and 0 <= advice.stamp_ns - held.stamp_ns < self.config.hold_s * 1e9
        )
        if held is not None and is_held:
            return replace(
                advice, action=held.action, rules=held.rules, track_ids=held.track_ids,
                speed_limit_mps=min(held.speed_limit_mps, advice.speed_limit_mps),
                reason=f'a moment ago {held.reason}',
            )  # fmt: skip
        if advice.action is Action.GO:
            self._held.pop(stream, None)
        else:
            self._held[stream] = advice
        return advice


def _age_s(now_ns: int, sample: Sample | None) -> float | None:
    return None if sample is None else (now_ns - sample.stamp_ns) / 1e9


def _as(kind: type[Odometry], sample: Sample) -> Odometry:
    if not isinstance(sample, kind):
        raise ConfigError('odometry', type(sample).__name__, kind.__name__)
    return sample


PLUGIN = DriveAdvisor
