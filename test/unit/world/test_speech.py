"""People near the way speak, each with a voice of their own, if there is espeak-ng."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mm_perception.cli import main as mmp
from mm_perception.errors import MissingDependencyError
from mm_perception.world import speech
from mm_perception.world.drive import Drive
from mm_perception.world.speech import TEXTS, VOICES, Voice, conversation, is_installed, speak

RATE = 16000
needs_espeak = pytest.mark.skipif(
    not is_installed(), reason='needs espeak-ng: apt-get install espeak-ng'
)


def beep(text: str, voice: Voice, rate_hz: int) -> np.ndarray:
    """In place of speech: so long as the text."""
    return np.full(len(text) * rate_hz // 20, 0.1, np.float32)


def talk(monkeypatch: pytest.MonkeyPatch, seed: int = 3, seconds: float = 12.0) -> list:
    monkeypatch.setattr(speech, 'speak', beep)
    drive = Drive(seed=seed)
    rng = np.random.default_rng(seed)
    return conversation(drive.stage.scene.things, drive.ego, seconds, rng, RATE)


def test_one_after_the_other_and_all_is_said_in_time(monkeypatch) -> None:
    said = talk(monkeypatch)
    assert len(said) > 3
    for before, after in itertools.pairwise(said):
        assert after.source.start_s >= before.source.end_s + 0.2
    assert said[-1].source.end_s <= 12
    assert all(u.text in TEXTS for u in said)


def test_speakers_are_people_near_the_way_and_keep_their_voice(monkeypatch) -> None:
    drive = Drive(seed=3)
    voices: dict[int, Voice] = {}
    for utterance in talk(monkeypatch):
        who = drive.stage.scene.things[utterance.instance - 1]
        assert who.kind in ('pedestrian', 'cyclist')
        start_s = utterance.source.start_s
        mouth = utterance.source.motion(start_s)[0]
        assert np.linalg.norm(mouth - drive.ego(start_s)[0]) < 25
        np.testing.assert_array_equal(mouth, who.joints['nose'](start_s)[0])
        assert voices.setdefault(utterance.instance, utterance.voice) == utterance.voice
    assert len(set(voices.values())) == len(voices) > 1


def test_the_same_numbers_give_the_same_talk(monkeypatch) -> None:
    first, second, other = (
        [(u.instance, u.text, u.source.start_s) for u in talk(monkeypatch, seed)]
        for seed in (3, 3, 4)
    )
    assert first == second != other


def test_without_espeak_it_says_how_to_get_it(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    speak.cache_clear()
    assert not is_installed()
    with pytest.raises(MissingDependencyError, match='apt-get install espeak-ng'):
        speak('Hello.', VOICES[0], RATE)
    out = tmp_path / 'bag'
    command = f'world --out {out} --seconds 5 --rate 1 --width 32 --workers 1 --no-lidar --speech'
    assert mmp.main(command.split()) == 2
    assert 'apt-get install espeak-ng' in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), 'nothing is left behind'


@needs_espeak
def test_speech_sounds_and_is_as_loud_as_stated() -> None:
    said = speak('Watch out for the car.', VOICES[0], RATE)
    assert said.dtype == np.float32
    assert 0.5 < len(said) / RATE < 4
    assert np.sqrt(np.mean(said**2)) == pytest.approx(0.12, rel=0.05)
    assert np.abs(said).max() <= 1
    again = speak.__wrapped__('Watch out for the car.', VOICES[0], RATE)
    np.testing.assert_array_equal(said, again)
    power = np.abs(np.fft.rfft(said)) ** 2
    hz = np.fft.rfftfreq(len(said), 1 / RATE)
    assert power[(hz > 80) & (hz < 5000)].sum() > 0.8 * power.sum()


@needs_espeak
def test_every_voice_is_there_and_another() -> None:
    sounds = [speak('The road is clear.', voice, RATE).tobytes() for voice in VOICES]
    assert len(set(sounds)) == len(VOICES)


@needs_espeak
def test_a_voice_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(MissingDependencyError, match='nobody'):
        speak('Hello.', Voice('nobody'), RATE)
