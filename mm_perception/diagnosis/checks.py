"""Every check there is, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mm_perception.diagnosis import delivery, domains, frames, host, nodes, payload, timing, wiring
from mm_perception.diagnosis.finding import Finding, ok
from mm_perception.diagnosis.ranking import ranked
from mm_perception.diagnosis.snapshot import Snapshot

Check = Callable[[Snapshot], list[Finding]]

CHECKS: tuple[Check, ...] = (
    host.discovery_off,
    domains.wrong_domain,
    domains.nobody_here,
    wiring.missing_inputs,
    wiring.unheard_subscriptions,
    wiring.unheard_outputs,
    wiring.qos_mismatch,
    wiring.type_conflict,
    wiring.type_hash_mismatch,
    delivery.large_best_effort,
    delivery.nothing_arrives,
    payload.unsupported_encoding,
    payload.camera_info,
    timing.unstamped,
    timing.other_clock,
    timing.late_stamps,
    timing.sensor_skew,
    timing.backward_stamps,
    timing.stream_gaps,
    timing.sim_time_without_clock,
    frames.missing_frames,
    frames.disconnected,
    frames.two_parents,
    frames.transform_gaps,
    nodes.inactive_nodes,
    nodes.absent_nodes,
    nodes.diagnostics,
    nodes.random_weights,
    host.cpu_fallback,
    host.low_shared_memory,
)


def run_checks(snapshot: Snapshot, also: Iterable[Finding] = ()) -> list[Finding]:
    """All findings of all checks, causes before their consequences.

    Streams that arrive and have no finding are listed as OK.

    Args:
        snapshot: What was seen.
        also: Findings from elsewhere, such as of a stack that is not started yet.
    """
    findings = [*also, *(finding for check in CHECKS for finding in check(snapshot))]
    blamed = ' '.join(f.subject for f in findings)
    for name, traffic in sorted(timing.sensor_traffic(snapshot).items()):
        if name not in blamed:
            about = ', '.join((*snapshot.topics[name].types, *traffic.encodings))
            frame = ', '.join(traffic.frame_ids)
            rate = f'{traffic.rate_hz:.1f} Hz' if traffic.count > 1 else '1 message'
            evidence = f'{rate}, {about}, frame {frame}'
            findings.append(ok('stream', name, evidence))
    return ranked(findings)
