"""The table: every type of sample, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mm_perception.samples import (
    Advice,
    AudioClip,
    BevGrid,
    Boxes3D,
    CameraInfo,
    Command,
    Detections,
    Embedding,
    EmbedTextReply,
    EmbedTextRequest,
    Event,
    Image,
    Labels,
    Masks,
    MatchReply,
    MatchRequest,
    Odometry,
    Point3D,
    PointCloud,
    Pose,
    Prompt,
    PromptReply,
    PromptStatus,
    Sample,
    SearchHit,
    SearchReply,
    SearchRequest,
    Skeletons,
    Text,
    Transcript,
)
from mm_perception.viewing import curves, people, pictures, space, words
from mm_perception.viewing.reading import DIAGNOSTICS, TRANSFORMS
from mm_perception.viewing.stage import Stage

Drawing = Callable[[Stage, str, Any], None]

#: What is this late was not delayed, but stamped by a clock that shows something else.
_OTHER_CLOCK_NS = 600 * 10**9
#: By type; a test holds it against everything in `mm_perception.samples`.
DRAWINGS: dict[type[Sample], Drawing] = {
    Image: pictures.draw_image,
    CameraInfo: pictures.draw_camera_info,
    Masks: pictures.draw_masks,
    Detections: pictures.draw_detections,
    Skeletons: people.draw_skeletons,
    PointCloud: space.draw_cloud,
    Boxes3D: space.draw_boxes,
    BevGrid: space.draw_map,
    Point3D: space.draw_point,
    Pose: space.draw_pose,
    Odometry: space.draw_odometry,
    AudioClip: curves.draw_audio,
    Labels: curves.draw_labels,
    Embedding: curves.draw_embedding,
    Text: words.draw_text,
    Transcript: words.draw_transcript,
    Command: words.draw_command,
    Prompt: words.draw_prompt,
    PromptStatus: words.draw_status,
    PromptReply: words.draw_prompt_reply,
    Event: words.draw_event,
    Advice: words.draw_advice,
    SearchRequest: words.draw_search_request,
    SearchReply: words.draw_search_reply,
    SearchHit: words.draw_search_hit,
    MatchRequest: words.draw_match_request,
    MatchReply: words.draw_match_reply,
    EmbedTextRequest: words.draw_embed_request,
    EmbedTextReply: words.draw_embed_reply,
}
#: Of messages that are no samples, by ROS type.
MESSAGES: dict[str, Drawing] = {
    TRANSFORMS: space.draw_transforms,
    DIAGNOSTICS: curves.draw_diagnostics,
}


def draw(stage: Stage, topic: str, sample: Sample, received_ns: int) -> None:
    """Draw a sample where and when it belongs.

    Args:
        stage: Where to.
        topic: Of the sample: it names the entity.
        sample: Of a type in `DRAWINGS`.
        received_ns: When it was recorded or came: for a sample without a stamp, and for the curve
            of delays.
    """
    stage.at(sample.stamp_ns or received_ns)
    DRAWINGS[type(sample)](stage, topic, sample)
    if 0 < received_ns - sample.stamp_ns < _OTHER_CLOCK_NS:
        stage.curve('delay, ms', topic, (received_ns - sample.stamp_ns) / 1e6)
