"""The cause comes before its consequences."""

from __future__ import annotations

from mm_perception.diagnosis.finding import Finding, exit_code, ok, table
from mm_perception.diagnosis.ranking import ranked
from mm_perception.faults import Level


def finding(cause: str, subject: str, evidence: str = '', level: Level = Level.ERROR, names=()):
    return Finding(level, cause, subject, evidence, 'mend it', names)


def test_a_cause_is_as_bad_as_what_follows_from_it() -> None:
    late = finding('stamp_skew', '/cam', level=Level.WARN)
    apart = finding('sensor_skew', '/cam and /lidar', '/cam is late')
    first, second = ranked([apart, late])
    assert (first.cause, first.level, first.follows) == ('stamp_skew', Level.ERROR, '')
    assert (second.cause, second.follows) == ('sensor_skew', 'stamp_skew')


def test_the_root_of_a_chain_is_named() -> None:
    findings = [
        finding('diagnostic', '/seg', 'no image on /cam: nothing yet'),
        finding('no_publisher', '/seg input image <- /cam', names=('/cam',)),
        finding('nobody_here', 'domain 3'),
        finding('wrong_domain', 'domain 3', names=('/cam',)),
    ]
    assert [(f.cause, f.follows) for f in ranked(findings)] == [
        ('wrong_domain', ''),
        ('nobody_here', 'wrong_domain'),
        ('no_publisher', 'wrong_domain'),
        ('diagnostic', 'wrong_domain'),
    ]


def test_what_is_about_something_else_stays_a_cause() -> None:
    findings = [
        finding('qos_mismatch', '/cam'),
        finding('diagnostic', '/seg', 'no image on /cam_left: nothing yet'),
        finding('diagnostic', '/map', 'no cloud on /cam/points: nothing yet'),
    ]
    assert [f.follows for f in ranked(findings)] == ['', '', '']


def test_order_is_root_to_symptom_and_fine_last() -> None:
    findings = [
        ok('stream', '/a', 'fine'),
        finding('node_inactive', '/n', level=Level.WARN),
        finding('frame_missing', '/b', level=Level.WARN),
        finding('nothing_arrives', '/c'),
    ]
    order = [f.cause for f in ranked(findings)]
    assert order == ['nothing_arrives', 'frame_missing', 'node_inactive', 'stream']


def test_what_is_fine_explains_nothing() -> None:
    findings = [ok('no_publisher', '/p', 'no prompt yet'), finding('diagnostic', '/n', 'on /p: x')]
    assert exit_code(ranked(findings)) == 2
    assert ranked(findings)[0].follows == ''


def test_table_says_from_what_it_follows_and_not_how_to_mend_it() -> None:
    findings = ranked([finding('no_publisher', '/cam'), finding('diagnostic', '/n', 'on /cam: x')])
    text = table(findings)
    assert text.count('fix: mend it') == 1
    assert 'follows from no_publisher' in text
