"""Fixtures of the tests over real DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from test.ros.rig import Rig


@pytest.fixture
def rig(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A robot; the container is started by the test."""
    pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')
    from test.ros.rig import Rig

    running = Rig(tmp_path, monkeypatch)
    yield running
    running.close()
