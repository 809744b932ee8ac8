"""The plugin `speech`: who spoke when, from where; public checkpoints; nothing from silence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mm_perception.errors import TransformUnavailableError, WeightsError
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.speech import Speech, SpeechConfig
from mm_perception.samples import AudioClip, Transcript
from mm_perception.speech.recogniser import Heard, HeardWord
from mm_perception.world.acoustics import coloured_noise, engine_noise
from mm_perception.world.microphone import MicrophoneArray, Sound, Source
from mm_perception.world.spoken import recorded
from test.plugins.speech_checkpoints import make_wav2vec2, make_whisper

RATE_HZ, START_NS = 16000, 5_000_000_000


class Parrot:
    """Says the same of every sound, and keeps the sounds."""

    name, sha256, licence = 'parrot', '0', 'none'

    def __init__(self) -> None:
        self.sounds: list[Sound] = []

    def recognise(self, sound: Sound) -> Heard:
        self.sounds.append(sound)
        words = (HeardWord('hello', 0.3, 0.7, 0.9),)
        return Heard('hello', words, 0.9)


def speech_with(parrot: Any, context: Context | None = None, **settings: Any) -> Speech:
    plugin = Speech(SpeechConfig(weights='random', **settings), context)
    plugin.load('cpu')
    plugin._recogniser = parrot
    return plugin


def clips(
    data: npt.NDArray[np.float32], rate_hz: int = RATE_HZ, frame_id: str = 'ear',
    start_ns: int = START_NS,
) -> Iterator[AudioClip]:  # fmt: skip
    length = rate_hz // 10
    for first in range(0, len(data), length):
        stamp_ns = start_ns + round(first / rate_hz * 1e9)
        part = data[first : first + length]
        yield AudioClip(
            stamp_ns=stamp_ns, frame_id=frame_id, rate_hz=rate_hz,
            data=part if part.ndim == 2 else part[:, None],
        )  # fmt: skip


def hear(plugin: Speech, heard: Sequence[AudioClip] | Iterator[AudioClip]) -> list[Transcript]:
    found: list[Transcript] = []
    for clip in heard:
        inputs = Inputs(clip.stamp_ns, clip.frame_id, samples={'audio': (clip,)})
        found += plugin.infer(inputs)['transcript']  # type: ignore[arg-type]
    return found


def said(text: str, before_s: float, after_s: float) -> Sound:
    sound = recorded(text)
    assert sound is not None
    return np.pad(sound, (round(before_s * RATE_HZ), round(after_s * RATE_HZ)))


def test_an_utterance_has_the_moments_of_the_voice() -> None:
    sound = said('turn on the lamp next to the sofa', 1.0, 1.0)
    found = hear(speech_with(Parrot(), partial_s=0.0), clips(sound))
    assert len(found) == 1
    transcript = found[0]
    assert transcript.is_final
    assert transcript.stamp_ns == pytest.approx(START_NS + 1.0e9, abs=0.1e9)
    assert transcript.end_ns == pytest.approx(START_NS + len(sound) / 16e-6 - 1e9, abs=0.15e9)
    assert transcript.words[0].start_ns == pytest.approx(transcript.stamp_ns, abs=0.05e9)
    assert transcript.azimuth_rad is None


def test_partial_transcripts_come_before_the_final_one() -> None:
    class Longer(Parrot):
        def recognise(self, sound: Sound) -> Heard:
            return Heard(f'{len(sound) / RATE_HZ:.1f}', (), 1.0)

    sound = said('turn on the lamp next to the sofa', 0.5, 1.0)
    found = hear(speech_with(Longer(), partial_s=0.5), clips(sound))
    assert [t.is_final for t in found] == [False] * (len(found) - 1) + [True]
    assert len(found) >= 3
    assert len({t.stamp_ns for t in found}) == 1
    ends = [t.end_ns for t in found]
    assert ends == sorted(ends)


def test_partial_transcripts_that_bring_nothing_new_are_not_told() -> None:
    sound = said('turn on the lamp next to the sofa', 0.5, 1.0)
    found = hear(speech_with(Parrot(), partial_s=0.3), clips(sound))
    assert [t.is_final for t in found] == [False, True]


@pytest.mark.parametrize('kind', ['silence', 'white', 'pink', 'engine', 'clicks'])
def test_nothing_is_heard_where_nobody_speaks(kind: str) -> None:
    rng, num = np.random.default_rng(0), 8 * RATE_HZ
    sounds = {
        'silence': np.zeros(num, np.float32),
        'white': 0.1 * coloured_noise(rng, num, 0.0),
        'pink': 0.1 * coloured_noise(rng, num, 1.0),
        'engine': 0.1 * engine_noise(rng, num, RATE_HZ),
        'clicks': np.where(np.arange(num) % 8000 < 20, 0.8, 0.0),
    }
    parrot = Parrot()
    sound = np.clip(sounds[kind], -1, 1).astype(np.float32)
    assert hear(speech_with(parrot), clips(sound)) == []
    assert parrot.sounds == []


def test_two_microphones_are_told_apart_by_their_frames() -> None:
    left, right = said('that one', 0.5, 2.0), said('that one', 1.5, 1.0)
    num = min(len(left), len(right))
    mixed = [
        clip
        for pair in zip(
            clips(left[:num], frame_id='left'), clips(right[:num], frame_id='right'), strict=True
        )
        for clip in pair
    ]
    found = hear(speech_with(Parrot(), partial_s=0.0), mixed)
    assert [t.frame_id for t in found] == ['left', 'right']
    assert found[1].stamp_ns - found[0].stamp_ns == pytest.approx(1e9, abs=0.15e9)


def test_stereo_of_44_kilohertz_in_whole_numbers_is_heard_too() -> None:
    parrot = Parrot()
    sound = recorded('that one', 44100)
    assert sound is not None
    whole = np.pad(sound, (44100, 44100))
    data = np.stack([whole, whole], axis=1)
    found = hear(speech_with(parrot, uses_direction=False), clips(data, 44100))
    assert [t.stamp_ns for t in found if t.is_final] == [pytest.approx(START_NS + 1e9, abs=0.15e9)]
    assert 16000 * 0.6 < len(parrot.sounds[-1]) < 16000 * 1.6


def array_sound(azimuth_deg: float) -> tuple[MicrophoneArray, Sound]:
    array, angle = MicrophoneArray(), np.deg2rad(azimuth_deg)
    mouth = array.at + 3.0 * np.array([np.cos(angle), np.sin(angle), 0.0])
    voice = recorded('track the red car')
    assert voice is not None
    source = Source(lambda time_s: (mouth, np.eye(3)), 0.5, voice, RATE_HZ)
    still = (np.zeros(3), np.eye(3))
    return array, array.hear([source], lambda t: still, 2.6, np.random.default_rng(0))


@pytest.mark.parametrize('azimuth_deg', [-150.0, -40.0, 10.0, 95.0])
def test_the_direction_is_in_the_frame_of_the_array(azimuth_deg: float) -> None:
    array, heard = array_sound(azimuth_deg)

    def lookup(target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
        assert (target, source[:-1]) == ('ear', 'ear_')
        pose = np.eye(4)
        pose[:3, 3] = array.places[int(source[-1])]
        return pose

    plugin = speech_with(Parrot(), Context(lookup_transform=lookup), partial_s=0.0)
    (found,) = hear(plugin, clips(heard))
    assert found.azimuth_rad is not None
    assert np.rad2deg(found.azimuth_rad) == pytest.approx(azimuth_deg, abs=2.0)


def test_without_the_places_of_microphones_it_hears_and_reports() -> None:
    reported: list[Exception] = []
    plugin = speech_with(Parrot(), Context(report=reported.append), partial_s=0.0)
    (found,) = hear(plugin, clips(array_sound(10.0)[1]))
    assert found.azimuth_rad is None
    assert [type(error) for error in reported] == [TransformUnavailableError]


def test_rewinding_forgets_half_an_utterance() -> None:
    sound = said('that one', 0.5, 0.0)
    plugin = speech_with(Parrot(), partial_s=0.0)
    hear(plugin, clips(sound))
    plugin.rewind('')
    assert hear(plugin, clips(np.zeros(16000, np.float32))) == []


@pytest.mark.parametrize('has_alignment', [True, False])
def test_whisper_is_loaded_by_its_folder(tmp_path: Path, has_alignment: bool) -> None:
    folder = make_whisper(tmp_path / 'whisper', has_alignment=has_alignment)
    plugin = Speech(SpeechConfig(weights=str(folder), partial_s=0.0))
    plugin.load('cpu')
    (found,) = hear(plugin, clips(said('that one', 0.5, 1.0)))
    assert found.text
    assert bool(found.words) == has_alignment
    assert len(plugin.model_info()['weights_sha256']) == 64
    plugin.close()


def test_wav2vec2_is_loaded_by_its_folder(tmp_path: Path) -> None:
    from mm_perception.nets.hearing import CtcRecogniser, shared_recogniser

    folder = make_wav2vec2(tmp_path / 'wav2vec2')
    shared = shared_recogniser(str(folder), 'cpu', 'en')
    recogniser = shared.model
    assert isinstance(recogniser, CtcRecogniser)
    sound = said('that one', 0.2, 0.2)
    logs = recogniser.logs(sound)
    assert logs.shape[1] == 32
    assert logs.shape[0] == pytest.approx(len(sound) / 320, abs=2)
    assert np.exp(logs).sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert recogniser.recognise(sound).text == recogniser.recognise(sound).text
    shared.release()


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    ViTModel(config).save_pretrained(tmp_path)
    plugin = Speech(dataclasses.replace(SpeechConfig(), weights=str(tmp_path)))
    with pytest.raises(WeightsError, match='recognise'):
        plugin.load('cpu')


def test_pocketsphinx_understands_a_command() -> None:
    plugin = Speech(SpeechConfig(weights='pocketsphinx', partial_s=0.0))
    plugin.load('cpu')
    (found,) = hear(plugin, clips(said('what is behind me', 0.5, 1.0)))
    assert found.text
    assert all(found.stamp_ns - 3e8 <= w.start_ns <= w.end_ns for w in found.words)


def test_sound_without_stamps_is_reported_and_what_follows_is_heard() -> None:
    reported: list[Any] = []
    plugin = speech_with(Parrot(), Context(report=reported.append), partial_s=0.0)
    noise = 0.1 * np.random.default_rng(0).standard_normal((3, 1600, 1)).astype(np.float32)
    unstamped = tuple(
        AudioClip(stamp_ns=0, frame_id='ear', rate_hz=RATE_HZ, data=data) for data in noise
    )
    heard = tuple(clips(said('turn on the lamp next to the sofa', 0.5, 1.0)))
    inputs = Inputs(START_NS, 'ear', samples={'audio': (*unstamped, *heard)})
    told: Any = plugin.infer(inputs)['transcript']
    assert len(reported) == 2
    assert "sound of 'ear'" in str(reported[0])
    assert [t.text for t in told] == ['hello']
