"""Look into other domains for a few seconds: which topics are published there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from itertools import islice

import rclpy
from rclpy.node import Node

_OPEN_S = 3.0
#: A participant costs every other one some work.
_MOST = 8
#: Discovery took up to 3.2 s, measured; where a domain answered, this much longer for the rest.
_WAIT_S = 4.0
_SETTLE_S = 0.5
_PLUMBING = ('/rosout', '/parameter_events')


def look_elsewhere(domains: Iterable[int]) -> dict[int, dict[str, tuple[str, ...]]]:
    """Published topics of other domains with their types; domains without any are left out.

    Takes at most 8 s, however many domains are given: the first eight are looked into, all at
    once, and fewer where they take more than 3 s to open.

    Args:
        domains: Domain ids, the likeliest first.
    """
    views = _open(domains)
    try:
        end_s = time.monotonic() + _WAIT_S
        found: dict[int, dict[str, tuple[str, ...]]] = {}
        while time.monotonic() < end_s and len(found) < len(views):
            time.sleep(_SETTLE_S)
            found = _published(views)
        time.sleep(_SETTLE_S)  # topics of one participant come one after the other
        return _published(views)
    finally:
        for context, node in views.values():
            node.destroy_node()
            rclpy.try_shutdown(context=context)


def _open(domains: Iterable[int]) -> dict[int, tuple[rclpy.Context, Node]]:
    views: dict[int, tuple[rclpy.Context, Node]] = {}
    end_s = time.monotonic() + _OPEN_S
    for domain in islice(domains, _MOST):
        if time.monotonic() > end_s:
            break
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=domain)
        views[domain] = (
            context,
            Node(
                f'_mmp_doctor_{os.getpid()}',
                context=context,
                use_global_arguments=False,
                enable_rosout=False,
                start_parameter_services=False,
            ),
        )
    return views


def _published(
    views: dict[int, tuple[rclpy.Context, Node]],
) -> dict[int, dict[str, tuple[str, ...]]]:
    seen = {
        domain: {
            name: tuple(types)
            for name, types in node.get_topic_names_and_types()
            if name not in _PLUMBING and node.count_publishers(name)
        }
        for domain, (_, node) in views.items()
    }
    return {domain: topics for domain, topics in seen.items() if topics}
