"""Are the stamps usable: one clock, one direction, no gaps, no simulated time by accident."""

from __future__ import annotations

from itertools import combinations

from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.snapshot import Snapshot, Topic, Traffic
from mm_perception.faults import Level

_DAY_S = 86_400.0
_YEAR_2001_NS = 10**18
#: Stamps that are less than this away from /clock come from it.
_SAME_CLOCK_S = 60.0
_LATE_S = 0.5
_FUTURE_S = 0.05
_SKEW_S = 0.1
_SKEW_ERROR_S = 1.0
#: Spinning LiDARs turn 5 to 20 times a second.
_SLOWEST_TURN_S = 0.2
_GAP_PERIODS = 5.0
_MIN_GAP_S = 0.5
_CLOUD = 'sensor_msgs/msg/PointCloud2'
_SENSORS = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', _CLOUD)
#: What a node on /diagnostics calls an input that is too old for it.
_STALE = 'StaleInputError'


def sensor_traffic(snapshot: Snapshot) -> dict[str, Traffic]:
    """Stamped images and clouds that arrived, results of our own nodes left out."""
    return {
        name: traffic
        for name, traffic in snapshot.traffic().items()
        if set(snapshot.topics[name].types) & set(_SENSORS)
        and not {'output', 'debug'} & set(name.split('/'))
    }


def unstamped(snapshot: Snapshot) -> list[Finding]:
    """Sensor messages whose stamp is zero."""
    return [
        Finding(
            Level.ERROR,
            'unstamped',
            name,
            f'all {traffic.count} stamps are zero; nothing can be matched or transformed',
            'let the driver fill header.stamp with the moment of exposure',
        )
        for name, traffic in sorted(sensor_traffic(snapshot).items())
        if traffic.lag_s is not None and traffic.last_stamp_ns == 0
    ]


def other_clock(snapshot: Snapshot) -> list[Finding]:
    """Stamps of a clock that is not the one the nodes use: simulated, bag or uptime."""
    findings = []
    for name, traffic in sorted(sensor_traffic(snapshot).items()):
        if not _is_foreign(snapshot, traffic):
            continue
        evidence = f'stamps are at {traffic.last_stamp_ns / 1e9:.3f} s, {_ago(traffic.lag_s or 0)}'
        level = Level.ERROR
        if _is_on_clock(snapshot, traffic):
            real = _on_wall_time(snapshot, name)
            if not real:
                continue
            evidence += (
                f'; /clock is there, at {snapshot.clock.now_ns / 1e9:.3f} s, but '
                f'{", ".join(real)} use wall time (use_sim_time is false)'
            )
            fix = f'ros2 param set {real[0]} use_sim_time true, or start with use_sim_time:=true'
        elif snapshot.is_live:
            fix = (
                'a bag is played without a clock: play it with --clock and start the nodes with '
                'use_sim_time:=true; or let the driver stamp with system time'
            )
        else:
            level = Level.WARN
            evidence += '; recorded with another clock than the log time'
            fix = 'replay by stamps (mmp replay does); do not mix with topics stamped in wall time'
        findings.append(Finding(level, 'other_clock', name, evidence, fix, (name, _STALE)))
    return findings


def _on_wall_time(snapshot: Snapshot, name: str) -> list[str]:
    """Nodes that use wall time, without those that give the time and the stamps."""
    givers = {
        publisher.node
        for topic in ('/clock', name)
        for publisher in snapshot.topics.get(topic, Topic(topic)).publishers
    }
    return [n.name for n in snapshot.nodes if n.use_sim_time is False and n.name not in givers]


def _is_on_clock(snapshot: Snapshot, traffic: Traffic) -> bool:
    away_s = abs(snapshot.clock.now_ns - traffic.last_stamp_ns) / 1e9
    return snapshot.clock.count > 0 and away_s < _SAME_CLOCK_S


def _is_foreign(snapshot: Snapshot, traffic: Traffic) -> bool:
    if traffic.lag_s is None or traffic.last_stamp_ns == 0:
        return False
    if abs(traffic.lag_s) > _DAY_S or traffic.last_stamp_ns < _YEAR_2001_NS:
        return True
    return abs(traffic.lag_s) > _SAME_CLOCK_S and _is_on_clock(snapshot, traffic)


def _ago(lag_s: float) -> str:
    side = 'behind' if lag_s >= 0 else 'ahead of'
    size = abs(lag_s)
    amount = f'{size / _DAY_S:.1f} days' if size > _DAY_S else f'{size * 1e3:.0f} ms'
    return f'{amount} {side} their arrival'


def late_stamps(snapshot: Snapshot) -> list[Finding]:
    """Stamps that lag behind the clock, or lie in the future."""
    findings = []
    for name, traffic in sorted(sensor_traffic(snapshot).items()):
        lag_s = traffic.lag_s
        if lag_s is None or traffic.last_stamp_ns == 0 or _is_foreign(snapshot, traffic):
            continue
        if lag_s > _LATE_S:
            fix = (
                'find the backlog (queue depth, slow link, driver buffer): ros2 topic delay '
                f'{name}; between machines synchronise clocks with chrony or PTP'
            )
        elif lag_s < -_FUTURE_S:
            fix = 'clocks of two machines differ: synchronise them with chrony or PTP'
        else:
            continue
        evidence = f'stamps are {_ago(lag_s)} (median of {traffic.count})'
        findings.append(Finding(Level.WARN, 'stamp_skew', name, evidence, fix, (name, _STALE)))
    return findings


def sensor_skew(snapshot: Snapshot) -> list[Finding]:
    """Sensors whose stamps run apart cannot be matched.

    A scan is stamped with the start of its turn, and comes when it is over: so much of what it
    lags is no skew.
    """
    seen = {
        name: t
        for name, t in sensor_traffic(snapshot).items()
        if t.lag_s is not None and t.last_stamp_ns > 0
    }
    lags = {name: t.lag_s or 0.0 for name, t in seen.items()}
    turns = {name: _turn_s(snapshot.topics[name], t) for name, t in seen.items()}
    worst: tuple[float, str, str] | None = None
    for first, second in combinations(sorted(lags), 2):
        late, early = sorted((first, second), key=lags.__getitem__, reverse=True)
        apart_s = lags[late] - turns[late] - lags[early]
        if apart_s > _SKEW_S and (worst is None or apart_s > worst[0]):
            worst = (apart_s, first, second)
    if worst is None:
        return []
    apart_s, first, second = worst
    evidence = (
        f'{first} is {_ago(lags[first])}, {second} {_ago(lags[second])}: '
        f'{apart_s * 1e3:.0f} ms apart'
    )
    turn_s = turns[max((first, second), key=lags.__getitem__)]
    evidence += f', besides the {turn_s * 1e3:.0f} ms of a scan' if turn_s else ''
    fix = (
        f'synchronise the clocks of both drivers (PTP, chrony, hardware trigger), or raise the '
        f'tolerance_s of the matching above {apart_s:.2f} s'
    )
    level = Level.ERROR if apart_s > _SKEW_ERROR_S else Level.WARN
    return [Finding(level, 'sensor_skew', f'{first} and {second}', evidence, fix)]


def _turn_s(topic: Topic, traffic: Traffic) -> float:
    """How long a scan takes at most: its period, and no more than that of a slow LiDAR."""
    if _CLOUD not in topic.types or traffic.count < 2:
        return 0.0
    stamped_s = (traffic.last_stamp_ns - traffic.first_stamp_ns) / 1e9
    return min(max(0.0, stamped_s / (traffic.count - 1)), _SLOWEST_TURN_S)


def backward_stamps(snapshot: Snapshot) -> list[Finding]:
    """Stamps that jump back within one topic."""
    return [
        Finding(
            Level.WARN,
            'backward_stamps',
            name,
            f'stamps go back {traffic.num_backwards} times in {traffic.count} messages',
            'look for two publishers on one topic, a looping bag, or a clock that was set',
        )
        for name, traffic in sorted(sensor_traffic(snapshot).items())
        if traffic.num_backwards
    ]


def stream_gaps(snapshot: Snapshot) -> list[Finding]:
    """A pause in a stream that is much longer than its period."""
    findings = []
    for name, traffic in sorted(sensor_traffic(snapshot).items()):
        stamped_s = (traffic.last_stamp_ns - traffic.first_stamp_ns) / 1e9
        if traffic.count < 4 or stamped_s <= 0:
            continue
        usual_s = (stamped_s - traffic.longest_gap_s) / (traffic.count - 2)
        if traffic.longest_gap_s > max(_MIN_GAP_S, _GAP_PERIODS * usual_s):
            evidence = (
                f'{traffic.longest_gap_s:.2f} s without a message, '
                f'usual are {usual_s * 1e3:.0f} ms'
            )
            fix = 'look for a driver that restarts, a full disk while recording, or a bad link'
            findings.append(Finding(Level.WARN, 'stream_gap', name, evidence, fix))
    return findings


def sim_time_without_clock(snapshot: Snapshot) -> list[Finding]:
    """Nodes on simulated time stand still when nobody publishes /clock."""
    waiting = [n.name for n in snapshot.nodes if n.use_sim_time]
    clock = snapshot.topics.get('/clock')
    if not waiting or not snapshot.is_live or snapshot.clock.count:
        return []
    is_there = bool(clock and clock.publishers)
    seen = 'published but silent' if is_there else 'not published'
    evidence = (
        f'use_sim_time is true, /clock is {seen}; time stands still for {", ".join(waiting)}'
    )
    fix = (
        f'start the simulator or play the bag with --clock; or ros2 param set {waiting[0]} '
        f'use_sim_time false'
    )
    return [Finding(Level.ERROR, 'no_clock', '/clock', evidence, fix)]
