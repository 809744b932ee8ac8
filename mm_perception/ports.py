"""The kinds of ports a plugin can declare."""

from __future__ import annotations

from dataclasses import dataclass

from mm_perception.samples import Sample


@dataclass(frozen=True)
class Port:
    """Base of every input port.

    Attributes:
        sample_type: What flows in.
        description: One sentence for the documentation.
    """

    sample_type: type[Sample]
    description: str = ''


@dataclass(frozen=True)
class Reference(Port):
    """The stream that drives the plugin: one inference per sample, newest wins.

    It may have several streams (cameras). Each is inferred on its own and answered on its own
    topics; the streams take turns, so a fast camera cannot starve a slow one.
    """


@dataclass(frozen=True)
class Surround(Port):
    """Many streams of one type, inferred together around the stamp of the first one.

    Beside a reference port (pictures around a scan) around the stamp of the reference.

    Attributes:
        tolerance_s: A sample further than this from the reference stamp does not belong to it.
        patience_s: How long to wait for late streams before going on without them. A stream
            that is missing is absent from the plugin's input, and named in `Inputs.missing`.
        silence_s: A stream of which nothing came for so long is not waited for, and if it is the
            first one, the next that still comes drives the plugin until it is back.
        stand_in: Name of a latest port that drives the plugin where all streams are silent, or
            where there are none; it is waited for too where it has nothing within its tolerance.
            Empty for none.
    """

    tolerance_s: float = 0.05
    patience_s: float = 0.1
    silence_s: float = 1.0
    stand_in: str = ''


@dataclass(frozen=True)
class Latest(Port):
    """A value that changes slowly or beside the reference: calibration, odometry, a text.

    Attributes:
        tolerance_s: Take the sample nearest to the reference stamp if it is within this; None
            takes the newest one however old it is.
        required: Without a sample the plugin waits.
        follows: Name of the reference or surround port whose streams this port pairs with one to
            one (the CameraInfo of each camera); empty for a single stream. Behind a surround port
            the plugin gets all of them at once, see `Inputs.many`.
    """

    tolerance_s: float | None = None
    required: bool = False
    follows: str = ''


@dataclass(frozen=True)
class Queue(Port):
    """Events of which none may be lost: prompts, utterances. All that came since the last step.

    A plugin that has neither a reference nor a surround port is driven by all of its queues.
    """


@dataclass(frozen=True)
class Request(Port):
    """A question with one answer, also offered as a ROS service `~/<port>`.

    Attributes:
        sample_type: The question.
        reply_type: The answer.
    """

    reply_type: type[Sample] = Sample
