"""What is missing here and published in another domain."""

from __future__ import annotations

import pytest

from mm_perception.diagnosis import domains
from mm_perception.diagnosis.checks import run_checks
from mm_perception.diagnosis.snapshot import Endpoint, Machine, Snapshot, Topic, Wanted

IMAGE = 'sensor_msgs/msg/Image'
VIEWER = Topic('/cam', (), (Endpoint('/viewer', IMAGE),))
BUSY = Topic('/x', (Endpoint('/n', 'std_msgs/msg/String'),))
PC = Machine(domain_id=3, domains={3: ('me (pid 1)',), 42: ('robot.py (pid 7)',), 50: ()})
THERE = {42: {'/cam': (IMAGE,)}, 50: {'/y': ('std_msgs/msg/String',)}}


def snapshot(*topics: Topic, **kwargs) -> Snapshot:
    given = {'machine': PC, 'elsewhere': THERE, **kwargs}
    return Snapshot(topics={t.name: t for t in topics}, **given)


@pytest.mark.parametrize('topics', [(VIEWER,), (VIEWER, BUSY), ()])
def test_the_other_domain_its_topic_and_its_program_are_named(topics: tuple[Topic, ...]) -> None:
    first, *rest = run_checks(snapshot(*topics))
    assert first.cause == 'wrong_domain'
    for words in ('ROS_DOMAIN_ID is 3 here', 'domain 42 has /cam', 'robot.py (pid 7)'):
        assert words in first.evidence
    assert first.fix.startswith('export ROS_DOMAIN_ID=42')
    assert {f.follows for f in rest} <= {'wrong_domain'}


def test_what_a_stack_wants_counts() -> None:
    wanted = (Wanted('/seg', 'image', '/cam', (IMAGE,)),)
    (finding,) = domains.wrong_domain(snapshot(BUSY, wanted=wanted))
    assert finding.names == ('/cam',)


def test_same_name_of_another_type_is_no_match() -> None:
    seen = snapshot(VIEWER, BUSY, elsewhere={42: {'/cam': ('std_msgs/msg/String',)}})
    assert domains.wrong_domain(seen) == []


def test_nobody_looks_elsewhere_while_nothing_is_missing() -> None:
    assert domains.suspects(snapshot(BUSY)) == ()
    assert domains.wrong_domain(snapshot(BUSY)) == []
    assert domains.suspects(snapshot(VIEWER)) == (42, 50)


@pytest.mark.parametrize(('scope', 'hint'), [('LOCALHOST', 'SUBNET'), ('SUBNET', 'UDP')])
def test_empty_graph_without_another_domain(scope: str, hint: str) -> None:
    (finding,) = domains.nobody_here(Snapshot(machine=Machine(discovery_range=scope)))
    assert hint in finding.fix
    assert domains.nobody_here(snapshot(BUSY)) == []
