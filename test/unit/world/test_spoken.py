"""What the user says in a drive, without espeak-ng."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm_perception.errors import MissingDependencyError
from mm_perception.world import speech
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import START_NS, write_drive
from mm_perception.world.microphone import MicrophoneArray
from mm_perception.world.spoken import (
    FOLDER,
    RECORDINGS,
    USER,
    Saying,
    path_of,
    recorded,
    utterances,
)


@pytest.fixture(autouse=True)
def _no_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech.shutil, 'which', lambda name: None)


def still(time_s: float) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(3), np.eye(3)


def test_every_recording_is_there_and_small() -> None:
    paths = [path_of(text) for text in RECORDINGS]
    assert sorted(paths) == sorted(FOLDER.glob('*.ogg'))
    assert sum(path.stat().st_size for path in paths) < 60_000


@pytest.mark.parametrize('text', RECORDINGS)
def test_recordings_have_the_level_of_speech(text: str) -> None:
    sound = recorded(text)
    assert sound is not None
    assert 0.4 < len(sound) / 16000 < 3.0
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.12, abs=1e-3)
    assert np.abs(sound).max() <= 1.0


def test_case_and_punctuation_do_not_count_and_rates_do() -> None:
    assert recorded('Track the red car!') is recorded('track the red car')
    slow, fast = recorded('that one', 8000), recorded('that one')
    assert slow is not None
    assert fast is not None
    assert len(slow) == pytest.approx(len(fast) / 2, abs=1)
    assert recorded('something else') is None


def test_the_user_speaks_beside_the_microphones() -> None:
    array = MicrophoneArray()
    (said,) = utterances([Saying('that one', 0.5)], array, still)
    heard = array.hear([said.source], still, 1.5, np.random.default_rng(0))
    loud = np.flatnonzero(np.abs(heard[:, 0]) > 0.05)
    assert said.instance == USER
    assert loud[0] / 16000 == pytest.approx(0.5, abs=0.1)


def test_what_is_not_recorded_needs_espeak() -> None:
    with pytest.raises(MissingDependencyError, match='espeak-ng'):
        utterances([Saying('open the pod bay doors', 0.0)], MicrophoneArray(), still)


def test_a_drive_tells_who_said_what_and_when(tmp_path: Path) -> None:
    drive = Drive(
        3, 1.0, 2.0, cameras=one_camera(64, 36), lidar=None, microphones=MicrophoneArray(),
        sayings=(Saying('stop tracking', 0.2),), has_passers_by=False,
    )  # fmt: skip
    folder = write_drive(tmp_path / 'drive', drive)
    (said,) = json.loads((folder / 'truth.json').read_text())['speech']
    assert (said['instance'], said['text']) == (USER, 'stop tracking')
    assert said['start_ns'] == START_NS + 200_000_000
    assert 0.8e9 < said['end_ns'] - said['start_ns'] < 1.5e9
