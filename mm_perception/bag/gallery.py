"""Draw a result bag for people: cameras, what is seen from above, and who was found when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm_perception.bag.from_above import FromAbove
from mm_perception.bag.reader import BagReader, Record
from mm_perception.drawing import draw_banner, draw_masks, draw_skeletons, enlarged, fitted
from mm_perception.drawing.film import ContactSheet, Film
from mm_perception.errors import MmPerceptionError
from mm_perception.ros import convert
from mm_perception.ros.wire import deserialize
from mm_perception.runner import Wiring
from mm_perception.samples import Image, Labels, Masks, PromptStatus, Sample, Skeletons

#: Undrawn pictures that are kept per camera while a slow node works on them.
_KEPT_BYTES = 256 << 20


@dataclass
class Finding:
    """One track: what it answers, and when it was seen.

    Attributes:
        first_s: Seconds from the start of the bag.
        last_s: Likewise.
        frames: Pictures in which it had a pixel.
    """

    label: str
    camera: str
    track_id: int
    first_s: float
    last_s: float
    frames: int = 0
    best_score: float = 0.0


@dataclass
class _Camera:
    name: str
    film: Film
    sheet: ContactSheet
    pictures: dict[int, Record] = field(default_factory=dict)
    num_bytes: int = 0

    def keep(self, stamp_ns: int, record: Record) -> None:
        """Remember a picture, as it was sent, until its result comes or memory is used up."""
        before = self.pictures.pop(stamp_ns, None)  # a looped bag sends it again
        self.num_bytes += len(record.data) - (len(before.data) if before else 0)
        self.pictures[stamp_ns] = record
        while self.num_bytes > _KEPT_BYTES:
            self.num_bytes -= len(self.pictures.pop(next(iter(self.pictures))).data)

    def picture(self, stamp_ns: int) -> Image | None:
        """The picture of a result, decoded."""
        record = self.pictures.get(stamp_ns)
        if record is None:
            return None
        message = deserialize(record.data, record.type_name)
        image = convert.from_msg(message, Image, record.log_time_ns)
        return image if isinstance(image, Image) else None


@dataclass
class Gallery:
    """What was drawn and found.

    Attributes:
        files: Films and sheets.
        findings: Tracks by camera and id.
        statuses: What became of prompts, in order.
        frames: Pictures drawn.
        problems: Messages that could not be drawn.
        has_zero_stamps: There are masks whose stamp is zero; their times are those of recording.
    """

    files: list[Path] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    statuses: list[PromptStatus] = field(default_factory=list)
    frames: int = 0
    problems: list[str] = field(default_factory=list)
    has_zero_stamps: bool = False


def draw_bag(
    bag: Path,
    wirings: dict[str, Wiring],
    out: Path,
    progress: Callable[[int], None] = lambda done: None,
    *,
    draws: bool = True,
) -> Gallery:
    """Draw every node's masks and labels over the pictures they came from.

    Args:
        bag: Result bag that also holds the inputs.
        wirings: Full topic names of every node.
        out: Folder for films and sheets.
        progress: Called with the number of messages read.
        draws: Without it only what was found is gathered, no picture is read.
    """
    gallery = Gallery()
    with BagReader(bag) as reader:
        painters: list[_Painter | FromAbove] = [
            _Painter(name, w, out, reader, gallery, draws=draws) for name, w in wirings.items()
        ]
        seen_above = [FromAbove(name, w, out, reader) for name, w in wirings.items() if draws]
        painters += [painter for painter in seen_above if painter.topics]
        topics = {topic for p in painters for topic in p.topics}
        for done, record in enumerate(reader.records(topics & set(reader.topics)), 1):
            for painter in painters:
                try:
                    painter.take(record)
                except MmPerceptionError as error:
                    gallery.problems.append(f'{record.topic}: {error}')
            progress(done)
        for painter in painters:
            gallery.files += painter.close()
        gallery.frames += sum(painter.frames for painter in seen_above)
    return gallery


class _Painter:
    """Draws the results of one node."""

    def __init__(
        self, node: str, wiring: Wiring, out: Path, reader: BagReader, gallery: Gallery, *,
        draws: bool,
    ) -> None:  # fmt: skip
        self._gallery, self._start_ns, self._draws = gallery, reader.start_ns, draws
        self._cameras: dict[str, _Camera] = {}
        self._inputs: dict[str, str] = {}
        self._outputs: dict[str, tuple[str, type[Sample], Any]] = {}
        self._out, self._node = out, node
        self._findings: dict[tuple[str, int], Finding] = {}
        for stream, topic in wiring.inputs.get('image', {}).items():
            self._inputs[topic] = stream
            name = '_'.join(part for part in (node, stream) if part)
            film = Film(out / f'{name}.mp4')
            self._cameras[stream] = _Camera(stream, film, ContactSheet())
        for stream, topic in wiring.outputs.get('masks', {}).items():
            assembler = convert.assemble(Masks)
            for suffix in ('', '/detections'):
                self._outputs[topic + suffix] = (stream, Masks, (assembler, suffix))
        for stream, topic in wiring.outputs.get('labels', {}).items():
            self._outputs[topic] = (stream, Labels, None)
        for stream, topic in wiring.outputs.get('skeletons', {}).items():
            self._outputs[topic] = (stream, Skeletons, None)
        for stream, topic in wiring.outputs.get('status', {}).items():
            self._outputs[topic] = (stream, PromptStatus, None)

    @property
    def topics(self) -> set[str]:
        return {*(self._inputs if self._draws else ()), *self._outputs}

    def take(self, record: Record) -> None:
        if record.topic not in self.topics:
            return
        message = deserialize(record.data, record.type_name)
        if record.topic in self._inputs:
            stamp_ns, _ = convert.stamp_and_frame(message, record.log_time_ns)
            self._cameras[self._inputs[record.topic]].keep(stamp_ns, record)
            return
        stream, sample_type, join = self._outputs[record.topic]
        for sample in self._samples(message, sample_type, join, record.log_time_ns):
            self._draw(stream, sample, record.log_time_ns)

    def _samples(
        self, message: Any, sample_type: type[Sample], join: Any, log_time_ns: int
    ) -> Iterator[Sample]:
        if join is None:
            yield convert.from_msg(message, sample_type, log_time_ns)
            return
        assembler, suffix = join
        sample = assembler.add(suffix, message)
        if sample is not None:
            yield sample

    def _draw(self, stream: str, sample: Sample, log_ns: int) -> None:
        if isinstance(sample, PromptStatus):
            self._gallery.statuses.append(sample)
            return
        self._gallery.has_zero_stamps |= sample.stamp_ns == 0
        at_ns = sample.stamp_ns or log_ns  # nobody has set it: when it was recorded is known
        seconds = (at_ns - self._start_ns) / 1e9
        if not self._draws:
            if isinstance(sample, Masks):
                self._note(stream, sample, seconds)
            return
        camera = self._cameras.get(stream)
        image = camera.picture(sample.stamp_ns) if camera else None
        if camera is None or image is None:
            return
        title = ' '.join(part for part in (self._node, stream) if part)
        if isinstance(sample, Masks):
            self._note(stream, sample, seconds)
            rgb = enlarged(image.rgb())
            picture = draw_masks(rgb, fitted(sample, rgb))
            found = ', '.join(dict.fromkeys(sample.labels)) or 'nothing found'
            lines = [f'{title}   {seconds:6.2f} s   {found}']
        elif isinstance(sample, Labels):
            picture = enlarged(image.rgb())
            best = zip(sample.names[:3], sample.scores[:3].tolist(), strict=True)
            words = '   '.join(f'{name} {score:.2f}' for name, score in best)
            lines = [f'{title}   {seconds:6.2f} s   {words}']
        elif isinstance(sample, Skeletons):
            picture = draw_skeletons(enlarged(image.rgb()), sample)
            people = 'nobody' if not sample.ids else f'skeletons of {len(sample)}'
            lines = [f'{title}   {seconds:6.2f} s   {people}']
        else:
            return
        picture = draw_banner(picture, lines)
        camera.film.add(picture, at_ns)
        camera.sheet.add(picture, has_found=isinstance(sample, Labels) or bool(sample.ids))
        self._gallery.frames += 1

    def _note(self, stream: str, masks: Masks, seconds: float) -> None:
        for instance_id, label, score in zip(masks.ids, masks.labels, masks.scores, strict=True):
            finding = self._findings.setdefault(
                (stream, instance_id), Finding(label, stream, instance_id, seconds, seconds)
            )
            finding.last_s = seconds
            finding.frames += 1
            finding.best_score = max(finding.best_score, float(score))

    def close(self) -> Iterator[Path]:
        self._gallery.findings += self._findings.values()
        for camera in self._cameras.values():
            camera.film.close()
            if camera.film.path.is_file():
                yield camera.film.path
            sheet = camera.film.path.with_suffix('.png')
            if camera.sheet.write(sheet):
                yield sheet
