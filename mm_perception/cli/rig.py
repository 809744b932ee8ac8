"""Check a rig: lay the LiDAR over every picture, and say whose calibration or mount looks wrong.

  mmp rig BAG              check, and write a picture per camera to rig/
  mmp rig BAG --moments 20 look at more scans: surer, slower

Compared are jumps of the scan and edges of the pictures, at the stamps of both, through TF.
On five synthetic rigs right mounts passed, and mounts off by 1 and 2 degrees were found in 1 and
in 4 of them: what it calls wrong deserves a look, what it passes may still be off by a degree or
two. It tries rotations only, no shifts.

Exit status: 0 fine, 1 warnings, 2 errors.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from mm_perception.bag.rig import RigCamera, read_rig
from mm_perception.cli._folders import check_new_folder
from mm_perception.cli._progress import Progress
from mm_perception.diagnosis.finding import Finding, exit_code, table
from mm_perception.diagnosis.rig import check_rig, seen
from mm_perception.drawing.points import draw_points
from mm_perception.errors import MmPerceptionError
from mm_perception.faults import Level
from mm_perception.geometry.cameras import is_calibrated, project


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('bag', type=Path, help='a recording with cameras, LiDAR and TF')
    parser.add_argument('--out', type=Path, default=Path('rig'), help='folder of the pictures')
    parser.add_argument('--lidar', default='', help='topic of the scans (default: the first)')
    parser.add_argument('--moments', type=int, default=5, help='scans to look at (default 5)')
    parser.add_argument('--json', action='store_true', help='findings as JSON')


def run(args: argparse.Namespace) -> int:
    """Read, draw, check, print."""
    check_new_folder(args.out)
    with Progress(0, 'reading scans and pictures'):
        damaged: list[MmPerceptionError] = []
        cameras = read_rig(args.bag, args.lidar, max(1, args.moments), damaged.append)
    args.out.mkdir(parents=True, exist_ok=True)
    drawn = [path for camera in cameras if (path := _draw(camera, args.out)) is not None]
    with Progress(0, 'comparing'):
        findings = [*_holes(args.bag, damaged), *check_rig(cameras)]
    if args.json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        print(table(findings, shutil.get_terminal_size().columns))
        print(f'{len(drawn)} pictures with the scan over them: {args.out}')
    return exit_code(findings)


def _holes(bag: Path, errors: Sequence[MmPerceptionError]) -> list[Finding]:
    if not errors:
        return []
    evidence = f'left out as damaged: {len(errors)}; the first: {errors[0]}'
    fix = 'record it again; what is said below is of the rest'
    return [Finding(Level.WARN, 'damaged_messages', str(bag), evidence, fix)]


def _draw(camera: RigCamera, folder: Path) -> Path | None:
    moments = [(m.image, m.points) for m in camera.moments if m.points is not None]
    if camera.info is None or not is_calibrated(camera.info) or not moments:
        return None
    image, points = moments[len(moments) // 2]
    points = points[seen(camera.info, points)]
    picture = draw_points(image.rgb(), project(camera.info, points), points[:, 2])
    path = folder / f'{camera.name}.png'
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path
