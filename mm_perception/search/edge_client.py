"""Qdrant's engine in this process (Qdrant Edge), with the calls `QdrantStore` makes of a server.

Each collection is a folder. One process at a time has it. What `upsert` took survives the end of
the process at any moment, and a loss of power once `flush` was called. A search compares with all
that may be meant. A graph of neighbours, as a server builds it by itself, takes the engine minutes
in which no other thread of Python runs, and the searches gain little (see bench_video_search).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import qdrant_edge as edge
from qdrant_client import models

_CONFIG = 'edge_config.json'  # of a collection; the engine writes it first
_UNFINISHED = 'temp_segments'
_FLUSH = 5000  # points in the log of changes, which is read again when a collection opens
_NO_GRAPH = 0


class Nearest(NamedTuple):
    """What a query finds, best first."""

    points: list[edge.ScoredPoint]


class EdgeClient:
    """Collections in a folder.

    Args:
        folder: Made if it is not there.

    Raises:
        OSError: The folder cannot be used; of all calls, another process may have it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._shards: dict[str, edge.EdgeShard] = {}
        self._waiting = 0

    def collection_exists(self, name: str) -> bool:
        """Whether a collection was made."""
        return (self._folder / name / _CONFIG).is_file()

    def create_collection(
        self, name: str, vectors_config: models.VectorParams, *, on_disk_payload: bool
    ) -> None:
        """Make a collection; all of them compare by the cosine."""
        vectors = edge.EdgeVectorParams(vectors_config.size, edge.Distance.Cosine)
        memory = edge.Memory.Cold if on_disk_payload else edge.Memory.Cached
        optimizers = edge.EdgeOptimizersConfig(indexing_threshold=_NO_GRAPH)
        config = edge.EdgeConfig(vectors, payload_memory=memory, optimizers=optimizers)
        (self._folder / name).mkdir(exist_ok=True)
        self._shards[name] = edge.EdgeShard.create(str(self._folder / name), config)

    def create_payload_index(
        self, name: str, field: str, schema: models.PayloadSchemaType | models.IntegerIndexParams
    ) -> None:
        """Index a field of words, or of numbers; one that is indexed stays so."""
        kind: edge.PayloadSchemaType | edge.IntegerIndexParams = edge.PayloadSchemaType.Keyword
        if isinstance(schema, models.IntegerIndexParams):
            kind = edge.IntegerIndexParams(lookup=schema.lookup, range=schema.range)
        self._shard(name).update(edge.UpdateOperation.create_field_index(field, kind))

    def upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        """Put points, all or none; one whose id is known takes the place of the old one."""
        made = [edge.Point(p.id, p.vector, p.payload) for p in points]  # type: ignore[arg-type]
        self._shard(name).update(edge.UpdateOperation.upsert_points(made))
        self._waiting += len(made)
        if self._waiting >= _FLUSH:
            self.flush()

    def query_points(
        self, name: str, *, query: list[float], query_filter: models.Filter | None, limit: int,
        with_payload: bool, with_vectors: bool,
    ) -> Nearest:  # fmt: skip
        """The nearest to a vector, best first."""
        found = self._shard(name).query(
            edge.QueryRequest(
                limit, query=edge.Query.Nearest(query), filter=_filter(query_filter),
                with_payload=with_payload, with_vector=with_vectors,
            )
        )  # fmt: skip
        return Nearest(found)

    def scroll(
        self, name: str, *, scroll_filter: models.Filter | None = None, limit: int,
        offset: Any = None, with_payload: bool = True, with_vectors: bool = False,
        order_by: models.OrderBy | None = None,
    ) -> tuple[list[Any], Any]:  # fmt: skip
        """Points in order of a field, or of their ids; and where the next ones begin."""
        order = edge.OrderBy(order_by.key) if order_by else None
        return self._shard(name).scroll(
            edge.ScrollRequest(
                offset, limit, _filter(scroll_filter), with_payload, with_vectors, order
            )
        )

    def count(self, name: str, count_filter: models.Filter | None = None) -> models.CountResult:
        """How many points."""
        asked = edge.CountRequest(filter=_filter(count_filter))
        return models.CountResult(count=self._shard(name).count(asked))

    def delete(self, name: str, chosen: models.FilterSelector | models.PointIdsList) -> None:
        """Forget points."""
        if isinstance(chosen, models.PointIdsList):
            operation = edge.UpdateOperation.delete_points(list(chosen.points))
        else:
            operation = edge.UpdateOperation.delete_points_by_filter(
                _filter(chosen.filter) or edge.Filter()
            )
        self._shard(name).update(operation)

    def flush(self) -> None:
        """Have all on the disk; where a fifth was forgotten, what is left is written anew."""
        for shard in self._shards.values():
            shard.optimize()
            shard.flush()
        self._waiting = 0

    def close(self) -> None:
        """Have all on the disk and let go."""
        self.flush()
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    def _shard(self, name: str) -> edge.EdgeShard:
        if name not in self._shards:
            folder = self._folder / name
            try:
                self._shards[name] = edge.EdgeShard.load(str(folder))
            except Exception as error:  # the engine raises nothing narrower
                raise OSError(str(error)) from error
            # Of a process that was killed while it wrote anew; the engine forgets it there.
            shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)
        return self._shards[name]


def _filter(asked: models.Filter | None) -> edge.Filter | None:
    """The same for the engine; of the parts of a filter, those that `QdrantStore` makes use of."""
    if asked is None:
        return None
    return edge.Filter(_conditions(asked.must), _conditions(asked.should))


def _conditions(asked: Any) -> list[Any] | None:
    return None if asked is None else [_condition(one) for one in asked]


def _condition(asked: Any) -> edge.Filter | edge.FieldCondition:
    if isinstance(asked, models.Filter):
        return edge.Filter(_conditions(asked.must), _conditions(asked.should))
    if asked.range is not None:
        limits = asked.range.model_dump(exclude_none=True)
        return edge.FieldCondition(asked.key, range=edge.RangeFloat(**limits))
    return edge.FieldCondition(asked.key, match=edge.MatchValue(asked.match.value))
