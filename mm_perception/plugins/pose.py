"""Joints of people: a mask of a person and the picture in, 17 keypoints out.

Top-down, as ViTPose: who tracks says where people are, and the network looks into the box of each
mask. So ids are those of the masks, and what is no person costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, MissingInputError
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Reference,
)
from mm_perception.samples import KEYPOINTS, Image, Masks, Sample, Skeletons, mask_box
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.pose import PoseEngine


@dataclass(frozen=True)
class PoseConfig:
    """Settings of the `pose` plugin."""

    weights: str = parameter('nano', 'nano, a hub id, a directory, or random.')
    people: tuple[str, ...] = parameter(
        ('person', 'people', 'pedestrian', 'man', 'men', 'woman', 'women', 'child', 'children',
         'boy', 'girl', 'cyclist', 'rider', 'human', 'adult', 'worker'),
        'Who is a person: a label with any of these words, or with its plural in s.', live=True,
    )  # fmt: skip
    min_score: float = parameter(
        0.3, 'Joints that are less sure than this are not known.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    smallest_px: int = parameter(
        100, 'Masks of fewer pixels get no skeleton.', minimum=1, live=True
    )

    def __post_init__(self) -> None:
        """Refuse a list that no label can match."""
        for word in self.people:
            if not re.fullmatch(r'\w+', word):
                raise ConfigError('people', word, "single words, such as 'person'")
        if not self.people:
            raise ConfigError('people', [], "at least one word, such as 'person'")

    def is_person(self, label: str) -> bool:
        """Whether a label speaks of a person.

        Convention:
            'the man in red' does, 'Two pedestrians' does, 'a manhole' does not.
        """
        said = set(re.findall(r'\w+', label.lower()))
        words = {word.lower() for word in self.people}
        return bool(said & (words | {f'{word}s' for word in words}))


class PosePlugin(ModelPlugin[PoseConfig, 'PoseEngine']):
    """Masks and their picture in; the joints of everybody who is a person out."""

    card: ClassVar[Card] = Card(
        title='Finds the joints of people in their masks',
        system='12',
        paper='Xu et al., ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation, '
        '2022, arXiv 2204.12484; Papandreou et al., PersonLab, 2018, arXiv 1803.08225 (bottom-up, '
        'of which PoseNet is one)',
        reference_code='transformers VitPoseForPoseEstimation',
        weights=(
            PublicWeights('usyd-community/vitpose-base-simple', 'Apache-2.0', 'transformers'),
        ),
        limits=(
            'One skeleton for each mask: two people in one mask get one.',
            'Joints that are hidden are guesses; min_score drops most of them, not all.',
            'Left and right may be swapped in who is seen from behind or from the side.',
            'Every person is a crop of its own: time grows with their number.',
            'Places in the picture, not in space; what people do is not named.',
            'nano knows drawn people only.',
        ),
    )
    Config: ClassVar[type[Any]] = PoseConfig
    inputs: ClassVar[dict[str, Port]] = {
        'masks': Reference(Masks, 'Of a tracker, with labels; any number of cameras.'),
        'image': Latest(
            Image, 'The pictures of the masks.', tolerance_s=0.01, required=True, follows='masks'
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'skeletons': Output(Skeletons, 'Of everybody, with the ids of the masks.'),
        'overlay': Output(Image, 'The picture with limbs and joints.', is_debug=True),
    }

    @classmethod
    def tiny(cls) -> PoseConfig:
        """A network with random weights for tests, to which a car is a person."""
        return PoseConfig(weights='random', people=('car',), min_score=0.0)

    def load(self, device: str) -> None:
        """Load the network, or take the one that another node has loaded."""
        from mm_perception.nets.pose import shared_pose

        self._shared = shared_pose(self.config.weights, device)

    def infer(self, inputs: Inputs) -> Outputs:
        """Look into the box of every person.

        Raises:
            MissingInputError: The picture of the masks is not there.
        """
        masks = cast(Masks, inputs.one('masks'))
        image = cast(Image | None, inputs.maybe('image'))
        if image is None:
            reason = 'there is no picture at the stamp of the masks'
            fix = 'connect the picture that the masks are of; if it is, their tracker is so slow '
            fix += 'that its picture has gone (15 s, 256 MiB): make its input smaller or rarer'
            raise MissingInputError('image', reason, fix)
        rgb = image.rgb()
        ids, boxes = self._people(masks, rgb.shape[0], rgb.shape[1])
        skeletons = self._skeletons(masks, rgb, ids, boxes)
        outputs: dict[str, Sample] = {'skeletons': skeletons}
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.drawing import draw_skeletons

            outputs['overlay'] = Image(
                stamp_ns=masks.stamp_ns, frame_id=masks.frame_id,
                data=draw_skeletons(rgb, skeletons),
            )  # fmt: skip
        return outputs

    def _people(self, masks: Masks, height: int, width: int) -> tuple[tuple[int, ...], Array]:
        """Ids of people, and their boxes (N, 4) float32 in pixel edges of the picture."""
        rows, columns = masks.id_map.shape
        stretch = np.array([width / columns, height / rows] * 2)
        ids, boxes = [], []
        for number, label in zip(masks.ids, masks.labels, strict=True):
            if not self.config.is_person(label):
                continue
            mask = masks.mask(number)
            box = mask_box(mask)
            if box is not None and np.count_nonzero(mask) >= self.config.smallest_px:
                ids.append(number)
                boxes.append(np.array(box) * stretch)
        return tuple(ids), np.array(boxes, np.float32).reshape(-1, 4)

    def _skeletons(
        self, masks: Masks, rgb: Array, ids: tuple[int, ...], boxes: Array
    ) -> Skeletons:
        """What is unsure or out of the picture is not known."""
        height, width = rgb.shape[:2]
        points = np.zeros((0, len(KEYPOINTS), 2), np.float32)
        scores = np.zeros((0, len(KEYPOINTS)), np.float32)
        if ids:
            points, scores = self._engine.keypoints(rgb, boxes)
            is_inside = ((points >= -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=2)
            is_known = is_inside & (scores >= self.config.min_score)
            points = np.where(is_known[..., None], points, np.float32(np.nan))
        return Skeletons(
            stamp_ns=masks.stamp_ns, frame_id=masks.frame_id, width=width, height=height, ids=ids,
            points=points.astype(np.float32), scores=np.clip(scores, 0, 1).astype(np.float32),
        )  # fmt: skip


PLUGIN = PosePlugin
