"""`mmp view` on the running graph: what a robot publishes lands in the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from test.ros.rig import Rig

pytestmark = pytest.mark.ros


def test_what_is_published_is_drawn(
    rig: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('rerun', reason='needs the extra `view`')
    import threading
    import time

    from sensor_msgs.msg import Image
    from std_msgs.msg import String

    from mm_perception.cli import main as mmp
    from test.unit.viewing.recorded import Recorded

    pictures = rig.node.create_publisher(Image, '/cam/image_raw', 5)
    debug = rig.node.create_publisher(Image, '/node/debug/overlay', 5)
    words = rig.node.create_publisher(String, '/say', 5)
    picture = Image(height=2, width=2, encoding='rgb8', step=6, data=bytes(12))
    picture.header.frame_id = 'camera'
    broken = Image(height=2, width=2, encoding='bayer_odd', step=6, data=bytes(12))
    is_over = threading.Event()

    def publish() -> None:
        while not is_over.wait(0.05):
            picture.header.stamp = rig.node.get_clock().now().to_msg()
            for message in (picture, broken):
                pictures.publish(message)
            debug.publish(picture)
            words.publish(String(data='hello'))

    thread = threading.Thread(target=publish)
    thread.start()
    file, started_ns = tmp_path / 'live.rrd', time.time_ns()
    try:
        assert mmp.main(['view', '--local-only', '--seconds', '4', '--save', str(file)]) == 0
    finally:
        is_over.set()
        thread.join()
    recorded = Recorded(file)
    stamps = recorded.stamps('/camera/cam/image_raw')
    assert len(stamps) > 5
    assert all(started_ns <= stamp <= time.time_ns() for stamp in stamps)
    assert recorded.values('/log/say', 'text') == [['hello']]
    assert not [e for e in recorded.entities() if 'overlay' in e], 'nodes draw it while watched'
    printed = capsys.readouterr().out
    assert "of /cam/image_raw: sensor_msgs/msg/Image has encoding 'bayer_odd'" in printed


def test_silence_is_said(rig: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('rerun', reason='needs the extra `view`')
    from mm_perception.cli import main as mmp

    words = ['view', '--local-only', '--seconds', '1', '--topics', '/nothing']
    assert mmp.main([*words, '--save', str(tmp_path / 'live.rrd')]) == 1
    assert 'mmp doctor' in capsys.readouterr().err
