"""Sound of a page: it can be played, keeps its times, and words lead to their moments."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest

from mm_perception.bag.writer import BagWriter
from mm_perception.reporting import sound as sounding
from mm_perception.reporting.run import write_run_report
from mm_perception.reporting.sound import Sound, link, sounds_of
from mm_perception.ros import convert
from mm_perception.ros.convert.audio import AUDIO
from mm_perception.ros.convert.speech import TRANSCRIPT
from mm_perception.ros.wire import serialize
from mm_perception.samples import AudioClip, Sample, Transcript, Word

RATE_HZ, SECOND = 16_000, 10**9
MICROPHONE, HEARD = '/microphone/audio', '/speech/output/transcript'


def tone(start_s: float, seconds: float = 0.5, rate_hz: int = RATE_HZ) -> AudioClip:
    """440 Hz on two microphones, the first four times as loud as the second."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * 440 * times)
    data = np.stack([0.8 * wave, 0.2 * wave], axis=1).astype(np.float32)
    return AudioClip(
        stamp_ns=round(start_s * SECOND), frame_id='microphone', data=data, rate_hz=rate_hz
    )


def write_bag(path: Path, *samples: Sample) -> Path:
    with BagWriter(path) as writer:
        writer.add_topic(MICROPHONE, AUDIO)
        writer.add_topic(HEARD, TRANSCRIPT)
        for sample in samples:
            topic = MICROPHONE if isinstance(sample, AudioClip) else HEARD
            data = serialize(convert.to_msgs(sample)[''])
            writer.write(topic, sample.stamp_ns, data)
    return path


def played(mp3: bytes) -> np.ndarray:
    """(T,) float32, as a player has it."""
    import av

    with av.open(io.BytesIO(mp3)) as file:
        pieces = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
        assert file.streams.audio[0].rate == RATE_HZ
    return np.concatenate(pieces)


def level(wave: np.ndarray, start_s: float, end_s: float) -> float:
    part = wave[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
    return float(np.sqrt((part**2).mean()))


@pytest.mark.parametrize('rate_hz', [8_000, 16_000, 48_000])
def test_the_sound_keeps_its_times(tmp_path: Path, rate_hz: int) -> None:
    """A second without chunks is a second of silence, and the level is that of the mean."""
    clips = [tone(start_s, rate_hz=rate_hz) for start_s in (3.0, 3.5, 5.0)]
    (found,) = sounds_of(write_bag(tmp_path / 'bag', *clips), [])
    assert (found.topic, found.frame_id) == (MICROPHONE, 'microphone')
    assert (found.start_ns, found.seconds, found.whole_s) == (3 * SECOND, 2.5, 2.5)
    wave = played(found.mp3)
    assert len(wave) / RATE_HZ == pytest.approx(2.5, abs=0.2)
    for start_s, end_s in ((0.1, 0.9), (2.1, 2.4)):
        assert level(wave, start_s, end_s) == pytest.approx(0.5 / 2**0.5, rel=0.1)
    assert level(wave, 1.15, 1.85) < 0.01


def test_chunks_that_overlap_are_heard_once(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'bag', tone(0.0), tone(0.25), tone(0.74), tone(0.26))
    (found,) = sounds_of(bag, [])
    assert found.seconds == pytest.approx(1.25, abs=0.02)


def test_a_long_sound_is_cut_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounding, 'MOST_S', 1.25)
    bag = write_bag(tmp_path / 'bag', *(tone(0.5 * n) for n in range(6)))
    (found,) = sounds_of(bag, [])
    assert (found.seconds, found.whole_s) == (1.25, 3.0)
    text = write_run_report(bag, tmp_path / 'page.html').read_text()
    assert 'Cut: 0:01 of 0:03 min are in this page' in text


def test_what_cannot_be_joined_is_told(tmp_path: Path) -> None:
    problems: list[str] = []
    bag = write_bag(tmp_path / 'bag', tone(0.0), tone(0.5, rate_hz=8000))
    (found,) = sounds_of(bag, problems)
    assert found.seconds == 0.5
    assert len(problems) == 1
    assert '8000 Hz after chunks of 16000 Hz' in problems[0]


def test_words_of_the_page_play_their_sound(tmp_path: Path) -> None:
    words = (Word('track', 2 * SECOND, 2_400_000_000), Word('<it>', 2_500_000_000, 3 * SECOND))
    said = Transcript(
        stamp_ns=2 * SECOND, end_ns=3 * SECOND, text='track <it>', words=words,
        frame_id='microphone',
    )  # fmt: skip
    late = Transcript(stamp_ns=9 * SECOND, end_ns=10 * SECOND, text='too late')
    bag = write_bag(tmp_path / 'bag', *(tone(1 + 0.5 * n) for n in range(6)), said, late)
    text = write_run_report(bag, tmp_path / 'page.html').read_text()
    links = re.findall(r'<a href="#(\S+)" data-at="(\S+)"(?: data-to="(\S+)")?>([^<]*)</a>', text)
    assert links == [
        ('sound-1', '1.00', '', '1.0 s'), ('sound-1', '1.00', '1.40', 'track'),
        ('sound-1', '1.50', '2.00', '&lt;it&gt;'),
    ]  # fmt: skip
    assert '“too late”' in text, 'it is told, without a link'
    data = re.search(r'<audio id="sound-1"[^>]* src="data:audio/mpeg;base64,([^"]+)"', text)
    assert data is not None
    assert len(played(base64.b64decode(data[1]))) / RATE_HZ == pytest.approx(3.0, abs=0.2)
    assert text.count('<script>') == 1
    assert not re.search(r'https?://|<script [^>]*src|<(link|iframe)\b', text)


def test_a_word_leads_to_its_own_microphone() -> None:
    sounds = [Sound(f'/{name}', name, 0, 5.0, 5.0, b'') for name in ('left', 'right')]
    assert 'href="#sound-2"' in link(sounds, 'word', SECOND, frame_id='right')
    assert 'href="#sound-1"' in link(sounds, 'word', SECOND, frame_id='elsewhere')
    assert link(sounds, 'word', 6 * SECOND) == 'word'
    assert link([], 'word', SECOND) == 'word'


def test_a_page_without_sound_has_no_player(tmp_path: Path) -> None:
    said = Transcript(stamp_ns=0, end_ns=SECOND, text='stop')
    text = write_run_report(write_bag(tmp_path / 'bag', said), tmp_path / 'page.html').read_text()
    assert '“stop”' in text
    assert '<audio' not in text
    assert '<script' not in text
