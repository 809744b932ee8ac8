"""Publishers and subscribers: every cause on a hand-made snapshot, and its absence."""

from __future__ import annotations

import pytest

from mm_perception.diagnosis import wiring
from mm_perception.diagnosis.snapshot import Endpoint, Qos, Snapshot, Topic, Traffic, Wanted
from mm_perception.faults import Level

IMAGE = 'sensor_msgs/msg/Image'
CLOUD = 'sensor_msgs/msg/PointCloud2'
PROMPT = 'mm_perception_msgs/msg/Prompt'


def topic(name: str, pubs: list[Endpoint] = (), subs: list[Endpoint] = (), **kwargs) -> Topic:
    return Topic(name, tuple(pubs), tuple(subs), **kwargs)


def snapshot(*topics: Topic, **kwargs) -> Snapshot:
    return Snapshot(topics={t.name: t for t in topics}, **kwargs)


def wanted(name: str, **kwargs) -> Wanted:
    return Wanted('/seg', 'image', name, (IMAGE,), **kwargs)


CAMERA = Endpoint('/driver', IMAGE)
LIDAR = Endpoint('/velodyne', CLOUD)


def test_missing_input_names_the_topics_that_could_be_meant() -> None:
    seen = snapshot(
        topic('/camera/image_rect', [CAMERA]),
        topic('/lidar/points', [LIDAR]),
        wanted=(wanted('/camera/image_raw'),),
    )
    (finding,) = wiring.missing_inputs(seen)
    assert (finding.level, finding.cause) == (Level.ERROR, 'no_publisher')
    assert '/camera/image_rect' in finding.evidence
    assert '/lidar/points' not in finding.evidence
    assert 'nodes.seg.inputs.image: /camera/image_rect' in finding.fix


def test_missing_input_without_candidates_asks_for_a_driver() -> None:
    seen = snapshot(topic('/lidar/points', [LIDAR]), wanted=(wanted('/camera/image_raw'),))
    (finding,) = wiring.missing_inputs(seen)
    assert 'no topic of that type' in finding.evidence
    assert IMAGE in finding.fix


def test_similar_name_of_another_type_is_named_with_its_type() -> None:
    seen = snapshot(topic('/camera/image_raws', [LIDAR]), wanted=(wanted('/camera/image_raw'),))
    (finding,) = wiring.missing_inputs(seen)
    assert f'/camera/image_raws ({CLOUD})' in finding.evidence


def test_optional_input_is_a_warning_and_a_prompt_is_none() -> None:
    seen = snapshot(
        wanted=(
            wanted('/a', is_required=False),
            Wanted('/seg', 'prompt', '/prompt', (PROMPT,), is_required=False, is_event=True),
        )
    )
    levels = {f.subject.split()[2]: f.level for f in wiring.missing_inputs(seen)}
    assert levels == {'image': Level.WARN, 'prompt': Level.OK}


def test_input_of_a_wrong_type_and_input_that_is_right() -> None:
    seen = snapshot(
        topic('/points', [LIDAR]),
        topic('/good', [CAMERA], traffic=Traffic(count=11, span_s=1.0, encodings=('rgb8',))),
        wanted=(wanted('/points'), wanted('/good')),
    )
    wrong, right = wiring.missing_inputs(seen)
    assert wrong.cause == 'wrong_type'
    assert CLOUD in wrong.evidence
    assert right.level is Level.OK
    assert '10.0 Hz' in right.evidence


def test_subscription_to_a_sensor_without_publisher() -> None:
    seen = snapshot(
        topic('/camera/image', [], [Endpoint('/viewer', IMAGE)]),
        topic('/camera/image_raw', [CAMERA]),
        topic('/prompt', [], [Endpoint('/seg', PROMPT)]),
        topic('/info', [], [Endpoint('/seg', 'sensor_msgs/msg/CameraInfo')]),
    )
    found = {f.subject: f for f in wiring.unheard_subscriptions(seen)}
    assert set(found) == {'/camera/image', '/info'}
    assert found['/camera/image'].level is Level.ERROR
    assert '/viewer' in found['/camera/image'].evidence
    assert '/camera/image:=/camera/image_raw' in found['/camera/image'].fix
    assert found['/info'].level is Level.WARN


def test_node_whose_outputs_nobody_hears() -> None:
    ours = Endpoint('/robot/seg', IMAGE)
    listener = Endpoint('/rviz', IMAGE)
    deaf = snapshot(topic('/robot/seg/output/masks', [ours]), topic('/robot/seg/output/x', [ours]))
    (finding,) = wiring.unheard_outputs(deaf)
    assert (finding.cause, finding.subject) == ('no_subscriber', '/robot/seg')
    assert '2 outputs' in finding.evidence
    heard = snapshot(
        topic('/robot/seg/output/masks', [ours], [listener]), topic('/robot/seg/output/x', [ours])
    )
    assert wiring.unheard_outputs(heard) == []


@pytest.mark.parametrize(
    ('offered', 'requested', 'policy'),
    [
        (Qos('best_effort'), Qos('reliable'), 'reliability'),
        (Qos('reliable'), Qos('best_effort'), ''),
        (Qos('best_effort'), Qos('best_effort'), ''),
        (Qos('reliable', 'volatile'), Qos('reliable', 'transient_local'), 'durability'),
        (Qos('reliable', 'transient_local'), Qos('reliable', 'volatile'), ''),
    ],
)
def test_qos_rules(offered: Qos, requested: Qos, policy: str) -> None:
    assert wiring.incompatible(offered, requested) == policy


def test_qos_mismatch_names_both_nodes_and_both_sides() -> None:
    writer = Endpoint('/driver', IMAGE, Qos('best_effort'))
    readers = [
        Endpoint('/bad', IMAGE, Qos('reliable')),
        Endpoint('/good', IMAGE, Qos('best_effort')),
    ]
    (finding,) = wiring.qos_mismatch(snapshot(topic('/image', [writer], readers)))
    assert finding.level is Level.ERROR
    assert '/driver offers reliability best_effort' in finding.evidence
    assert '/bad asks for reliable' in finding.evidence
    assert '/bad' in finding.fix


def test_two_types_under_one_name() -> None:
    (finding,) = wiring.type_conflict(snapshot(topic('/x', [CAMERA], [LIDAR])))
    assert finding.cause == 'type_conflict'
    assert '/driver' in finding.evidence
    assert '/velodyne' in finding.evidence


def test_type_hash_mismatch_between_nodes_and_with_this_environment() -> None:
    old = Endpoint('/old', IMAGE, type_hash='RIHS01_aaaa')
    new = Endpoint('/new', IMAGE, type_hash='RIHS01_bbbb')
    (finding,) = wiring.type_hash_mismatch(snapshot(topic('/x', [old], [new])))
    assert finding.level is Level.ERROR
    assert '/old' in finding.evidence
    assert '/new' in finding.evidence
    assert 'sensor_msgs' in finding.fix
    here = snapshot(topic('/x', [old]), hashes_here={IMAGE: 'RIHS01_cccc'})
    (finding,) = wiring.type_hash_mismatch(here)
    assert 'this environment' in finding.evidence
    equal = snapshot(topic('/x', [old], [old]), hashes_here={IMAGE: 'RIHS01_aaaa'})
    assert wiring.type_hash_mismatch(equal) == []


def test_unknown_hash_is_no_mismatch() -> None:
    old = Endpoint('/old', IMAGE, type_hash='RIHS01_aaaa')
    assert wiring.type_hash_mismatch(snapshot(topic('/x', [old], [CAMERA]))) == []
