"""Stores of the video index with many vectors; each step in a process of its own.

Times are CPU time of all threads: the machines that this runs on have other things to do.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry, Where
from mm_perception.search.store import open_store

DIMENSION = 128
SPACE = 'bench'
STREAMS = 6
ENGINE = 'qdrant engine'
_CHUNK = 10_000
_PERIOD_NS = 100_000_000
_QUERIES = 40
_LIMIT = 400  # what `answer` asks for


def vectors(first: int, count: int) -> Array:
    """Random unit vectors, (count, D) float32: harder for a graph than those of pictures."""
    found = np.random.default_rng(first).normal(size=(count, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def entries(first: int, count: int) -> list[Entry]:
    """Entries of six cameras, without pictures."""
    return [
        Entry(
            space=SPACE, vector=vector, stamp_ns=i * _PERIOD_NS, end_ns=i * _PERIOD_NS,
            frame_id='camera', source='digest', bag='bag', topic='/image',
            stream=f'camera_{i % STREAMS}',
        )
        for i, vector in enumerate(vectors(first, count), first)
    ]  # fmt: skip


def conditions(count: int) -> dict[str, tuple[Where, Array]]:
    """Name to what is asked for, and the numbers of the entries that are meant."""
    numbers, middle, near = np.arange(count), count // 2, count // 200
    time_of = Where(after_ns=(middle - near) * _PERIOD_NS, before_ns=(middle + near) * _PERIOD_NS)
    return {
        'all': (Where(), numbers),
        'one camera': (Where(stream='camera_1'), numbers[1::STREAMS]),
        '1 % of the time': (time_of, numbers[middle - near : middle + near + 1]),
    }


def queries() -> Array:
    """(_QUERIES, D) float32 that no entry has."""
    return vectors(2**40, _QUERIES)


def exact(count: int) -> dict[str, list[set[int]]]:
    """Name of a condition to the numbers of the ten nearest entries of each query."""
    scores = np.concatenate(
        [queries() @ vectors(i, min(_CHUNK, count - i)).T for i in range(0, count, _CHUNK)], axis=1
    )
    found = {}
    for name, (_, meant) in conditions(count).items():
        best = np.argpartition(-scores[:, meant], 10, axis=1)[:, :10]
        found[name] = [set(meant[row].tolist()) for row in best]
    return found


def fill(address: str, count: int) -> dict[str, Any]:
    """Add through the store."""
    made = [entries(i, min(_CHUNK, count - i)) for i in range(0, min(count, 100_000), _CHUNK)]
    taken_s, done = 0.0, 0
    with open_store(address) as store:
        while done < count:
            index = done // _CHUNK
            part = made[index] if index < len(made) else entries(done, _CHUNK)
            began_s = time.process_time()
            store.add(part)
            taken_s += time.process_time() - began_s
            done += len(part)
    return {'added_per_cpu_s': round(done / taken_s)}


def build_graph(address: str) -> dict[str, Any]:
    """What a Qdrant server does by itself: a graph of neighbours (HNSW), with its defaults."""
    import qdrant_edge as edge

    folder = Path(address.removeprefix('qdrant:'))
    (collection,) = [path for path in folder.iterdir() if 'notes' not in path.name]
    config = edge.EdgeConfig(
        edge.EdgeVectorParams(DIMENSION, edge.Distance.Cosine),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=10_000),
    )
    shard = edge.EdgeShard.load(str(collection), config)
    began_s = time.process_time()
    shard.optimize()
    taken_s = time.process_time() - began_s
    info = shard.info()
    shard.close()
    return {'graph_cpu_s': round(taken_s), 'graph_of': info.indexed_vectors_count}


def ask(address: str, count: int, truth: dict[str, list[set[int]]]) -> dict[str, Any]:
    """Open, and search with and without conditions; memory is what the process has grown by."""
    asked = queries()
    before_mb, began_s = _rss_mb(), time.process_time()
    with open_store(address) as store:
        found: dict[str, Any] = {'entries': store.count(SPACE)}
        found['open_cpu_s'] = round(time.process_time() - began_s, 2)
        for name, (where, _) in conditions(count).items():
            taken, right = [], 0
            for query, best in zip(asked, truth[name], strict=True):
                began_s = time.process_time()
                hits = store.search(SPACE, query, where, _LIMIT)
                taken.append(1000 * (time.process_time() - began_s))
                right += len(best & {hit.entry.stamp_ns // _PERIOD_NS for hit in hits[:10]})
            found[name] = {
                'first_cpu_ms': round(taken[0], 1),
                'median_cpu_ms': round(statistics.median(taken[1:]), 1),
                'p95_cpu_ms': round(float(np.percentile(taken[1:], 95)), 1),
                'recall@10': round(right / 10 / _QUERIES, 3),
            }
        found['memory_mb'] = round(_rss_mb() - before_mb)
    return found


def _rss_mb() -> float:
    """Memory of the process, mapped files left out."""
    text = Path('/proc/self/status').read_text()
    return float(text.split('RssAnon:')[1].split()[0]) / 1024


def measure(
    kind: str, count: int, *, with_graph: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and figures of one store with so many entries; then again with a graph."""
    folder = Path(tempfile.mkdtemp(prefix='bench-search-'))
    address = f'{"qdrant:" if kind == ENGINE else ""}{folder / "store"}'
    truth = _alone(exact, count)
    try:
        made = _alone(fill, address, count)
        yield f'{kind}, {count:,}', made | _alone(ask, address, count, truth) | _disk(folder)
        if with_graph:
            made = _alone(build_graph, address)
            asked = _alone(ask, address, count, truth)
            yield f'{kind} with a graph, {count:,}', made | asked | _disk(folder)
    finally:
        shutil.rmtree(folder)


def _alone(step: Callable[..., Any], *arguments: object) -> Any:
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(step, *arguments).result()


def _disk(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {'disk_mb': round(sum(path.stat().st_blocks * 512 for path in files) / 1e6)}
