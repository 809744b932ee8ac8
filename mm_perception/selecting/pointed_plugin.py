"""A plugin that acts on things by a ray and words: its ports, and what it does per picture.

A scene of things, what the ray meant over the last seconds, and commands that wait until they are
over and something fits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import Any, ClassVar, Generic, TypeVar, cast

from mm_perception.plugin import Context, Inputs, Latest, Plugin, Port, Queue, Reference
from mm_perception.samples import (
    CameraInfo,
    Command,
    Event,
    Image,
    Intent,
    Masks,
    PointCloud,
    Pose,
)
from mm_perception.samples.sample import Array
from mm_perception.selecting.choosing import as_asked
from mm_perception.selecting.in_view import InView, ray_in, view_of
from mm_perception.selecting.pointing import Votes
from mm_perception.selecting.scene import Scene, Thing
from mm_perception.selecting.verbs import VERBS, Deed, Moment, perform

#: The end of an utterance is where the ray was within this, seconds.
_END_S = 0.3
#: A ray counts for pictures within this of it, seconds; where pictures are rare, for so many.
_RAY_S, _RAY_PICTURES, _OLDEST_RAY_S = 0.3, 2.2, 2.0

C = TypeVar('C')


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture of one camera.

    Attributes:
        stream: The camera.
        view: Masks and what is known of their depth.
        image: The picture, or None.
        bound: Ids of the masks to numbers of things.
    """

    stream: str
    view: InView
    image: Image | None
    bound: dict[int, int]

    @property
    def masks(self) -> Masks:
        """Of the picture."""
        return self.view.masks


@dataclass
class _Waiting:
    """A command that is not done yet; `since_ns` is the first picture after it."""

    command: Command
    since_ns: int = -1


class PointedPlugin(Plugin[C], Generic[C], is_base=True):
    """Masks, a ray and commands in.

    Its settings have `fixed_frame`, `ray_axis`, `ray_spread_deg`, `min_share`, `memory_s`,
    `patience_s` and `smallest_px`.

    Class attributes:
        intents: Of the commands that it does; it leaves others alone.
    """

    intents: ClassVar[tuple[Intent, ...]]
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Of a tracker; any number of cameras.'),
        'camera_info': Latest(CameraInfo, 'Of each camera.', required=True, follows='masks'),
        # How old it may be is decided when it is known how rare pictures are: see `_ray_age_s`.
        'ray': Latest(Pose, 'Of an arm, a gaze or a controller.', tolerance_s=_OLDEST_RAY_S),
        'command': Queue(Command, 'What to do with what is meant.'),
        'depth': Latest(
            Image, 'Depth in the frame and size of the masks (REP-118).', tolerance_s=0.15,
            follows='masks',
        ),
        'cloud': Latest(PointCloud, 'A scan, where there is no depth.', tolerance_s=0.25),
    }  # fmt: skip
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: C, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._forget_all()

    @property
    def _settings(self) -> Any:
        return self.config

    @abstractmethod
    def _new_scene(self) -> Scene:
        """A scene without things."""

    def load(self, device: str) -> None:
        """Nothing to load."""

    def rewind(self, stream: str) -> None:
        """Where things and the ray were is forgotten; what was done to things stays."""
        self._scene.rewind()
        self._votes.clear()
        self._hits.clear()
        self._shown_ns.clear()
        for item in self._waiting:
            item.since_ns = -1

    def reset(self) -> None:
        """Forget everything."""
        self._forget_all()

    def _forget_all(self) -> None:
        self._scene = self._new_scene()
        self._votes = Votes(self._settings.memory_s)
        self._hits: deque[tuple[int, Array]] = deque()
        #: When each camera showed something last.
        self._shown_ns: dict[str, int] = {}
        self._waiting: list[_Waiting] = []

    def _look(self, inputs: Inputs) -> Seen:
        """Bind the masks to things, note where the ray is, and take commands.

        Raises:
            ShapeError: The masks are not of the size of the calibration, or depth not of theirs.
            TransformUnavailableError: TF does not know the camera, the ray or the scan.
        """
        settings, lookup = self._settings, self.context.lookup_transform
        view = view_of(inputs, settings.fixed_frame, lookup)
        surfaces = view.surfaces(settings.smallest_px)
        bound = self._scene.bind(inputs.stream, view.masks, surfaces)
        image = cast('Image | None', inputs.maybe('image')) if 'image' in self.inputs else None
        seen = Seen(inputs.stream, view, image, bound)
        pose, stamp_ns = inputs.maybe('ray'), view.masks.stamp_ns
        ray_age_s = self._ray_age_s(inputs.stream, stamp_ns)
        if isinstance(pose, Pose) and abs(pose.stamp_ns - stamp_ns) <= ray_age_s * 1e9:
            ray = ray_in(pose, settings.ray_axis, settings.fixed_frame, lookup)
            shares, hit = view.pointed(ray, radians(settings.ray_spread_deg))
            if shares is not None:
                self._votes.add(stamp_ns, by_number(shares, bound))
            if hit is not None:
                self._hits.append((stamp_ns, hit))
            while self._hits and stamp_ns - self._hits[0][0] > settings.memory_s * 1e9:
                self._hits.popleft()
        self._waiting += [
            _Waiting(command)
            for command in map(as_asked, cast('Sequence[Command]', inputs.all('command')))
            if command.intent in self.intents
        ]
        return seen

    def _ray_age_s(self, stream: str, stamp_ns: int) -> float:
        """How far from a picture a ray may be to count for it, seconds.

        One of an arm is made of the masks of a picture before, which on a slow machine is long
        ago; and that picture may have missed the arm.
        """
        before_ns = self._shown_ns.get(stream, stamp_ns)
        self._shown_ns[stream] = stamp_ns
        rare_s = _RAY_PICTURES * (stamp_ns - before_ns) / 1e9
        return min(max(_RAY_S, rare_s), _OLDEST_RAY_S)

    def _do_what_is_due(self, seen: Seen) -> list[tuple[Command, Deed]]:
        """Do commands that are over; those without a result wait for a while."""
        done, later = [], []
        now_ns = seen.masks.stamp_ns
        for item in self._waiting:
            command = item.command
            if now_ns < command.end_ns:  # it is still being said
                later.append(item)
                continue
            item.since_ns = now_ns if item.since_ns < 0 else item.since_ns
            deed = perform(command, self._moment(seen, command.end_ns))
            if deed.problem and (now_ns - item.since_ns) / 1e9 < self._settings.patience_s:
                later.append(item)
            else:
                done.append((command, deed))
        self._waiting = later
        return done

    def _moment(self, seen: Seen, end_ns: int) -> Moment:
        """What is known when a command that was over at `end_ns` is decided."""
        nearest = min(self._hits, key=lambda pair: abs(pair[0] - end_ns), default=None)
        is_there = nearest is not None and abs(nearest[0] - end_ns) <= _END_S * 1e9
        return Moment(
            self._scene, seen.masks, seen.image, seen.bound, self._votes,
            nearest[1] if nearest is not None and is_there else None, self._settings.min_share,
            seen.view.fixed_from_camera,
        )  # fmt: skip

    def _told(self, command: Command, deed: Deed, seen: Seen) -> Event:
        """What became of a command."""
        kind = 'refused' if deed.problem else VERBS[command.intent]
        span = command.stamp_ns, command.end_ns
        return event_of(kind, deed.things, seen, span, deed.problem, command.text)


def by_number(shares: dict[int, float], bound: dict[int, int]) -> dict[int, float]:
    """Shares of masks as those of the things that they are."""
    return {bound[own]: share for own, share in shares.items() if own in bound}


def event_of(
    kind: str, things: Sequence[Thing], seen: Seen, span: tuple[int, int], problem: str = '',
    rule: str = '',
) -> Event:  # fmt: skip
    """What became of things.

    Args:
        kind: Of the event.
        things: That it is about.
        seen: The picture that decided it.
        span: From when until when it was asked for, nanoseconds.
        problem: Why nothing became of it; empty where something did.
        rule: The words.
    """
    names = ', '.join(thing.name for thing in things) or 'nothing'
    return Event(
        stamp_ns=seen.masks.stamp_ns, frame_id=seen.masks.frame_id, kind=kind, stream=seen.stream,
        start_ns=span[0], end_ns=span[1], rule=rule,
        track_ids=tuple(str(thing.number) for thing in things),
        label=things[0].label if len(things) == 1 else '', message=problem or f'{kind}: {names}',
    )  # fmt: skip
