"""The embedded store: origins in SQLite, vectors in a mapped file, exact search.

Where the origins are many and the question asks for few of them, SQLite chooses and only those are
compared. Readers in other processes see what was committed (write-ahead log).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_perception.errors import ConfigError, ShapeError
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry, Found, Where
from mm_perception.search.rows import Rows
from mm_perception.search.store import Store

_FILE = 'index.sqlite'
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spaces(
  number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, dimension INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries(
  number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, space INTEGER NOT NULL,
  slot INTEGER NOT NULL, stamp_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, frame_id TEXT,
  source TEXT, bag TEXT, topic TEXT, stream TEXT, track_id TEXT, label TEXT, box TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS by_slot ON entries(space, slot);
CREATE INDEX IF NOT EXISTS by_time ON entries(space, stamp_ns);
CREATE INDEX IF NOT EXISTS by_source ON entries(space, source, stamp_ns);
CREATE INDEX IF NOT EXISTS by_track ON entries(space, track_id, stream);
CREATE TABLE IF NOT EXISTS pictures(number INTEGER PRIMARY KEY, jpeg BLOB);
CREATE TABLE IF NOT EXISTS free(space INTEGER, slot INTEGER, PRIMARY KEY(space, slot));
CREATE TABLE IF NOT EXISTS notes(key TEXT PRIMARY KEY, text TEXT NOT NULL);
"""
_FIELDS = (
    'stamp_ns', 'end_ns', 'frame_id', 'source', 'bag', 'topic', 'stream', 'track_id', 'label',
)  # fmt: skip
_COLUMNS = ', '.join(('e.number', 'e.slot', *(f'e.{name}' for name in _FIELDS), 'e.box', 'jpeg'))
_FROM = 'entries e LEFT JOIN pictures p ON p.number = e.number'
_BATCH = 500


@dataclass
class _Space:
    number: int
    rows: Rows
    dimension: int


class SqliteStore(Store):
    """Entries in a folder, or in memory.

    Args:
        folder: Made if it is not there; None for memory alone.

    Raises:
        ConfigError: The folder cannot be used.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            # Hosts call from one thread at a time, but not always from the same.
            place = ':memory:' if folder is None else str(folder / _FILE)
            self._db = sqlite3.connect(place, timeout=30.0, check_same_thread=False)
            self._db.execute('PRAGMA journal_mode = WAL')
            self._db.execute('PRAGMA synchronous = NORMAL')
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError('index', str(folder), f'a folder to write in ({error})') from error
        self._spaces: dict[str, _Space] = {}

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder has an index."""
        return (folder / _FILE).is_file()

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep entries, all or none."""
        by_space: dict[str, list[Entry]] = {}
        for entry in entries:
            by_space.setdefault(entry.space, []).append(entry)
        with self._db:
            self._db.execute('BEGIN IMMEDIATE')  # two that add must not take the same row
            for name, group in by_space.items():
                space = self._space(name, len(group[0].vector))
                slots = np.array([self._put(space, entry) for entry in group], np.int64)
                # Before the commit: a row that can be found has its vector.
                space.rows.write(slots, np.stack([entry.vector for entry in group]))

    def search(self, space: str, vector: Array, where: Where, limit: int) -> list[Found]:
        """Compare with all that may be meant."""
        known = self._known(space)
        if known is None:
            return []
        if vector.shape != (known.dimension,):
            raise ShapeError('search vector', f'({known.dimension},)', f'{vector.shape}')
        condition, values = _condition(known.number, where)
        if where == Where():
            size = self._size(known)
            scores, slots = known.rows.scores(vector, None, size), np.arange(size)
            scores[self._free(known)] = -np.inf
        else:
            found = self._db.execute(f'SELECT e.slot FROM entries e WHERE {condition}', values)
            slots = np.fromiter((row[0] for row in found), np.int64)
            scores = known.rows.scores(vector, slots, 0)
        best = np.argsort(-scores, kind='stable') if len(scores) <= limit else _best(scores, limit)
        score_of = {int(slots[i]): float(scores[i]) for i in best if np.isfinite(scores[i])}
        entries = self._at(space, known, list(score_of))
        hits = [Found(entry, score_of[slot]) for slot, entry in entries]
        return sorted(hits, key=lambda hit: (-hit.score, hit.entry.stamp_ns))

    def entries(self, space: str, where: Where, limit: int) -> list[Entry]:
        """Look them up."""
        known = self._known(space)
        if known is None:
            return []
        condition, values = _condition(known.number, where)
        rows = self._db.execute(
            f'SELECT {_COLUMNS} FROM {_FROM} WHERE {condition} ORDER BY e.stamp_ns LIMIT ?',
            [*values, limit],
        ).fetchall()
        return [entry for _, entry in self._read(space, known, rows)]

    def count(self, space: str) -> int:
        """How many entries a space has."""
        known = self._known(space)
        return (
            0
            if known is None
            else self._one('SELECT COUNT(*) FROM entries WHERE space = ?', known)
        )

    def spaces(self) -> list[str]:
        """All spaces."""
        return [row[0] for row in self._db.execute('SELECT name FROM spaces ORDER BY name')]

    def remove(self, space: str, where: Where) -> None:
        """Forget entries; their rows are used again."""
        known = self._known(space)
        if known is not None:
            condition, values = _condition(known.number, where)
            self._delete(f'SELECT e.number FROM entries e WHERE {condition}', values)

    def trim(self, space: str, most: int, before_ns: int) -> None:
        """Forget entries of running cameras."""
        known = self._known(space)
        if known is None:
            return
        live = "FROM entries e WHERE e.space = ? AND e.source = ''"
        if before_ns > 0:
            old = f'SELECT e.number {live} AND e.end_ns < ?'
            self._delete(old, [known.number, before_ns])
        excess = self._one(f'SELECT COUNT(*) {live}', known) - most
        if excess > 0:
            earliest = f'SELECT e.number {live} ORDER BY e.stamp_ns LIMIT ?'
            self._delete(earliest, [known.number, excess])

    def note(self, key: str) -> str:
        """What was written down under a key."""
        row = self._db.execute('SELECT text FROM notes WHERE key = ?', [key]).fetchone()
        return row[0] if row else ''

    def write_note(self, key: str, text: str) -> None:
        """Write something down."""
        with self._db:
            self._db.execute('INSERT OR REPLACE INTO notes VALUES(?, ?)', [key, text])

    def notes(self) -> dict[str, str]:
        """All that was written down."""
        return dict(self._db.execute('SELECT key, text FROM notes ORDER BY key').fetchall())

    def close(self) -> None:
        """Let go."""
        for space in self._spaces.values():
            space.rows.flush()
        self._spaces.clear()
        self._db.close()

    def _put(self, space: _Space, entry: Entry) -> int:
        """Write the origin of an entry; returns its row."""
        known = self._db.execute(
            'SELECT number, slot FROM entries WHERE key = ?', [entry.key]
        ).fetchone()
        slot = known[1] if known else self._take_slot(space)
        box = None if entry.box is None else json.dumps(entry.box)
        values = [entry.key, space.number, slot, *(getattr(entry, f) for f in _FIELDS), box]
        marks = ', '.join('?' * (len(values) + 1))
        number = known[0] if known else None
        done = self._db.execute(
            f'INSERT OR REPLACE INTO entries(number, key, space, slot, {", ".join(_FIELDS)}, box) '
            f'VALUES({marks})', [number, *values],
        )  # fmt: skip
        self._db.execute(
            'INSERT OR REPLACE INTO pictures VALUES(?, ?)', [done.lastrowid, entry.jpeg]
        )
        return int(slot)

    def _take_slot(self, space: _Space) -> int:
        row = self._db.execute(
            'SELECT slot FROM free WHERE space = ? LIMIT 1', [space.number]
        ).fetchone()
        if row is None:
            return self._size(space)
        self._db.execute('DELETE FROM free WHERE space = ? AND slot = ?', [space.number, row[0]])
        return int(row[0])

    def _size(self, space: _Space) -> int:
        """Rows in use, those between that are free included."""
        return self._one('SELECT IFNULL(MAX(slot), -1) + 1 FROM entries WHERE space = ?', space)

    def _free(self, space: _Space) -> Array:
        rows = self._db.execute('SELECT slot FROM free WHERE space = ?', [space.number])
        slots = np.fromiter((row[0] for row in rows), np.int64)
        return slots[slots < self._size(space)]

    def _one(self, statement: str, space: _Space) -> int:
        return int(self._db.execute(statement, [space.number]).fetchone()[0])

    def _delete(self, numbers: str, values: Sequence[object]) -> None:
        with self._db:
            self._db.execute(
                'INSERT OR IGNORE INTO free SELECT space, slot FROM entries WHERE number IN '
                f'({numbers})', values,
            )  # fmt: skip
            # The pictures first: they are found through the entries.
            self._db.execute(f'DELETE FROM pictures WHERE number IN ({numbers})', values)
            self._db.execute(f'DELETE FROM entries WHERE number IN ({numbers})', values)

    def _at(self, space: str, known: _Space, slots: list[int]) -> list[tuple[int, Entry]]:
        found = []
        for i in range(0, len(slots), _BATCH):
            part = slots[i : i + _BATCH]
            rows = self._db.execute(
                f'SELECT {_COLUMNS} FROM {_FROM} WHERE e.space = ? AND e.slot IN '
                f'({", ".join("?" * len(part))})', [known.number, *part],
            ).fetchall()  # fmt: skip
            found += self._read(space, known, rows)
        return found

    def _read(
        self, space: str, known: _Space, rows: list[tuple[object, ...]]
    ) -> list[tuple[int, Entry]]:
        slots = [int(str(row[1])) for row in rows]
        vectors = known.rows.read(np.array(slots, np.int64))
        return [
            (slot, _entry(space, row, vector))
            for slot, row, vector in zip(slots, rows, vectors, strict=True)
        ]

    def _known(self, name: str) -> _Space | None:
        """A space that is there."""
        if name not in self._spaces:
            row = self._db.execute(
                'SELECT number, dimension FROM spaces WHERE name = ?', [name]
            ).fetchone()
            if row is None:
                return None
            path = None if self._folder is None else self._folder / f'vectors-{row[0]}.f32'
            self._spaces[name] = _Space(row[0], Rows(path, row[1]), row[1])
        return self._spaces[name]

    def _space(self, name: str, dimension: int) -> _Space:
        """A space, made if it is not there."""
        known = self._known(name)
        if known is None:
            self._db.execute('INSERT INTO spaces(name, dimension) VALUES(?, ?)', [name, dimension])
            known = self._known(name)
        if known is None or known.dimension != dimension:
            raise ShapeError('Entry.vector', f'as others of {name}', f'({dimension},)')
        return known


def _condition(space: int, where: Where) -> tuple[str, list[object]]:
    """SQL and its values."""
    parts, values = ['e.space = ?'], [space]
    tests: tuple[tuple[object, str], ...] = (
        (where.source, 'e.source = ?'), (where.bag, 'e.bag = ?'),
        (where.track_id, 'e.track_id = ?'), (where.after_ns, 'e.end_ns >= ?'),
        (where.before_ns, 'e.stamp_ns <= ?'),
    )  # fmt: skip
    found: list[object] = list(values)
    for value, test in tests:
        if value:
            parts.append(test)
            found.append(value)
    if where.stream:
        parts.append('(e.stream = ? OR e.topic = ?)')
        found += [where.stream, where.stream]
    return ' AND '.join(parts), found


def _entry(space: str, row: tuple[object, ...], vector: Array) -> Entry:
    values: dict[str, object] = dict(zip(_FIELDS, row[2:], strict=False))
    box, jpeg = row[-2], row[-1]
    return Entry(
        space=space, vector=vector, **values,  # type: ignore[arg-type]
        box=tuple(json.loads(str(box))) if box else None,
        jpeg=bytes(jpeg) if isinstance(jpeg, bytes) else b'',
    )  # fmt: skip


def _best(scores: Array, limit: int) -> Array:
    """Indices of the highest scores, in any order."""
    return np.argpartition(-scores, limit - 1)[:limit]
