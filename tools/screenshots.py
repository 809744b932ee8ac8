"""Make the pictures that the README shows: the viewer and the report of a demo, in a browser.

  ./mmp demo --out demo_result
  ./tools/bootstrap python tools/screenshots.py demo_result --out docs/pictures

Needs Chromium (`apt-get install chromium`) and no GPU: WebGL is computed by SwiftShader, which
takes a few minutes. All servers listen on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mm_perception.cli import main as mmp
from mm_perception.viewing.viewer import Viewer

WIDTH, HEIGHT = 1600, 900
#: The time line in the window: its ends and its height, pixels.
TIME_LEFT, TIME_RIGHT, TIME_Y = 280, 1372, HEIGHT - 15
#: Seconds until something is there, between two looks, and at most until nothing changes.
LOAD_S, TURN_S, PATIENCE_S = 20.0, 4.0, 400.0
VIEW_BYTES, REPORT_BYTES = 190_000, 150_000
#: The upper part of the report of a run: pixels of a page and scale of its picture, and theme.
REPORT_SIZE, REPORT_THEME = (1200, 1540, 0.8), 'light'
#: Of the viewer.
THEME = 'dark'
CHROMIUM = ('chromium', 'chromium-browser', 'google-chrome')
#: Chromium reads commands from the first of these file descriptors and answers on the second.
PIPES = (3, 4)
FLAGS = (
    '--headless=new', '--no-sandbox', '--remote-debugging-pipe', '--hide-scrollbars',
    '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
)  # fmt: skip


class Browser:
    """Chromium without a window, driven by the DevTools protocol through pipes.

    Args:
        program: Of Chromium.
        profile: An empty folder for what it remembers.
    """

    def __init__(self, program: str, profile: Path) -> None:
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        # A shell puts the pipes where Chromium looks for them.
        plumbing = f'exec "$0" "$@" {PIPES[0]}<&{their_in} {PIPES[1]}>&{their_out}'
        words = [program, *FLAGS, f'--user-data-dir={profile}', 'about:blank']
        self._process = subprocess.Popen(
            ['bash', '-c', plumbing, *words], pass_fds=(their_in, their_out),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(their_in)
        os.close(their_out)
        self._count, self._rest = 0, b''
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = str(attached['sessionId'])
        self.page('Page.enable')
        self.resize(WIDTH, HEIGHT)

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Make the page so large, pixels, and its picture so many times as large."""
        size = {'width': width, 'height': height, 'deviceScaleFactor': scale, 'mobile': False}
        self.page('Emulation.setDeviceMetricsOverride', **size)

    def page(self, method: str, **params: Any) -> dict[str, Any]:
        """A command to the page."""
        return self.call(method, self._session, **params)

    def call(self, method: str, session: str = '', **params: Any) -> dict[str, Any]:
        """A command; waits for its answer."""
        self._count += 1
        message: dict[str, Any] = {'id': self._count, 'method': method, 'params': params}
        if session:
            message['sessionId'] = session
        os.write(self._out, json.dumps(message).encode() + b'\0')
        while True:
            while b'\0' not in self._rest:
                piece = os.read(self._in, 1 << 16)
                if not piece:
                    raise SystemExit('Chromium ended')
                self._rest += piece
            text, self._rest = self._rest.split(b'\0', 1)
            answer = json.loads(text)
            if answer.get('id') != self._count:
                continue  # an event
            if 'error' in answer:
                raise SystemExit(f'{method}: {answer["error"]["message"]}')
            return dict(answer['result'])

    def click(self, x: int, y: int) -> None:
        """Move there, press, let go: soon after, for what takes 0.8 s is no click to egui."""
        for kind in ('mouseMoved', 'mousePressed', 'mouseReleased'):
            button = 'none' if kind == 'mouseMoved' else 'left'
            self.page('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, clickCount=1)
            time.sleep(TURN_S if kind == 'mouseMoved' else 0.3)

    def look(self) -> Any:
        """What is on the page, (height, width, 3) uint8 BGR."""
        shot = base64.b64decode(self.page('Page.captureScreenshot', format='png')['data'])
        return cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)

    def close(self) -> None:
        """End it."""
        self.call('Browser.close')
        self._process.wait()


class _Files(http.server.SimpleHTTPRequestHandler):
    """Files for the viewer, which comes from another port."""

    def end_headers(self) -> None:
        self.send_header('Access-Control-Allow-Origin', '*')
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


def main() -> int:
    """Draw, serve, look, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('demo', type=Path, help='what mmp demo wrote, or any bags')
    parser.add_argument('--out', type=Path, default=Path('docs/pictures'))
    parser.add_argument('--at', type=float, default=0.285, help='moment, share of the time line')
    args = parser.parse_args()
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        print('Chromium is not installed; run: sudo apt-get install chromium', file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        report = args.demo / 'result' / 'report.html'
        if report.is_file():
            picture = _report(Browser(program, Path(scratch, 'report')), report)
            _write(args.out / 'report.jpg', picture, REPORT_BYTES)
        if mmp.main(['view', str(args.demo), '--save', f'{scratch}/look.rrd']):
            return 2
        handler = functools.partial(_Files, directory=scratch)
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = f'http://127.0.0.1:{server.server_port}/look.rrd'
        with Viewer(is_web=True) as viewer:
            root = viewer.page.split('?')[0]
            page = f'{root}?url={file}&hide_welcome_screen=1&theme={THEME}'
            browser = Browser(program, Path(scratch, THEME))
            picture = _shot(browser, page, args.at)
            browser.close()
            _write(args.out / f'view_{THEME}.jpg', picture, VIEW_BYTES)
        server.shutdown()
    return 0


def _report(browser: Browser, path: Path) -> Any:
    """The beginning of a report."""
    theme = [{'name': 'prefers-color-scheme', 'value': REPORT_THEME}]
    browser.page('Emulation.setEmulatedMedia', features=theme)
    browser.resize(*REPORT_SIZE)
    browser.page('Page.navigate', url=path.resolve().as_uri())
    time.sleep(LOAD_S / 2)  # a page that has not begun has no picture
    picture = _until_still(browser)
    browser.close()
    return picture


def _shot(browser: Browser, page: str, share: float) -> Any:
    """The page when all is loaded, at a moment of the time line."""
    browser.page('Page.navigate', url=page)
    time.sleep(LOAD_S)
    _until_still(browser)  # it plays by itself, and stops at the end
    browser.click(round(TIME_LEFT + share * (TIME_RIGHT - TIME_LEFT)), TIME_Y)
    return _until_still(browser)


def _until_still(browser: Browser) -> Any:
    """What is on the page once it does not change any more; SwiftShader takes its time."""
    before, still = browser.look(), 0
    end_s = time.monotonic() + PATIENCE_S
    while still < 2 and time.monotonic() < end_s:
        time.sleep(TURN_S)
        now = browser.look()
        still = still + 1 if np.array_equal(now, before) else 0
        before = now
    return before


def _write(path: Path, picture: Any, most_bytes: int) -> None:
    """As a JPEG of a size that a README can bear."""
    for quality in range(90, 20, -5):
        _, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) < most_bytes:
            break
    path.write_bytes(data.tobytes())
    print(f'picture  {path} ({len(data) / 1000:.0f} kB, quality {quality})')


if __name__ == '__main__':
    sys.exit(main())
