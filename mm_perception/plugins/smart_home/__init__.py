"""Turn it on, and look whether it is on: devices in the picture, commands to them, their effect.

A command names a device as people do: "turn on the lamp next to the sofa". The policy binds the
phrase to a mask (`binding.py`), asks back where several fit, finds the device of the registry that
the mask is (`devices.py`), gives the command as JSON, and looks again (`looking.py`, `tasks.py`):
confirmed, not confirmed, or cannot see. It says so, and tells others by an event.

Plugins call no services, and a port is one of a class, not one per device: so a command goes out
as JSON on a topic, with the topic and the payload of MQTT in it, and a bridge (mqtt_client, or ten
lines around std_srvs/SetBool) passes it on. What the bridge answers is not looked at: what counts
is what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, RequestError
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Plugin,
    Port,
    Queue,
    Reference,
    Request,
)
from mm_perception.plugins.smart_home.binding import Seen, bind, reference_of, words_apart
from mm_perception.plugins.smart_home.camera import HomeCamera
from mm_perception.plugins.smart_home.devices import (
    Device,
    brightness_of,
    command_json,
    device_of,
    read_devices,
)
from mm_perception.plugins.smart_home.looking import Judging, Watch
from mm_perception.plugins.smart_home.reply import Reply
from mm_perception.plugins.smart_home.tasks import Question, Task, judge
from mm_perception.samples import (
    CameraInfo,
    Command,
    Event,
    Image,
    Intent,
    Masks,
    PromptReply,
    Sample,
    Text,
)
from mm_perception.text.commands import understand_all
from mm_perception.text.thing_phrase import ThingPhrase, read_thing_phrase

_SWITCHES = (Intent.TURN_ON, Intent.TURN_OFF, Intent.SET)
_ANSWERS = (Intent.SELECT, Intent.CONFIRM, Intent.FIND, *_SWITCHES)
_STATE_WORDS = ('on', 'off', 'running', 'state')


@dataclass(frozen=True)
class SmartHomeConfig:
    """Settings of the `smart_home` plugin."""

    devices: tuple[str, ...] = parameter(
        (),
        "Registry, lines 'name | phrase | room | switch, brightness'; empty: what is found.",
    )
    found_kinds: tuple[str, ...] = parameter(
        ('lamp', 'television'),
        'Classes of things that can be switched; without a registry also their names.',
    )
    topic: str = parameter(
        'zigbee2mqtt/{device}/set', 'MQTT topic of a command; {device} is its name.'
    )
    confirm_within_s: float = parameter(
        5.0, 'Seconds in which a command has to show an effect.', minimum=0.1, live=True
    )
    ask_for_s: float = parameter(
        20.0, 'Seconds in which an answer to a question is taken for one.', minimum=0.1, live=True
    )
    max_age_of_view_s: float = parameter(
        2.0, 'What a camera saw longer ago does not count.', minimum=0.0, live=True
    )
    smallest_px: int = parameter(60, 'Masks of fewer pixels are left out.', minimum=1, live=True)
    min_change: float = parameter(
        0.7, 'Stops by which a device has to get brighter or darker, against the picture.',
        minimum=0.1, maximum=8.0, live=True,
    )  # fmt: skip
    on_above: float = parameter(
        0.1, 'Mean linear luminance from which on it looks on, where no change was seen.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    max_resize: float = parameter(
        1.5, 'Masks whose sizes differ by more than this factor are not compared.',
        minimum=1.0, live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse a registry that cannot be read, and a topic without a place for the device."""
        read_devices(self.devices)
        if '{device}' not in self.topic:
            raise ConfigError('topic', self.topic, 'a topic with {device} in it')

    def judging(self) -> Judging:
        """The thresholds of looking."""
        return Judging(self.min_change, self.on_above, self.max_resize)


class SmartHome(Plugin[SmartHomeConfig]):
    """Masks, pictures and commands in; commands to devices, and whether they worked, out."""

    card: ClassVar[Card] = Card(
        title='Switches devices by name and looks whether it worked',
        system='3-2',
        paper='none: an explicit policy over masks and commands',
        reference_code='Zigbee2MQTT and Home Assistant for topic and payload',
        limits=(
            'It gives commands as JSON, on a topic and in the reply of `ask`, and calls no '
            'service of a device: a bridge has to pass them on.',
            'A device whose light is not seen (a fridge, a screen from behind) is not confirmed.',
            'A dark scene on a television looks like one that is off.',
            'Whether it was on before is a guess by brightness until a change was seen.',
            'How bright it is set is sent, but not measured.',
            'Left, right, behind and in front of are as the camera sees them.',
            'Without a registry one device that two cameras see counts as two.',
        ),
    )
    Config: ClassVar[type[Any]] = SmartHomeConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Devices and what they stand beside, of any number of cameras.'),
        'image': Latest(
            Image, 'The picture of the masks.', tolerance_s=0.02, required=True, follows='masks'
        ),
        'camera_info': Latest(CameraInfo, 'With depth: distances in metres.', follows='masks'),
        'depth': Latest(
            Image, 'Depth in the size of the masks (REP-118).', tolerance_s=0.05, follows='masks'
        ),
        'command': Queue(Command, 'turn_on, turn_off, set, ask; answers to what it asked.'),
        'ask': Request(
            Text, 'The same in words; JSON or a sentence back.', reply_type=PromptReply
        ),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'device_command': Output(
            Text, 'JSON with device, and topic and payload of MQTT.', per_stream=False
        ),
        'event': Output(
            Event, 'sent, confirmed, not_confirmed, cannot_see, refused.', per_stream=False
        ),
        'say': Output(Text, 'What it answers or asks back.', per_stream=False),
    }

    def __init__(self, config: SmartHomeConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._cameras: dict[str, HomeCamera] = {}
        self._devices: tuple[Device, ...] = ()
        self._question: Question | None = None
        self._tasks: list[Task] = []
        self._told: list[Reply] = []  # published with the next picture

    def load(self, device: str) -> None:
        """Read the registry."""
        self._devices = read_devices(self.config.devices)

    def infer(self, inputs: Inputs) -> Outputs:
        """Look, obey, look again.

        Raises:
            ShapeError: Picture or depth are not of the size of the masks.
        """
        self._look(inputs)
        reply = Reply(inputs.stamp_ns, inputs.frame_id)
        # At once: if this picture fails, the next one tells it.
        earlier = [one for one in self._told if one.commands or one.events or one.said]
        self._told = [*earlier, reply]
        for command in inputs.all('command'):
            self._take(cast(Command, command), reply)
        self._judge(reply)
        told, self._told = self._told, []
        return {
            'device_command': [text for one in told for text in one.commands],
            'event': [event for one in told for event in one.events],
            'say': [text for one in told for text in one.said],
        }

    def answer(self, port: str, request: Sample) -> Sample:
        """Obey a sentence: the JSON of each device command, or what is said instead.

        Raises:
            RequestError: No picture has come yet.
        """
        stamp_ns = max((camera.stamp_ns for camera in self._cameras.values()), default=0)
        if not stamp_ns:
            raise RequestError('no picture has come yet', port, 'wait for the camera')
        text = request.text if isinstance(request, Text) else ''
        readings, reply = understand_all(text), Reply(stamp_ns, request.frame_id)
        for reading in readings if isinstance(readings, list) else ():
            command = Command(
                stamp_ns=stamp_ns, end_ns=stamp_ns, intent=reading.intent, text=text,
                target=reading.target, relation=reading.relation, anchor=reading.anchor,
                value=reading.value,
            )  # fmt: skip
            self._take(command, reply)
        if not (reply.commands or reply.said):
            message = f'{text!r} switches nothing; say such as "turn on the lamp"'
            reply.event('refused', stamp_ns, message, score=1.0)
            reply.say(message)
        told = [*reply.commands, *reply.said]
        self._told.append(reply)
        return PromptReply(
            stamp_ns=stamp_ns, success=bool(reply.commands) or not reply.events,
            message='\n'.join(said.text for said in told),
        )  # fmt: skip

    def rewind(self, stream: str) -> None:
        """Forget what a camera saw, and what was awaited."""
        self._cameras.pop(stream, None)
        self._question, self._tasks, self._told = None, [], []

    def reset(self) -> None:
        """Forget everything."""
        self._cameras.clear()
        self._question, self._tasks, self._told = None, [], []

    def _look(self, inputs: Inputs) -> None:
        camera = self._cameras.setdefault(inputs.stream, HomeCamera())
        masks = cast(Masks, inputs.one('masks'))
        rgb = camera.take(
            inputs.stream, masks, cast(Image, inputs.one('image')), self.config.smallest_px,
            cast('CameraInfo | None', inputs.maybe('camera_info')),
            cast('Image | None', inputs.maybe('depth')),
        )  # fmt: skip
        camera.watch(rgb, masks, self._kinds(), self.config.judging())

    def _kinds(self) -> set[str]:
        """Classes of what can be switched."""
        named = [device.reference.target.kinds for device in self._devices]
        return set().union(self.config.found_kinds, *named)

    def _things(self, now_ns: int) -> list[Seen]:
        """What all cameras have seen lately."""
        oldest_ns = now_ns - int(self.config.max_age_of_view_s * 1e9)
        return [t for c in self._cameras.values() if c.stamp_ns >= oldest_ns for t in c.things]

    def _watches(self) -> dict[tuple[str, int], Watch]:
        return {
            (stream, number): watch
            for stream, camera in self._cameras.items()
            for number, watch in camera.watches.items()
        }

    def _take(self, command: Command, reply: Reply) -> None:
        question, now_ns = self._question, reply.stamp_ns
        if question is not None and now_ns <= question.until_ns:
            if command.intent in (Intent.DENY, Intent.STOP):
                self._question = None
                reply.say('all right, I leave it')
                return
            chosen = question.answer(read_thing_phrase(f'{command.text} {command.target}'))
            if chosen is not None and command.intent in _ANSWERS:
                self._question = None
                self._switch(question.command, [chosen], reply)
                return
        if command.intent in _SWITCHES:
            self._question = None
            self._bind(command, reply)
        elif command.intent is Intent.ASK:
            self._tell(command, reply)

    def _bind(self, command: Command, reply: Reply) -> None:
        """Find what is meant; ask back where that is not one thing."""
        if not command.target:
            self._refuse(command, 'which device do you mean?', reply)
            return
        reference = reference_of(command.target, command.relation, command.anchor)
        bound = bind(reference, self._things(reply.stamp_ns))
        lacks = ' and '.join(phrase.noun for phrase in bound.lacks)
        if not bound.things:
            self._switch_unseen(command, reference.target, reply)
        elif len(bound.things) == 1 or reference.target.is_all:
            self._switch(command, bound.things, reply)
        else:
            self._ask(command, bound.things, f'I see no {lacks}; ' if lacks else '', reply)

    def _ask(self, command: Command, options: tuple[Seen, ...], why: str, reply: Reply) -> None:
        options = tuple(sorted(options, key=lambda thing: thing.x))
        words = tuple(words_apart(options))
        until_ns = reply.stamp_ns + int(self.config.ask_for_s * 1e9)
        self._question = Question(command, options, words, until_ns)
        noun = options[0].label.noun or 'one'
        listed = ', '.join(dict.fromkeys(words[:-1]))
        reply.say(f'{why}which {noun}: the {listed} or the {words[-1]} one?')

    def _refuse(self, command: Command, message: str, reply: Reply) -> None:
        reply.event('refused', command.stamp_ns, message, label=command.target, score=1.0)
        reply.say(message)

    def _switch_unseen(self, command: Command, target: ThingPhrase, reply: Reply) -> None:
        """No camera sees it: a device of that name gets the command all the same."""
        fitting = [d for d in self._devices if target.can_mean(d.reference.target)]
        if len(fitting) == 1:
            self._send(command, fitting[0], target.noun, None, reply)
        else:
            self._refuse(command, f'I see no {target.noun or "such thing"}', reply)

    def _switch(
        self, command: Command, things: tuple[Seen, ...] | list[Seen], reply: Reply
    ) -> None:
        """Give the command to what each thing is."""
        everything = self._things(reply.stamp_ns)
        for thing in things:
            device = device_of(thing, everything, self._devices, self.config.found_kinds)
            name = ' '.join(filter(None, (thing.label.colour, thing.label.noun)))
            if device is None:
                self._refuse(command, f'I do not know which device the {name} is', reply)
            else:
                self._send(command, device, name, thing, reply)

    def _send(
        self, command: Command, device: Device, name: str, thing: Seen | None, reply: Reply
    ) -> None:
        is_on, brightness = command.intent is not Intent.TURN_OFF, None
        if command.intent is Intent.SET:
            brightness = brightness_of(command.value)
            if brightness is None or 'brightness' not in device.can:
                self._refuse(command, f'I cannot set the {name} to {command.value!r}', reply)
                return
            is_on = brightness > 0
        reply.command(command_json(device, self.config.topic, is_on, brightness, thing))
        key = None if thing is None else thing.key
        watch = None if key is None else self._watches().get(key)
        was_seen = watch is not None and watch.is_sure and watch.is_on == is_on
        now_ns = reply.stamp_ns
        until_ns = now_ns + int(self.config.confirm_within_s * 1e9)
        self._tasks = [task for task in self._tasks if task.device.name != device.name]
        self._tasks.append(Task(device, name, key, is_on, now_ns, until_ns, was_seen))
        state = 'on' if is_on else 'off'
        reply.event(
            'sent', command.stamp_ns, f'{device.name}: {state}', label=device.name,
            **_where(key),
        )  # fmt: skip

    def _judge(self, reply: Reply) -> None:
        """Look again at everything whose effect is awaited."""
        watches, waiting = self._watches(), []
        for task in self._tasks:
            verdict = judge(task, watches, reply.stamp_ns)
            if verdict is None:
                waiting.append(task)
                continue
            reply.event(
                verdict.kind, task.sent_ns, verdict.message, label=task.device.name,
                score=verdict.score, **_where(task.key),
            )  # fmt: skip
            reply.say(verdict.message)
        self._tasks = waiting

    def _tell(self, command: Command, reply: Reply) -> None:
        """Whether a device is on; questions about anything else are for others."""
        if not set(command.text.lower().strip('?').split()) & set(_STATE_WORDS):
            return
        reference = reference_of(command.target, command.relation, command.anchor)
        watches = self._watches()
        for thing in bind(reference, self._things(reply.stamp_ns)).things:
            watch = watches.get(thing.key)
            if watch is None:
                continue
            name = ' '.join(filter(None, (thing.label.colour, thing.label.noun)))
            verb = 'is' if watch.is_sure else 'looks'
            reply.say(f'the {name} {verb} {"on" if watch.is_on else "off"}')


def _where(key: tuple[str, int] | None) -> dict[str, Any]:
    """Camera and track of an event."""
    if key is None:
        return {}
    return {'stream': key[0], 'track_ids': (str(key[1]),)}


PLUGIN = SmartHome
