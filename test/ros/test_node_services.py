"""A hosted node keeps what every ROS node has: lifecycle and parameter services."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: a ROS installation or the wheels of PyPI')

from mm_perception.ros import dds
from mm_perception.ros.observer import observe

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
LOOKS_S = (3.0, 3.0, 5.0, 10.0, 20.0, 30.0)


def test_hosted_node_answers_lifecycle_and_parameter_services(monkeypatch, tmp_path) -> None:
    info = tmp_path / 'fake-0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: fake\nVersion: 0\n')
    (info / 'entry_points.txt').write_text(
        '[mm_perception.plugins]\nfake = test.fakes:FakeMasker\n'
    )
    stack = tmp_path / 'fake.yaml'
    node = '{plugin: fake, inputs: {image: /image}, parameters: {device: cpu}}'
    stack.write_text(f'nodes: {{seg: {node}}}')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(dds.free_domain()))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    path = os.pathsep.join((str(tmp_path), str(ROOT), os.environ.get('PYTHONPATH', '')))
    command = [sys.executable, '-m', 'mm_perception.ros.container', str(stack)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, 'PYTHONPATH': path})
    try:
        for duration_s in LOOKS_S:
            found = {node.name: node for node in observe(duration_s, listen=False).nodes}
            node = found.get('/seg')
            if node and node.state == 'active' and node.use_sim_time is not None:
                break
        assert node is not None
        assert (node.state, node.use_sim_time) == ('active', False)
    finally:
        process.terminate()
        assert process.wait(45) == 0
