"""Ask a store: by text, picture or track; moments come back, or that nothing is like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_perception.errors import RequestError
from mm_perception.nets.clip.likeness import unknown_words
from mm_perception.samples import SearchHit, SearchReply, SearchRequest
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Found, Where, unit
from mm_perception.search.indexer import space_of
from mm_perception.search.moments import Moment, moments_of
from mm_perception.search.store import Store
from mm_perception.search.wording import Weights, alike
from mm_perception.text.words import names_thing

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine

_CANDIDATES = 400  # that are looked at closer, at least
_PER_HIT = 40
_VIEWS = 64  # of a track that is an example


@dataclass(frozen=True)
class Strictness:
    """What counts as like it.

    Attributes:
        min_share: Least share that a text has among the same with other colours and things
            (`mm_perception.nets.clip.likeness.share`); between 0 and 1 for any weights.
        min_cosine: Least cosine with an example.
        share_weight: What a share of 1 is worth beside the cosine, when candidates are ordered.
        parts_weight: What the things that a text names are worth beside the text as a whole.
        drop: A moment is made of hits that are worse than its best by no more than this.
        gap_s: And has no gap longer than this, seconds.
    """

    min_share: float = 0.3
    min_cosine: float = 0.8
    share_weight: float = 0.1
    parts_weight: float = 2.0
    drop: float = 0.15
    gap_s: float = 1.0


def answer(
    engine: ClipEngine, store: Store, request: SearchRequest, strictness: Strictness
) -> SearchReply:
    """Look for moments.

    Raises:
        RequestError: The track that is the example was never seen, or the index was made with
            other weights alone.
    """
    space = space_of(engine)
    _check_space(store, space)
    where = Where(
        bag=request.bag, stream=request.stream, after_ns=request.after_ns,
        before_ns=request.before_ns,
    )  # fmt: skip
    unknown = unknown_words(engine, request.text) if request.text else []
    if unknown and not names_thing(request.text):
        words = f'nothing is found: the weights do not know {unknown[0]!r}'
        return SearchReply(stamp_ns=request.stamp_ns, message=words, model=space)
    most = max(_CANDIDATES, _PER_HIT * request.limit)
    if request.text:
        weights = Weights(strictness.min_share, strictness.share_weight, strictness.parts_weight)
        hits = alike(
            engine, lambda vector: store.search(space, vector, where, most), request.text, weights
        )
    elif request.image is not None:
        vector = engine.embed_images([request.image.rgb()])[0]
        hits = _like_example(store.search(space, vector, where, most), strictness)
    else:
        vector, views = _of_track(store, space, request)
        others = [
            hit
            for hit in store.search(space, vector, where, most + views)
            if _is_other(hit, request)
        ]
        hits = _like_example(others, strictness)
    moments = moments_of(hits, strictness.gap_s, strictness.drop, request.limit)
    found = tuple(_hit(moment) for moment in moments)
    return SearchReply(
        stamp_ns=request.stamp_ns,
        hits=found,
        message=_in_words(request, found, unknown),
        model=space,
    )


def _check_space(store: Store, space: str) -> None:
    spaces = store.spaces()
    if spaces and space not in spaces:
        fix = f'search with the weights of {" or ".join(spaces)}, or index again'
        raise RequestError('the index holds nothing of these weights', space, fix)


def _like_example(found: Sequence[Found], strictness: Strictness) -> list[Found]:
    return [hit for hit in found if hit.score >= strictness.min_cosine]


def _of_track(store: Store, space: str, request: SearchRequest) -> tuple[Array, int]:
    """The mean of what was seen of a track, (D,) float32, and how many views that is."""
    where = Where(bag=request.bag, stream=request.stream, track_id=request.track_id)
    views = store.entries(space, where, _VIEWS)
    if not views:
        fix = 'give the id of a track that was indexed, as mmp search shows it'
        raise RequestError('no such track', request.track_id, fix)
    owners = sorted({(v.bag or 'live', v.stream) for v in views})
    if len(owners) > 1:
        names = ', '.join(f'{bag} {stream}'.strip() for bag, stream in owners)
        fix = f'say whose by bag and stream: {names}'
        raise RequestError('several have a track of that id', request.track_id, fix)
    return unit(np.mean([v.vector for v in views], axis=0)), len(views)


def _is_other(hit: Found, request: SearchRequest) -> bool:
    """Whether it is not the example itself."""
    entry, stream = hit.entry, request.stream
    if entry.track_id != request.track_id:
        return True
    is_elsewhere = bool(request.bag) and entry.bag != request.bag
    return is_elsewhere or (bool(stream) and stream not in (entry.stream, entry.topic))


def _hit(moment: Moment) -> SearchHit:
    entry = moment.best.entry
    return SearchHit(
        stamp_ns=entry.stamp_ns, frame_id=entry.frame_id, start_ns=moment.start_ns,
        end_ns=moment.end_ns, bag=entry.bag, topic=entry.topic, stream=entry.stream,
        track_id=entry.track_id, label=entry.label,
        box=None if entry.box is None else np.array(entry.box, np.float32),
        score=moment.best.score, jpeg=np.frombuffer(entry.jpeg, np.uint8),
    )  # fmt: skip


def _in_words(request: SearchRequest, hits: Sequence[SearchHit], unknown: Sequence[str]) -> str:
    asked = repr(request.text) if request.text else 'the example'
    if unknown:
        asked += f' (the weights do not know {", ".join(map(repr, unknown))})'
    if not hits:
        return f'nothing is like {asked}'
    best = hits[0]
    place = ' '.join(part for part in (best.bag, best.stream or best.topic) if part)
    where = f' on {place}' if place else ''
    number = '1 moment' if len(hits) == 1 else f'{len(hits)} moments'
    return (
        f'{number} like {asked}; best{where} from {best.start_ns / 1e9:.2f} '
        f'to {best.end_ns / 1e9:.2f} s'
    )
