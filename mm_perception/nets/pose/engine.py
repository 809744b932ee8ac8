"""Where the joints of people are, given a box around each: top-down, one crop per person."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from mm_perception.errors import ShapeError
from mm_perception.model_cache import Shared
from mm_perception.nets.pose.weights import load_network, random_network
from mm_perception.weights import directory_sha256, local_directory, locate

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
#: The keypoints of COCO.
NUM_KEYPOINTS = 17
_AT_ONCE = 16
#: A crop is that much longer than its box; the processor has the number (ViTPose, section 4.1).
PADDING = 1.25


class PoseEngine(Protocol):
    """Finds the joints of people whose boxes are known.

    Attributes:
        name: Which model this is.
    """

    name: str

    def keypoints(self, rgb: Picture, boxes: Floats) -> tuple[Floats, Floats]:
        """The joints of N people.

        Args:
            rgb: (H, W, 3) uint8.
            boxes: (N, 4) float32 x0, y0, x1, y1 of their edges, pixels; may reach out of the
                picture.

        Returns:
            Places (N, 17, 2) float32, x and y in pixels, the centre of the first pixel is (0, 0);
            and scores (N, 17) float32 from 0 to 1. Both in the order of COCO. What is out of the
            picture or not found has a low score and a place that means nothing.

        Raises:
            ShapeError: The picture or the boxes are of another shape, or a box is empty.
        """
        ...


class VitPoseEngine:
    """A `VitPoseForPoseEstimation` of transformers.

    The crop, the decoding of heatmaps (DARK, Zhang et al., 2020, in the form of Huang et al.,
    2020) and the way back to the picture are those of its processor, so that public weights do
    what they do elsewhere. Two things are mended: DARK divides by a curvature that may be next to
    nothing, so its correction is held to one cell of the heatmap; and what has no positive value
    is put in the middle of the box with score 0.

    Args:
        model: The network, of 17 keypoints.
        processor: Its `VitPoseImageProcessor`.
        device: Where to run.
        name: Which model this is.
        sha256: Hash of its weights.
    """

    def __init__(self, model: Any, processor: Any, device: str, name: str, sha256: str) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.processor, self._device = processor, device
        self.name, self.sha256 = name, sha256
        self.licence = 'see the model card of the weights'
        self._is_mixture = int(model.config.backbone_config.num_experts) > 1

    @torch.inference_mode()
    def keypoints(self, rgb: Picture, boxes: Floats) -> tuple[Floats, Floats]:
        """See `PoseEngine.keypoints`."""
        check(rgb, boxes)
        own = rgb if rgb.flags.writeable else rgb.copy()  # torch warns before it copies it anyway
        places = np.zeros((len(boxes), NUM_KEYPOINTS, 2), np.float32)
        scores = np.zeros((len(boxes), NUM_KEYPOINTS), np.float32)
        for first in range(0, len(boxes), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            places[part], scores[part] = self._block(own, coco_boxes(boxes[part]))
        return places, scores

    def heatmaps(self, pixels: torch.Tensor) -> torch.Tensor:
        """Crops (N, 3, h, w) as the processor makes them to maps (N, 17, h / 4, w / 4)."""
        inputs: dict[str, Any] = {'pixel_values': pixels.to(self._device)}
        if self._is_mixture:  # of the data sets that ViTPose++ was trained on, COCO is the first
            count = len(pixels)
            inputs['dataset_index'] = torch.zeros(count, dtype=torch.long, device=self._device)
        maps: torch.Tensor = self.model(**inputs).heatmaps
        return maps

    def _block(self, rgb: Picture, boxes: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
        nested = [boxes.tolist()]
        pixels = self.processor(images=[rgb], boxes=nested, return_tensors='pt')['pixel_values']
        maps = self.heatmaps(pixels).float().cpu()
        return decode(self.processor, maps, boxes)


def decode(
    processor: Any, maps: torch.Tensor, boxes: npt.NDArray[np.float64]
) -> tuple[Floats, Floats]:
    """Places (N, 17, 2) in pixels of the picture and scores (N, 17) of heatmaps.

    Args:
        processor: That made the crops.
        maps: (N, 17, h, w) float32 on the CPU.
        boxes: (N, 4) as `coco_boxes` gives them.
    """
    from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

    output = VitPoseEstimatorOutput(heatmaps=maps)
    (found,) = processor.post_process_pose_estimation(output, boxes=[boxes.tolist()])
    refined = np.stack([person['keypoints'].numpy() for person in found])
    height, width = maps.shape[-2:]
    highest, best = maps.flatten(2).max(-1)
    cells = np.stack([(best % width).numpy(), (best // width).numpy()], axis=-1)
    middle, size = crops_of(
        boxes, width_over_height=processor.size['width'] / processor.size['height']
    )
    cell = size / (np.array([width, height]) - 1)
    coarse = middle[:, None] - size[:, None] / 2 + cells * cell[:, None]
    places = np.clip(refined, coarse - cell[:, None], coarse + cell[:, None])
    scores = np.clip(highest.numpy(), 0.0, 1.0)
    places = np.where(scores[..., None] > 0, places, middle[:, None])
    return places.astype(np.float32), scores.astype(np.float32)


def coco_boxes(boxes: Floats) -> npt.NDArray[np.float64]:
    """Edges (N, 4) x0, y0, x1, y1 to left, top, width, height, where pixel 0 is centred on 0."""
    edges = np.asarray(boxes, np.float64).reshape(-1, 4)
    return np.concatenate([edges[:, :2] - 0.5, edges[:, 2:] - edges[:, :2]], axis=1)


def crops_of(
    boxes: npt.NDArray[np.float64], width_over_height: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middle (N, 2) and size (N, 2), width and height, of what the processor crops, pixels.

    Args:
        boxes: (N, 4) as `coco_boxes` gives them.
        width_over_height: Of the crop.
    """
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    width = np.maximum(boxes[:, 2], boxes[:, 3] * width_over_height)
    size = np.stack([width, width / width_over_height], axis=1) * PADDING
    return middle, size


def check(rgb: Picture, boxes: Floats) -> None:
    """Refuse what is no picture or no boxes.

    Raises:
        ShapeError: With what it is.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ShapeError('picture for a pose', '(H, W, 3) uint8', f'{rgb.shape} {rgb.dtype}')
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError('boxes for a pose', '(N, 4) x0, y0, x1, y1', f'{boxes.shape}')
    is_fine = np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    if not is_fine.all():
        bad = boxes[np.flatnonzero(~is_fine)[0]].tolist()
        raise ShapeError('box for a pose', 'finite x0 < x1 and y0 < y1', str(bad))


def load_pose(weights: str, device: str = 'cpu') -> PoseEngine:
    """Load ViTPose weights.

    Args:
        weights: Directory in hub layout or hub id of a `VitPoseForPoseEstimation` of 17
            keypoints, the mixtures of ViTPose++ included; `nano`; `random` (tiny, for tests).
        device: Where to run.

    Raises:
        WeightsError: They are not here, or no such model.
    """
    if weights == 'random':
        return VitPoseEngine(*random_network(), device, 'random ViTPose', 'random')
    folder = local_directory(locate(weights, 'pose'))
    model, processor = load_network(weights, folder)
    return VitPoseEngine(model, processor, device, weights, directory_sha256(folder))


def shared_pose(weights: str, device: str) -> Shared[PoseEngine]:
    """The one engine of this process for these weights; `nano` is ours.

    Raises:
        WeightsError: They are not here, or no such model.
    """
    return Shared(('pose', weights, device), lambda: load_pose(weights, device))
