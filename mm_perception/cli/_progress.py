"""A bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

_LINE_EVERY_S = 5.0


class Progress:
    """Counts to `total`; call it with what is done so far.

    Args:
        total: What there is to do.
        title: What is being done.
        unit: What is counted.
    """

    def __init__(self, total: int, title: str, unit: str = 'messages') -> None:
        self._title, self._total, self._unit = title, total, unit
        self._is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total, desc=title, unit=f' {unit}', disable=not self._is_terminal, leave=False
        )
        #: Of the first call: what was prepared before says nothing of the rate.
        self._started_s: float | None = None
        self._last_line_s = 0.0

    def __call__(self, done: int) -> None:
        """Show how far it is."""
        if self._is_terminal:
            self._bar.update(done - self._bar.n)
            return
        now_s = time.monotonic()
        if self._started_s is None:
            self._started_s = self._last_line_s = now_s
        if now_s - self._last_line_s < _LINE_EVERY_S:
            return
        self._last_line_s = now_s
        rate = done / max(now_s - self._started_s, 1e-9)
        left_s = (self._total - done) / max(rate, 1e-9)
        print(
            f'{self._title}: {done} of {self._total} {self._unit}, {rate:.1f}/s, '
            f'{left_s:.0f} s left', file=sys.stderr, flush=True,
        )  # fmt: skip

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
