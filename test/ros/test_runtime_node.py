"""Lifecycle, parameters, failures and diagnostics of a hosted plugin."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from diagnostic_msgs.msg import DiagnosticStatus
from mm_perception_msgs.msg import TextStamped as Text

from test.ros.rig import Rig

pytestmark = pytest.mark.ros


def eye(**parameters: object) -> dict[str, object]:
    inputs = {'image': '/camera/image'}
    return {'eye': {'plugin': 'patient', 'inputs': inputs, 'parameters': parameters}}


def test_lifecycle_up_down_up_again(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(eye(), '--no-autostart')
    assert rig.state('eye') == 'unconfigured'
    for _ in range(2):
        assert rig.change('eye', 'configure')
        assert rig.change('eye', 'activate')
        camera = rig.camera()
        before = len(notes)
        rig.feed(camera, lambda n=before: len(notes) > n, 'a note')
        assert rig.change('eye', 'deactivate')
        rig.until(lambda c=camera: c.get_subscription_count() == 0, 'no subscription')
        assert rig.change('eye', 'cleanup')
        assert rig.state('eye') == 'unconfigured'
        rig.node.destroy_publisher(camera)
    assert notes[-1].text.startswith('1 '), 'cleanup gives the plugin a new life'
    assert rig.stop() == 0


def test_failing_plugin_does_not_take_the_node_down(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(eye(fails_on=13))
    camera = rig.camera()
    rig.feed(camera, lambda: notes, 'a note')
    rig.feed(camera, lambda: rig.value('eye', 'failures/InferenceError'), 'a report', shade=13)
    report = rig.reports['eye']
    assert report.level == DiagnosticStatus.ERROR
    assert 'InferenceError' in report.message
    assert 'that shade again' in report.message
    before = len(notes)
    rig.feed(camera, lambda: len(notes) > before, 'a note after the failure')
    assert rig.state('eye') == 'active'


def test_out_of_memory_deactivates_the_node(rig: Rig) -> None:
    rig.hear(Text, '/eye/output/note')
    rig.start(eye(mode='memory'))
    camera = rig.camera()
    rig.feed(camera, lambda: rig.value('eye', 'state') == 'inactive', 'deactivation')
    assert rig.state('eye') == 'inactive'
    assert 'MemoryError' in rig.reports['eye'].message
    assert rig.reports['eye'].level == DiagnosticStatus.ERROR


def test_load_that_fails_is_reported_and_others_start(rig: Rig) -> None:
    good = {'other': {'plugin': 'patient', 'inputs': {'image': '/camera/image'}}}
    rig.start({**eye(load_fails=True), **good})
    rig.wait_active('other')
    rig.until(lambda: rig.reports.get('eye'), 'a report of the failed node')
    assert 'cat picture' in rig.reports['eye'].message
    assert rig.reports['eye'].level == DiagnosticStatus.ERROR
    assert rig.state('eye') == 'unconfigured'
    assert 'Traceback' in rig.log


def test_no_node_can_start_ends_with_status_1(rig: Rig) -> None:
    rig.start(eye(load_fails=True))
    assert rig.wait_end() == 1


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('--ros-args', '-p', 'treshold:=0.5'), "did you mean 'threshold'?"),
        (('--ros-args', '-p', 'threshold:=7.0'), 'threshold is 7.0; expected at most 1.0'),
        (('--ros-args', '-p', 'threshold:=warm'), "threshold is 'warm'"),
        (('--set', 'eye.size=0'), 'size is 0'),
        (('--set', 'eye.sise=1'), "did you mean 'size'?"),
    ],
)
def test_illegal_settings_are_refused_at_start(rig: Rig, words: tuple[str], said: str) -> None:
    rig.start(eye(), *words)
    assert rig.wait_end() == 2
    assert said in rig.log


def test_parameter_file_with_an_unknown_key_is_refused(rig: Rig) -> None:
    path = rig.folder / 'params.yaml'
    path.write_text('eye:\n  ros__parameters:\n    tresh: 0.5\n')
    rig.start(eye(), '--ros-args', '--params-file', str(path))
    assert rig.wait_end() == 2
    assert "no key 'tresh'" in rig.log


def test_live_parameters_are_applied_and_others_refused_with_the_reason(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(eye(threshold=0.25))
    camera = rig.camera()
    rig.feed(camera, lambda: notes and notes[-1].text.endswith(' 0.25'), 'the first threshold')
    assert rig.set('eye', threshold=0.75).successful
    rig.feed(camera, lambda: notes[-1].text.endswith(' 0.75'), 'the new threshold')
    for change, reason in (
        ({'size': 4}, 'clean the node up first'),
        ({'names': 7}, 'Wrong parameter type'),
    ):
        result = rig.set('eye', **change)
        assert not result.successful
        assert reason in result.reason
    assert not rig.set('eye', threshold=7.0).successful
    assert rig.set('eye', tags=['a', 'b']).successful, 'a list that was declared empty'
    assert rig.set('eye', max_age_s=1.5).successful
    rig.feed(camera, lambda: rig.value('eye', 'failures/StaleInputError'), 'refusal of old input')


def test_diagnostics_name_the_silent_topic_and_what_runs(rig: Rig) -> None:
    notes = rig.hear(Text, '/eye/output/note')
    rig.start(eye())
    rig.wait_active('eye')
    assert rig.reports['eye'].level == DiagnosticStatus.WARN
    assert 'no image on /camera/image: nothing yet; publishers: 0' in rig.reports['eye'].message
    camera = rig.camera()
    rig.feed(camera, lambda: notes and rig.value('eye', 'inference_p99_ms'), 'timings')
    rig.feed(camera, lambda: rig.reports['eye'].message == 'running', 'a good report')
    assert rig.reports['eye'].level == DiagnosticStatus.OK
    assert rig.reports['eye'].name == 'eye: perception'
    assert rig.value('eye', 'device') == 'cpu'
    assert float(rig.value('eye', 'input/image/rate_hz') or 0) > 1
