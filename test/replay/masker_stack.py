"""A stack with one small plugin, for replays in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mm_perception import registry
from mm_perception.bag.reader import BagReader, Record
from mm_perception.graph import StackSpec, parse_stack
from test.fakes import FakeMasker


def use_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stacks name the plugin `fake`."""
    real = registry.load
    monkeypatch.setattr(registry, 'load', lambda n: FakeMasker if n == 'fake' else real(n))


def masker_stack(**parameters: Any) -> StackSpec:
    """One FakeMasker on whatever cameras there are."""
    node = {
        'plugin': 'fake',
        'inputs': {'image': 'auto', 'prompt': '/words'},
        'parameters': {'device': 'cpu', **parameters},
    }
    return parse_stack('masker', {'nodes': {'masker': node}})


def records_of(bag: Path, topic: str) -> list[Record]:
    """All messages of one topic."""
    with BagReader(bag) as reader:
        return list(reader.records([topic]))
