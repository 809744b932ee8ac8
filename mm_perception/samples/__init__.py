"""Everything that flows between plugins."""

from mm_perception.samples.audio import AudioClip
from mm_perception.samples.detections import Detections, Masks, mask_box, merge_masks
from mm_perception.samples.image import CameraInfo, Image
from mm_perception.samples.point_cloud import PointCloud
from mm_perception.samples.prompt import Prompt, PromptAction, PromptState, PromptStatus
from mm_perception.samples.requests import (
    EmbedTextReply,
    EmbedTextRequest,
    MatchReply,
    MatchRequest,
    PromptReply,
)
from mm_perception.samples.sample import Sample
from mm_perception.samples.text import Embedding, Labels, Text

__all__ = [
    'AudioClip',
    'CameraInfo',
    'Detections',
    'EmbedTextReply',
    'EmbedTextRequest',
    'Embedding',
    'Image',
    'Labels',
    'Masks',
    'MatchReply',
    'MatchRequest',
    'PointCloud',
    'Prompt',
    'PromptAction',
    'PromptReply',
    'PromptState',
    'PromptStatus',
    'Sample',
    'Text',
    'mask_box',
    'merge_masks',
]
