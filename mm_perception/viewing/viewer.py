"""The viewer of rerun as a process of its own, which listens on 127.0.0.1 only."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from mm_perception.errors import ConfigError, MissingDependencyError

_HOST = '127.0.0.1'
_START_S = 60.0
_TURN_S = 0.1
#: What it may keep of a recording, and of what never ends; beyond that the oldest is dropped.
_OF_A_BAG, _OF_A_STREAM = '50%', '2GiB'


def require_rerun() -> None:
    """Raise MissingDependencyError unless rerun-sdk is installed."""
    try:
        is_there = importlib.util.find_spec('rerun_cli') and importlib.util.find_spec('rerun')
    except ValueError:  # somebody set sys.modules['rerun'] to something without a spec
        is_there = None
    if not is_there:
        raise MissingDependencyError(
            'rerun-sdk', 'mmp view', "pip install 'mm_perception[view]' (Python 3.11 and NumPy 2)"
        )


def has_display() -> bool:
    """Whether a window can be opened."""
    is_linux = sys.platform == 'linux'
    return not is_linux or any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY')))


def require_display() -> None:
    """Raise ConfigError where no window can be opened."""
    if not has_display():
        raise ConfigError(
            'DISPLAY', os.environ.get('DISPLAY', ''),
            'a display for the window of the viewer; without one give --web, which serves a page '
            f'for a browser on http://{_HOST}:9090, or --save FILE.rrd, to be opened elsewhere',
        )  # fmt: skip


class Viewer:
    """A viewer, in a window or in a page for browsers; use it as a context manager.

    Args:
        is_web: Serve the page, in place of a window.
        web_port: Of the page; 0 for any that is free.
        is_live: What is shown never ends.

    Raises:
        ConfigError: It did not start.
    """

    def __init__(self, *, is_web: bool, web_port: int = 0, is_live: bool = False) -> None:
        self._port = _free_port()
        memory = _OF_A_STREAM if is_live else _OF_A_BAG
        words = ['--bind', _HOST, '--port', str(self._port), '--hide-welcome-screen']
        if is_web:
            web_port = web_port or _free_port()
            words += ['--serve-web', '--web-viewer-port', str(web_port)]
            words += ['--server-memory-limit', memory]
        else:
            words += ['--memory-limit', memory]
        #: Where the recording is to be sent.
        self.address = f'rerun+http://{_HOST}:{self._port}/proxy'
        #: Of the page; empty for a window.
        self.page = f'http://{_HOST}:{web_port}/?url={quote(self.address, safe="")}'
        self.page = self.page if is_web else ''
        self._process = subprocess.Popen(
            [str(_executable()), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, 'RUST_LOG': 'error', 'RERUN_ANALYTICS': '0'},
        )  # fmt: skip
        try:
            self._wait_for(self._port)
            if is_web:
                self._wait_for(web_port)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """False once the window is closed."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Return when the window is closed; a page is served until Ctrl-C."""
        while self.is_open:
            time.sleep(_TURN_S)

    def close(self) -> None:
        """End it; closing twice is fine."""
        if self.is_open:
            self._process.terminate()
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _wait_for(self, port: int) -> None:
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s and self.is_open:
            with socket.socket() as door:
                door.settimeout(1.0)
                if door.connect_ex((_HOST, port)) == 0:
                    return
            time.sleep(_TURN_S)
        said = ''
        if not self.is_open and self._process.stderr is not None:
            said = self._process.stderr.read().strip()[-300:]
        raise ConfigError(
            'viewer', said or f'silent for {_START_S:.0f} s',
            'rerun to start: try --web or --save FILE.rrd, or another --port',
        )  # fmt: skip


def _executable() -> Path:
    import rerun_cli

    return Path(rerun_cli.__file__).parent / 'rerun'


def _free_port() -> int:
    with socket.socket() as door:
        door.bind((_HOST, 0))
        return int(door.getsockname()[1])
