"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

import mm_perception  # noqa: F401 - before torch, which reads what it sets


def pytest_configure() -> None:
    """Hear Ctrl-C as from a terminal: jobs of a shell in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='module')
def one_thread() -> Iterator[None]:
    """Tests share few cores: torch computes with one thread in a module that asks for it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
