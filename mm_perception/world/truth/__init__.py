"""What is true of a moment: boxes, joints, a map from above, words, questions, events.

Everything follows from the scene, the moment and what a camera sees; nothing is estimated.
"""

from mm_perception.samples.skeletons import KEYPOINTS
from mm_perception.world.truth.bird import CLASSES, Bird, Grid, bird_of, class_below
from mm_perception.world.truth.boxes import Box, box_around, boxes_of
from mm_perception.world.truth.events import Event, Watch
from mm_perception.world.truth.people import (
    ACTIONS,
    Keypoints,
    Skeleton,
    action_of,
    keypoints_of,
    skeletons_of,
)
from mm_perception.world.truth.questions import Question, Vocabulary, questions_about
from mm_perception.world.truth.sight import (
    Relation,
    Sight,
    captions_of,
    relations_in,
    sight_of,
)

__all__ = [
    'ACTIONS', 'CLASSES', 'KEYPOINTS', 'Bird', 'Box', 'Event', 'Grid', 'Keypoints', 'Question',
    'Relation', 'Sight', 'Skeleton', 'Vocabulary', 'Watch', 'action_of', 'bird_of', 'box_around',
    'boxes_of', 'captions_of', 'class_below', 'keypoints_of', 'questions_about', 'relations_in',
    'sight_of', 'skeletons_of',
]  # fmt: skip
