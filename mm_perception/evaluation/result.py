"""What an evaluation has found, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mm_perception.evaluation.naming import (
    FOUND_IOU,
    MIN_PIXELS,
    AbsentScore,
    NamingScores,
    PresentScore,
    rounded,
    summarise,
)
from mm_perception.reporting.machine import machine, versions

#: The system that is evaluated, and its baselines.
STACK = 'stack'
BOXES, CLIP_GRID = 'true boxes', 'CLIP grid'
DESCRIPTIONS = {
    STACK: 'What is evaluated.',
    BOXES: 'Knows the truth: boxes of everything of the kind, linked by overlap. Does not read '
    'the colour, and fills the whole box.',
    CLIP_GRID: 'CLIP compares each cell of a fixed grid with the text; groups of cells that '
    'prefer it to the usual background become boxes, linked by overlap.',
}


@dataclass(frozen=True)
class Settings:
    """What is asked, and what counts.

    Attributes:
        num_present: Most texts per world that name something.
        num_absent: Texts per world that name nothing.
        min_pixels: Instances of fewer pixels do not count.
        start_s: What is asked for is in view for half of so many seconds at the start.
    """

    num_present: int = 4
    num_absent: int = 4
    min_pixels: int = MIN_PIXELS
    start_s: float = 1.0


@dataclass(eq=False)
class Case:
    """One text in one camera of one world.

    Attributes:
        world: Name of the bag.
        camera: Name; empty for an only camera.
        text: What was asked.
        is_present: Whether it names something; decides the kind of the scores.
        times_s: (T) of the frames.
        scores: By system, `STACK` among them.
        frame: Which frame the pictures show: that of least overlap, or of the largest false alarm.
        pictures: JPEG by what it shows, `truth` and `found`; empty where there is nothing to show.
    """

    world: str
    camera: str
    text: str
    is_present: bool
    times_s: list[float]
    scores: dict[str, PresentScore | AbsentScore]
    frame: int | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def present(self) -> dict[str, PresentScore]:
        """Its scores as those of a text that names something."""
        return {n: s for n, s in self.scores.items() if isinstance(s, PresentScore)}

    @property
    def absent(self) -> dict[str, AbsentScore]:
        """Its scores as those of a text that names nothing."""
        return {n: s for n, s in self.scores.items() if isinstance(s, AbsentScore)}


@dataclass(frozen=True)
class WorldFacts:
    """A world that was used.

    Attributes:
        name: Of the bag's folder.
        bag: Its path.
        cameras: Number.
        frames: Pictures of all cameras.
        size: Width and height of the first camera's pictures.
        seconds: From the first picture to the last.
        answered: Share of the pictures for which the stack published masks.
    """

    name: str
    bag: str
    cameras: int
    frames: int
    size: tuple[int, int]
    seconds: float
    answered: float


@dataclass(eq=False)
class NodeFacts:
    """What a node of the stack did.

    Attributes:
        plugin: Its plugin.
        inferences: Frames that it worked on, over all runs.
        inference_ms: Median time of a frame, one value per run.
        failures: Frames that failed, by error.
        last_failure: What the last of them said.
        model: What the plugin said of its weights.
        drops: Inputs that were not used, by cause; a replay in real time has them.
        inference_p95_ms: Time that 95 % of the frames need no more than, one value per run.
    """

    plugin: str
    inferences: int = 0
    inference_ms: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    last_failure: str = ''
    model: dict[str, str] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    inference_p95_ms: list[float] = field(default_factory=list)


@dataclass(eq=False)
class Evaluation:
    """All that is known after an evaluation.

    Attributes:
        stack: Name of the stack.
        parameters: By node, those that the stack file or the user set.
        settings: What was asked, and what counted.
        systems: Name to one sentence: the stack and its baselines.
        notes: What a reader has to know, such as a baseline that could not be computed.
        problems: Runs that ended early.
        is_interrupted: Ctrl-C ended it before all worlds were done.
    """

    stack: str
    parameters: dict[str, dict[str, object]]
    settings: Settings
    systems: dict[str, str]
    worlds: list[WorldFacts] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    wall_s: float = 0.0
    command: str = ''
    is_interrupted: bool = False

    @property
    def is_clean(self) -> bool:
        """No run ended early and no frame failed."""
        return not self.problems and not any(node.failures for node in self.nodes.values())

    def scores(self, system: str = STACK) -> NamingScores:
        """Scores of a system over all cases."""
        present = [case.present[system] for case in self.cases if case.is_present]
        absent = [case.absent[system] for case in self.cases if not case.is_present]
        return summarise(present, absent)

    def as_json(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        return {
            'versions': versions(),
            'machine': machine(),
            'command': self.command,
            'stack': self.stack,
            'parameters': self.parameters,
            'settings': {**asdict(self.settings), 'found_iou': FOUND_IOU},
            'systems': self.systems,
            'scores': {name: self.scores(name).numbers() for name in self.systems},
            'worlds': [asdict(world) for world in self.worlds],
            'nodes': {name: asdict(node) for name, node in self.nodes.items()},
            'cases': [_case(case) for case in self.cases],
            'notes': self.notes,
            'problems': self.problems,
            'wall_s': round(self.wall_s, 2),
        }


def _case(case: Case) -> dict[str, Any]:
    plain: dict[str, Any] = {
        'world': case.world, 'camera': case.camera, 'text': case.text,
        'is_present': case.is_present,
    }  # fmt: skip
    if case.is_present:
        stack = case.present[STACK]
        plain['iou_by_frame'] = [rounded(value) for value in stack.ious.tolist()]
        plain['times_s'] = [round(t, 3) for t in case.times_s]
    plain['scores'] = {name: _score(score) for name, score in case.scores.items()}
    return plain


def _score(score: PresentScore | AbsentScore) -> Mapping[str, object]:
    if isinstance(score, AbsentScore):
        return {**asdict(score), 'alarm_frames': rounded(score.alarm_frames)}
    tracks = score.tracks.numbers() if score.tracks else {}
    return {'mean_iou': rounded(score.mean_iou), **tracks}
