"""OWLv2 (arXiv 2306.09683): boxes for free texts, such as google/owlv2-base-patch16-ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import torch
from transformers import Owlv2ForObjectDetection

from mm_perception.nets.grounders._checkpoint import load_checkpoint, tokenize
from mm_perception.nets.grounders.grounder import Found, Grounder, GrounderSettings


class Owlv2(Grounder):
    """Each text is a query; its boxes come with a probability of their own."""

    def __init__(self, settings: GrounderSettings) -> None:
        self._processor, self._model, self.weights_sha256 = load_checkpoint(
            settings, Owlv2ForObjectDetection, 'owlv2'
        )
        self._device = settings.device

    @torch.inference_mode()
    def ground(
        self, image: npt.NDArray[np.uint8], texts: Sequence[str], min_score: float
    ) -> list[Found]:
        """See `Grounder.ground`."""
        if not texts:
            return []
        length = self._model.config.text_config.max_position_embeddings
        words = tokenize(self._processor, texts, length).to(self._device)
        pixels = self._processor.image_processor(images=image, return_tensors='pt')['pixel_values']
        outputs = self._model(
            pixel_values=pixels.to(self._device),
            input_ids=words['input_ids'],
            attention_mask=words['attention_mask'],
        )
        found = []
        for index in range(len(texts)):
            # Its own threshold for each text: together, a box would only answer its best text.
            own = SimpleNamespace(
                logits=outputs.logits[..., index : index + 1], pred_boxes=outputs.pred_boxes
            )
            results = self._processor.post_process_grounded_object_detection(
                own, threshold=min_score, target_sizes=torch.tensor([image.shape[:2]])
            )[0]
            scores = results['scores'].cpu().numpy()
            labels = np.full(len(scores), index, np.int64)
            found += boxes_to_found(
                results['boxes'].cpu().numpy(), scores, labels, image.shape[:2]
            )
        return sorted(found, key=lambda f: -f.score)


def boxes_to_found(
    boxes: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    indices: npt.NDArray[np.int64],
    size: tuple[int, ...],
) -> list[Found]:
    """Boxes cut to the picture, best first; those without area are left out."""
    limit = np.array([size[1], size[0], size[1], size[0]], np.float32)
    found = []
    for row in np.argsort(-scores, kind='stable'):
        box = np.clip(boxes[row].astype(np.float32), 0, limit)
        if box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
            found.append(Found(int(indices[row]), box, float(scores[row])))
    return found


def load(settings: GrounderSettings) -> Grounder:
    """Load the checkpoint."""
    return Owlv2(settings)
