"""What a rerun recording holds, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

rr = pytest.importorskip('rerun', reason='needs the extra `view`')

from mm_perception.ros.tf import TransformBuffer  # noqa: E402
from mm_perception.viewing.stage import TIMELINE, Stage  # noqa: E402

T_NS = 1_700_000_000_000_000_000


def new_stage(path: Path, transforms: TransformBuffer | None = None) -> Stage:
    """A stage that writes to a file; what rerun does not take is an error."""
    rr.set_strict_mode(True)
    recording = rr.RecordingStream('test')
    recording.save(path)
    return Stage(recording, transforms or TransformBuffer(None))


class Recorded:
    """A finished file: entities, stamps, values."""

    def __init__(self, path: Path) -> None:
        from rerun.chunk import RrdReader

        self.rows: dict[str, list[tuple[int | None, dict[str, Any]]]] = {}
        for chunk in RrdReader(path).stream().to_chunks():
            batch = chunk.to_record_batch()
            names = [n for n in batch.schema.names if n not in ('rerun.controls.RowId', TIMELINE)]
            for row in range(batch.num_rows):
                values = {n: batch.column(n)[row].as_py() for n in names}
                stamp = None
                if TIMELINE in batch.schema.names:
                    stamp = batch.column(TIMELINE).cast('int64')[row].as_py()
                kept = {n: v for n, v in values.items() if v is not None}
                self.rows.setdefault(chunk.entity_path, []).append((stamp, kept))

    def entities(self) -> set[str]:
        return set(self.rows)

    def values(self, entity: str, component: str) -> list[Any]:
        """All values of a component of an entity, in order of time."""
        rows = sorted(self.rows[entity], key=lambda row: row[0] or 0)
        return [v for _, found in rows for n, v in found.items() if n.endswith(f':{component}')]

    def stamps(self, entity: str) -> set[int | None]:
        return {stamp for stamp, _ in self.rows[entity]}
