"""A bar with rate and remaining time on a terminal, plain lines elsewhere; a clean end on Ctrl-C.

Ctrl-C comes at any moment, also in the middle of a message that is being written. Within a
`Progress` that has begun to count, it therefore waits until the next step is counted, and is
raised there; a second one is raised at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, TextIO

from tqdm import tqdm

#: Exit status after Ctrl-C: 128 and the number of the signal, as shells have it.
INTERRUPTED = 130
_LINE_EVERY_S = 5.0
_REDRAW_S = 0.5
#: The first steps hold the start-up too: from one of 60 frames it foretold half an hour.
_FEW = 3


class Progress:
    """Counts to `total`; call it with what is done so far.

    Args:
        total: What there is to do; 0 where nobody knows: then it shows the time that passes.
        title: What is being done.
        unit: What is counted.
    """

    def __init__(self, total: int, title: str, unit: str = 'messages') -> None:
        self._title, self._total, self._unit = title, total, unit
        self._is_terminal = _takes_bars(sys.stderr)
        self._bar = tqdm(
            total=total or None, desc=title, unit=f' {unit}', disable=not self._is_terminal,
            leave=False, bar_format=None if total else '{desc}: {elapsed}',
        )  # fmt: skip
        #: Of the first call: what was prepared before says nothing of the rate.
        self._started_s: float | None = None
        self._last_line_s = self._begun_s = time.monotonic()
        self._is_over = threading.Event()
        self._before: Any = None
        #: Whether Ctrl-C was pressed within it.
        self.was_interrupted = False

    def __call__(self, done: int) -> None:
        """Show how far it is.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed since the last call.
        """
        if self.was_interrupted and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        if self._is_terminal:
            self._bar.update(done - self._bar.n)
        now_s = time.monotonic()
        if self._started_s is None:
            self._started_s = self._last_line_s = now_s
        if self._is_terminal or now_s - self._last_line_s < _LINE_EVERY_S:
            return
        self._last_line_s = now_s
        if self._total and done < _FEW:
            self._print(f'{done} of {self._total} {self._unit}')
            return
        rate = done / max(now_s - self._started_s, 1e-9)
        left_s = (self._total - done) / max(rate, 1e-9)
        self._print(
            f'{done} of {self._total} {self._unit}, {rate:.1f}/s, {left_s:.0f} s left'
            if self._total
            else f'{done} {self._unit}, {rate:.1f}/s'
        )

    def __enter__(self) -> Progress:
        if not self._total:
            threading.Thread(target=self._tick, daemon=True).start()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is signal.default_int_handler:  # else somebody handles it already
                signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._before)
        self._bar.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        is_first, self.was_interrupted = not self.was_interrupted, True
        if self._started_s is None or not is_first:
            raise KeyboardInterrupt
        self._bar.clear()
        self._print('stopping; Ctrl-C again ends at once')

    def _tick(self) -> None:
        """Show that time passes, where there is nothing to count."""
        while not self._is_over.wait(_REDRAW_S):
            if self._is_terminal:
                self._bar.refresh()
            elif self._started_s is None and time.monotonic() - self._last_line_s > _LINE_EVERY_S:
                self._last_line_s = time.monotonic()
                self._print(f'{self._last_line_s - self._begun_s:.0f} s so far')

    def _print(self, text: str) -> None:
        print(f'{self._title}: {text}', file=sys.stderr, flush=True)


def _takes_bars(stream: TextIO) -> bool:
    """A terminal that has a size: of no columns, as in `docker run -t`, it shows no bar at all."""
    if not stream.isatty():
        return False
    try:
        return min(os.get_terminal_size(stream.fileno())) > 0
    except OSError:  # no file descriptor
        return True
