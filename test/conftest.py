"""What all tests share."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Hear Ctrl-C as from a terminal: jobs of a shell in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
