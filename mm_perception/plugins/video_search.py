"""Remembers what cameras have shown, and finds moments again by text, picture or track.

Every picture, and every track of a tracker, becomes a vector of CLIP with its stamp, box and a
small picture; what looks the same for a while is kept once. They stay in memory up to a number and
an age, or in an index that `mmp index` and `mmp search` share. The node needs
`works_unheard: true`: it has to look while nobody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MmPerceptionError, RequestError
from mm_perception.imaging.compressed import decode_picture
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Queue,
    Reference,
    Request,
)
from mm_perception.samples import (
    Embedding,
    Event,
    Image,
    Masks,
    Sample,
    SearchHit,
    SearchReply,
    SearchRequest,
    Text,
)
from mm_perception.search.entry import Where
from mm_perception.search.store import Store, open_store

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine
    from mm_perception.search.indexer import Indexer
    from mm_perception.search.sights import Sights

_FLUSH = 64  # entries that wait to be written
_LIMIT = 5  # events that answer a text of the query topic


@dataclass(frozen=True)
class VideoSearchConfig:
    """Settings of the `video_search` plugin."""

    weights: str = parameter(
        'nano', 'Of CLIP: nano, a hub id, a directory, open_clip:..., random.'
    )
    index: str = parameter(
        '', 'Folder, qdrant:FOLDER or URL of a Qdrant server that keeps entries; empty: memory.'
    )
    every_s: float = parameter(
        0.0, 'Seconds between two pictures of a camera that are looked at; 0: every one.',
        minimum=0.0,
    )  # fmt: skip
    track_every_s: float = parameter(
        0.5, 'Seconds between two looks at the same track.', minimum=0.0
    )
    smallest_px: int = parameter(250, 'Tracks of fewer pixels are not looked at.', minimum=1)
    same_cosine: float = parameter(
        0.97, 'What is as like as this to what came before is not stored again.',
        minimum=0.0, maximum=1.0,
    )  # fmt: skip
    longest_s: float = parameter(
        10.0, 'What stays the same is stored again after so many seconds.', minimum=0.1
    )
    thumbnail_px: int = parameter(
        160, 'Longer side of the pictures that are kept.', minimum=16, maximum=1024
    )
    max_entries: int = parameter(
        20_000, 'Of running cameras; beyond it the earliest are forgotten.', minimum=1
    )
    keep_s: float = parameter(
        0.0, 'What running cameras saw is forgotten after so many seconds; 0: never.', minimum=0.0
    )
    min_share: float = parameter(
        0.3, 'Least share that CLIP gives a text among others with other colours and things.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    min_cosine: float = parameter(
        0.8, 'Least cosine with an example picture or track.',
        minimum=-1.0, maximum=1.0, live=True,
    )  # fmt: skip
    gap_s: float = parameter(
        1.0, 'Hits with a longer time between them are two moments, seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip


class VideoSearch(ModelPlugin[VideoSearchConfig, 'ClipEngine']):
    """Pictures and tracks in; moments out, when asked."""

    card: ClassVar[Card] = Card(
        title='Remembers what cameras have shown; finds moments by text, picture or track',
        system='1-2',
        paper='Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip '
        'Retrieval, 2021, arXiv 2104.08860 (vectors of frames); the rest is policy',
        reference_code='none',
        weights=(
            PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'transformers'),
            PublicWeights('google/siglip2-base-patch16-224', 'Apache-2.0', 'transformers'),
        ),
        limits=(
            'It finds how things look, not what they do: order and motion are not in a vector.',
            'Small things are found only where a tracker gives masks.',
            'Who is seen twice is not recognised as one: an example finds what looks like it.',
        ),
    )
    Config: ClassVar[type[Any]] = VideoSearchConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'masks': Latest(Masks, 'Tracks in these pictures.', tolerance_s=1.0, follows='image'),
        'query': Queue(Text, 'Texts to look for; answered on `answer`.'),
        'search': Request(
            SearchRequest, 'When was something like this seen?', reply_type=SearchReply
        ),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'embedding': Output(Embedding, 'Of each picture that was looked at.'),
        'answer': Output(
            Event, 'For each text: `found` for each moment, best first, or `not_found`.',
            per_stream=False,
        ),
    }  # fmt: skip

    def __init__(self, config: VideoSearchConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._store: Store | None = None
        self._indexer: Indexer | None = None
        self._sights: Sights | None = None
        self._newest_ns = 0

    @classmethod
    def tiny(cls) -> VideoSearchConfig:
        """A network with random weights for tests, which knows no words."""
        return VideoSearchConfig(weights='random', smallest_px=1)

    def load(self, device: str) -> None:
        """Load CLIP, open the index.

        Raises:
            WeightsError: The weights cannot be used.
            ConfigError: The index cannot be used.
        """
        from mm_perception.nets.clip import shared_clip
        from mm_perception.search.indexer import Indexer, Sameness
        from mm_perception.search.sights import Sights

        config = self.config
        self._shared = shared_clip(config.weights, device)
        self._store = open_store(config.index)
        same = Sameness(config.same_cosine, longest_s=config.longest_s)
        self._indexer = Indexer(self._engine, self._store, same, config.thumbnail_px)
        self._sights = Sights(config.every_s, config.track_every_s, config.smallest_px)

    def model_info(self) -> dict[str, str]:
        """Weights, their hash and licence, and how much is remembered."""
        if self._shared is None or self._store is None or self._indexer is None:
            return {}
        return super().model_info() | {'entries': str(self._store.count(self._indexer.space))}

    def infer(self, inputs: Inputs) -> Outputs:
        """Look at the picture and at the tracks, and answer texts that came."""
        indexer, sights = self._loaded()
        image, masks = cast(Image, inputs.one('image')), inputs.maybe('masks')
        whole = sights.picture(image, inputs.stream)
        tracks = sights.masks(cast(Masks, masks), inputs.stream) if masks is not None else []
        vectors = indexer.add([*whole, *tracks])
        self._newest_ns = max(self._newest_ns, inputs.stamp_ns)
        if indexer.waiting >= _FLUSH:
            self._write()
        events = [
            e for text in inputs.all('query') for e in self._events(cast(Text, text), inputs)
        ]
        outputs: dict[str, Sample | Sequence[Sample]] = {'answer': events} if events else {}
        if whole:
            outputs['embedding'] = Embedding(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, vector=vectors[0],
                model=indexer.space,
            )  # fmt: skip
        return outputs

    def answer(self, port: str, request: Sample) -> Sample:
        """Look for moments in all that was seen up to now."""
        if not isinstance(request, SearchRequest):
            raise RequestError('unknown request', port, 'use search')
        from mm_perception.search.query import Strictness, answer

        self._write()
        config = self.config
        strictness = Strictness(
            min_share=config.min_share, min_cosine=config.min_cosine, gap_s=config.gap_s
        )
        if self._store is None:
            raise _not_loaded()
        return answer(self._engine, self._store, request, strictness)

    def rewind(self, stream: str) -> None:
        """Time was set back: what is in memory of that camera is of another run."""
        if self._indexer is None or self._sights is None or self._store is None:
            return
        self._sights.forget(stream)
        self._indexer.forget(stream)
        self._newest_ns = 0
        if not self.config.index:
            self._indexer.flush()
            self._store.remove(self._indexer.space, Where(stream=stream))

    def reset(self) -> None:
        """Forget what is in memory; an index keeps what was seen."""
        if self._indexer is None or self._store is None:
            return
        for stream in self.context.streams.get('image', ('',)):
            self.rewind(stream)
        if self.config.index:
            self._indexer.flush()
        self._indexer.clear()
        if not self.config.index:
            self._store.remove(self._indexer.space, Where())

    def reconfigure(self, config: VideoSearchConfig) -> None:
        """Take live settings over."""
        self.config = config

    def close(self) -> None:
        """Write what waits; give the model and the index back."""
        if self._indexer is not None:
            self._write()
        if self._store is not None:
            self._store.close()
        super().close()
        self._indexer = self._store = self._sights = None

    def _loaded(self) -> tuple[Indexer, Sights]:
        if self._indexer is None or self._sights is None:
            raise _not_loaded()
        return self._indexer, self._sights

    def _write(self) -> None:
        """Write what waits, forget what is too old or too much."""
        indexer, _ = self._loaded()
        indexer.flush()
        keep_ns = round(self.config.keep_s * 1e9)
        before_ns = self._newest_ns - keep_ns if keep_ns else 0
        if self._store is not None:
            self._store.trim(indexer.space, self.config.max_entries, before_ns)

    def _events(self, text: Text, inputs: Inputs) -> Sequence[Event]:
        """The answer to a text of the topic; a text that is none is reported."""
        try:
            reply = self.answer('search', SearchRequest(text=text.text, limit=_LIMIT))
        except MmPerceptionError as error:
            self.context.report(error)
            return []
        reply = cast(SearchReply, reply)
        if reply.hits:
            return [_event(hit, text.text, inputs) for hit in reply.hits]
        return [
            Event(
                stamp_ns=inputs.stamp_ns, frame_id=inputs.frame_id, kind='not_found',
                start_ns=inputs.stamp_ns, end_ns=inputs.stamp_ns, label=text.text, score=0.0,
                message=reply.message,
            )
        ]  # fmt: skip


def _event(hit: SearchHit, text: str, inputs: Inputs) -> Event:
    picture = Image(stamp_ns=hit.stamp_ns, frame_id=hit.frame_id, data=decode_picture(hit.jpeg))
    seconds = f'{(hit.end_ns - hit.start_ns) / 1e9:.1f} s'
    return Event(
        stamp_ns=inputs.stamp_ns, frame_id=hit.frame_id, kind='found', start_ns=hit.start_ns,
        end_ns=hit.end_ns, stream=hit.stream, label=text, box=hit.box, picture=picture,
        track_ids=(hit.track_id,) if hit.track_id else (),
        score=float(np.clip(hit.score, 0.0, 1.0)),
        message=f'{text}: {seconds} from {hit.start_ns / 1e9:.2f} s',
    )  # fmt: skip


def _not_loaded() -> RequestError:
    return RequestError('the model is not loaded', 'video_search', 'configure the node first')


PLUGIN = VideoSearch
