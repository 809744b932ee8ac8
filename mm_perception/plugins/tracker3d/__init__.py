"""Boxes in space become tracks: ids, velocities, covariances, in a frame that stands still.

Detections of any number of detectors (cameras, LiDAR) come in through one queue, each in its own
frame at its own stamp; TF takes them to the fixed frame at exactly that moment, so that the motion
of the vehicle is none of the tracks'. A detection that comes late is put in its place as if it had
come in time, if it is not older than `late_s`.

After AB3DMOT (Weng et al. 2020: Kalman filter and Hungarian method in 3D), with the gate of
Chiu et al. 2020 (Mahalanobis distance) and, for detections that bring a velocity, what CenterPoint
(Yin et al. 2021) showed it to be worth. Written from the papers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, MmPerceptionError
from mm_perception.geometry import moved
from mm_perception.plugin import Card, Context, Inputs, Output, Outputs, Plugin, Port, Queue
from mm_perception.plugins.tracker3d.tracker import Rules, Tracker
from mm_perception.plugins.tracker3d.tracks import Noise
from mm_perception.samples import Boxes3D


@dataclass(frozen=True)
class Tracker3DConfig:
    """Settings of the `tracker3d` plugin."""

    fixed_frame: str = parameter(
        'odom',
        'Frame that stands still, in which tracks are kept; empty: the one of all detections.',
    )
    late_s: float = parameter(
        0.5, 'A detection older than the newest by up to this, in seconds, is put in its place.',
        minimum=0.0, maximum=10.0,
    )  # fmt: skip
    jump_back_s: float = parameter(
        2.0, 'One that is older by more than this, in seconds, means that time was set back.',
        minimum=0.1,
    )  # fmt: skip
    min_score: float = parameter(
        0.1, 'Detections below this do not count at all.', minimum=0.0, maximum=1.0
    )
    birth_score: float = parameter(
        0.3, 'A new track needs a detection of at least this.', minimum=0.0, maximum=1.0
    )
    birth_hits: int = parameter(
        3, 'A track is published from so many detections on.', minimum=1, maximum=100
    )
    birth_within_s: float = parameter(
        0.35, 'Until then it ends if it is not seen for so many seconds; not before the next '
        'detections, if they come within 2 s.', minimum=0.0,
    )  # fmt: skip
    death_after_s: float = parameter(
        1.0, 'After that it ends if it is not seen for so many seconds; likewise.', minimum=0.0
    )
    gate_sigmas: float = parameter(
        3.5, 'No detection is farther from its track, in standard deviations on the ground.',
        minimum=0.5, maximum=10.0,
    )  # fmt: skip
    gate_m: float = parameter(4.0, 'Nor in metres.', minimum=0.1)
    same: tuple[str, ...] = parameter(
        ('car van truck bus', 'cyclist bicycle motorcycle', 'pedestrian person'),
        'Classes that detectors take for each other, separated by spaces; the last word of a '
        'label counts.',
    )
    position_std_m: float = parameter(
        0.3, 'Standard deviation of a detection, where it does not tell.', minimum=0.01
    )
    yaw_std_rad: float = parameter(0.2, 'Of its heading.', minimum=0.01)
    size_std_m: float = parameter(0.3, 'Of its size.', minimum=0.01)
    velocity_std_mps: float = parameter(
        1.0, 'Of its velocity, if it has one that comes without covariance.', minimum=0.01
    )
    acceleration_mps2: float = parameter(
        2.0, 'Standard deviation of what things do beside going straight on.', minimum=0.01
    )
    walking_mps2: float = parameter(0.8, 'The same of people on foot.', minimum=0.01)
    birth_speed_mps: float = parameter(
        8.0, 'Standard deviation of the speed of what was seen once.', minimum=0.1
    )
    walking_speed_mps: float = parameter(1.5, 'The same of people on foot.', minimum=0.1)
    max_tracks: int = parameter(300, 'Most tracks; beyond them none begins.', minimum=1)

    def __post_init__(self) -> None:
        """Refuse times that contradict each other, and a class in two groups."""
        if self.jump_back_s <= self.late_s:
            expected = f'more than late_s ({self.late_s})'
            raise ConfigError('jump_back_s', self.jump_back_s, expected)
        words = [word for group in self.same for word in group.split()]
        if len(set(words)) < len(words):
            raise ConfigError('same', list(self.same), 'every class in one group at most')

    def rules(self) -> Rules:
        """The thresholds of the tracker."""
        noise = Noise(
            self.position_std_m, self.yaw_std_rad, self.size_std_m, self.velocity_std_mps,
            self.acceleration_mps2, self.walking_mps2, self.birth_speed_mps,
            self.walking_speed_mps,
        )  # fmt: skip
        groups = {w: number for number, group in enumerate(self.same) for w in group.split()}
        return Rules(
            noise, self.min_score, self.birth_score, self.birth_hits, self.birth_within_s,
            self.death_after_s, self.gate_sigmas, self.gate_m, groups, self.max_tracks,
            self.late_s, self.jump_back_s,
        )  # fmt: skip


class Tracker3D(Plugin[Tracker3DConfig]):
    """Detections of boxes in; tracks with velocities out."""

    card: ClassVar[Card] = Card(
        title='Tracks boxes in space, with velocities and covariances',
        system='',
        paper='Weng et al., 3D Multi-Object Tracking: A Baseline and New Evaluation Metrics '
        '(AB3DMOT), IROS 2020, arXiv 1907.03961; Chiu et al., Probabilistic 3D Multi-Object '
        'Tracking, 2020, arXiv 2001.05673; Yin et al., Center-based 3D Object Detection and '
        'Tracking, CVPR 2021, arXiv 2006.11275',
        reference_code='none; scipy linear_sum_assignment',
        limits=(
            'Boxes stand upright in the fixed frame.',
            'Velocity is constant between two moments: hard turns lag behind.',
            'It knows no looks: what comes back later than death_after_s has a new id.',
        ),
    )
    Config: ClassVar[type[Any]] = Tracker3DConfig
    inputs: ClassVar[dict[str, Port]] = {
        'detections': Queue(Boxes3D, 'Of any number of detectors, in any frames and any order.'),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'tracks': Output(
            Boxes3D, 'In the fixed frame, at the newest stamp; velocities over ground.',
            per_stream=False,
        ),
    }  # fmt: skip
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: Tracker3DConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._tracker = Tracker(config.rules())

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, inputs: Inputs) -> Outputs:
        """Take in all that came; what cannot be used is reported and spoils nothing else.

        Raises:
            LateInputError: All that came is too old.
            ShapeError: Nobody stamps what comes.
            TransformUnavailableError: Nothing that came can be taken to the fixed frame.
        """
        problems: list[MmPerceptionError] = []
        samples = inputs.all('detections')
        for sample in samples:
            if isinstance(sample, Boxes3D):
                try:
                    self._tracker.take(self._in_fixed_frame(sample))
                except MmPerceptionError as error:
                    problems.append(error)
        if problems and len(problems) == len(samples):
            for problem in problems[:-1]:
                self.context.report(problem)
            raise problems[-1]
        for problem in problems:
            self.context.report(problem)
        found = self._tracker.found()
        return {} if found is None or not samples else {'tracks': found}

    def rewind(self, stream: str) -> None:
        """Drop the tracks; ids go on."""
        self._tracker.forget()

    def reset(self) -> None:
        """Forget everything, ids too."""
        self._tracker = Tracker(self.config.rules())

    def reconfigure(self, config: Tracker3DConfig) -> None:
        """Nothing here is live."""
        self.config = config

    def _in_fixed_frame(self, boxes: Boxes3D) -> Boxes3D:
        target = self.config.fixed_frame or boxes.frame_id
        if boxes.frame_id == target:
            return boxes
        fixed_from_source = self.context.lookup_transform(target, boxes.frame_id, boxes.stamp_ns)
        return moved(boxes, fixed_from_source, target)


PLUGIN = Tracker3D
