"""A room whose lamps and televisions can be switched, with the truth about what is on.

The room is that of `make_room`, seed by seed; only a `Home` changes its lights. It takes the JSON
that `smart_home` gives, obeys after a while, or not at all where a device is broken, and shows the
room as it then looks: so a loop of seeing, switching and looking again can be closed.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from mm_perception.world.camera import Camera
from mm_perception.world.materials import Material
from mm_perception.world.motion import turn_about
from mm_perception.world.render import Optics, View, look
from mm_perception.world.scene import Array, Light, Scene, Stage, Thing
from mm_perception.world.things.surfaces import GLASS

#: Which solids of a thing give light: a lamp's shade comes after foot and pole, a screen second.
_GIVES_LIGHT = {'lamp': slice(2, None), 'television': slice(1, 2)}
#: Brightness of Zigbee2MQTT and of what follows it: 0 to 254.
FULL = 254
_WARM = np.array([1.0, 0.84, 0.6])
_STREAM = 83


@dataclass(frozen=True)
class Device:
    """What can be switched.

    Attributes:
        name: Such as lamp_1.
        kind: lamp or television.
        colour: Named colour.
        instance: Number of the thing in the scene.
    """

    name: str
    kind: str
    colour: str
    instance: int


@dataclass(frozen=True)
class State:
    """How a device is.

    Attributes:
        is_on: Whether it gives light.
        brightness: 0 to 254 while it is on.
    """

    is_on: bool
    brightness: int = FULL


@dataclass(frozen=True)
class _Lights:
    """How a device looks: which solids give light, off and on, and the lamps it adds."""

    solids: tuple[int, ...]
    off: tuple[Material, ...]
    on: tuple[Material, ...]
    lamps: tuple[Light, ...]


class Home:
    """A room with devices.

    Args:
        scene: Made by `make_room`; its lights are taken over.
        seed: Of what is on at first and of how bright lamps and screens are.
        latency_s: A command is obeyed so long after it was given.
        broken: Names of devices that do not obey.
    """

    def __init__(
        self, scene: Scene, seed: int = 0, *, latency_s: float = 0.3,
        broken: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.stage = Stage(scene)
        self._latency_s, self._broken = latency_s, frozenset(broken)
        self._room_lights, self._ambient = tuple(scene.lights), scene.ambient.copy()
        rng = np.random.default_rng((seed, _STREAM))
        self.devices = tuple(_devices(scene))
        self._looks = {d.name: _lights_of(self.stage, d, rng) for d in self.devices}
        #: By name: from which second on it is how.
        self._history = {
            d.name: [(-np.inf, State(bool(rng.random() < 0.5)))] for d in self.devices
        }

    def device(self, name: str) -> Device:
        """One by name.

        Raises:
            KeyError: There is none.
        """
        return next(d for d in self.devices if d.name == name)

    def switch(self, name: str, state: State, time_s: float) -> None:
        """Let a device be in a state from a second on, whether it obeys or not."""
        self._history[name].append((time_s, state))
        self._history[name].sort(key=lambda entry: entry[0])

    def take(self, command: str, time_s: float) -> bool:
        """Take a command in JSON with device and payload, as `smart_home` gives it.

        Args:
            command: Such as {"device": "lamp_1", "payload": {"state": "ON", "brightness": 80}}.
            time_s: When it was given.

        Returns:
            Whether there is such a device. One that is broken does nothing.
        """
        content = json.loads(command)
        name, payload = content['device'], content['payload']
        if name not in self._history:
            return False
        if name not in self._broken:
            is_on = payload.get('state', 'ON') == 'ON'
            state = State(is_on, int(payload.get('brightness', FULL)))
            self.switch(name, state, time_s + self._latency_s)
        return True

    def state(self, name: str, time_s: float) -> State:
        """The truth."""
        return next(s for since, s in reversed(self._history[name]) if since <= time_s)

    def set_time(self, time_s: float) -> None:
        """Let everything be as it is then: places of things, and lights."""
        scene = self.stage.scene
        self.stage.set_time(time_s)
        scene.lights, scene.ambient = list(self._room_lights), self._ambient.copy()
        for name, lights in self._looks.items():
            state = self.state(name, time_s)
            share = state.brightness / FULL
            for solid, off, on in zip(lights.solids, lights.off, lights.on, strict=True):
                lit = replace(on, glow=on.glow * share)
                self.stage.materials[solid] = lit if state.is_on else off
            if state.is_on:
                scene.lights += [replace(la, strength=la.strength * share) for la in lights.lamps]
                scene.ambient += sum(0.03 * share * la.strength for la in lights.lamps)

    def look(
        self, camera: Camera, pose: tuple[Array, Array], time_s: float,
        optics: Optics | None = None,
    ) -> View:  # fmt: skip
        """What a camera sees then.

        Args:
            camera: The camera.
            pose: Place (3,) in metres and rotation (3, 3) of its body.
            time_s: When.
            optics: What its sensor does.
        """
        self.set_time(time_s)
        rng = np.random.default_rng((self.stage.scene.seed, _STREAM, round(time_s * 1000)))
        return look(self.stage, camera, *pose, optics or Optics(), rng)

    def light_pixels(self, name: str, view: View) -> int:
        """Pixels of a picture that show the part of a device that gives light, on or off."""
        return int(np.isin(view.solids, self._looks[name].solids).sum())


def watching_camera(
    scene: Scene, seed: int, width: int = 480, height: int = 270
) -> tuple[Camera, tuple[Array, Array]]:
    """A camera high up in a corner of a room that looks into it, and the pose of its body.

    Args:
        scene: Made by `make_room`.
        seed: Of the corner and where it looks.
        width: Pixels.
        height: Pixels.
    """
    rng = np.random.default_rng((seed, _STREAM, 1))
    half = np.array(scene.ground[0][1].size[:2])
    at = np.append(rng.choice([-1, 1], 2) * (half - 0.25), rng.uniform(1.6, 2.2))
    away = np.append(rng.uniform(-0.25, 0.25, 2) * half, rng.uniform(0.4, 0.9)) - at
    yaw = float(np.arctan2(away[1], away[0]))
    pitch = float(-np.arctan2(away[2], np.hypot(away[0], away[1])))
    focal = float(rng.uniform(0.5, 0.62)) * width
    camera = Camera('camera', width, height, focal)
    return camera, (at, turn_about(2, yaw) @ turn_about(1, pitch))


def _devices(scene: Scene) -> list[Device]:
    """Named by kind and number, in order of the scene."""
    found: list[Device] = []
    for number, thing in enumerate(scene.things, 1):
        if thing.kind in _GIVES_LIGHT:
            count = 1 + sum(d.kind == thing.kind for d in found)
            found.append(Device(f'{thing.kind}_{count}', thing.kind, thing.colour, number))
    return found


def _lights_of(stage: Stage, device: Device, rng: np.random.Generator) -> _Lights:
    own = np.flatnonzero(stage.instances == device.instance)[_GIVES_LIGHT[device.kind]]
    solids = tuple(own.tolist())
    if device.kind == 'television':
        shades = rng.uniform(0.05, 0.75, (2, 3)).tolist()
        pattern = str(rng.choice(['speckled', 'checked', 'striped', 'plain']))
        scale, glow = rng.uniform(0.2, 0.8), rng.uniform(0.5, 1.6)
        on = Material(tuple(shades[0]), tuple(shades[1]), pattern, scale, 0.6, glow)
        return _Lights(solids, (GLASS,), (on,), ())
    before = [stage.materials[solid] for solid in solids]
    glow, strength = rng.uniform(0.7, 2.5), rng.uniform(0.3, 1.0)
    off = tuple(replace(m, glow=0.0) for m in before)
    shining = [0.85 * np.array(m.first) + 0.12 * _WARM for m in before]
    on_ones = tuple(
        replace(m, first=tuple(s.tolist()), second=tuple(s.tolist()), glow=glow)
        for m, s in zip(before, shining, strict=True)
    )
    thing = stage.scene.things[device.instance - 1]
    return _Lights(solids, off, on_ones, tuple(_lamps_of(thing, strength * _WARM)))


def _lamps_of(thing: Thing, strength: Array) -> list[Light]:
    """A shade lets light out above and below, beside its pole."""
    at, turn = thing.pose(0.0)
    shade = thing.parts[0].solids[_GIVES_LIGHT['lamp']]
    top = max(s.at[2] + s.size[-1] for s in shade)
    bottom = min(s.at[2] - s.size[-1] for s in shade)
    places = ((0.0, 0.0, top + 0.06), (0.06, 0.0, bottom - 0.06))
    return [Light(at + turn @ np.array(place), strength) for place in places]
