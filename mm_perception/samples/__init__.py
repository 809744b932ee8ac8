"""Everything that flows between plugins."""

from mm_perception.samples.audio import AudioClip
from mm_perception.samples.bev_grid import LAYERS, BevGrid
from mm_perception.samples.boxes3d import Boxes3D, quats_of_yaws
from mm_perception.samples.detections import Detections, Masks, mask_box, merge_masks
from mm_perception.samples.event import Event
from mm_perception.samples.image import CameraInfo, Image
from mm_perception.samples.motion import Action, Advice, Odometry
from mm_perception.samples.point3d import Point3D
from mm_perception.samples.point_cloud import PointCloud
from mm_perception.samples.pose import Pose
from mm_perception.samples.prompt import Prompt, PromptAction, PromptState, PromptStatus
from mm_perception.samples.requests import (
    EmbedTextReply,
    EmbedTextRequest,
    MatchReply,
    MatchRequest,
    PromptReply,
    SearchHit,
    SearchReply,
    SearchRequest,
)
from mm_perception.samples.sample import Sample
from mm_perception.samples.skeletons import KEYPOINTS, LIMBS, Skeletons
from mm_perception.samples.speech import Command, Intent, Relation, Transcript, Word
from mm_perception.samples.text import Embedding, Labels, Text

__all__ = [
    'KEYPOINTS',
    'LAYERS',
    'LIMBS',
    'Action',
    'Advice',
    'AudioClip',
    'BevGrid',
    'Boxes3D',
    'CameraInfo',
    'Command',
    'Detections',
    'EmbedTextReply',
    'EmbedTextRequest',
    'Embedding',
    'Event',
    'Image',
    'Intent',
    'Labels',
    'Masks',
    'MatchReply',
    'MatchRequest',
    'Odometry',
    'Point3D',
    'PointCloud',
    'Pose',
    'Prompt',
    'PromptAction',
    'PromptReply',
    'PromptState',
    'PromptStatus',
    'Relation',
    'Sample',
    'SearchHit',
    'SearchReply',
    'SearchRequest',
    'Skeletons',
    'Text',
    'Transcript',
    'Word',
    'mask_box',
    'merge_masks',
    'quats_of_yaws',
]
