"""What became of words that a bag's own audio says, from the bag that a replay wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mm_perception.bag.reader import BagReader
from mm_perception.evaluation.scenes import read_masks
from mm_perception.ros import convert
from mm_perception.ros.convert.speech import COMMAND, TRANSCRIPT
from mm_perception.ros.wire import deserialize
from mm_perception.samples import Command, Transcript

_MASKS = 'sensor_msgs/msg/Image'


@dataclass(frozen=True)
class Heard:
    """What was heard, understood and found.

    Attributes:
        transcripts: Final ones, in order.
        commands: In order.
        first_mask_ns: Stamp of the first picture with a mask; None if there is none.
    """

    transcripts: tuple[Transcript, ...]
    commands: tuple[Command, ...]
    first_mask_ns: int | None

    @property
    def seconds_to_mask(self) -> float | None:
        """From the end of the first command to the capture of the first picture with a mask."""
        if self.first_mask_ns is None or not self.commands:
            return None
        return (self.first_mask_ns - self.commands[0].end_ns) / 1e9


def read_heard(bag: Path) -> Heard:
    """Read the bag that a replay of a stack with a recogniser wrote.

    Raises:
        BagError: It is no bag.
    """
    transcripts: list[Transcript] = []
    commands: list[Command] = []
    with BagReader(bag) as reader:
        kinds = {name: topic.type_name for name, topic in reader.topics.items()}
        spoken = [name for name, kind in kinds.items() if kind in (TRANSCRIPT, COMMAND)]
        for record in reader.records(spoken):
            message = deserialize(record.data, record.type_name)
            kind = Transcript if record.type_name == TRANSCRIPT else Command
            sample = convert.from_msg(message, kind, record.log_time_ns)
            if isinstance(sample, Transcript) and sample.is_final:
                transcripts.append(sample)
            elif isinstance(sample, Command):
                commands.append(sample)
    stamps = [
        stamp_ns
        for name, kind in kinds.items()
        if kind == _MASKS and f'{name}/detections' in kinds and 'ground_truth' not in name
        for stamp_ns, masks in read_masks(bag, name).items()
        if masks.ids
    ]
    return Heard(tuple(transcripts), tuple(commands), min(stamps, default=None))
