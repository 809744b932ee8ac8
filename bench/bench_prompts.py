"""Every kind of prompt on held-out worlds: how good is the first mask, and how soon is it there?

  python -m bench.bench_prompts [--worlds 8]

Every thing of at least 400 pixels whose name (such as "red car") is that of no other in the first
picture is asked for in each way, on `nano` weights:

  point           its pixel that is farthest from its outline, to sam2
  box             its true box, to sam2
  mask            its true mask, to sam2
  click           the place in space that the pixel of `point` shows, as a viewer gives it, through
                  click to sam2; it is projected into one picture and applied to the next, as in
                  a live stack
  click middle    likewise the middle of its true 3D box, which something else may hide
  text            its name, to text_tracker, which may look at up to six pictures
  colour          its name, to colour_tracker: the baseline of text
  filled box      no net: the true box as a mask; the baseline of the others

IoU is of the first mask with the truth of that picture, 0 where there is none. Seconds are from
the prompt to that mask, without the waiting for pictures; `cpu_s` is what the process computed in
that time, the better number on a busy machine; `pictures` is how many were looked at. Means are
over things; `mean_iou_by_world` has each world with things, `std_over_worlds` is the standard
deviation between them (n - 1).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.geometry.cameras import unproject
from mm_perception.inputs import Inputs
from mm_perception.plugin import Context, Plugin
from mm_perception.plugins.click import Click, ClickConfig
from mm_perception.plugins.colour_tracker import ColourTracker, ColourTrackerConfig
from mm_perception.plugins.sam2 import Sam2, Sam2Config
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import CameraInfo, Image, Point3D, Prompt, PromptState, mask_box
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.detector import true_boxes
from mm_perception.world.drive import Drive, Frame, observe, one_camera
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'prompts.json'
RATE_HZ, PICTURES, MIN_PIXELS = 10.0, 6, 400
Array = Any


@dataclass
class World:
    """A few pictures of one camera, and the truth about them."""

    drive: Drive
    pictures: list[Image] = field(default_factory=list)
    infos: list[CameraInfo] = field(default_factory=list)
    ids: list[Array] = field(default_factory=list)
    depths: list[Array] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> World:
        cameras = one_camera(480, 270)
        seconds = PICTURES / RATE_HZ
        world = cls(Drive(seed, seconds, RATE_HZ, cameras, lidar=None, split=Split.HELD_OUT))
        for _, what in observe(world.drive):
            if isinstance(what, Frame):
                stamp_ns, camera = ns(what.time_s), cameras[0]
                view = what.views[camera.name]
                world.pictures.append(
                    Image(stamp_ns=stamp_ns, frame_id=camera.frame_id, data=view.rgb)
                )
                world.infos.append(camera.info(stamp_ns))
                world.ids.append(view.ids)
                world.depths.append(view.depth)
        return world

    def things(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, mask in the first picture, and middle in odom."""
        at, turn = self.drive.ego(0.0)
        middles = {box.instance: turn @ box.centre + at for box in true_boxes(self.drive, 0.0)}
        shown = [int(i) for i in np.unique(self.ids[0]) if int(i) in self.drive.names]
        names = [self.drive.names[i] for i in shown]
        for instance, name in zip(shown, names, strict=True):
            mask = self.ids[0] == instance
            if mask.sum() >= MIN_PIXELS and names.count(name) == 1 and instance in middles:
                yield name, mask, middles[instance]

    def surface(self, pixel: Array) -> Array:
        """The place in odom that a pixel (2,) of the first picture shows."""
        x, y = (int(v) for v in pixel)
        ray = unproject(self.infos[0], pixel[None])[0]
        at = ray / ray[2] * self.depths[0][y, x]
        odom_from_camera = self.lookup('odom', self.infos[0].frame_id, self.infos[0].stamp_ns)
        return np.asarray(odom_from_camera[:3, :3] @ at + odom_from_camera[:3, 3])

    def lookup(self, target: str, source: str, stamp_ns: int) -> Array:
        at, turn = self.drive.ego((stamp_ns - ns(0)) / 1e9)
        base, mount, camera = np.eye(4), np.eye(4), self.drive.cameras[0]
        base[:3, :3], base[:3, 3] = turn, at
        mount[:3, :3], mount[:3, 3] = camera.turn, camera.at
        poses = {'odom': np.eye(4), camera.frame_id: base @ mount}
        return np.asarray(np.linalg.inv(poses[target]) @ poses[source])


@dataclass
class Score:
    """First masks of one way to ask; `ends` has how many things there were after each world."""

    ends: list[int] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Means, medians, and what differs between worlds."""
        worlds = [mean(part) for part in np.split(self.ious, self.ends[:-1]) if len(part)]
        row: dict[str, Any] = {
            'things': len(self.ious), 'mean_iou': mean(self.ious), 'mean_iou_by_world': worlds,
            'std_over_worlds': round(float(np.std(worlds, ddof=1)), 3) if worlds[1:] else None,
            'share_above_half': mean([iou > 0.5 for iou in self.ious]),
            'share_answered': mean([iou > 0 for iou in self.ious]),
        }  # fmt: skip
        if self.seconds:
            row['median_s'] = round(float(np.median(self.seconds)), 4)
            row['p90_s'] = round(float(np.percentile(self.seconds, 90)), 4)
            row['median_cpu_s'] = round(float(np.median(self.cpu_s)), 4)
            row['mean_pictures'] = mean(self.pictures)
        if self.hits:
            row['share_on_the_thing'] = mean(self.hits)
        return row


def mean(values: Sequence[float] | Array) -> float:
    return round(float(np.mean(values)), 3) if len(values) else float('nan')


def ns(time_s: float) -> int:
    return 1_000_000_000 + round(time_s * 1e9)


def iou(one: Array, other: Array) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def see(plugin: Plugin[Any], world: World, index: int, *prompts: Prompt) -> Any:
    """One inference; masks and statuses."""
    picture = world.pictures[index]
    samples = {'image': picture, 'prompt': prompts}
    outputs: Any = plugin.infer(Inputs(picture.stamp_ns, picture.frame_id, samples=samples))
    return outputs['masks'], outputs['status']


def follow(
    plugin: Plugin[Any], world: World, first: int, prompt: Prompt, score: Score, instance: int
) -> None:
    """Show pictures until the prompt is answered with a mask."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for index in range(first, PICTURES):
        masks, told = see(plugin, world, index, *([prompt] if index == first else []))
        found = [s for s in told if s.state is PromptState.FOUND]
        if found:
            mine = np.isin(masks.id_map, [int(i) for i in found[-1].track_ids])
            score.ious.append(iou(mine, world.ids[index] == instance))
            score.seconds.append(time.perf_counter() - began_s)
            score.cpu_s.append(time.process_time() - began_cpu_s)
            score.pictures.append(index - first + 1)
            return
    score.ious.append(0.0)


def prompts_of(mask: Array) -> dict[str, Prompt]:
    """What somebody would draw on a thing."""
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(inside.argmax()), mask.shape)
    box = np.array(mask_box(mask), np.float32)
    return {
        'point': Prompt(
            points=np.array([[column, row]], np.float32), point_labels=np.ones(1, np.int8)
        ),
        'box': Prompt(box=box),
        'mask': Prompt(mask=mask),
    }


def filled(mask: Array) -> Array:
    x0, y0, x1, y1 = (round(v) for v in mask_box(mask) or (0, 0, 0, 0))
    found = np.zeros_like(mask)
    found[y0:y1, x0:x1] = True
    return found


def click_on(click: Click, sam2: Sam2, world: World, at: Array, score: Score, mask: Array) -> None:
    """The place goes through both plugins, as in the stack `click`."""
    instance = int(world.ids[0][mask][0])
    info = world.infos[0]
    point = Point3D(stamp_ns=0, frame_id='odom', position=np.asarray(at, np.float64))
    see(sam2, world, 0)
    samples = {'camera_info': {'': info}, 'point': (point,)}
    outputs: Any = click.infer(Inputs(info.stamp_ns, info.frame_id, samples=samples))
    if not outputs['prompts']:
        score.hits.append(False)
        score.ious.append(0.0)
        return
    prompt = outputs['prompts'][0]
    x, y = np.round(prompt.points[0]).astype(int).clip(0, np.array(mask.shape[::-1]) - 1)
    score.hits.append(bool(mask[y, x]))
    follow(sam2, world, 1, prompt, score, instance)


def measure(seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """All ways, on more and more worlds."""
    ways = ('point', 'box', 'mask', 'click', 'click middle', 'text', 'colour', 'filled box')
    scores = {way: Score() for way in ways}
    sam2 = Sam2(Sam2Config(), Context(streams={'image': ('',)}))
    text = TextTracker(TextTrackerConfig(), Context(streams={'image': ('',)}))
    colour = ColourTracker(ColourTrackerConfig())
    for plugin in (sam2, text, colour):
        plugin.context = Context(streams={'image': ('',)}, is_wanted=lambda *_: False)
        plugin.load('cpu')
    for number, seed in enumerate(seeds):
        world = World.of(seed)
        click = Click(ClickConfig(), Context(lookup_transform=world.lookup))
        if number == 0:  # the first inference of a net is slower than all others
            see(sam2, world, 0, Prompt(box=np.array([10, 10, 90, 90], np.float32)))
            see(text, world, 0, Prompt(text='a car'))
        for name, mask, middle in world.things():
            instance = int(world.ids[0][mask][0])
            drawn = prompts_of(mask)
            for way, prompt in drawn.items():
                sam2.reset()
                follow(sam2, world, 0, prompt, scores[way], instance)
            place = world.surface(drawn['point'].points[0])
            for way, at in (('click', place), ('click middle', middle)):
                sam2.reset()
                click_on(click, sam2, world, at, scores[way], mask)
            for way, plugin in (('text', text), ('colour', colour)):
                plugin.reset()
                follow(plugin, world, 0, Prompt(text=name), scores[way], instance)
            scores['filled box'].ious.append(iou(filled(mask), mask))
        for score in scores.values():
            score.ends.append(len(score.ious))
        yield {way: score.row() for way, score in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--worlds', type=int, default=8)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report: dict[str, Any] = provenance()
    report['settings'] = {
        'worlds': 0, 'first_seed': FINAL_SEED, 'pictures': PICTURES,
        'rate_hz': RATE_HZ, 'picture': '480x270', 'min_pixels': MIN_PIXELS,
    }  # fmt: skip
    for number, ways in enumerate(measure(range(FINAL_SEED, FINAL_SEED + args.worlds)), 1):
        report['settings']['worlds'], report['ways'] = number, ways
        args.out.write_text(json.dumps(report, indent=1) + '\n')  # kept, should it be ended
        print(f'{number} worlds', flush=True)
    for way, row in report['ways'].items():
        print(way, row)


if __name__ == '__main__':
    main()
