"""Stores of the video index with many vectors; each step in a process of its own.

Times are CPU time of one core: the machines that this runs on have other things to do.
"""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mm_perception.search.entry import Entry, Where
from mm_perception.search.store import open_store

DIMENSION = 128
SPACE = 'bench'
STREAMS = 6
_CHUNK = 10_000
_PERIOD_NS = 100_000_000


def entries(first: int, count: int) -> list[Entry]:
    """Random unit vectors of six cameras, without pictures."""
    rng = np.random.default_rng(first)
    vectors = rng.normal(size=(count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Entry(
            space=SPACE, vector=vector, stamp_ns=i * _PERIOD_NS, end_ns=i * _PERIOD_NS,
            frame_id='camera', source='digest', bag='bag', topic='/image',
            stream=f'camera_{i % STREAMS}',
        )
        for i, vector in enumerate(vectors, first)
    ]  # fmt: skip


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


def prefill_qdrant(address: str, count: int) -> dict[str, Any]:
    """Write the file of Qdrant's local mode as it does itself, but not one point at a time."""
    import sqlite3

    from qdrant_client import models
    from qdrant_client._pydantic_compat import construct
    from qdrant_client.local.persistence import CollectionPersistence

    from mm_perception.search.qdrant_store import _payload

    with open_store(address) as store:
        store.add(entries(0, 1))
    folder = Path(address.removeprefix('qdrant:')) / 'collection'
    path = next(p for p in folder.glob('*/storage.sqlite') if 'notes' not in p.parent.name)
    with sqlite3.connect(path) as db:
        for first in range(1, count, _CHUNK):
            rows = []
            for entry in entries(first, min(_CHUNK, count - first)):
                point = construct(
                    models.PointStruct, id=entry.key, vector=entry.vector.tolist(),
                    payload=_payload(entry),
                )  # fmt: skip
                rows.append((CollectionPersistence.encode_key(entry.key), pickle.dumps(point)))
            db.executemany('INSERT OR REPLACE INTO points VALUES (?, ?)', rows)
    return {}


def ask(address: str, count: int) -> dict[str, Any]:
    """Open, and search with and without conditions; memory is what the process has grown by."""
    warnings.simplefilter('ignore')
    before_mb, began_s = _rss_mb(), time.process_time()
    with open_store(address) as store:
        found = {'entries': store.count(SPACE)}
        found['open_cpu_s'] = round(time.process_time() - began_s, 2)
        vector = entries(count // 2, 1)[0].vector
        middle_ns = count // 2 * _PERIOD_NS
        near = Where(
            after_ns=middle_ns - count // 200 * _PERIOD_NS,
            before_ns=middle_ns + count // 200 * _PERIOD_NS,
        )
        for name, where in (
            ('all', Where()), ('one camera', Where(stream='camera_1')), ('1 % of the time', near),
        ):  # fmt: skip
            found[f'search_cpu_ms, {name}'] = _median_ms(
                lambda where=where: store.search(SPACE, vector, where, 400)
            )
        best = store.search(SPACE, vector, Where(), 1)[0]
        found['finds_itself'] = best.entry.stamp_ns == middle_ns and best.score > 0.999
        found['memory_mb'] = round(_rss_mb() - before_mb)
    return found


def _median_ms(call: Callable[[], object]) -> list[float]:
    """The first time, and the median of three later ones."""
    taken = []
    for _ in range(4):
        began_s = time.process_time()
        call()
        taken.append(1000 * (time.process_time() - began_s))
    return [round(taken[0], 1), round(statistics.median(taken[1:]), 1)]


def _rss_mb() -> float:
    """Memory of the process, mapped files left out."""
    text = Path('/proc/self/status').read_text()
    return float(text.split('RssAnon:')[1].split()[0]) / 1024


def measure(kind: str, count: int) -> dict[str, Any]:
    """One store with so many entries."""
    folder = Path(tempfile.mkdtemp(prefix='bench-search-'))
    address = f'{"qdrant:" if kind == "qdrant local" else ""}{folder / "store"}'
    steps = [fill, ask]
    if kind == 'qdrant local' and count > 20_000:
        steps = [prefill_qdrant, ask]  # added one by one, a million would take half an hour
    result: dict[str, Any] = {'store': kind, 'entries': count}
    try:
        for step in steps:
            context = multiprocessing.get_context('spawn')
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                result |= pool.submit(step, address, count).result()
        files = [path for path in (folder / 'store').rglob('*') if path.is_file()]
        result['disk_mb'] = round(sum(path.stat().st_blocks * 512 for path in files) / 1e6)
    finally:
        shutil.rmtree(folder)
    return result
