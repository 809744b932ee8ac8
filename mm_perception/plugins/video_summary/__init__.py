"""What happened, in short: who and what appeared when, as text, as a storyboard, and as JSON.

Nothing is trained. Pictures are compared by their embeddings (of `clip`; without it by a small
copy of themselves), tracks tell who came and went, events and transcripts what happened and was
said. `diary.py` keeps all that in a memory that does not grow, `selecting.py` chooses clips that
last a share of the whole, `telling.py` puts them into words. The summary is of all since the
start, and is given every so often, when somebody commands it, and on request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import cv2
import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import RequestError
from mm_perception.imaging.compressed import encode_jpeg
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
    Request,
)
from mm_perception.plugins.video_summary.diary import Diary, Moment
from mm_perception.plugins.video_summary.selecting import Clip, choose, segments_of
from mm_perception.plugins.video_summary.telling import as_json, storyboard, told
from mm_perception.samples import (
    Command,
    Embedding,
    Event,
    Image,
    Intent,
    Masks,
    PromptReply,
    Sample,
    Text,
    Transcript,
)
from mm_perception.samples.sample import Array

_EVENT, _SAID = 0.8, 0.7
_KEY_WIDTH = 320
_SMALL = (16, 9)


@dataclass(frozen=True)
class VideoSummaryConfig:
    """Settings of the `video_summary` plugin."""

    share: float = parameter(
        0.15, 'Of the whole length, what the chosen clips last together.',
        minimum=0.001, maximum=1.0, live=True,
    )  # fmt: skip
    clip_s: float = parameter(
        1.0, 'Length of a clip, seconds.', minimum=0.1, maximum=60.0, live=True
    )
    look_every_s: float = parameter(
        0.4, 'Seconds between two pictures that are looked at.', minimum=0.0, live=True
    )
    tell_every_s: float = parameter(
        10.0, 'Seconds between two summaries; 0 gives one for each picture.',
        minimum=0.0, live=True,
    )  # fmt: skip
    max_clips: int = parameter(60, 'Most clips of a summary.', minimum=1, maximum=1000, live=True)
    max_segments: int = parameter(
        40, 'Most segments of a summary.', minimum=1, maximum=1000, live=True
    )
    max_spans: int = parameter(
        400, 'Pictures that are kept of a camera; older ones that are alike become one.',
        minimum=8, maximum=10_000,
    )  # fmt: skip
    max_moments: int = parameter(
        1000, 'Moments that are kept of a camera; the least important go first.',
        minimum=8, maximum=100_000,
    )  # fmt: skip


class VideoSummary(Plugin[VideoSummaryConfig]):
    """A stream, and what others see and hear in it, in; its summary out."""

    card: ClassVar[Card] = Card(
        title='Sums up what happened: text, storyboard, JSON',
        system='3-3',
        paper='Keogh et al., An Online Algorithm for Segmenting Time Series, ICDM 2001; Khuller '
        'et al., The Budgeted Maximum Coverage Problem, IPL 1999; Otani et al., Rethinking the '
        'Evaluation of Video Summaries, CVPR 2019, arXiv 1903.11328 (how it is scored)',
        reference_code='none',
        limits=(
            'Tells what tracks, events and transcripts say; of pictures alone it knows that they '
            'change, not what they show.',
            'Weights of moments are fixed: an event 0.8, speech 0.7, who appears 0.6, who is gone '
            '0.4.',
            'On streams of hours older times are coarser, and the least important moments are '
            'forgotten.',
        ),
    )
    Config: ClassVar[type[Any]] = VideoSummaryConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras; each has a summary of its own.'),
        'embedding': Latest(
            Embedding, 'Of the pictures; without it a small copy of the picture stands for it.',
            tolerance_s=0.5, follows='image',
        ),
        'masks': Latest(
            Masks, 'With track ids, from whatever tracks.', tolerance_s=0.5, follows='image'
        ),
        'events': Queue(Event, 'Of any camera; one without a stream is of all.'),
        'transcripts': Queue(Transcript, 'What is said; partial ones are left out.'),
        'commands': Queue(Command, 'The intent to summarise gives a summary at once.'),
        'summarise': Request(
            Text, 'What it shall be about, empty for everything; the answer has the text.',
            reply_type=PromptReply,
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'summary': Output(Text, 'Sentences: length, clips, who was in view from when to when.'),
        'details': Output(Text, 'JSON: segments, clips, moments, who, importance; seconds.'),
        'storyboard': Output(Image, 'Key pictures with time and words.'),
    }

    def __init__(self, config: VideoSummaryConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._diaries: dict[str, Diary] = {}
        self._looked_ns: dict[str, int] = {}
        self._told_ns: dict[str, int] = {}
        self._asked: set[str] = set()
        self._embedded: dict[str, Array] = {}
        #: What was said or happened before the first picture of a camera, or is of all.
        self._common: list[tuple[str, Moment]] = []

    @classmethod
    def tiny(cls) -> VideoSummaryConfig:
        """A summary for each picture."""
        return VideoSummaryConfig(look_every_s=0.0, tell_every_s=0.0, max_spans=8, max_moments=8)

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Note what is new; sum up if it is time or somebody asked."""
        diary = self._diary(inputs.stream)
        self._take(inputs)
        stream, now_ns = inputs.stream, inputs.stamp_ns
        if _is_due(self._looked_ns.get(stream), now_ns, self.config.look_every_s):
            self._looked_ns[stream] = now_ns
            rgb = cast(Image, inputs.one('image')).rgb()
            masks = cast(Masks | None, inputs.maybe('masks'))
            diary.picture(now_ns, self._vector(rgb, inputs), _key(rgb), masks)
        self._told_ns.setdefault(stream, diary.start_ns)
        is_time = _is_due(self._told_ns[stream], now_ns, self.config.tell_every_s)
        if not is_time and stream not in self._asked:
            return {}
        self._asked.discard(stream)
        self._told_ns[stream] = now_ns
        return self._summary(inputs)

    def _vector(self, rgb: Array, inputs: Inputs) -> Array:
        """The embedding; where one is late, the last one rather than a vector of another kind."""
        embedding = cast(Embedding | None, inputs.maybe('embedding'))
        if embedding is not None:
            self._embedded[inputs.stream] = np.asarray(embedding.vector, np.float64)
        known = self._embedded.get(inputs.stream)
        return small_copy(rgb) if known is None else known

    @property
    def streams(self) -> tuple[str, ...]:
        """Cameras of which there is a picture."""
        return tuple(stream for stream, diary in self._diaries.items() if diary.spans)

    def sum_up(self, stream: str, *, has_picture: bool) -> tuple[str, str, Array | None]:
        """Text, JSON and, if wanted, storyboard (H, W, 3) uint8 of a camera up to now."""
        diary = self._diaries[stream]
        segments, clips = segments_of(diary, self.config.max_segments), self._clips(diary)
        board = storyboard(diary, clips) if has_picture else None
        parts = (diary, segments, clips, stream)
        return told(*parts), as_json(*parts), board

    def answer(self, port: str, request: Sample) -> Sample:
        """The summary in words of all cameras, of everything or about what a text names.

        Raises:
            RequestError: There is no picture yet.
        """
        subject = cast(Text, request).text.strip()
        diaries = {stream: self._diaries[stream] for stream in self.streams}
        if not diaries:
            fix = 'wait for one, or subscribe to an output'
            raise RequestError('no picture yet', subject, fix)
        texts = []
        for stream, diary in diaries.items():
            segments = segments_of(diary, self.config.max_segments)
            about = diary.about(subject) if subject else diary
            clips = [c for c in self._clips(about) if c.moments or not subject]
            texts.append(told(about, segments, clips, stream))
        newest_ns = max(diary.end_ns for diary in diaries.values())
        return PromptReply(stamp_ns=newest_ns, message='\n\n'.join(texts))

    def rewind(self, stream: str) -> None:
        """Another run begins: so does its diary."""
        self._diaries.pop(stream, None)
        self._looked_ns.pop(stream, None)
        self._told_ns.pop(stream, None)
        self._embedded.pop(stream, None)
        self._common.clear()

    def reset(self) -> None:
        """Forget everything."""
        self._diaries.clear()
        self._looked_ns.clear()
        self._told_ns.clear()
        self._asked.clear()
        self._embedded.clear()
        self._common.clear()

    def _diary(self, stream: str) -> Diary:
        if stream not in self._diaries:
            diary = Diary(self.config.max_spans, self.config.max_moments)
            for of, moment in self._common:
                if of in ('', stream):
                    diary.add(moment)
            self._diaries[stream] = diary
        return self._diaries[stream]

    def _take(self, inputs: Inputs) -> None:
        """Queues are emptied by whichever camera is next: what they hold goes to all it is of."""
        for sample in inputs.all('events'):
            event = cast(Event, sample)
            text = event.message or f'{event.label} {event.kind}'.strip()
            weight = _EVENT * event.score**0.5
            self._note(
                event.stream, Moment(event.start_ns, event.kind, text, weight, event.track_ids)
            )
        for sample in inputs.all('transcripts'):
            said = cast(Transcript, sample)
            if said.is_final and said.text.strip():
                text = f'somebody said "{said.text.strip()}"'
                self._note('', Moment(said.stamp_ns, 'said', text, _SAID))
        for sample in inputs.all('commands'):
            if cast(Command, sample).intent is Intent.SUMMARISE:
                self._asked |= set(self._diaries)

    def _note(self, stream: str, moment: Moment) -> None:
        for name, diary in self._diaries.items():
            if stream in ('', name):
                diary.add(moment)
        self._common = [*self._common, (stream, moment)][-self.config.max_moments :]

    def _clips(self, diary: Diary) -> list[Clip]:
        config = self.config
        return choose(diary, config.share, config.clip_s, config.max_clips)

    def _summary(self, inputs: Inputs) -> Outputs:
        stream = inputs.stream
        header: dict[str, Any] = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        text, details, board = self.sum_up(
            stream, has_picture=self.context.is_wanted('storyboard', stream)
        )
        outputs: dict[str, Sample] = {
            'summary': Text(**header, text=text, language='en'),
            'details': Text(**header, text=details),
        }
        if board is not None:
            outputs['storyboard'] = Image(**header, data=board)
        return outputs


def _is_due(last_ns: int | None, now_ns: int, every_s: float) -> bool:
    """Whether it is time again; a rate of pictures that divides the period keeps it."""
    return last_ns is None or now_ns - last_ns >= (every_s - 1e-3) * 1e9


def small_copy(rgb: Array) -> Array:
    """A small grey copy of a picture, (144,) float64 of norm 1, without its mean."""
    small = cv2.resize(rgb, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float64).mean(2)
    vector = small.reshape(-1) - small.mean()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float64)


def _key(rgb: Array) -> Array:
    """The picture as it is kept: small, and as JPEG."""
    height, width = rgb.shape[:2]
    if width > _KEY_WIDTH:
        size = (_KEY_WIDTH, max(1, round(height * _KEY_WIDTH / width)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return encode_jpeg(rgb, 85)


PLUGIN = VideoSummary
