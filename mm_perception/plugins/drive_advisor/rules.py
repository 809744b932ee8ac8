"""The rules, one function each: a situation and thresholds in, findings out; nothing remembered.

A finding never makes another one weaker: the most cautious action counts, and the lowest limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mm_perception.plugins.drive_advisor.situation import PEOPLE, Other, Situation
from mm_perception.samples import Action
from mm_perception.samples.sample import Array

#: Slower than that one stands.
_STANDS_MPS = 0.3
#: A limit below that is none to drive by.
_CREEPS_MPS = 0.5
#: Who goes along the way within that angle does not cross it.
_CROSSING_ANGLE = np.deg2rad(30)
_STEP_M = 0.5


@dataclass(frozen=True)
class Thresholds:
    """Numbers of the rules; `DriveAdvisorConfig` explains each."""

    max_speed_mps: float = 8.0
    stop_ttc_s: float = 1.5
    slow_ttc_s: float = 3.0
    reaction_s: float = 0.5
    brake_mps2: float = 3.5
    others_brake_mps2: float = 6.0
    stand_m: float = 1.5
    caution_sigmas: float = 1.0
    sure_sigmas: float = 2.0
    look_m: float = 35.0
    at_crossing_m: float = 1.0
    heading_s: float = 3.0
    gap_s: float = 1.5
    horizon_s: float = 6.0
    gives_way_to: str = 'right'
    occupied_percent: int = 65
    unknown_share: float = 0.5


@dataclass(frozen=True)
class Finding:
    """What one rule says.

    Attributes:
        rule: Its name.
        action: What it asks for.
        limit_mps: Drive no faster.
        reason: In words.
        track_ids: Because of whom.
    """

    rule: str
    action: Action
    limit_mps: float
    reason: str
    track_ids: tuple[str, ...] = ()


def safe_speed(gap_m: float, lead_mps: float, t: Thresholds) -> float:
    """Speed, m/s, from which one can stop behind what is ahead, whatever it does.

    After Shalev-Shwartz et al., On a Formal Model of Safe and Scalable Self-Driving Cars, 2017,
    arXiv 1708.06374, definition 1, solved for the speed: it brakes as hard as it can; one goes on
    for the reaction time, brakes, and still has `stand_m` left.

    Convention:
        10 m behind what stands, with 1 s to react, 2 m/s^2 and 0 m left: 4.63 m/s.
    """
    room = gap_m - t.stand_m + max(lead_mps, 0.0) ** 2 / (2 * t.others_brake_mps2)
    if room <= 0:
        return 0.0
    lost = t.brake_mps2 * t.reaction_s
    return float(np.sqrt(lost**2 + 2 * t.brake_mps2 * room) - lost)


def inputs_in_time(
    ages_s: Mapping[str, float | None], limits_s: Mapping[str, tuple[str, float]], *,
    has_velocities: bool,
) -> list[Finding]:  # fmt: skip
    """Stop: what the advice would rest on is missing or old.

    Args:
        ages_s: Of each input that is needed; None for one that never came.
        limits_s: Name of the parameter that limits each, and its value.
        has_velocities: Whether the tracks have any.
    """
    reasons = []
    for name, age in ages_s.items():
        parameter, limit = limits_s[name]
        if age is None:
            reasons.append(f'there are no {name} yet')
        elif abs(age) > limit:
            reasons.append(f'the {name} are {age:.1f} s old, {parameter} allows {limit:g} s')
    if not has_velocities:
        reasons.append('the tracks have no velocities')
    return [Finding('inputs', Action.STOP, 0.0, reason) for reason in reasons]


def time_to_collision(now: Situation, t: Thresholds) -> list[Finding]:
    """Stop or slow: somebody is on the way ahead, and comes nearer or is too near."""
    found = []
    for other in now.others:
        if not _is_on_way(now, other) or other.x + other.half_x < now.car.front_m:
            continue
        gap = max(other.x - other.half_x - now.car.front_m - t.caution_sigmas * other.sigma_m, 0)
        closing = now.speed - other.vx
        ttc = gap / closing if closing > 0.1 else np.inf
        limit = safe_speed(gap, other.vx, t)
        action = Action.GO
        if ttc < t.stop_ttc_s or limit < _CREEPS_MPS:
            action, limit = Action.STOP, 0.0
        elif ttc < t.slow_ttc_s or limit < now.speed:
            action = Action.SLOW
        elif limit >= t.max_speed_mps:
            continue
        reason = f'{other.name} is {gap:.0f} m ahead'
        if np.isfinite(ttc):
            reason += f', {ttc:.1f} s to a collision'
        found.append(Finding('time_to_collision', action, limit, reason, (other.track_id,)))
    return found


def people_at_crossing(now: Situation, t: Thresholds) -> list[Finding]:
    """Yield: somebody on foot is on a crossing ahead, waits at it, or heads for it."""
    found = []
    for crossing in crossings_ahead(now, t):
        distance = float(crossing[:, 0].min()) - now.car.front_m
        for other in now.others:
            if other.kind not in PEOPLE or _has_left(now, other, t):
                continue
            how = _how_at(crossing, other, t)
            if how:
                limit = safe_speed(distance, 0.0, t)
                reason = f'{other.name} {how} the crossing {distance:.0f} m ahead'
                found.append(Finding('crossing', Action.YIELD, limit, reason, (other.track_id,)))
    return found


def crossings_ahead(now: Situation, t: Thresholds) -> list[Array]:
    """Cells (N, 2) of each crossing that the way leads over, nearest first."""
    if now.ground is None:
        return []
    cells = now.ground.places('crossing')
    cells = cells[np.isfinite(cells[:, 0])]
    is_ahead = (cells[:, 0] > now.car.front_m) & (cells[:, 0] < now.car.front_m + t.look_m)
    on_way = np.sort(cells[is_ahead & (np.abs(cells[:, 1]) <= now.car.half_width_m), 0])
    if len(on_way) == 0:
        return []
    parts = np.split(on_way, np.flatnonzero(np.diff(on_way) > 2 * _STEP_M) + 1)
    spans = [(part[0] - _STEP_M, part[-1] + _STEP_M) for part in parts]
    return [cells[(cells[:, 0] >= low) & (cells[:, 0] <= high)] for low, high in spans]


def right_of_way(now: Situation, t: Thresholds) -> list[Finding]:
    """Yield or slow: somebody's path crosses the way, about when the vehicle is there."""
    found = []
    for other in now.others:
        when = _crosses(now, other, t)
        if when is None:
            continue
        middle = other.x + other.vx * sum(when) / 2
        distance = middle - other.half_x - now.car.front_m
        speed = max(now.speed, 2 * _CREEPS_MPS)  # who stands may start
        arrives = max(distance, 0.0) / speed
        leaves = (middle + other.half_x + now.car.rear_m) / speed
        if distance + 2 * other.half_x < 0 or distance > t.look_m:
            continue
        if when[0] - t.gap_s > leaves or when[1] + t.gap_s < arrives:
            continue
        side = 'right' if other.y < 0 else 'left'
        limit = safe_speed(distance, 0.0, t)
        must_wait = other.kind in PEOPLE or t.gives_way_to in (side, 'both')
        reason = f'{other.name} crosses from the {side} in {when[0]:.1f} s, {distance:.0f} m ahead'
        if not must_wait:
            reason += ', though it has to give way'
        action = Action.YIELD if must_wait else Action.SLOW
        found.append(Finding('right_of_way', action, limit, reason, (other.track_id,)))
    return found


def unknown_ahead(now: Situation, t: Thresholds) -> list[Finding]:
    """Slow: beyond some place ahead nobody knows what is there; be able to stop before it."""
    if now.ground is None:
        return []
    cells, x = _strip(now, 'occupied', t)
    unknown = np.flatnonzero((cells < 0).mean(axis=1) > t.unknown_share)
    if len(unknown) == 0:
        return []
    distance = float(x[unknown[0]]) - now.car.front_m
    limit = safe_speed(distance, 0.0, t)
    reason = f'what is {distance:.0f} m ahead cannot be seen'
    return [Finding('unknown', _slow_or_stop(limit, now), limit, reason)]


def obstacle_ahead(now: Situation, t: Thresholds) -> list[Finding]:
    """Slow or stop: the map has something on the way that is no track's."""
    if now.ground is None:
        return []
    cells, x = _strip(now, 'occupied', t)
    is_taken = cells >= t.occupied_percent
    for row, column in zip(*np.nonzero(is_taken), strict=True):
        y = _across(now)[column]
        if any(_is_at(o, float(x[row]), float(y), now.ground.age_s) for o in now.others):
            continue
        distance = float(x[row]) - now.car.front_m
        limit = safe_speed(distance, 0.0, t)
        reason = f'something that is no track stands {distance:.0f} m ahead'
        return [Finding('obstacle', _slow_or_stop(limit, now), limit, reason)]
    return []


RULES = (time_to_collision, people_at_crossing, right_of_way, unknown_ahead, obstacle_ahead)


def most_cautious(
    findings: Iterable[Finding], t: Thresholds
) -> tuple[Action, float, list[Finding]]:
    """The action and limit that satisfy all findings, and the findings, most cautious first."""
    ordered = sorted(findings, key=lambda f: (-f.action, f.limit_mps, f.track_ids))
    action = max((f.action for f in ordered), default=Action.GO)
    limit = min((f.limit_mps for f in ordered), default=t.max_speed_mps)
    return action, 0.0 if action is Action.STOP else min(limit, t.max_speed_mps), ordered


def _is_on_way(now: Situation, other: Other) -> bool:
    return abs(other.y) - other.half_y <= now.car.half_width_m


def _moves_mps(other: Other, t: Thresholds) -> float:
    """Somebody slower than this may as well stand."""
    return max(_STANDS_MPS, t.sure_sigmas * other.sigma_mps)


def _has_left(now: Situation, other: Other, t: Thresholds) -> bool:
    """Beside the way, and surely going away from it."""
    return not _is_on_way(now, other) and other.vy * np.sign(other.y) > _moves_mps(other, t)


def _how_at(crossing: Array, other: Other, t: Thresholds) -> str:
    """How somebody has to do with a crossing; empty for not at all."""
    at, speed = np.array([other.x, other.y]), np.array([other.vx, other.vy])
    if np.linalg.norm(crossing - at, axis=1).min() <= t.at_crossing_m:
        return 'is at'
    if np.linalg.norm(speed) <= _moves_mps(other, t):
        return ''
    later = at + np.arange(0.25, t.heading_s + 1e-9, 0.25)[:, None] * speed
    near = np.linalg.norm(crossing[None] - later[:, None], axis=2).min()
    return 'is heading for' if near <= t.at_crossing_m else ''


def _crosses(now: Situation, other: Other, t: Thresholds) -> tuple[float, float] | None:
    """From when to when, in seconds, somebody who is beside the way will be on it."""
    angle = np.arctan2(abs(other.vy), abs(other.vx))
    is_coming = other.vy * np.sign(other.y) < -_moves_mps(other, t)
    if _is_on_way(now, other) or not is_coming or angle < _CROSSING_ANGLE:
        return None
    reach = now.car.half_width_m + other.half_y
    enters = (abs(other.y) - reach) / abs(other.vy)
    return (enters, enters + 2 * reach / abs(other.vy)) if enters <= t.horizon_s else None


def _across(now: Situation) -> Array:
    return np.linspace(-1, 1, 5) * now.car.half_width_m * 0.9


def _strip(now: Situation, layer: str, t: Thresholds) -> tuple[Array, Array]:
    """What a layer says along the way: (X, Y) int8, and the X metres along it."""
    x = np.arange(now.car.front_m + _STEP_M / 2, now.car.front_m + t.look_m, _STEP_M)
    y = _across(now)
    places = np.stack(np.meshgrid(x, y, indexing='ij'), axis=-1)
    if now.ground is None:
        return np.full((len(x), len(y)), -1, np.int8), x
    return now.ground.lookup(layer, places.reshape(-1, 2)).reshape(len(x), len(y)), x


def _is_at(other: Other, x: float, y: float, ago_s: float) -> bool:
    """Whether somebody was at a place when the map was made, half a metre more or less."""
    away_x, away_y = abs(other.x - other.vx * ago_s - x), abs(other.y - other.vy * ago_s - y)
    return away_x <= other.half_x + _STEP_M and away_y <= other.half_y + _STEP_M


def _slow_or_stop(limit: float, now: Situation) -> Action:
    if limit < _CREEPS_MPS:
        return Action.STOP
    return Action.SLOW if limit < now.speed else Action.GO
