"""smart_home on held-out rooms: `python -m bench.bench_smart_home` writes results/smart_home.json.

  python -m bench.bench_smart_home [--rooms 40] [--loop-rooms 16] [--chain-rooms 6]

A camera in a corner (384x216) watches rooms with lamps and televisions that are switched by the
plugin's own JSON. Parts:

  binding   phrases with one true device ("the lamp next to the sofa", truth in metres in space),
            and phrases that several fit, where asking back is right. Ways: with depth, without,
            labels that name colours too, and a baseline that takes the largest thing of the class.
  state     on or off while devices are switched at random: the plugin's watch against a threshold
            on brightness; both thresholds are of training rooms.
  loop      a command is given, a quarter of the devices is broken, the plugin looks again: right
            device and right verdict (where its light is hidden: none that is false).
  chain     binding and loop with the masks of text_tracker, nano weights, instead of true ones.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.inputs import Inputs
from mm_perception.plugins.smart_home import SmartHome, SmartHomeConfig
from mm_perception.plugins.smart_home.binding import Seen, bind, reference_of
from mm_perception.plugins.smart_home.camera import HomeCamera
from mm_perception.plugins.smart_home.looking import Judging, Watch, look_at, luminance
from mm_perception.plugins.text_tracker import TextTracker, TextTrackerConfig
from mm_perception.samples import Command, Image, Intent, Masks, Relation
from mm_perception.training.data import FINAL_SEED
from mm_perception.world.home import Device, Home, State, watching_camera
from mm_perception.world.home_bag import true_masks
from mm_perception.world.render import View
from mm_perception.world.room import make_room
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'smart_home.json'
#: A device of fewer pixels, or less of its light, is not seen.
LEAST_PX, LEAST_LIGHT_PX = 100, 20
PROMPTS = ('a lamp', 'a television', 'a fridge', 'a sofa', 'a table', 'a chair', 'a plant')
PERIOD_S, WITHIN_S = 0.25, 1.5
SECOND_NS = 1_000_000_000
#: (stamp, view) to the masks of a picture.
Masker = Callable[[int, View], Masks]


@dataclass(frozen=True)
class Phrase:
    """What is said, and which instances it may mean: one, or several to ask back about."""

    kind: str
    target: str
    truth: tuple[int, ...]
    relation: Relation = Relation.NONE
    anchor: str = ''


class Room:
    """A held-out room with a camera."""

    def __init__(self, seed: int, split: Split = Split.HELD_OUT) -> None:
        scene = make_room(seed, split)
        rng = np.random.default_rng((seed, 5))
        home = Home(scene, seed)
        self.broken = [d.name for d in home.devices if rng.random() < 0.25]
        self.home = Home(make_room(seed, split), seed, broken=self.broken)
        self.camera, self.pose = watching_camera(scene, seed, 384, 216)
        self.rng = rng
        self.names = {t.instance: f'{t.colour} {t.kind}' for t in self.home.stage.scene.things}
        self.first = self.look(0.0)
        self.pixels = np.bincount(self.first.ids.reshape(-1), minlength=len(self.names) + 1)

    def look(self, time_s: float) -> View:
        return self.home.look(self.camera, self.pose, time_s)

    def masks(self, stamp_ns: int, view: View) -> Masks:
        return labelled(true_masks(view, self.names, stamp_ns, 'camera'), has_colours=False)

    @property
    def devices(self) -> list[Device]:
        """Those that are seen."""
        return [d for d in self.home.devices if self.pixels[d.instance] >= LEAST_PX]

    def place(self, instance: int) -> Any:
        """(3,) metres in the body of the camera: ahead, left, up."""
        at, turn = self.pose
        there = self.home.stage.scene.things[instance - 1].pose(0.0)[0]
        return turn.T @ (there - at)

    def colour(self, instance: int) -> str:
        return self.names[instance].split()[0]


def rooms(number: int, split: Split = Split.HELD_OUT) -> Iterator[Room]:
    """Rooms in which at least two devices are seen."""
    found = 0
    for seed in count(FINAL_SEED):
        room = Room(seed, split)
        if len(room.devices) > 1:
            found += 1
            yield room
        if found == number:
            return


def phrases(room: Room) -> Iterator[Phrase]:
    """All that can be said of the devices of a room with a clear truth."""
    by_kind = defaultdict(list)
    for device in room.devices:
        by_kind[device.kind].append(device.instance)
    for kind, group in by_kind.items():
        yield Phrase('class' if len(group) == 1 else 'several', f'the {kind}', tuple(group))
        colours = Counter(room.colour(i) for i in group)
        for instance in group:
            if len(group) > 1 and colours[room.colour(instance)] == 1:
                yield Phrase('colour', f'the {room.names[instance]}', (instance,))
        if len(group) > 1:
            ordered = sorted(group, key=lambda i: room.place(i)[1] / room.place(i)[0])
            yield Phrase('side', f'the right {kind}', (ordered[0],))
            yield Phrase('side', f'the left {kind}', (ordered[-1],))
            yield from _related(room, kind, group)


def _related(room: Room, kind: str, group: list[int]) -> Iterator[Phrase]:
    """Relations to things of which one is seen, in space."""
    kinds = Counter(room.names[i].split()[1] for i in np.flatnonzero(room.pixels).tolist() if i)
    for anchor in np.flatnonzero(room.pixels >= LEAST_PX).tolist():
        name = room.names.get(anchor, ' ').split(' ')[1]
        if f'a {name}' not in PROMPTS or name == kind or kinds[name] != 1:
            continue
        near = sorted(
            (float(np.linalg.norm((room.place(i) - room.place(anchor))[:2])), i) for i in group
        )
        if near[0][0] < 2.0 and near[0][0] < 0.6 * near[1][0]:
            yield Phrase('next to', f'the {kind}', (near[0][1],), Relation.NEXT_TO, f'the {name}')
        bearing = {i: room.place(i)[1] / room.place(i)[0] for i in (*group, anchor)}
        for relation, sign in ((Relation.LEFT_OF, 1), (Relation.RIGHT_OF, -1)):
            there = [i for i in group if sign * (bearing[i] - bearing[anchor]) > 0.1]
            unclear = [i for i in group if abs(bearing[i] - bearing[anchor]) <= 0.1]
            if len(there) == 1 and not unclear:
                yield Phrase('left or right of', f'the {kind}', (there[0],), relation,
                             f'the {name}')  # fmt: skip


def labelled(masks: Masks, has_colours: bool) -> Masks:
    """The masks as a tracker that looks for classes labels them, or for coloured things."""
    labels = masks.labels if has_colours else tuple(n.split()[-1] for n in masks.labels)
    values = {name: getattr(masks, name) for name in ('id_map', 'ids', 'scores')}
    return Masks(stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, labels=labels, **values)


def things_of(room: Room, masks: Masks, view: View, *, has_depth: bool) -> tuple[Seen, ...]:
    camera, frame = HomeCamera(), masks.frame_id
    image = Image(stamp_ns=masks.stamp_ns, frame_id=frame, data=view.rgb)
    depth = Image(stamp_ns=masks.stamp_ns, frame_id=frame, data=view.depth, encoding='32FC1')
    info = room.camera.info(masks.stamp_ns)
    args = (info, depth) if has_depth else (None, None)
    camera.take('', masks, image, LEAST_PX, *args)
    return camera.things


def outcome(phrase: Phrase, chosen: list[int]) -> str:
    """right, asked (back, though one is meant), wrong or none."""
    if len(phrase.truth) > 1:
        return 'right' if len(chosen) > 1 else 'wrong' if chosen else 'none'
    if len(chosen) == 1:
        return 'right' if chosen[0] == phrase.truth[0] else 'wrong'
    return 'asked' if chosen else 'none'


def bench_binding(room: Room, tally: dict[str, dict[str, Counter[str]]]) -> None:
    truth = true_masks(room.first, room.names, SECOND_NS, 'camera')
    ways = {
        'with depth': (False, True), 'without depth': (False, False),
        'labels with colours': (True, False),
    }  # fmt: skip
    things = {
        way: things_of(room, labelled(truth, has_colours), room.first, has_depth=has_depth)
        for way, (has_colours, has_depth) in ways.items()
    }
    for phrase in phrases(room):
        for way in ways:
            reference = reference_of(phrase.target, phrase.relation, phrase.anchor)
            chosen = [t.track_id for t in bind(reference, things[way]).things]
            tally[way][phrase.kind][outcome(phrase, chosen)] += 1
        kind = phrase.target.split()[-1]
        same = [i for i in room.names if room.names[i].endswith(kind) and room.pixels[i]]
        largest = max(same, key=lambda i: int(room.pixels[i]))
        tally['largest of the class'][phrase.kind][outcome(phrase, [largest])] += 1


def bench_state(room: Room, tally: dict[str, Counter[str]]) -> None:
    """Five random states of all devices, each for two pictures."""
    watches = {d.name: Watch() for d in room.devices}
    judging = Judging()
    for step in range(5):
        for device in room.home.devices:
            level = int(room.rng.choice([254, 254, 254, 120]))
            room.home.switch(device.name, State(bool(room.rng.random() < 0.5), level), step)
        for part in range(2):
            time_s = step + part * 0.3
            view = room.look(time_s)
            light = luminance(view.rgb)
            rest = ~np.isin(view.ids, [d.instance for d in room.home.devices])
            for device in room.devices:
                mask = view.ids == device.instance
                if mask.sum() < LEAST_PX:
                    continue
                look = look_at(light, mask, rest)
                watches[device.name].take(look, round(time_s * 1e9) + 1, judging)
                if part == 1 and room.home.light_pixels(device.name, view) >= LEAST_LIGHT_PX:
                    is_on = room.home.state(device.name, time_s).is_on
                    watch = watches[device.name]
                    by_level = bool(light[mask].mean() >= judging.on_above)
                    tally[device.kind]['n'] += 1
                    tally[device.kind]['watch'] += watch.is_on == is_on
                    tally[device.kind]['threshold'] += by_level == is_on
                    tally[device.kind]['sure'] += watch.is_sure
                    tally[device.kind]['right, sure'] += watch.is_sure and watch.is_on == is_on


def bench_loop(room: Room, device: Device, masker: Masker) -> str:
    """One command to one device by a phrase that means it alone; what came of it."""
    plugin = SmartHome(SmartHomeConfig(confirm_within_s=WITHIN_S, smallest_px=LEAST_PX))
    plugin.load('cpu')
    start_s = 10.0 * device.instance
    intent = Intent.TURN_OFF if room.home.state(device.name, start_s).is_on else Intent.TURN_ON
    unique = [p for p in phrases(room) if p.truth == (device.instance,)]
    if not unique:
        return 'no phrase'
    phrase, sent, verdict = unique[0], '', ''
    for step in range(12):
        time_s = start_s + step * PERIOD_S
        stamp_ns, view = round(time_s * 1e9), room.look(time_s)
        command = Command(
            stamp_ns=stamp_ns, end_ns=stamp_ns, intent=intent, text='', target=phrase.target,
            relation=phrase.relation, anchor=phrase.anchor,
        )  # fmt: skip
        masks = masker(stamp_ns, view)
        samples: dict[str, Any] = {
            'masks': masks, 'command': (command,) if step == 4 else (), 'camera_info': None,
            'image': Image(stamp_ns=stamp_ns, frame_id='camera', data=view.rgb), 'depth': None,
        }  # fmt: skip
        result: Any = plugin.infer(Inputs(stamp_ns, 'camera', samples=samples))
        for text in result['device_command']:
            sent = _meant(json.loads(text.text), masks, view, room)
            if sent:
                room.home.take(json.dumps({**json.loads(text.text), 'device': sent}), time_s)
        verdict = next((e.kind for e in result['event'] if e.kind != 'sent'), verdict)
    if sent != device.name:
        return 'wrong device' if sent else 'not sent'
    is_done = room.home.state(device.name, time_s).is_on == (intent is Intent.TURN_ON)
    is_seen = room.home.light_pixels(device.name, view) >= LEAST_LIGHT_PX
    is_confirmed = verdict == 'confirmed'
    right = is_confirmed == is_done if is_seen else is_done or not is_confirmed
    return 'success' if right else f'{verdict}, but it {"was" if is_done else "was not"} done'


def _meant(command: dict[str, Any], masks: Masks, view: View, room: Room) -> str:
    """The device on which most of the mask lies to which a command went; empty for none."""
    ids = view.ids[masks.mask(int(command['seen']['track_id']))]
    if not len(ids):
        return ''
    number = int(np.bincount(ids).argmax())
    return next((d.name for d in room.home.devices if d.instance == number), '')


def bench_chain(
    room: Room, tally: dict[str, Counter[str]], tracker: TextTracker, *, has_loop: bool
) -> None:
    """Binding and loop on the masks of text_tracker."""
    tracker.reset()

    def track(stamp_ns: int, view: View) -> Masks:
        image = Image(stamp_ns=stamp_ns, frame_id='camera', data=view.rgb)
        inputs = Inputs(stamp_ns, 'camera', samples={'image': image, 'prompt': ()})
        found: Any = tracker.infer(inputs)['masks']
        return found[0] if isinstance(found, list) else found

    masks = [track(round((0.1 + step * 0.4) * 1e9), room.first) for step in range(3)][-1]
    things = things_of(room, masks, room.first, has_depth=False)
    for phrase in phrases(room):
        reference = reference_of(phrase.target, phrase.relation, phrase.anchor)
        chosen = [_under(masks, t.track_id, room.first) for t in bind(reference, things).things]
        tally['binding'][outcome(phrase, chosen)] += 1
    if has_loop:
        tracker.reset()
        tally['loop'][bench_loop(room, room.devices[0], track)] += 1


def _under(masks: Masks, number: int, view: View) -> int:
    return int(np.bincount(view.ids[masks.mask(number)]).argmax())


def shares(counts: Counter[str]) -> dict[str, Any]:
    number = sum(counts.values())
    return {'n': number, **{k: round(v / number, 3) for k, v in counts.most_common()}}


def state_shares(counts: Counter[str]) -> dict[str, Any]:
    ways = {way: round(counts[way] / counts['n'], 3) for way in ('watch', 'threshold', 'sure')}
    return {'n': counts['n'], **ways, 'watch where sure': counts['right, sure'] / counts['sure']}


def summary(tally: dict[str, dict[str, Counter[str]]]) -> dict[str, Any]:
    found = {}
    for way, kinds in tally.items():
        everything = sum(kinds.values(), Counter())
        found[way] = {'all': shares(everything), **{k: shares(c) for k, c in kinds.items()}}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rooms', type=int, default=40)
    parser.add_argument('--loop-rooms', type=int, default=16)
    parser.add_argument('--chain-rooms', type=int, default=6)
    parser.add_argument('--chain-loops', type=int, default=2)
    parser.add_argument('--split', type=Split, default=Split.HELD_OUT)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    report, started_s = provenance(), time.perf_counter()
    binding: Any = defaultdict(lambda: defaultdict(Counter))
    state: dict[str, Counter[str]] = defaultdict(Counter)
    loop: Counter[str] = Counter()
    chain: dict[str, Counter[str]] = defaultdict(Counter)
    tracker = TextTracker(TextTrackerConfig(prompts=PROMPTS))
    if args.chain_rooms:
        tracker.load('cpu')
    for index, room in enumerate(rooms(args.rooms, args.split)):
        bench_binding(room, binding)
        if index < args.chain_rooms:
            bench_chain(room, chain, tracker, has_loop=index < args.chain_loops)
        if index < args.loop_rooms:
            for device in room.devices[:2]:
                loop[bench_loop(room, device, room.masks)] += 1
            bench_state(room, state)
        print(index, dict(loop), {k: dict(v) for k, v in chain.items()}, flush=True)
    report['binding'] = summary(binding)
    report['state'] = {kind: state_shares(counts) for kind, counts in state.items()}
    report['loop'], report['chain'] = shares(loop), {k: shares(v) for k, v in chain.items()}
    report['wall_s'] = round(time.perf_counter() - started_s)
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    print(json.dumps({k: report[k] for k in ('binding', 'state', 'loop', 'chain')}, indent=1))


if __name__ == '__main__':
    main()
