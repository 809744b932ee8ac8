"""When something was that has no stamp: when it was recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from mm_perception.bag.reader import Record
from mm_perception.samples import Sample

S = TypeVar('S', bound=Sample)


def moment_of(stamp_ns: int, record: Record) -> int:
    """The stamp, or the log time of the message where it is zero: nobody has stamped it.

    What a replay makes offline has the log time of what it was made of: both get the same moment.
    """
    return stamp_ns or record.log_time_ns


def dated(sample: S, record: Record) -> S:
    """The sample, whose stamp is never zero."""
    return sample if sample.stamp_ns else replace(sample, stamp_ns=record.log_time_ns)
