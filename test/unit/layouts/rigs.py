"""Rigs as graphs, and the layouts that fit them, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mm_perception.diagnosis.displays import Layout, check_layout
from mm_perception.diagnosis.finding import Finding
from mm_perception.diagnosis.foxglove import read_foxglove
from mm_perception.diagnosis.layouts import shipped_paths
from mm_perception.diagnosis.rviz import GROUP, read_rviz
from mm_perception.diagnosis.snapshot import Edge, Endpoint, Snapshot, Topic, Traffic
from mm_perception.faults import Level
from mm_perception.graph import StackSpec, load_stack
from mm_perception.layouts.foxglove import foxglove_layout
from mm_perception.layouts.offered import resolved, with_stack
from mm_perception.layouts.rviz import rviz_config
from mm_perception.layouts.scene import Scene
from mm_perception.ros.wire import fields_of

RVIZ, FOXGLOVE = shipped_paths()
SHIPPED = (*read_rviz(RVIZ).displays, *read_foxglove(FOXGLOVE).displays)
TEMPLATE = [display.topic for display in SHIPPED]
KINDS = {
    'image_raw': 'sensor_msgs/msg/Image', 'compressed': 'sensor_msgs/msg/CompressedImage',
    'camera_info': 'sensor_msgs/msg/CameraInfo', 'points': 'sensor_msgs/msg/PointCloud2',
    'odom': 'nav_msgs/msg/Odometry', 'filtered': 'nav_msgs/msg/Odometry',
    'audio': 'mm_perception_msgs/msg/AudioChunk',
}  # fmt: skip


def rig(frames: Mapping[str, str], *edges: tuple[str, str]) -> Snapshot:
    """Topics, told by their last word, with the frames of their messages, and TF."""
    topics = {
        name: Topic(
            name,
            (Endpoint('/driver', KINDS[name.rsplit('/', 1)[1]]),),
            (),
            Traffic(count=3, frame_ids=(frame,) if frame else ()),
        )
        for name, frame in frames.items()
    }
    return Snapshot(source='bag', topics=topics, edges=tuple(Edge(*edge) for edge in edges))


@dataclass
class Written:
    """Both layouts, as files say them and as the doctor reads them."""

    scene: Scene
    rviz: dict[str, Any]
    foxglove: dict[str, Any]
    layouts: tuple[Layout, Layout]

    @property
    def shown(self) -> tuple[dict[str, str], dict[str, str]]:
        """Topics of the displays of RViz and of Foxglove, to a display of each."""
        rviz, foxglove = ({d.topic: d.name for d in part.displays} for part in self.layouts)
        return rviz, foxglove

    def faults(self) -> list[Finding]:
        """What the doctor finds wrong."""
        found = [
            f for part in self.layouts for f in check_layout(part, self.scene.seen, fields_of)
        ]
        return [f for f in found if f.level is not Level.OK]

    def display(self, topic: str) -> dict[str, Any]:
        """The first display of RViz for a topic."""
        return next(d for d in displays_of(self.rviz) if d.get('Topic', {}).get('Value') == topic)

    def pictures(self) -> dict[str, dict[str, Any]]:
        """Image panels of Foxglove by the topic of their pictures."""
        panels = self.foxglove['configById'].values()
        modes = [p['imageMode'] for p in panels if p.get('imageMode')]
        return {mode['imageTopic']: mode for mode in modes}


def displays_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Of an RViz configuration, those in groups too."""

    def walk(displays: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [e for d in displays for e in (walk(d['Displays']) if d['Class'] == GROUP else [d])]

    return walk(content['Visualization Manager']['Displays'])


def write(tmp_path: Path, stack: str | StackSpec, seen: Snapshot, namespace: str = '') -> Written:
    """Layouts for a stack that would run on a rig."""
    spec = resolved(load_stack(stack) if isinstance(stack, str) else stack, seen, namespace)
    scene = Scene(spec, with_stack(seen, spec, namespace), TEMPLATE, namespace)
    rviz, foxglove = tmp_path / 'a.rviz', tmp_path / 'a.json'
    rviz.write_text(rviz_config(RVIZ.read_text(), scene))
    foxglove.write_text(foxglove_layout(FOXGLOVE.read_text(), scene))
    return Written(
        scene, yaml.safe_load(rviz.read_text()), json.loads(foxglove.read_text()),
        (read_rviz(rviz), read_foxglove(foxglove)),
    )  # fmt: skip
