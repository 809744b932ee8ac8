"""Which thing is meant, by words and by rays, in held-out rooms: results/select.json.

  python -m bench.bench_select [--rooms 30] [--chain-worlds 4]

Rooms of seeds 900000 on that nothing was trained on, pictures of 320x180; truth is that of the
world, not of the picture. Four parts:

  words    sam_prompt on true masks (labels with colours; and without, judged by pixels) against
           the largest of the kind, and one of them by chance; and on the real chain, text_tracker
           nano before it on films of 2 s: whether the chosen mask lies mostly on the right thing,
           and its IoU with that
  rays     who is pointed at, from the eye and from a hand beside it, with errors of 0, 1, 2 and
           5 degrees; one picture, and five of an utterance; against the thing under the ray, and
           the one whose mask has the nearest centre. People aim at any visible pixel of a thing,
           or at its thickest part, or at nothing (30 px and more from all things), where nothing
           is the right answer. The policy takes the error for 1.5 degrees, or knows it
  anchors  distance in cm from the true surface of the thing at the first sight, and how far the
           anchor moves until the end of the 2 s, with depth that is noisy as a Kinect's (Nguyen et
           al., 3DIMPVT 2012: 1.2 mm + 1.9 mm (z - 0.4)^2), against the depth of the mask's mean
           pixel; only things that stand still
  stereo   how often both eyes choose the same thing with a ray of 1 degree error, against each eye
           choosing on its own
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from bench.select_chain import chain
from bench.select_rays import depth_image, rays, seen, share, trembling, winner
from bench.select_rooms import Room, ns, sayings, stereo_pair
from mm_perception.geometry.rays import Ray, pose_along, ray_through
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context
from mm_perception.plugins.ar_interact import ArInteract, ArInteractConfig
from mm_perception.plugins.sam_prompt import SamPrompt, SamPromptConfig
from mm_perception.plugins.xr_select import XrSelect, XrSelectConfig
from mm_perception.samples import Command, Image, Intent, Masks
from mm_perception.samples.sample import Array
from mm_perception.selecting.in_view import InView
from mm_perception.world.camera import Camera

RESULTS = ROOT / 'bench' / 'results' / 'select.json'


def words(rooms: list[Room]) -> dict[str, Any]:
    """Commands on true masks."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    chances: dict[str, list[float]] = defaultdict(list)
    for room in rooms:
        (camera,) = room.drive.cameras
        masks, things = room.masks(0, camera), room.things()
        plain, image = room.masks(0, camera, has_colours=False), room.image(0, camera)
        for said in sayings(room, 0, camera):
            own = [i for i in masks.ids if things[i].kind == said.kind]
            largest = max(own, key=lambda i: int(masks.mask(i).sum()))
            rules = found[said.rule]
            rules['true masks'].append(chosen_of(masks, image, said.command) == said.truth)
            rules['labels without colours'].append(
                chosen_of(plain, image, said.command) == said.truth
            )
            rules['largest of the kind'].append({largest} == said.truth)
            chances[said.rule].append(1 / len(own))
    sums: dict[str, list[bool]] = defaultdict(list)
    table: dict[str, Any] = {}
    for rule, ways in found.items():
        table[rule] = {way: share(hits) for way, hits in ways.items()}
        table[rule]['by chance'] = round(float(np.mean(chances[rule])), 4)
        for way, hits in ways.items():
            sums[way] += hits
    table['all'] = {way: share(hits) for way, hits in sums.items()}
    every = [chance for rule in chances.values() for chance in rule]
    table['all']['by chance'] = round(float(np.mean(every)), 4)
    return table


def chosen_of(masks: Masks, image: Image, command: Command) -> set[int]:
    """What the plugin chooses on one picture."""
    plugin = SamPrompt(SamPromptConfig(asks_tracker=False, patience_s=0.0), Context())
    stamps = {'stamp_ns': masks.stamp_ns, 'end_ns': masks.stamp_ns}
    samples: dict[str, Any] = {
        'masks': masks, 'image': image, 'command': (replace(command, **stamps),), 'ask': (),
    }  # fmt: skip
    outputs: Any = plugin.infer(Inputs(masks.stamp_ns, masks.frame_id, samples=samples))
    return set(outputs['chosen'].ids)


def anchors(rooms: list[Room]) -> dict[str, Any]:
    """Anchors of things that stand still, seen by a camera that moves."""
    rng = np.random.default_rng(6)
    first: list[float] = []
    last: list[float] = []
    drift: list[float] = []
    plain: list[float] = []
    for room in rooms:
        (camera,) = room.drive.cameras
        masks = room.masks(0, camera)
        moves = {i for i in masks.ids if is_moving(room, i)}
        for number in [i for i in masks.ids if i not in moves][:3]:
            places = follow(room, camera, number, rng)
            if len(places) < 2:
                continue
            surface = room.surface(0, camera, number)
            first.append(100 * nearest_of(surface, places[0]))
            last.append(100 * nearest_of(surface, places[-1]))
            drift.append(100 * float(np.linalg.norm(places[-1] - places[0])))
            plain.append(100 * nearest_of(surface, by_mean_pixel(room, camera, number, rng)))
    return {
        'n': len(first),
        'first sight, cm': quantiles(first),
        'after 2 s, cm': quantiles(last),
        'moved in 2 s, cm': quantiles(drift),
        'mean pixel of the mask, first sight, cm': quantiles(plain),
        'within 5 cm at first': round(float(np.mean(np.array(first) <= 5)), 4),
        'within 5 cm after 2 s': round(float(np.mean(np.array(last) <= 5)), 4),
        'mean pixel within 5 cm': round(float(np.mean(np.array(plain) <= 5)), 4),
    }


def is_moving(room: Room, number: int) -> bool:
    """Whether a thing moves, or a limb of it."""
    thing = room.things()[number]
    return bool(thing.joints) or bool(
        np.linalg.norm(thing.pose(2.0)[0] - thing.pose(0.0)[0]) > 1e-3
        or np.linalg.norm(thing.pose(1.0)[0] - thing.pose(0.0)[0]) > 1e-3
    )


def follow(room: Room, camera: Camera, number: int, rng: np.random.Generator) -> list[Array]:
    """Places of the anchor in each picture."""
    plugin = ArInteract(
        ArInteractConfig(fixed_frame='map', dwell_s=0.0), Context(lookup_transform=room.lookup)
    )
    name = room.drive.names[number]
    places = []
    for index in range(0, room.drive.num_frames, 2):
        masks = room.masks(index, camera)
        # One thing of one name: which of several is meant is another part.
        only = np.where(masks.id_map == number, masks.id_map, 0).astype(np.uint16)
        masks = replace(
            masks, id_map=only, ids=(number,), labels=(name,), scores=np.ones(1, np.float32),
            visible=(bool(only.any()),),
        )  # fmt: skip
        select = Command(
            stamp_ns=masks.stamp_ns, end_ns=masks.stamp_ns, intent=Intent.SELECT, text='',
            target=name,
        )  # fmt: skip
        samples: dict[str, Any] = {
            'masks': masks, 'camera_info': room.info(index, camera), 'ray': None, 'cloud': None,
            'depth': depth_image(room, index, camera, rng),
            'command': (select,) if index == 0 else (),
        }  # fmt: skip
        outputs: Any = plugin.infer(Inputs(masks.stamp_ns, masks.frame_id, samples=samples))
        places += [pose.position for pose in outputs['pose']]
    return places


def nearest_of(surface: Array, place: Array) -> float:
    """Metres from a place to the nearest of the points (N, 3) of a surface."""
    return float(np.linalg.norm(surface - place, axis=1).min())


def by_mean_pixel(room: Room, camera: Camera, number: int, rng: np.random.Generator) -> Array:
    """(3,) the baseline: the depth at the mean pixel of the mask."""
    mask = room.masks(0, camera).mask(number)
    y, x = np.round(np.argwhere(mask).mean(0)).astype(int)
    depth = float(depth_image(room, 0, camera, rng).data[y, x])
    pose = room.pose(0, camera)
    return np.asarray(
        pose[:3, :3] @ (np.linalg.inv(camera.matrix) @ [x, y, 1.0] * depth) + pose[:3, 3]
    )


def quantiles(values: list[float]) -> dict[str, float]:
    """Median and 90th percentile."""
    return {f'p{q}': round(float(np.percentile(values, q)), 2) for q in (50, 90)}


def stereo(indices: range) -> dict[str, Any]:
    """Both eyes on a thing that both see."""
    rng = np.random.default_rng(7)
    same: list[bool] = []
    alone: list[bool] = []
    right: list[bool] = []
    for index in indices:
        room = Room.of(index, stereo_pair())
        views = {camera.name: seen(room, 0, camera) for camera in room.drive.cameras}
        left_camera = room.drive.cameras[0]
        for number in set(views['left'].masks.ids) & set(views['right'].masks.ids):
            surface = room.surface(0, left_camera, number)
            origin = views['left'].fixed_from_camera[:3, 3]
            ray = ray_through(origin, surface[int(rng.integers(len(surface)))])
            chosen, own = look_with_both(room, views, ray, rng)
            same.append(chosen['left'] == chosen['right'] and bool(chosen['left']))
            right.append(chosen['left'] == chosen['right'] == {number})
            alone.append(own['left'] == own['right'] and own['left'] != 0)
    return {'same': share(same), 'same and right': share(right), 'each eye alone': share(alone)}


def look_with_both(
    room: Room, views: dict[str, InView], ray: Ray, rng: np.random.Generator
) -> tuple[dict[str, set[int]], dict[str, int]]:
    """What is chosen in both pictures, by the plugin and by each eye alone, as true instances."""
    plugin = XrSelect(XrSelectConfig(fixed_frame='map'), Context(lookup_transform=room.lookup))
    numbers = {name: rng.permutation(np.arange(1, 400)) for name in views}
    chosen: dict[str, set[int]] = {}
    spread = np.radians(XrSelectConfig().ray_spread_deg)
    own = {}
    stamp_ns = ns(0.0)
    for turn in range(2):  # the command comes with the second pair
        for camera in room.drive.cameras:
            view = views[camera.name]
            pointed = trembling(ray, 1.0, rng)
            own[camera.name] = winner(view.pointed(pointed, spread)[0] or {})
            table = np.concatenate([[0], numbers[camera.name]]).astype(np.uint16)
            masks = replace(
                view.masks, id_map=table[view.masks.id_map],
                ids=tuple(int(table[i]) for i in view.masks.ids),
            )  # fmt: skip
            that = Command(
                stamp_ns=stamp_ns, end_ns=stamp_ns, intent=Intent.SELECT, text='that one',
                is_deictic=True,
            )  # fmt: skip
            samples: dict[str, Any] = {
                'masks': masks, 'camera_info': view.info, 'cloud': None, 'image': None,
                'ray': pose_along(pointed, stamp_ns, 'map'),
                'depth': depth_image(room, 0, camera, rng),
                'command': (that,) if turn == 1 and camera.name == 'left' else (),
            }  # fmt: skip
            outputs: Any = plugin.infer(
                Inputs(stamp_ns, masks.frame_id, camera.name, samples=samples)
            )
            picked = outputs['chosen'].id_map > 0
            chosen[camera.name] = set(np.unique(view.masks.id_map[picked]).tolist())
    return chosen, own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rooms', type=int, default=30)
    parser.add_argument('--chain-worlds', type=int, default=4)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    started_s = time.perf_counter()
    rooms = [Room.of(index) for index in range(args.rooms)]
    report['words'] = words(rooms)
    report['rays'] = rays(rooms)
    report['anchors'] = anchors(rooms[: args.rooms // 2])
    report['stereo'] = stereo(range(args.rooms // 2))
    report['chain'] = {
        'rooms': chain(args.chain_worlds, 'room'), 'streets': chain(args.chain_worlds, 'street'),
    }  # fmt: skip
    report['wall_s'] = round(time.perf_counter() - started_s, 1)
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps(report, indent=1))


if __name__ == '__main__':
    main()
