"""Name an object in free text, get its mask and its track: a grounder finds it, SAM 2 keeps it.

The grounder looks when a text is new and then every `redetect_every_s`: it confirms living tracks,
brings back hidden ones under their old id, and finds newcomers. Between that SAM 2 follows them all
as one batch. Where nothing answers the text, the status says NOT_FOUND and nothing is masked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, PromptError
from mm_perception.model_cache import Shared
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
    Reference,
    Request,
)
from mm_perception.plugins.text_tracker.track_book import Rules, Sighting, Track, TrackBook
from mm_perception.samples import (
    Image,
    Masks,
    Prompt,
    PromptAction,
    PromptReply,
    PromptState,
    PromptStatus,
    Sample,
)
from mm_perception.segmenting import engine_info, masks_sample, shared_engine, to_object_prompt

if TYPE_CHECKING:
    from mm_perception.nets.grounders import Found, Grounder
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine, Sam2Session


@dataclass(frozen=True)
class TextTrackerConfig:
    """Settings of the `text_tracker` plugin."""

    prompts: tuple[str, ...] = parameter((), 'Texts to track from the start.', live=True)
    grounder: str = parameter(
        'clip_proposals', 'What finds texts: clip_proposals, grounding_dino, owlv2 or sam3.'
    )
    grounder_weights: str = parameter('nano', 'Of the grounder; for clip_proposals those of CLIP.')
    segmenter_weights: str = parameter('nano', 'Of SAM 2.')
    image_size: int = parameter(
        0, 'Side of the input of SAM 2 in pixels, 0: as trained.', minimum=0
    )
    background: tuple[str, ...] = parameter(
        ('background', 'a texture', 'a shadow', 'something else'),
        'Phrases that compete with the texts (clip_proposals).',
    )
    grid: int = parameter(
        16, 'Points per side for proposals (clip_proposals).', minimum=2, maximum=64
    )
    redetect_every_s: float = parameter(
        1.0, 'Seconds between two searches for known texts.', minimum=0.0, live=True
    )
    birth_score: float = parameter(
        0.5, 'A new track needs at least this.', minimum=0.0, maximum=1.0, live=True
    )
    keep_score: float = parameter(
        0.25, 'A living track is confirmed from this on.', minimum=0.0, maximum=1.0, live=True
    )
    match_iou: float = parameter(
        0.3, 'Overlap by which a detection is a track.', minimum=0.01, maximum=1.0, live=True
    )
    max_misses: int = parameter(
        3, 'Searches in a row that may miss a visible track.', minimum=0, live=True
    )
    death_after_s: float = parameter(
        5.0, 'A hidden track is given up after so many seconds.', minimum=0.0, live=True
    )
    max_tracks: int = parameter(16, 'Most tracks per camera.', minimum=1, maximum=256)
    min_visible: float = parameter(
        0.5, 'A track is visible if its probability is at least this.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse texts without words."""
        for text in self.prompts:
            if not text.strip():
                raise ConfigError('prompts', text, 'a text with words in it')

    def rules(self) -> Rules:
        """The thresholds of the track book."""
        return Rules(
            self.birth_score, self.match_iou, self.max_tracks, self.max_misses, self.death_after_s
        )


@dataclass
class _Stream:
    """One camera: session, tracks, and the texts searched for."""

    session: Sam2Session
    book: TrackBook
    texts: dict[str, str] = field(default_factory=dict)  # text to prompt id
    states: dict[str, tuple[PromptState, tuple[str, ...]]] = field(default_factory=dict)
    last_search_ns: int | None = None
    is_new_text: bool = False
    pending: list[Prompt] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)


class TextTracker(Plugin[TextTrackerConfig]):
    """Free text in; masks, tracks and an honest "not found" out."""

    card: ClassVar[Card] = Card(
        title='Finds what a text names and tracks its mask',
        system='A',
        paper='Ravi et al., SAM 2, 2024, arXiv 2408.00714; Radford et al., CLIP, 2021, '
        'arXiv 2103.00020; proposals as in Kirillov et al., Segment Anything, arXiv 2304.02643',
        reference_code='facebookresearch/sam2 (PyPI sam2 1.1.0); transformers CLIPModel',
        weights=(
            PublicWeights('facebook/sam2.1-hiera-tiny', 'Apache-2.0', 'segmenter'),
            PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'grounder clip_proposals'),
            PublicWeights('IDEA-Research/grounding-dino-tiny', 'Apache-2.0', 'grounding_dino'),
            PublicWeights('google/owlv2-base-patch16-ensemble', 'Apache-2.0', 'owlv2'),
            PublicWeights('facebook/sam3', 'SAM License, gated', 'sam3'),
        ),
        limits=(
            'With clip_proposals a search decodes grid x grid points: seconds on a CPU.',
            'Texts with relations ("left of the door") are only as good as the grounder.',
        ),
    )
    Config: ClassVar[type[Any]] = TextTrackerConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'prompt': Queue(Prompt, 'Texts or geometry: add, refine, remove, clear.'),
        'set_prompt': Request(Prompt, 'The same as a request.', reply_type=PromptReply),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks, 'All tracks of the camera.'),
        'status': Output(PromptStatus, 'What became of each prompt.', per_stream=False),
        'overlay': Output(Image, 'The picture with masks, for people.', is_debug=True),
    }

    def __init__(self, config: TextTrackerConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._shared: Shared[Sam2Engine] | None = None
        self._grounder: Grounder | None = None
        self._streams: dict[str, _Stream] = {}
        self._ids: Iterator[int] = itertools.count(1)
        self._asked: list[Prompt] = []
        self._statuses: list[PromptStatus] = []

    @classmethod
    def tiny(cls) -> TextTrackerConfig:
        """Networks with random weights for tests."""
        return TextTrackerConfig(
            prompts=('a thing',), grounder_weights='random', segmenter_weights='random', grid=4
        )

    def load(self, device: str) -> None:
        """Load segmenter and grounder."""
        from mm_perception.nets.grounders.grounder import GrounderSettings, load_grounder

        config = self.config
        self._shared = shared_engine(config.segmenter_weights, device, config.image_size)
        self._grounder = load_grounder(
            config.grounder,
            GrounderSettings(
                config.grounder_weights, device, config.segmenter_weights, config.image_size,
                config.background, config.grid,
            ),
        )  # fmt: skip

    def model_info(self) -> dict[str, str]:
        """Weights, their hashes and licence."""
        if self._shared is None:
            return {}
        info = engine_info(self._shared.model, self.config.segmenter_weights)
        info['grounder'] = self.config.grounder
        info['grounder_weights'] = self.config.grounder_weights
        return info

    def infer(self, inputs: Inputs) -> Outputs:
        """Take prompts, search if it is time, then follow all tracks."""
        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        self._distribute([p for p in inputs.all('prompt') if isinstance(p, Prompt)])
        stream = self._stream(inputs.stream)
        self._take_config_texts(stream)
        prompts, removed = self._take_prompts(stream, image, inputs)
        rgb = image.rgb()
        if self._is_search_due(stream, inputs.stamp_ns):
            found, gone = self._search(stream, rgb, inputs)
            prompts += found
            removed += gone
        removed += stream.expired
        living = set(stream.session.object_ids)
        result = stream.session.step(rgb, prompts, [i for i in removed if i in living])
        labels = {t.track_id: t.text or t.prompt_id for t in stream.book.tracks.values()}
        masks = masks_sample(
            result, labels, inputs.stamp_ns, inputs.frame_id, self.config.min_visible
        )
        self._observe(stream, masks, inputs)
        return self._outputs(rgb, masks, inputs)

    def answer(self, port: str, request: Sample) -> Sample:
        """Take a prompt; it applies to the next frame."""
        if not isinstance(request, Prompt):
            raise PromptError('not a prompt', type(request).__name__, 'send a Prompt')
        self._distribute([request])
        return PromptReply(stamp_ns=0, message='applies to the next frame; see ~/output/status')

    def rewind(self, stream: str) -> None:
        """Tracks of the other run are gone; texts are searched for again."""
        state = self._streams.get(stream)
        if state is not None:
            fresh = self._new_stream()
            fresh.texts, fresh.is_new_text = state.texts, bool(state.texts)
            fresh.pending = state.pending
            self._streams[stream] = fresh

    def reset(self) -> None:
        """Forget all prompts and tracks."""
        self._streams.clear()
        self._asked.clear()
        self._statuses.clear()
        self._ids = itertools.count(1)

    def reconfigure(self, config: TextTrackerConfig) -> None:
        """New texts are searched for at once; texts that are gone lose their tracks."""
        dropped = set(self.config.prompts) - set(config.prompts)
        super().reconfigure(config)
        for text in dropped:
            self._distribute([Prompt(action=PromptAction.REMOVE, prompt_id=text)], to_all=True)

    def close(self) -> None:
        """Give the models back."""
        self._streams.clear()
        if self._grounder is not None:
            self._grounder.close()
        if self._shared is not None:
            self._shared.release()
        self._grounder = self._shared = None

    def _new_stream(self) -> _Stream:
        if self._shared is None:
            raise PromptError('the models are not loaded', 'text_tracker', 'configure the node')
        session = self._shared.model.open_session(max_objects=self.config.max_tracks)
        return _Stream(session, TrackBook(lambda: (next(self._ids) - 1) % 65535 + 1))

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            self._streams[name] = self._new_stream()
            self._streams[name].pending += [p for p in self._asked if p.stream in ('', name)]
        return self._streams[name]

    def _distribute(self, prompts: list[Prompt], *, to_all: bool = False) -> None:
        """Give each prompt to the cameras it names; cameras that come later get it too."""
        for prompt in prompts:
            names = self.context.streams.get('image', ())
            if prompt.stream and names and prompt.stream not in names:
                self._statuses.append(
                    PromptStatus(
                        stamp_ns=prompt.stamp_ns, prompt_id=prompt.prompt_id, stream=prompt.stream,
                        state=PromptState.REJECTED,
                        message=f'no camera {prompt.stream!r}; there are: {", ".join(names)}',
                    )
                )  # fmt: skip
                continue
            if not to_all and not prompt.is_geometric:
                self._asked.append(prompt)
            for name, stream in self._streams.items():
                if prompt.stream in ('', name):
                    stream.pending.append(prompt)

    def _take_config_texts(self, stream: _Stream) -> None:
        for text in self.config.prompts:
            if text not in stream.texts:
                stream.texts[text] = text
                stream.is_new_text = True

    def _take_prompts(
        self, stream: _Stream, image: Image, inputs: Inputs
    ) -> tuple[list[ObjectPrompt], list[int]]:
        """Apply what was asked for; a bad prompt is rejected and harms no other."""
        from mm_perception.nets.sam2.prompts import check_prompts

        prompts: list[ObjectPrompt] = []
        removed: list[int] = []
        size = (image.height, image.width)
        for prompt in stream.pending:
            try:
                if prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
                    removed += self._remove(stream, prompt, inputs)
                elif prompt.action is PromptAction.ADD and not prompt.is_geometric:
                    stream.texts[prompt.text] = prompt.prompt_id or prompt.text
                    stream.is_new_text = True
                    self._tell(prompt.prompt_id or prompt.text, inputs, PromptState.SEARCHING)
                else:
                    track = self._target(stream, prompt, inputs)
                    is_known = track.track_id in stream.session.object_ids
                    own = to_object_prompt(prompt, track.track_id, is_known)
                    try:
                        check_prompts([own], stream.session.object_ids, size, 64)
                    except PromptError:
                        if not is_known:
                            del stream.book.tracks[track.track_id]
                        raise
                    prompts.append(own)
                    ids = (str(track.track_id),)
                    self._tell(prompt.prompt_id, inputs, PromptState.FOUND, ids, 1.0)
            except PromptError as error:
                self._tell(prompt.prompt_id, inputs, PromptState.REJECTED, message=str(error))
        stream.pending = []
        return prompts, removed

    def _target(self, stream: _Stream, prompt: Prompt, inputs: Inputs) -> Track:
        if prompt.action is PromptAction.ADD:
            if len(stream.book.tracks) >= self.config.max_tracks:
                raise PromptError(
                    'too many tracks', len(stream.book.tracks), 'remove some, or raise max_tracks'
                )
            return stream.book.add('', prompt.prompt_id, 1.0, inputs.stamp_ns)
        return self._known(stream, prompt.track_id)

    def _known(self, stream: _Stream, track_id: str) -> Track:
        if track_id.isdecimal() and int(track_id) in stream.book.tracks:
            return stream.book.tracks[int(track_id)]
        raise PromptError('no such track', track_id, f'living are {list(stream.book.tracks)}')

    def _remove(self, stream: _Stream, prompt: Prompt, inputs: Inputs) -> list[int]:
        tracks = stream.book.tracks
        if prompt.action is PromptAction.CLEAR:
            gone = list(tracks.values())
            stream.texts.clear()
            self._asked.clear()
        elif prompt.track_id:
            gone = [self._known(stream, prompt.track_id)]
        else:
            gone = [t for t in tracks.values() if prompt.prompt_id in (t.prompt_id, t.text)]
            for text in [t for t, p in stream.texts.items() if prompt.prompt_id in (t, p)]:
                del stream.texts[text]
                stream.states.pop(text, None)
            self._asked = [p for p in self._asked if prompt.prompt_id not in (p.prompt_id, p.text)]
        for track in gone:
            del tracks[track.track_id]
        ids = tuple(str(t.track_id) for t in gone)
        self._tell(prompt.prompt_id, inputs, PromptState.REMOVED, ids)
        return [t.track_id for t in gone]

    def _is_search_due(self, stream: _Stream, stamp_ns: int) -> bool:
        if not stream.texts:
            return False
        last = stream.last_search_ns
        waited = last is None or stamp_ns - last >= self.config.redetect_every_s * 1e9
        return stream.is_new_text or waited

    def _search(
        self, stream: _Stream, rgb: Any, inputs: Inputs
    ) -> tuple[list[ObjectPrompt], list[int]]:
        """Ask the grounder, and turn what it says into prompts for SAM 2 and removals."""
        if self._grounder is None:
            raise PromptError(
                'the grounder is not loaded', self.config.grounder, 'configure first'
            )
        texts = list(stream.texts)
        found = self._grounder.ground(rgb, texts, self.config.keep_score)
        stream.last_search_ns, stream.is_new_text = inputs.stamp_ns, False
        sightings = [Sighting(texts[f.text_index], f.score, area_of(f, rgb.shape)) for f in found]
        by_mask = {id(s): f for s, f in zip(sightings, found, strict=True)}
        decisions = stream.book.associate(
            sightings, stream.texts, inputs.stamp_ns, self.config.rules()
        )
        prompts = []
        for track, sighting in (*decisions.births, *decisions.returns):
            is_known = track.track_id in stream.session.object_ids
            prompts.append(_prompt_for(track, by_mask[id(sighting)], is_known))
        for text in texts:
            best = max((s.score for s in sightings if s.text == text), default=0.0)
            self._tell_change(stream, text, inputs, best)
        return prompts, [t.track_id for t in decisions.deaths]

    def _observe(self, stream: _Stream, masks: Masks, inputs: Inputs) -> None:
        visible = dict(zip(masks.ids, masks.visible, strict=True))
        own = {i: masks.mask(i) for i in masks.ids}
        expired = stream.book.observe(inputs.stamp_ns, own, visible, self.config.rules())
        stream.expired = [track.track_id for track in expired]
        for track in expired:
            if track.text:
                self._tell_change(stream, track.text, inputs, 0.0)

    def _tell_change(self, stream: _Stream, text: str, inputs: Inputs, score: float) -> None:
        """Say what became of a text, once per change."""
        if text not in stream.texts:
            return
        ids = tuple(str(t.track_id) for t in stream.book.tracks.values() if t.text == text)
        state = PromptState.FOUND if ids else PromptState.NOT_FOUND
        if stream.states.get(text) != (state, ids):
            stream.states[text] = (state, ids)
            message = '' if ids else f'nothing in view is {text!r}'
            self._tell(stream.texts[text], inputs, state, ids, score, message)

    def _tell(
        self,
        prompt_id: str,
        inputs: Inputs,
        state: PromptState,
        ids: tuple[str, ...] = (),
        score: float = 0.0,
        message: str = '',
    ) -> None:
        self._statuses.append(
            PromptStatus(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, prompt_id=prompt_id,
                stream=inputs.stream, state=state, track_ids=ids, score=score, message=message,
            )
        )  # fmt: skip

    def _outputs(self, rgb: Any, masks: Masks, inputs: Inputs) -> Outputs:
        outputs: dict[str, Any] = {'masks': masks, 'status': self._statuses}
        self._statuses = []
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.drawing import draw_masks

            outputs['overlay'] = Image(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, data=draw_masks(rgb, masks)
            )
        return outputs


def area_of(found: Found, shape: tuple[int, ...]) -> Any:
    """The mask of a detection, or its box filled, (H, W) bool."""
    if found.mask is not None:
        return found.mask
    mask = np.zeros(shape[:2], np.bool_)
    x0, y0, x1, y1 = (int(v) for v in found.box)
    mask[y0:y1, x0:x1] = True
    return mask


def _prompt_for(track: Track, found: Found, is_known: bool) -> ObjectPrompt:
    """A detection as a prompt for SAM 2."""
    from mm_perception.nets.sam2 import ObjectPrompt

    kind: Literal['add', 'refine'] = 'refine' if is_known else 'add'
    if found.mask is not None:
        return ObjectPrompt(track.track_id, kind, mask=found.mask)
    return ObjectPrompt(track.track_id, kind, box=found.box)


PLUGIN = TextTracker
