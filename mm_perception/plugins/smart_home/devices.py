"""The devices of a home: what they are called, what they can do, and commands to them as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mm_perception.errors import ConfigError
from mm_perception.plugins.smart_home.binding import Reference, Seen, bind, read_reference

#: Brightness of Zigbee2MQTT: 0 to 254.
FULL = 254
_CAN = ('switch', 'brightness')
_LAYOUT = (
    "'name | phrase | room | what it can', such as 'lamp_1 | the red lamp | kitchen | switch'"
)


@dataclass(frozen=True)
class Device:
    """An entry of the registry.

    Attributes:
        name: As home automation calls it.
        reference: How people speak of it, and by which it is found in the picture.
        room: Empty for anywhere.
        can: switch, brightness.
    """

    name: str
    reference: Reference
    room: str = ''
    can: tuple[str, ...] = ('switch',)


def read_devices(entries: Sequence[str]) -> tuple[Device, ...]:
    """The registry from its lines: 'name | phrase | room | what it can', the last two optional.

    Raises:
        ConfigError: A line is not of that layout, or a name comes twice.
    """
    devices: list[Device] = []
    for entry in entries:
        name, *rest = (part.strip() for part in entry.split('|'))
        phrase, room, can = [*rest, *[''] * 3][:3]
        abilities = tuple(word.strip() for word in can.split(',') if word.strip())
        is_named = re.fullmatch(r'[\w.-]+', name) is not None
        if not is_named or not phrase or len(rest) > 3 or set(abilities) - set(_CAN):
            raise ConfigError('devices', entry, _LAYOUT)
        if name in [device.name for device in devices]:
            raise ConfigError('devices', entry, f'names that come once; {name} came before')
        devices.append(Device(name, read_reference(phrase), room, abilities or ('switch',)))
    return tuple(devices)


def device_of(
    thing: Seen, things: Sequence[Seen], devices: Sequence[Device], found_kinds: Sequence[str]
) -> Device | None:
    """The device that a thing in the picture is.

    Of several entries that fit, the one that fits nothing else. Where the registry is empty, a
    thing of a class of `found_kinds` is a device by its class and track: lamp_5.

    Args:
        thing: Which.
        things: What all cameras see.
        devices: The registry.
        found_kinds: Classes of devices that need no entry.
    """
    fitting = []
    for device in devices:
        bound = bind(device.reference, things).things
        if thing.key in [t.key for t in bound]:
            fitting.append((len(bound), device))
    fitting.sort(key=lambda pair: pair[0])
    if len(fitting) > 1 and fitting[0][0] == fitting[1][0]:
        return None
    if fitting:
        return fitting[0][1]
    if devices or not thing.label.kinds & set(found_kinds):
        return None
    reference = Reference(thing.label)
    return Device(f'{thing.label.noun}_{thing.track_id}', reference, '', _CAN)


def brightness_of(value: str) -> int | None:
    """Brightness, 0 to 254, from words: a share in per cent, full, half; None for other words.

    Convention:
        '50 %' and 'half' are 127; 'full' is 254; 'red' is None.
    """
    words = {'full': 100, 'half': 50, 'maximum': 100, 'minimum': 1}
    number = re.search(r'\d+(\.\d+)?', value)
    share = float(number.group()) if number else words.get(value.strip().lower())
    if share is None or not 0 <= share <= 100:
        return None
    return round(FULL * share / 100)


def command_json(
    device: Device, topic: str, is_on: bool, brightness: int | None, thing: Seen | None
) -> str:
    """A command for a bridge to MQTT, with topic and payload as Zigbee2MQTT has them.

    Args:
        device: Which.
        topic: With {device} for its name.
        is_on: Wanted.
        brightness: 0 to 254; None to leave it.
        thing: Where it is seen; None if nobody sees it.
    """
    payload: dict[str, object] = {'state': 'ON' if is_on else 'OFF'}
    if brightness is not None:
        payload['brightness'] = brightness
    content: dict[str, object] = {
        'device': device.name, 'topic': topic.replace('{device}', device.name), 'payload': payload,
    }  # fmt: skip
    if device.room:
        content['room'] = device.room
    if thing is not None:
        content['seen'] = {'camera': thing.stream, 'track_id': str(thing.track_id)}
    return json.dumps(content)
