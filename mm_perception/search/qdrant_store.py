"""Entries in Qdrant: on a server, for fleets, or in its engine in this process; the same code."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from mm_perception.errors import ConfigError, MissingDependencyError
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry, Found, Where
from mm_perception.search.store import MADE, Store

if TYPE_CHECKING:
    from mm_perception.search.edge_client import EdgeClient

_PREFIX = 'mmp_'
_NOTES = 'mmp_notes'
_FIELDS = (
    'stamp_ns', 'end_ns', 'frame_id', 'source', 'bag', 'topic', 'stream', 'track_id', 'label',
)  # fmt: skip
_WORDS = ('source', 'bag', 'topic', 'stream', 'track_id')
_TIMES = ('stamp_ns', 'end_ns')
_ENGINE = 'qdrant:'
#: Times are compared, never looked up: a table of them takes as much memory as all else.
_ORDERED = models.IntegerIndexParams(
    type=models.IntegerIndexType.INTEGER, lookup=False, range=True
)


class QdrantStore(Store):
    """Entries in Qdrant; each space is a collection.

    Args:
        address: URL of a server, or `qdrant:FOLDER` for the engine in this process.
        makes: Whether the folder may be made.

    Raises:
        ConfigError: Nobody answers there, or the folder cannot be used.
        MissingDependencyError: The engine is not installed.
    """

    def __init__(self, address: str, *, makes: bool = True) -> None:
        self._client: QdrantClient | EdgeClient
        self._edge: EdgeClient | None = None
        try:
            if address.startswith(_ENGINE):
                folder = Path(address.removeprefix(_ENGINE)).expanduser()
                if not makes and not (folder / _NOTES).is_dir():
                    raise ConfigError('index', address, MADE)
                expected = 'a folder to write in that no other process has open'
                self._client = self._edge = _engine(folder)
            else:
                expected = 'an address where Qdrant answers'
                self._client = QdrantClient(url=address, api_key=os.environ.get('QDRANT_API_KEY'))
            self._names = self._read_names()
        except (ApiException, RuntimeError, OSError, ValueError) as error:
            raise ConfigError('index', address, f'{expected} ({error})') from error

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep entries; a point has the id that the entry's key is."""
        by_space: dict[str, list[Entry]] = {}
        for entry in entries:
            by_space.setdefault(entry.space, []).append(entry)
        for space, group in by_space.items():
            points = [
                models.PointStruct(id=e.key, vector=e.vector.tolist(), payload=_payload(e))
                for e in group
            ]
            self._client.upsert(self._collection(space, len(group[0].vector)), points)

    def search(self, space: str, vector: Array, where: Where, limit: int) -> list[Found]:
        """Ask for the nearest."""
        if space not in self._names:
            return []
        found = self._client.query_points(
            _name(space), query=vector.tolist(), query_filter=_filter(where), limit=limit,
            with_payload=True, with_vectors=True,
        ).points  # fmt: skip
        hits = [Found(_entry(space, p), float(p.score)) for p in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.entry.stamp_ns))

    def entries(self, space: str, where: Where, limit: int) -> list[Entry]:
        """Scroll in order of time."""
        if space not in self._names:
            return []
        found, _ = self._client.scroll(
            _name(space), scroll_filter=_filter(where), limit=limit, with_vectors=True,
            order_by=models.OrderBy(key='stamp_ns'),
        )  # fmt: skip
        return [_entry(space, point) for point in found]

    def count(self, space: str) -> int:
        """How many points its collection has."""
        return int(self._client.count(_name(space)).count) if space in self._names else 0

    def spaces(self) -> list[str]:
        """All spaces."""
        return sorted(self._names)

    def remove(self, space: str, where: Where) -> None:
        """Delete by filter."""
        if space in self._names:
            chosen = models.FilterSelector(filter=_filter(where) or models.Filter())
            self._client.delete(_name(space), chosen)

    def trim(self, space: str, most: int, before_ns: int) -> None:
        """Delete points of running cameras."""
        if space not in self._names:
            return
        name, live = _name(space), _is('source', '')
        if before_ns > 0:
            old = models.FieldCondition(key='end_ns', range=models.Range(lt=before_ns))
            self._client.delete(
                name, models.FilterSelector(filter=models.Filter(must=[live, old]))
            )
        chosen = models.Filter(must=[live])
        excess = self._client.count(name, count_filter=chosen).count - most
        if excess > 0:
            found, _ = self._client.scroll(
                name, scroll_filter=chosen, limit=excess, with_payload=False,
                order_by=models.OrderBy(key='stamp_ns'),
            )  # fmt: skip
            self._client.delete(name, models.PointIdsList(points=[p.id for p in found]))

    def note(self, key: str) -> str:
        """What was written down under a key."""
        return self.notes().get(key, '')

    def write_note(self, key: str, text: str) -> None:
        """Notes are points too, with a vector that means nothing."""
        if self._edge is not None:
            self._edge.flush()  # what a note says was done shall be on the disk before it
        if not self._client.collection_exists(_NOTES):
            self._create(_NOTES, 1)
        point = models.PointStruct(
            id=_number(key), vector=[1.0], payload={'key': key, 'text': text}
        )
        self._client.upsert(_NOTES, [point])

    def notes(self) -> dict[str, str]:
        """All that was written down."""
        if not self._client.collection_exists(_NOTES):
            return {}
        points, offset = [], None
        while True:
            found, offset = self._client.scroll(_NOTES, limit=1000, offset=offset)
            points += [p.payload or {} for p in found]
            if offset is None:
                return {str(p['key']): str(p['text']) for p in points}

    def close(self) -> None:
        """Let go."""
        self._client.close()

    def _read_names(self) -> set[str]:
        notes = self.notes()
        return {text for key, text in notes.items() if key.startswith('space ')}

    def _collection(self, space: str, dimension: int) -> str:
        if space not in self._names:
            if not self._client.collection_exists(_name(space)):
                self._create(_name(space), dimension)
            self._index(_name(space))
            self.write_note(f'space {_name(space)}', space)
            self._names.add(space)
        return _name(space)

    def _create(self, name: str, dimension: int) -> None:
        self._client.create_collection(
            name,
            vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
            on_disk_payload=True,
        )

    def _index(self, name: str) -> None:
        """Indices of what is asked for; Qdrant orders by nothing else."""
        for field in _WORDS:
            self._client.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD)
        for field in _TIMES:
            self._client.create_payload_index(name, field, _ORDERED)


def _engine(folder: Path) -> EdgeClient:
    try:
        from mm_perception.search.edge_client import EdgeClient
    except ImportError as error:
        install = 'pip install qdrant-edge-py'
        raise MissingDependencyError('qdrant-edge-py', 'an index in qdrant:', install) from error
    return EdgeClient(folder)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), 'big')


def _name(space: str) -> str:
    """Names of collections may not have every character."""
    return f'{_PREFIX}{_number(space):x}'


def _is(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _filter(where: Where) -> models.Filter | None:
    must: list[Any] = [
        _is(name, getattr(where, name))
        for name in ('source', 'bag', 'track_id')
        if getattr(where, name)
    ]
    if where.stream:
        must.append(
            models.Filter(should=[_is('stream', where.stream), _is('topic', where.stream)])
        )
    if where.after_ns:
        must.append(models.FieldCondition(key='end_ns', range=models.Range(gte=where.after_ns)))
    if where.before_ns:
        must.append(models.FieldCondition(key='stamp_ns', range=models.Range(lte=where.before_ns)))
    return models.Filter(must=must) if must else None


def _payload(entry: Entry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in _FIELDS}
    box = None if entry.box is None else list(entry.box)
    return {**values, 'box': box, 'jpeg': base64.b64encode(entry.jpeg).decode()}


def _entry(space: str, point: Any) -> Entry:
    payload = dict(point.payload)
    return Entry(
        space=space, vector=np.array(point.vector, np.float32),
        **{name: payload[name] for name in _FIELDS},
        box=tuple(payload['box']) if payload['box'] else None,
        jpeg=base64.b64decode(payload['jpeg']),
    )  # fmt: skip
