"""Bags with sound through the stack `hear`, offline: a drive with a user who speaks, and JFK."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from mm_perception.bag.offline import OfflineRun
from mm_perception.bag.writer import BagWriter
from mm_perception.graph import load_stack
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize, serialize
from mm_perception.samples import AudioClip, Transcript
from mm_perception.speech.recogniser import edits
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import START_NS, write_drive
from mm_perception.world.microphone import MicrophoneArray
from mm_perception.world.spoken import Saying
from test.parity.reference import DATA
from test.replay.masker_stack import records_of

JFK = DATA / 'real' / 'jfk.flac'
SAID = (
    'and so my fellow americans ask not what your country can do for you ask what you can do for '
    'your country'
)


def heard_in(bag: Path, out: Path, **parameters: object) -> list[Transcript]:
    """Transcripts of the stack, in the order of the bag."""
    stack = load_stack('hear')
    (node,) = stack.nodes
    stack = stack.with_node(replace(node, parameters=parameters))
    report = OfflineRun(stack, bag, out).run()
    assert report.problem == ''
    assert not report.nodes['speech'].stats.failures
    found = []
    for record in records_of(out, '/speech/output/transcript'):
        message = deserialize(record.data, record.type_name)
        sample = convert.from_msg(message, Transcript, record.log_time_ns)
        assert isinstance(sample, Transcript)
        found.append(sample)
    return found


@pytest.fixture(scope='module')
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('speech') / 'drive'
    array = MicrophoneArray()
    return write_drive(
        folder,
        Drive(
            3, 3.0, 2.0, cameras=one_camera(64, 36), lidar=None, microphones=array,
            sayings=(Saying('track the red car', 0.5),), has_passers_by=False,
        ),
    )  # fmt: skip


def test_the_user_is_heard_when_and_where_she_speaks(drive: Path, tmp_path: Path) -> None:
    found = heard_in(drive, tmp_path / 'out')
    (final,) = [t for t in found if t.is_final]
    (truth,) = json.loads((drive / 'truth.json').read_text())['speech']
    assert final.text == truth['text']
    assert final.stamp_ns == pytest.approx(truth['start_ns'], abs=0.1e9)
    assert final.end_ns == pytest.approx(truth['end_ns'], abs=0.2e9)
    assert final.frame_id == 'microphone'
    assert final.azimuth_rad == pytest.approx(np.arctan2(0.3, 0.6), abs=0.1)
    assert [w.text for w in final.words] == ['track', 'the', 'red', 'car']
    starts = [w.start_ns for w in final.words]
    assert starts == sorted(starts)
    assert truth['start_ns'] <= starts[0] + 0.1e9
    assert final.words[-1].end_ns <= truth['end_ns'] + 0.1e9
    assert final.confidence > 0.3
    partial = [t for t in found if not t.is_final]
    assert all(t.stamp_ns == final.stamp_ns and t.end_ns <= final.end_ns for t in partial)


def test_the_same_bytes_come_out_twice(drive: Path, tmp_path: Path) -> None:
    runs = []
    for name in ('first', 'second'):
        heard_in(drive, tmp_path / name, weights='random')
        runs.append([r.data for r in records_of(tmp_path / name, '/speech/output/transcript')])
    assert runs[0] == runs[1]


def test_a_drive_in_which_nobody_speaks_has_no_transcript(tmp_path: Path) -> None:
    quiet = write_drive(
        tmp_path / 'drive',
        Drive(
            3, 3.0, 2.0, cameras=one_camera(64, 36), lidar=None,
            microphones=MicrophoneArray(noise=0.05), has_passers_by=False,
        ),
    )  # fmt: skip
    assert heard_in(quiet, tmp_path / 'out') == []


def bag_of(flac: Path, folder: Path) -> Path:
    """The sound of a file as chunks of 100 ms at its own rate, and a second of silence."""
    with av.open(str(flac)) as container:
        frames = list(container.decode(audio=0))
    whole = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if whole.shape[0] == 1 and frames[0].layout.nb_channels > 1:
        whole = whole.reshape(-1, frames[0].layout.nb_channels).T
    rate_hz = frames[0].sample_rate
    sound = np.concatenate([whole.T, np.zeros((rate_hz, whole.shape[0]), whole.dtype)])
    if sound.dtype != np.int16:
        sound = (sound / 2.0 ** (8 * sound.dtype.itemsize - 16)).astype(np.int16)
    with BagWriter(folder) as writer:
        for wire in convert.published(AudioClip):
            writer.add_topic('/ear/audio' + wire.suffix, wire.type_name)
        for first in range(0, len(sound), rate_hz // 10):
            chunk = np.ascontiguousarray(sound[first : first + rate_hz // 10])
            stamp_ns = START_NS + round(first / rate_hz * 1e9)
            clip = AudioClip(stamp_ns=stamp_ns, frame_id='ear', data=chunk, rate_hz=rate_hz)
            log_ns = stamp_ns + 100_000_000
            for suffix, message in convert.to_msgs(clip).items():
                writer.write('/ear/audio' + suffix, log_ns, serialize(message))
    return folder


@pytest.mark.skipif(not JFK.is_file(), reason='the shared data with jfk.flac is not there')
def test_real_speech_through_the_whole_node(tmp_path: Path) -> None:
    bag = bag_of(JFK, tmp_path / 'bag')
    found = heard_in(
        bag, tmp_path / 'out', weights='pocketsphinx', partial_s=0.0, uses_direction=False
    )
    assert found
    text = ' '.join(t.text for t in found)
    wrong = edits(SAID.split(), text.split())
    assert wrong / len(SAID.split()) < 0.6, text
    assert found[0].stamp_ns - START_NS < 1.2e9  # it begins to speak after 0.3 s
    assert found[-1].end_ns - START_NS < 11.2e9
    for transcript in found:
        for word in transcript.words:
            assert transcript.stamp_ns - 0.4e9 <= word.start_ns <= word.end_ns
